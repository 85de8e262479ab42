"""avjax data build CORPUS --out DIR: recordings become a corpus to train on."""

import argparse
import contextlib
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from avjax.cli import Parser
from avjax.errors import InputError

LEAST = 8  # pixels of the side of a crop


def main(
    arguments: Sequence[str] | None = None, aligner: Callable | None = None
) -> int:
    """Builds one corpus, says what is in it and what was left out -> 0.

    aligner  () -> what finds the phones of a clip, as builders.film.Align; the front
             door knows one, for this room may not
    """
    options = parser().parse_args(arguments)
    options.aligner = aligner
    recipe = options.recipe(options)  # imports what this corpus needs, and no other
    from avjax.data.builders import corpus

    with tidy_when_terminated():
        print(corpus.build(recipe, options.out, workers=options.workers))
    print(f"wrote {options.out}")
    return 0


@contextlib.contextmanager
def tidy_when_terminated() -> Iterator[None]:
    """A polite kill (SIGTERM) unwinds like an error, so that nothing is left behind."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def parser() -> Parser:
    top = Parser(prog="avjax data", description=__doc__)
    build = top.add_subparsers(required=True, metavar="build").add_parser("build")
    corpora = build.add_subparsers(required=True, metavar="CORPUS")
    one = corpora.add_parser("puppet", help="drawn faces that speak; no download")
    one.add_argument("--clips", type=count, default=1000, metavar="N")
    one.add_argument("--seed", type=none_or_more, default=0, metavar="N")
    one.add_argument("--kind", choices=("grid", "word", "free"), help="of speech")
    add_common(one, puppet)
    for name, recipe in {"grid": grid, "lrw": lrw, "lrs2": lrs2, "hdtf": hdtf}.items():
        one = corpora.add_parser(name, help=recipe.__doc__)
        one.add_argument("--raw", required=True, metavar="DIR", help="as it was got")
        add_common(one, recipe)
    for name, recipe in PICTURES.items():
        one = corpora.add_parser(name, help=recipe.__doc__)
        one.add_argument("--raw", required=True, metavar="DIR", help="as it was got")
        if recipe is pairs:
            one.add_argument("--clean", default="", metavar="DIR", help="of the truth")
        if recipe is not sidd_blocks:
            held = {"nargs": "*", "default": (), "metavar": "WORD"}
            one.add_argument("--held", **held, help="in the names of the split test")
            side = {"type": count, "default": 512, "metavar": "N"}
            one.add_argument("--side", **side, help="pixels of the sides of a tile")
        add_place(one, recipe)
    return top


def add_common(one: argparse.ArgumentParser, recipe) -> None:
    size = {"type": sides, "default": 96, "metavar": "N"}
    one.add_argument("--size", **size, help="pixels of the side of a face crop")
    add_place(one, recipe)


def add_place(one: argparse.ArgumentParser, recipe) -> None:
    add = one.add_argument
    add("--out", required=True, metavar="DIR", help="a folder that is not there yet")
    cores = os.cpu_count() or 1
    told = "processes that read; 0: this one"
    add("--workers", type=none_or_more, default=cores, metavar="N", help=told)
    one.set_defaults(recipe=recipe)


def whole(text: str, least: int) -> int:
    """A whole number; argparse turns an error into its sentence."""
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} on")
    return int(text)


none_or_more, count, sides = (
    functools.partial(whole, least=least) for least in (0, 1, LEAST)
)


def puppet(options: argparse.Namespace):
    """drawn faces that speak with a synthetic voice"""
    from avjax.data.builders.puppet import KINDS, Puppet

    kinds = (options.kind,) if options.kind else KINDS
    return Puppet(options.clips, options.seed, options.size, kinds)


def grid(options: argparse.Namespace):
    """sentences of six words: s1/video/mpg_6000/*.mpg or video/s1/*.mpg"""
    from avjax.data.builders.grid import Grid

    return Grid(options.raw, options.size, align=aligner_of(options))


def aligner_of(options: argparse.Namespace) -> Callable | None:
    """What finds the phones of clips, where the front door knows one."""
    return options.aligner() if options.aligner else None


def lrw(options: argparse.Namespace):
    """single words: lipread_mp4/ABOUT/train/*.mp4"""
    from avjax.data.builders.lrw import Lrw

    return Lrw(options.raw, options.size)


def lrs2(options: argparse.Namespace):
    """sentences of television: mvlrs_v1/main/*/*.mp4 and train.txt, ..."""
    from avjax.data.builders.lrs import Lrs2

    return Lrs2(options.raw, options.size, align=aligner_of(options))


def hdtf(options: argparse.Namespace):
    """speeches: RD_annotion_time.txt, RD_crop_wh.txt, ... and the videos"""
    from avjax.data.builders.hdtf import Hdtf

    return Hdtf(options.raw, options.size)


def pairs(options: argparse.Namespace):
    """photographs with their truth: PolyU, SIDD, or any two folders"""
    from avjax.data.builders.image_pairs import Pairs

    return Pairs(options.raw, options.clean, tuple(options.held), options.side)


def pictures(options: argparse.Namespace):
    """clean pictures, on which noise is made in training"""
    from avjax.data.builders.image_pairs import Pictures

    return Pictures(options.raw, tuple(options.held), options.side)


def sidd_blocks(options: argparse.Namespace):
    """SIDD's validation: ValidationNoisyBlocksSrgb.mat, ValidationGtBlocksSrgb.mat"""
    from avjax.data.builders.image_pairs import SiddBlocks

    return SiddBlocks(options.raw)


PICTURES = {"pairs": pairs, "pictures": pictures, "sidd-blocks": sidd_blocks}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        print(f"avjax data: {error}", file=sys.stderr)
        sys.exit(2)
