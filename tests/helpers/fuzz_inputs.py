"""Inputs and options of a command for fuzzing: valid, truncated, or damaged."""

import pathlib
import shutil
from collections.abc import Sequence

import numpy as np
from fuzz_mutations import mutate, truncate
from fuzz_seeds import KINDS

BOXES = "0,0,96,96", "8,0,48,48", "10,10,9999,10", "nan,0,9,9", "x", "0,0,0,0"
BOXES += "-5,-5,50,50", "1e308,0,1,1", "0,0,96", "-9e9,0,1,1", "0,0,1e-9,1e-9"
INTEGERS = "0", "1", "2", "3", "-1", "x", "99999999999999999999", "1.5", ""
FRACTIONS = "0", "0.5", "1", "-1", "2", "nan", "inf", "x", ""
SENTENCES = "yes or no", "bin blue at f two now", "", "...", "привет", "a\udcff", "-"
SENTENCES += "e\u0301\u200b\ufb01", "\U0001f600", "hm\x1b[31m", "a\nb", "9" * 400
LANGUAGES = "en-us", "de", "xx", "cmn", "", "../en"
VOICES = "f3", "none", "x", "m1", "../f3", ""
SYSTEMS = "lipwarp", "cals", "synctalkface", "taem", "x", ""
TALKERS = "lipwarp", "lipwarp", "lipwarp", "cals", "synctalkface", "taem"
NETWORKS = "syncnet_color", "wav2lip", "wav2lip_disc", "denoiser", "x"
ALL_FACES = ("--box", "0,0,96,96")
PERCENT_STEP = 61  # has no common divisor with 99


class CaseMaker:
    """Choose the files and options of one case.

    Attributes:
        rng: The random numbers.
        num_inputs: See `Case`.
    """

    def __init__(
        self,
        seeds: pathlib.Path,
        folder: pathlib.Path,
        rng: np.random.Generator,
        truncation: tuple[int, Sequence[str]] | None = None,
    ):
        """Prepare the folders of a case.

        Args:
            seeds: Folder of valid files; see `fuzz_seeds.write_seeds`.
            folder: Folder of the case, which does not exist.
            rng: The random numbers.
            truncation: Truncate a file: the number of the truncation, and the kinds of
                files to choose from. None: damage files in other ways.
        """
        self.seeds, self.folder, self.rng, self.num_inputs = seeds, folder, rng, 1
        for name in ("in", "out"):
            (folder / name).mkdir(parents=True)
        self.truncated, self.percent = None, 0
        if truncation is not None:
            number, kinds = truncation
            files = [file for kind in kinds for file in self.files(kind)]
            turn, index = divmod(number, len(files))
            self.truncated = files[index]
            self.percent = (turn * PERCENT_STEP + 7 * index) % 99 + 1
        self.is_truncation = self.truncated is not None

    def chance(self, share: float) -> bool:
        """Return True in this share of the cases; more rarely for truncations."""
        return bool(self.rng.random() < share * (0.4 if self.is_truncation else 1))

    def choose(self, items: Sequence):
        return items[int(self.rng.integers(len(items)))]

    def files(self, kind: str) -> list[pathlib.Path]:
        """List the valid files of a kind; "weights/NAME" is one folder of weights."""
        return sorted(file for file in (self.seeds / kind).rglob("*") if file.is_file())

    def media(self, *kinds: str, name: str = "") -> str:
        """Write an input of one of some kinds, damaged or not -> its path."""
        truncated = self.truncated
        if truncated is not None and truncated.parent.name in kinds:
            source, self.truncated = truncated, None
            data = truncate(source.read_bytes(), self.percent)
        else:
            kinds = KINDS if self.chance(0.04) else kinds
            source = self.choose(self.files(self.choose(kinds)))
            data = self.damaged(source, 0 if self.is_truncation else 0.6)
        suffix = source.suffix
        if self.chance(0.06):
            suffix = self.choose(self.files(self.choose(KINDS))).suffix
        path = pathlib.Path("in", name or "input")
        if self.chance(0.03):
            path = path.with_name(self.choose(("ä b", "%d", "\udcff")))
        path = path.with_name(path.name + suffix)
        number = 1
        while (self.folder / path).exists():
            path = path.with_name(f"{number}{path.name}")
            number += 1
        if self.chance(0.01):
            return str(path)  # does not exist
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_bytes(data)
        return str(path)

    def damaged(self, source: pathlib.Path, share: float) -> bytes:
        """Read a file, and damage it in this share of the cases."""
        data = source.read_bytes()
        if self.rng.random() >= share:
            return data
        other = self.choose(self.files(self.choose(KINDS)))
        return mutate(data, other.read_bytes(), self.rng)

    def weights(self, *names: str, share: float = 0.05) -> str:
        """Return a folder of weights; in this share of the cases, a damaged copy."""
        truncated = self.truncated
        is_weights = truncated is not None and truncated.parent.parent.name == "weights"
        name = truncated.parent.name if is_weights else self.choose(names)
        if self.chance(0.03):
            name = self.choose([folder.name for folder in self.weights_folders()])
        source = self.seeds / "weights" / name
        if not is_weights and (self.is_truncation or self.rng.random() >= share):
            return str(source)
        copy = self.folder / "in" / "weights"
        shutil.copytree(source, copy)
        file = truncated if is_weights else self.choose(sorted(source.iterdir()))
        if is_weights:
            self.truncated = None
            data = truncate(file.read_bytes(), self.percent)
        else:
            data = self.damaged(file, 1)
        (copy / file.name).write_bytes(data)
        return "in/weights"

    def weights_folders(self) -> list[pathlib.Path]:
        return sorted((self.seeds / "weights").iterdir())

    def out(self, name: str, *others: str) -> str:
        """Return the path of an output; some exist, or cannot be written."""
        if self.chance(0.04):
            name = self.choose((*others, "none/" + name, "", ".", "../in", name + "/"))
        elif self.chance(0.05):
            (self.folder / "out" / name).write_text("mine")
        return f"out/{name}" if name else ""

    def option(self, flag: str, values: Sequence[str], share: float = 0.15) -> list:
        return [flag, self.choose(values)] if self.chance(share) else []

    def flag(self, flag: str, share: float = 0.15) -> list[str]:
        return [flag] if self.chance(share) else []

    def face(self) -> list[str]:
        """Choose the options of a face; detection is slow, so most have a box."""
        box = self.option("--box", BOXES, 0.2)
        if not box and self.rng.random() < 0.85:
            box = [*ALL_FACES]
        return [*box, *self.option("--face-index", (*INTEGERS, "all"), 0.08)]
