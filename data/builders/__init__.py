"""Builders of corpora. To add one, write a `CorpusSource` and list it in `CORPORA`."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from avjax.cli.values import integer_from

if TYPE_CHECKING:
    from avjax.data.builders.source import CorpusSource

__all__ = ["CORPORA", "CorpusEntry", "CorpusOption", "make_source"]

MIN_FACE_SIZE = 8  # pixels


class CorpusOption(NamedTuple):
    """A command-line option that sets a field of a source.

    Attributes:
        flag: The option: "--raw".
        field: The field of the source that it sets.
        arguments: Further arguments of `argparse.ArgumentParser.add_argument`.
    """

    flag: str
    field: str
    arguments: Mapping[str, Any]


class CorpusEntry(NamedTuple):
    """A corpus that `avjax data build` knows.

    Attributes:
        source: Module and class of its `CorpusSource`; imported when it is built.
        help: One line for the command line.
        options: Options of the command line.
        aligner_field: The field of the source that finds phones, or the words of a
            transcript; empty: there is none.
    """

    source: str
    help: str
    options: tuple[CorpusOption, ...]
    aligner_field: Literal["", "aligner", "text_aligner"] = ""


def _option(flag: str, field: str, **arguments: Any) -> CorpusOption:
    """Make an option; its default is that of the field, unless it is set."""
    return CorpusOption(flag, field, arguments)


_RAW = _option(
    "--raw",
    "raw",
    required=True,
    metavar="DIR",
    help="folder of the corpus, as it was downloaded",
)
_FACE_SIZE = _option(
    "--size",
    "face_size",
    type=integer_from(MIN_FACE_SIZE),
    default=96,
    metavar="N",
    help="side of a face crop in pixels (default: %(default)s)",
)
_TEST_WORDS = _option(
    "--held",
    "test_words",
    nargs="*",
    metavar="WORD",
    help="images whose path contains one of these words are in the split test",
)
_VAL_WORDS = _option(
    "--val",
    "val_words",
    nargs="*",
    metavar="WORD",
    help="words of the images of the split val (default: one in ten of the others)",
)
_TILE_SIZE = _option(
    "--side",
    "tile_size",
    type=integer_from(1),
    default=512,
    metavar="N",
    help="side of a tile in pixels (default: %(default)s)",
)
_PUPPET_OPTIONS = (
    _option(
        "--clips",
        "num_clips",
        type=integer_from(1),
        default=1000,
        metavar="N",
        help="number of clips (default: %(default)s)",
    ),
    _option(
        "--seed",
        "seed",
        type=integer_from(0),
        default=0,
        metavar="N",
        help="seed of the corpus (default: %(default)s)",
    ),
    _option(
        "--kind",
        "kinds",
        nargs=1,
        choices=("grid", "word", "free"),
        help="kind of sentences (default: all)",
    ),
    _FACE_SIZE,
)
_CLEAN = _option(
    "--clean",
    "clean",
    metavar="DIR",
    help="folder of the clean images, if they are not next to the noisy ones",
)

_CLIPS_OPTIONS = (
    _option(
        "--raw",
        "raw",
        required=True,
        metavar="DIR",
        help="folder of videos; a folder in it is a speaker, or else each file is one",
    ),
    _option(
        "--one-speaker",
        "one_speaker",
        action="store_true",
        help="all videos show one speaker",
    ),
    _option(
        "--held",
        "test_speakers",
        nargs="*",
        metavar="NAME",
        help="speakers of the split test (default: one in ten, by their names)",
    ),
    _option(
        "--val",
        "val_speakers",
        nargs="*",
        metavar="NAME",
        help="speakers of the split val (default: one in ten, by their names)",
    ),
    _option(
        "--face-index",
        "face_index",
        type=integer_from(0),
        default=0,
        metavar="N",
        help="which face; 0 is the most important (default: %(default)s)",
    ),
    _option(
        "--lang",
        "lang",
        default="en-us",
        metavar="CODE",
        help="language of .txt transcripts, which are aligned (default: %(default)s)",
    ),
    _FACE_SIZE,
)

CORPORA: dict[str, CorpusEntry] = {
    "puppet": CorpusEntry(
        "avjax.data.builders.puppet:PuppetSource",
        "synthetic talking faces, rendered locally; nothing to download",
        _PUPPET_OPTIONS,
    ),
    "grid": CorpusEntry(
        "avjax.data.builders.grid:GridSource",
        "sentences of six words: s1/video/mpg_6000/*.mpg or video/s1/*.mpg",
        (_RAW, _FACE_SIZE),
        aligner_field="aligner",
    ),
    "lrw": CorpusEntry(
        "avjax.data.builders.lrw:LrwSource",
        "single words: lipread_mp4/ABOUT/train/*.mp4",
        (_RAW, _FACE_SIZE),
    ),
    "lrs2": CorpusEntry(
        "avjax.data.builders.lrs:Lrs2Source",
        "sentences from television: mvlrs_v1/main/*/*.mp4 and train.txt, ...",
        (_RAW, _FACE_SIZE),
        aligner_field="aligner",
    ),
    "hdtf": CorpusEntry(
        "avjax.data.builders.hdtf:HdtfSource",
        "speeches: RD_annotion_time.txt, RD_crop_wh.txt, ... and the videos",
        (_RAW, _FACE_SIZE),
    ),
    "clips": CorpusEntry(
        "avjax.data.builders.clips:ClipsSource",
        "any folder of your own videos, cut into clips of 1 to 10 s",
        _CLIPS_OPTIONS,
        aligner_field="text_aligner",
    ),
    "pairs": CorpusEntry(
        "avjax.data.builders.image_pairs:ImagePairSource",
        "noisy photographs with clean ones: PolyU, SIDD, or any two folders",
        (_RAW, _CLEAN, _TEST_WORDS, _VAL_WORDS, _TILE_SIZE),
    ),
    "pictures": CorpusEntry(
        "avjax.data.builders.image_pairs:CleanImageSource",
        "clean images, to which noise is added in training",
        (_RAW, _TEST_WORDS, _VAL_WORDS, _TILE_SIZE),
    ),
    "sidd-blocks": CorpusEntry(
        "avjax.data.builders.image_pairs:SiddBlockSource",
        "SIDD validation: ValidationNoisyBlocksSrgb.mat, ValidationGtBlocksSrgb.mat",
        (_RAW,),
    ),
}


def make_source(name: str, **fields: Any) -> "CorpusSource":
    """Make the source of a corpus.

    Args:
        name: A key of `CORPORA`.
        fields: Fields of the source. None: the default; a list becomes a tuple.

    Returns:
        The source.
    """
    module, _, class_name = CORPORA[name].source.partition(":")
    source_class = getattr(importlib.import_module(module), class_name)
    values = {
        field: tuple(value) if isinstance(value, list) else value
        for field, value in fields.items()
        if value is not None
    }
    return source_class(**values)
