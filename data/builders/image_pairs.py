"""Pictures with noise: photographs with their truth, or clean ones to make noise on.

Source  PolyU: Xu et al., 2018, "Real-world Noisy Image Denoising: A New Benchmark" (not
        for commerce); SIDD: Abdelhamed et al., CVPR 2018, "A High-Quality Denoising
        Dataset for Smartphone Cameras"
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping

import cv2
import numpy as np

from avjax.data.examples import image_pairs as pairs
from avjax.errors import InputError

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}
# Names of a photograph and of its truth: PolyU and CC; SIDD-Small and -Medium.
NAMES = (("_real", "_mean"), ("NOISY_SRGB", "GT_SRGB"))
BLOCKS = "ValidationNoisyBlocksSrgb", "ValidationGtBlocksSrgb"


@dataclasses.dataclass(frozen=True)
class Picture:
    """A photograph and its truth; or a clean picture alone."""

    name: str
    clean: pathlib.Path
    noisy: pathlib.Path | None = None

    def __str__(self) -> str:
        return self.name


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Photographs with their truth.

    raw    a folder with NAME_real and NAME_mean as of PolyU, or with ..NOISY_SRGB.. and
           ..GT_SRGB.. as of SIDD, at any depth
    clean  or the folder of the truth, whose files are named as those of raw
    held   a photograph whose path has one of these words in it is in test: names of
           cameras, say, or of scenes
    side   pixels of the sides of a tile
    """

    raw: str
    clean: str = ""
    held: tuple[str, ...] = ()
    side: int = 512

    name = "pairs"
    together = 8  # in a shard: some have 16 million pixels
    features = staticmethod(pairs.features)

    def listing(self) -> Mapping[str, list[Picture]]:
        found = two_folders(self.raw, self.clean) if self.clean else named(self.raw)
        pictures = sorted(found, key=str)
        if not pictures:
            raise InputError(f"{self.raw} holds no photograph with its truth")
        return divided(pictures, self.held)

    def read(self, picture: Picture) -> dict:
        noisy, clean = read_levels(picture.noisy), read_levels(picture.clean)
        if noisy.shape != clean.shape:
            raise InputError(f"{picture} and its truth are not of one size")
        cut = [list(tiles(levels, self.side)) for levels in (noisy, clean)]
        return pairs.record(noisy=cut[0], clean=cut[1], clip=str(picture))


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Clean pictures, on which noise is made when they are read.

    raw, held, side as of Pairs
    """

    raw: str
    held: tuple[str, ...] = ()
    side: int = 512

    name = "pictures"
    together = 8
    features = staticmethod(pairs.features)

    def listing(self) -> Mapping[str, list[Picture]]:
        root = pathlib.Path(self.raw)
        found = [Picture(_below(file, root), file) for file in images(root)]
        if not found:
            raise InputError(f"{self.raw} holds no picture")
        return divided(found, self.held)

    def read(self, picture: Picture) -> dict:
        clean = list(tiles(read_levels(picture.clean), self.side))
        return pairs.record(clean=clean, clip=str(picture))


@dataclasses.dataclass(frozen=True)
class SiddBlocks:
    """SIDD's validation: 40 photographs, 32 blocks of 256 pixels of each.

    raw  the folder of ValidationNoisyBlocksSrgb.mat and ValidationGtBlocksSrgb.mat
    """

    raw: str

    name = "sidd-blocks"
    together = 8
    features = staticmethod(pairs.features)

    def listing(self) -> Mapping[str, list[int]]:
        return {"test": list(range(len(blocks(self.raw, BLOCKS[0]))))}

    def read(self, number: int) -> dict:
        noisy, clean = (blocks(self.raw, name)[number] for name in BLOCKS)
        return pairs.record(noisy=noisy, clean=clean, clip=f"block {number}")


@functools.cache
def blocks(raw: str, name: str) -> np.ndarray:
    """u8 [photograph, block, h w 3] of a file that MATLAB wrote."""
    import scipy.io

    file = pathlib.Path(raw) / f"{name}.mat"
    try:
        found = scipy.io.loadmat(file)[name]
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise InputError(f"{file} is missing, or holds no {name}") from error
    if found.dtype != np.uint8 or found.ndim != 5 or found.shape[-1] != 3:
        raise InputError(f"{file} holds no blocks of pictures")
    return found


def divided(
    pictures: Iterable[Picture], held: tuple[str, ...]
) -> dict[str, list[Picture]]:
    """{"train": those without, "test": those with one of the words in their names}."""
    splits = {"train": [], "test": []}
    for picture in pictures:
        kept = any(word in picture.name for word in held)
        splits["test" if kept else "train"].append(picture)
    return splits


def named(raw: str) -> Iterator[Picture]:
    """Photographs whose truth lies beside them under another name."""
    root = pathlib.Path(raw)
    for file in images(root):
        for noisy, clean in NAMES:
            truth = file.with_name(file.name.replace(noisy, clean))
            if noisy in file.name and truth.is_file():
                yield Picture(_below(file, root), truth, file)


def two_folders(raw: str, clean: str) -> Iterator[Picture]:
    """Photographs of one folder whose truth is in another, under the same name."""
    root, others = pathlib.Path(raw), pathlib.Path(clean)
    truths = {_below(file, others): file for file in images(others)}
    for file in images(root):
        name = _below(file, root)
        if name in truths:
            yield Picture(name, truths[name], file)


def images(root: pathlib.Path) -> list[pathlib.Path]:
    """All pictures below a folder, by name; links to folders are followed."""
    if not root.is_dir():
        raise InputError(f"{root} is not a folder")
    below = (
        pathlib.Path(folder, name)
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
    )
    return sorted(path for path in below if path.suffix.lower() in SUFFIXES)


def read_levels(path: pathlib.Path) -> np.ndarray:
    """A picture as it is stored, not turned: u8 or u16 [h w 3].

    Grey ones have three channels alike, and opacity is left out.  Of floats, which are
    in [0, 1], 16 bits are kept.
    """
    # As RGB, OpenCV 4.14 gives what was in memory for a TIFF of 16 bits.
    flags = cv2.IMREAD_COLOR_BGR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        levels = cv2.imread(os.fspath(path), flags)
    except cv2.error:  # too many pixels
        levels = None
    if levels is None:
        raise InputError(f"{path} is no picture that can be read")
    levels = levels[..., ::-1]
    if levels.dtype.kind == "f":
        if not (np.isfinite(levels).all() and 0 <= levels.min() <= levels.max() <= 1):
            raise InputError(f"{path} holds numbers that are not in 0 to 1")
        return np.round(levels * 65535).astype(np.uint16)
    if levels.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} has neither 8 nor 16 bits, nor floats")
    return levels


def tiles(picture: np.ndarray, side: int) -> Iterator[np.ndarray]:
    """Squares that cover a picture, the last ones of a row moved inside.  [h w 3]."""
    for top in starts(picture.shape[0], side):
        for left in starts(picture.shape[1], side):
            yield picture[top : top + side, left : left + side]


def starts(length: int, side: int) -> list[int]:
    """Where tiles begin along a side: 1000 in 512 -> 0 and 488."""
    last = max(length - side, 0)
    return [min(start, last) for start in range(0, last + side, side)]


def _below(file: pathlib.Path, root: pathlib.Path) -> str:
    return file.relative_to(root).with_suffix("").as_posix()
