"""Commands with damaged files and random options, each from a seed and a number.

Every second input is a truncated file: the truncations of a file go through all
percents from 1 to 99. The others have any damage, and more unusual options.
"""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from fuzz_inputs import (
    FRACTIONS,
    INTEGERS,
    LANGUAGES,
    NETWORKS,
    SENTENCES,
    SYSTEMS,
    TALKERS,
    VOICES,
    CaseMaker,
)


class Case(NamedTuple):
    """One run of a command.

    Attributes:
        name: Command and number.
        arguments: The words after `avjax`.
        folder: Current folder of the run, with the folders "in" and "out".
        num_inputs: Number of files that may have an error each.
    """

    name: str
    arguments: list[str]
    folder: pathlib.Path
    num_inputs: int = 1


def talk(make: CaseMaker) -> list[str]:
    words = ["--face", make.media("image", "video"), "-o", make.out("a.mp4", "a.avi")]
    truncated = make.truncated.parent.name if make.truncated else ""
    if truncated == "text" or (not truncated and make.rng.random() < 0.2):
        words += ["--srt", make.media("text")]
    elif truncated or make.rng.random() < 0.85:
        words += ["--audio", make.media("sound", "video")]
    words += make.option("--text", SENTENCES, 0.2)
    words += make.option("--lookahead", INTEGERS, 0.05) + make.flag("--native")
    words += make.option("--voice", VOICES, 0.1) + make.option("--lang", LANGUAGES, 0.1)
    words += make.option("--system", SYSTEMS, 0.05) + make.flag("--verbose")
    return [*words, "--weights", make.weights(*TALKERS), *make.face()]


def adapt(make: CaseMaker) -> list[str]:
    steps = (
        make.choose(("0", "1")) if not make.chance(0.1) else make.choose(INTEGERS[2:])
    )
    words = [make.media("long"), "-o", make.out("weights", "a.txt"), "--steps", steps]
    return [*words, "--weights", make.weights("lipwarp"), *make.face()]


def lipread(make: CaseMaker) -> list[str]:
    make.num_inputs = 2 if make.chance(0.1) else 1
    words = [make.media("video") for _ in range(make.num_inputs)]
    if make.truncated or make.chance(0.3):
        words += [
            "--grammar",
            make.media("text") if make.rng.random() < 0.8 else "grid",
        ]
    if make.chance(0.3):
        words += ["--srt", make.out("a.srt", "a.mp4")]
    words += make.option("--beam", INTEGERS[:6]) + make.flag("--json", 0.3)
    return [*words, "--weights", make.weights("sentences", "words"), *make.face()]


def speak(make: CaseMaker) -> list[str]:
    out = make.out(make.choose(("a.wav", "a.wav", "a.mp4")), "a.avi", "a")
    words = [make.media("video"), "-o", out]
    return [*words, "--weights", make.weights("speech"), *make.face()]


def align(make: CaseMaker) -> list[str]:
    words = [make.media("sound", "sound", "video")]
    words += [make.choose(SENTENCES) if make.chance(0.5) else SENTENCES[0]]
    if make.chance(0.3):
        words += ["--srt", make.out("a.srt", "a.mp4")]
    words += make.option("--lang", LANGUAGES, 0.1) + make.flag("--json", 0.3)
    return [*words, "--weights", make.weights("aligner")]


def sync(make: CaseMaker) -> list[str]:
    words = [make.media("long", "video"), *make.flag("--json", 0.3)]
    return [
        *words,
        "--weights",
        make.weights("sync_people", "sync_expert"),
        *make.face(),
    ]


def denoise(make: CaseMaker) -> list[str]:
    make.num_inputs = 3 if make.chance(0.08) else 1
    kinds = ("image",) * 5 + ("video",)
    words = [make.media(*kinds) for _ in range(make.num_inputs)]
    suffix = pathlib.Path(words[0]).suffix
    if make.chance(0.15):
        suffix = make.choose((".png", ".tif", ".jpg", ".webp", ".mp4", ".gif", ".txt"))
    if suffix in (".mkv", ".webm", ".avi", ".mov", ".ts", ".h264") and make.chance(0.9):
        suffix = ".mp4"
    out = "many" if make.num_inputs > 1 else f"a{suffix}"
    words += ["-o", make.out(out, "a.doc"), *make.flag("--report", 0.05)]
    steps = make.choose(("0", "1")) if not make.chance(0.1) else make.choose(INTEGERS)
    words += ["--steps", steps, *make.option("--strength", FRACTIONS, 0.1)]
    return [*words, "--weights", make.weights("denoiser")]


def convert(make: CaseMaker) -> list[str]:
    words = [make.media("network"), make.out("weights", "a.txt")]
    if make.truncated or make.chance(0.1):
        words += ["--words", make.media("text")]
    return [*words, *make.option("--as", NETWORKS, 0.1)]


def export(make: CaseMaker) -> list[str]:
    names = [folder.name for folder in make.weights_folders()]
    to = make.choose(("npz",) * 19 + ("stablehlo",))
    if make.chance(0.02):
        to = "x"
    return [make.weights(*names, share=0.8), make.out("a.npz", "a.zip"), "--to", to]


def data_clips(make: CaseMaker) -> list[str]:
    make.media("long", name="one/a")
    make.media("long", "video", name="two/b")
    words = ["data", "build", "clips", "--raw", "in", "--out", make.out("corpus")]
    words += make.flag("--one-speaker") + make.option("--held", ("one", "x"), 0.1)
    words += make.option("--face-index", INTEGERS, 0.05)
    return [
        *words,
        *make.option("--size", ("96", "32", "7", "x"), 0.1),
        "--workers",
        "0",
    ]


def data_pictures(make: CaseMaker) -> list[str]:
    for name in ("a", "b", "c"):
        make.media("image", name=name)
    words = ["data", "build", "pictures", "--raw", "in", "--out", make.out("corpus")]
    words += make.option("--side", ("64", "1", "0", "x", "100000"), 0.2)
    return [*words, *make.option("--held", ("a", "x"), 0.1), "--workers", "0"]


def data_pairs(make: CaseMaker) -> list[str]:
    for name in ("a_real", "a_mean", "b_real", "b_mean"):
        make.media("image", name=name)
    words = ["data", "build", "pairs", "--raw", "in", "--out", make.out("corpus")]
    words += make.option("--side", ("64", "1", "0", "x"), 0.2)
    return [*words, *make.option("--clean", ("in", "none"), 0.05), "--workers", "0"]


COMMANDS: dict[str, Callable[[CaseMaker], list[str]]] = {
    "talk": talk,
    "adapt": adapt,
    "lipread": lipread,
    "speak": speak,
    "align": align,
    "sync": sync,
    "denoise": denoise,
    "convert": convert,
    "export": export,
    "data build clips": data_clips,
    "data build pictures": data_pictures,
    "data build pairs": data_pairs,
}
TRUNCATED = {  # kinds of files
    "talk": ("video", "image", "sound", "text"),
    "adapt": ("long",),
    "lipread": ("video", "text"),
    "speak": ("video",),
    "align": ("sound", "video"),
    "sync": ("long",),
    "denoise": ("image", "video"),
    "convert": ("network",),
    "export": ("weights",),
    "data build clips": ("long",),
    "data build pictures": ("image",),
    "data build pairs": ("image",),
}


def make_case(
    seeds: pathlib.Path, folder: pathlib.Path, command: str, key: tuple[int, int]
) -> Case:
    """Write the files of one case, and choose its options.

    Args:
        seeds: Folder of valid files; see `fuzz_seeds.write_seeds`.
        folder: Folder of the case, which does not exist.
        command: A key of `COMMANDS`.
        key: Seed and number of the case.
    """
    seed, number = key
    rng = np.random.default_rng([seed, list(COMMANDS).index(command), number])
    truncation = None if number % 2 else (number // 2, TRUNCATED[command])
    make = CaseMaker(seeds, folder, rng, truncation)
    arguments = COMMANDS[command](make)
    if not command.startswith("data"):
        arguments = [command, *arguments]
    if make.chance(0.02):
        arguments.insert(int(make.rng.integers(len(arguments) + 1)), "--unknown")
    return Case(f"{command} {number}", arguments, folder, make.num_inputs)
