"""Corpora of images: noisy photographs with clean ones, or clean images alone.

Source: PolyU: Xu et al., "Real-world Noisy Image Denoising: A New Benchmark", 2018 (not
for commercial use); SIDD: Abdelhamed et al., "A High-Quality Denoising Dataset for
Smartphone Cameras", CVPR 2018.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, TypeVar

import numpy as np
import tensorflow_datasets as tfds

from avjax.data.builders.image_files import cut_tiles, find_images, read_image
from avjax.data.builders.source import CorpusSource
from avjax.data.examples.image_pairs import image_pair_features, make_image_record
from avjax.errors import InputError

# Parts of the names of a noisy file and of its clean file: PolyU and CC; SIDD.
NAME_PAIRS = (("_real", "_mean"), ("NOISY_SRGB", "GT_SRGB"))
NOISY_BLOCKS, CLEAN_BLOCKS = "ValidationNoisyBlocksSrgb", "ValidationGtBlocksSrgb"


class ImageSource(CorpusSource):
    """Source of a corpus of images."""

    records_per_shard: ClassVar[int] = 8  # some images have 16 million pixels

    def features(self) -> tfds.features.FeaturesDict:
        """Describe a record of images for TFDS. See `CorpusSource.features`."""
        return image_pair_features()


@dataclasses.dataclass(frozen=True)
class CleanImageFile:
    """A clean image.

    Attributes:
        name: Path below the folder, without suffix.
        clean: The file.
    """

    name: str
    clean: pathlib.Path

    def __str__(self) -> str:
        return self.name


@dataclasses.dataclass(frozen=True)
class ImagePairFile(CleanImageFile):
    """A noisy photograph and the clean one.

    Attributes:
        name: Path of the noisy file below the folder, without suffix.
        clean: The file of the clean image.
        noisy: The file of the noisy image.
    """

    noisy: pathlib.Path


Image = TypeVar("Image", bound=CleanImageFile)


@dataclasses.dataclass(frozen=True)
class ImagePairSource(ImageSource):
    """Noisy photographs with clean ones.

    Attributes:
        raw: Folder with NAME_real and NAME_mean as of PolyU, or with ..NOISY_SRGB.. and
            ..GT_SRGB.. as of SIDD, at any depth; with `clean`, the noisy images.
        clean: Folder with the clean images, named as those of `raw`; "": none.
        test_words: A photograph whose path contains one of these words is in the split
            test, such as names of cameras or scenes.
        val_words: Words of the split val, as those of test; empty: one in ten of the
            other photographs, and at least one of two.
        tile_size: Side of the tiles in pixels.
    """

    raw: str
    clean: str = ""
    test_words: tuple[str, ...] = ()
    val_words: tuple[str, ...] = ()
    tile_size: int = 512

    name: ClassVar[str] = "pairs"

    def list_clips(self) -> dict[str, list[ImagePairFile]]:
        """List the pairs of each split. See `CorpusSource.list_clips`."""
        if self.clean:
            pairs = match_folders(self.raw, self.clean)
        else:
            pairs = match_names(self.raw)
        images = sorted(pairs, key=str)
        if not images:
            raise InputError(f"{self.raw} has no noisy image with its clean one")
        return split_by_words(images, self.test_words, self.val_words)

    def read_clip(self, image: ImagePairFile) -> dict[str, Any]:
        """Read one pair, and cut it into tiles. See `CorpusSource.read_clip`."""
        noisy, clean = read_image(image.noisy), read_image(image.clean)
        if noisy.shape != clean.shape:
            raise InputError(f"{image} and its clean image differ in size")
        return make_image_record(
            noisy=list(cut_tiles(noisy, self.tile_size)),
            clean=list(cut_tiles(clean, self.tile_size)),
            clip=str(image),
        )


@dataclasses.dataclass(frozen=True)
class CleanImageSource(ImageSource):
    """Clean images; noise is added in training.

    Attributes:
        raw: Folder with the images, at any depth.
        test_words: An image whose path contains one of these words is in the split
            test.
        val_words: Words of the split val, as those of test; empty: one in ten of the
            other images, and at least one of two.
        tile_size: Side of the tiles in pixels.
    """

    raw: str
    test_words: tuple[str, ...] = ()
    val_words: tuple[str, ...] = ()
    tile_size: int = 512

    name: ClassVar[str] = "pictures"

    def list_clips(self) -> dict[str, list[CleanImageFile]]:
        """List the images of each split. See `CorpusSource.list_clips`."""
        root = pathlib.Path(self.raw)
        images = [CleanImageFile(_name(path, root), path) for path in find_images(root)]
        if not images:
            raise InputError(f"{self.raw} has no images")
        return split_by_words(images, self.test_words, self.val_words)

    def read_clip(self, image: CleanImageFile) -> dict[str, Any]:
        """Read one image, and cut it into tiles. See `CorpusSource.read_clip`."""
        tiles = list(cut_tiles(read_image(image.clean), self.tile_size))
        return make_image_record(clean=tiles, clip=str(image))


@dataclasses.dataclass(frozen=True)
class SiddBlockSource(ImageSource):
    """The validation set of SIDD: 40 photographs, 32 blocks of 256 pixels of each.

    Attributes:
        raw: Folder with ValidationNoisyBlocksSrgb.mat and ValidationGtBlocksSrgb.mat.
    """

    raw: str

    name: ClassVar[str] = "sidd-blocks"

    def list_clips(self) -> dict[str, list[int]]:
        """List the numbers of the photographs; all are in the split val.

        See `CorpusSource.list_clips`.
        """
        return {"val": list(range(len(read_blocks(self.raw, NOISY_BLOCKS))))}

    def read_clip(self, number: int) -> dict[str, Any]:
        """Read the blocks of one photograph. See `CorpusSource.read_clip`."""
        return make_image_record(
            noisy=read_blocks(self.raw, NOISY_BLOCKS)[number],
            clean=read_blocks(self.raw, CLEAN_BLOCKS)[number],
            clip=f"block {number}",
        )


@functools.cache
def read_blocks(raw: str, name: str) -> np.ndarray:
    """Read all blocks of a file that MATLAB wrote.

    Args:
        raw: Folder with the file.
        name: Name of the file, without suffix, and of the variable in it.

    Returns:
        Blocks, u8 [photograph, block, h, w, 3].

    Raises:
        InputError: The file is missing, or its content is different.
    """
    import scipy.io

    path = pathlib.Path(raw) / f"{name}.mat"
    try:
        blocks = scipy.io.loadmat(path)[name]
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise InputError(f"{path} is missing, or has no variable {name}") from error
    if blocks.dtype != np.uint8 or blocks.ndim != 5 or blocks.shape[-1] != 3:
        raise InputError(f"{path} has no blocks of RGB images of 8 bits")
    return blocks


def split_by_words(
    images: Iterable[Image], test_words: tuple[str, ...], val_words: tuple[str, ...]
) -> dict[str, list[Image]]:
    """Divide images by their names.

    Args:
        images: The images.
        test_words: An image whose name contains one of these words is in test.
        val_words: Of the other images, one whose name contains one of these words is
            in val; empty: one in ten of them, and at least one of two.

    Returns:
        {"train": images, "val": images, "test": images}
    """
    splits: dict[str, list[Image]] = {"train": [], "val": [], "test": []}
    words = {"test": test_words, "val": val_words}
    for image in images:
        found = [x for x in words if any(word in image.name for word in words[x])]
        splits[found[0] if found else "train"].append(image)
    if not val_words:
        splits["val"] = splits["train"][1::10]
        del splits["train"][1::10]
    return splits


def match_names(raw: str) -> Iterator[ImagePairFile]:
    """Find the noisy images whose clean image is next to them under another name.

    Args:
        raw: Folder of the images.

    Yields:
        The pairs, by the path of the noisy image.

    Raises:
        InputError: There is no such folder.
    """
    root = pathlib.Path(raw)
    for path in find_images(root):
        for noisy_part, clean_part in NAME_PAIRS:
            clean = path.with_name(path.name.replace(noisy_part, clean_part))
            if noisy_part in path.name and clean.is_file():
                yield ImagePairFile(_name(path, root), clean, path)


def match_folders(raw: str, clean: str) -> Iterator[ImagePairFile]:
    """Find the noisy images whose clean image has the same name in another folder.

    Args:
        raw: Folder of the noisy images.
        clean: Folder of the clean images.

    Yields:
        The pairs, by the path of the noisy image.

    Raises:
        InputError: One of the folders does not exist.
    """
    root, clean_root = pathlib.Path(raw), pathlib.Path(clean)
    clean_paths = {_name(path, clean_root): path for path in find_images(clean_root)}
    for path in find_images(root):
        name = _name(path, root)
        if name in clean_paths:
            yield ImagePairFile(name, clean_paths[name], path)


def _name(path: pathlib.Path, root: pathlib.Path) -> str:
    """Return the path of a file below a folder, without suffix."""
    return path.relative_to(root).with_suffix("").as_posix()
