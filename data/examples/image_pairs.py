"""Records of noisy and clean images, and the training examples of denoisers.

| key | value |
|---|---|
| noisy | PNG files of 8 or 16 bits, one for each tile; none: training adds noise |
| clean | PNG files of the clean image, one for each tile |
| clip | string: name of the image within the corpus |
"""

import dataclasses
import zlib
from collections.abc import Sequence
from typing import Any, ClassVar

import cv2
import grain
import numpy as np
import tensorflow_datasets as tfds

from avjax.data import schema
from avjax.data.corruptions import Corruption, MixedNoise, blur
from avjax.data.examples.base import Example, Record
from avjax.errors import InputError
from avjax.media.pixels import to_float01

MAX_SATURATION = 4.0  # largest factor by which colours are moved away from grey


def image_pair_features() -> tfds.features.FeaturesDict:
    """Describe the records of a corpus of images for TFDS.

    Returns:
        The features of a record.
    """
    text = tfds.features.Text
    tiles = {key: tfds.features.Sequence(text()) for key in ("noisy", "clean")}
    return tfds.features.FeaturesDict({**tiles, "clip": text()})


def make_image_record(
    *, clean: Sequence[np.ndarray], noisy: Sequence[np.ndarray] = (), clip: str
) -> dict[str, list[bytes] | str]:
    """Make one record of a corpus of images.

    Args:
        clean: Tiles of the clean image, u8 or u16 [h w 3].
        noisy: Tiles of the noisy image at the same places; empty: noise is added in
            training.
        clip: Name of the image within the corpus.

    Returns:
        The record, as TFDS writes it.
    """
    return {
        "noisy": [encode_png(tile) for tile in noisy],
        "clean": [encode_png(tile) for tile in clean],
        "clip": clip,
    }


def encode_png(tile: np.ndarray) -> bytes:
    """Encode an image as a PNG file.

    Args:
        tile: Image, u8 or u16 [h w 3].

    Returns:
        Content of the file.
    """
    return cv2.imencode(".png", np.ascontiguousarray(tile[..., ::-1]))[1].tobytes()


def decode_png(blob: bytes) -> np.ndarray:
    """Decode a PNG file.

    Args:
        blob: Content of the file, RGB of 8 or 16 bits.

    Returns:
        Image, f32 [h w 3] in [0, 1].
    """
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH
    pixels = cv2.imdecode(np.frombuffer(blob, np.uint8), flags)
    assert pixels is not None, "a corpus holds a damaged PNG file"
    return to_float01(pixels)


@dataclasses.dataclass(frozen=True)
class ImagePairCrop(grain.transforms.RandomMap):
    """A square crop of an image, noisy and clean.

    Attributes:
        size: Side of the crop in pixels.
        corruptions: One of these is sampled and applied to the clean crop; empty: the
            corpus has noisy images.
        mirror_prob: Probability that a training example is mirrored.
        clean_blur: Clean crops are smoothed by a Gaussian before noise is added: range
            of its standard deviation in pixels. Pictures that were reduced are sharper
            than photos as cameras write them.
        color_prob: Probability that the colours of a clean crop are changed in training
            before noise is added, see `random_colors`.

    Raises:
        InputError: `clean_blur` or `color_prob` is set, but `corruptions` is empty.

    Keys:
        noisy: f32 [h w 3] in [0, 1].
        clean: f32 [h w 3] in [0, 1].
        weight: f32 [], 1.
    """

    size: int = 128
    corruptions: tuple[Corruption, ...] = (MixedNoise(),)
    mirror_prob: float = 0.5
    clean_blur: tuple[float, float] = (0.0, 0.0)
    color_prob: float = 0.0

    record_kind: ClassVar = schema.IMAGES

    def __post_init__(self):
        if not self.corruptions and (any(self.clean_blur) or self.color_prob):
            raise InputError(
                "clean_blur and color_prob need corruptions: they change clean images "
                "before noise is added"
            )

    @property
    def required_labels(self) -> tuple[str, ...]:
        """Labels that a corpus needs. See `ExampleTransform`."""
        return () if self.corruptions else ("noisy",)

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample a crop of a tile, with new noise, and mirror it at random.

        See `ExampleTransform`.
        """
        tile = int(rng.integers(len(record["clean"])))
        pair = self.example(record, tile, rng, self.color_prob)
        if rng.random() >= self.mirror_prob:
            return pair
        return pair | {key: pair[key][:, ::-1].copy() for key in ("noisy", "clean")}

    def at(self, record: Record, index: int, count: int) -> Example:
        """Spread the examples evenly over the tiles; crop and noise are fixed.

        See `ExampleTransform.at`.
        """
        tile = (2 * index + 1) * len(record["clean"]) // (2 * count)
        rng = np.random.default_rng([index, zlib.crc32(record["clip"].encode())])
        return self.example(record, tile, rng)

    def example(
        self,
        record: Record,
        tile: int,
        rng: np.random.Generator,
        color_prob: float = 0.0,
    ) -> dict[str, Any]:
        """Sample a crop of one tile.

        Args:
            record: The record.
            tile: Number of the tile.
            rng: Random generator of the crop and of the noise.
            color_prob: Probability that the colours are changed before noise is added.

        Returns:
            The example, as the class describes it.

        Raises:
            InputError: The tile is smaller than the crop, or there is no noisy image
                and no corruption.
        """
        clean = decode_png(record["clean"][tile])
        height, width = clean.shape[:2]
        if min(height, width) < self.size:
            raise InputError(
                f"{record['clip']} is {height}x{width} pixels, smaller than the crop "
                f"of {self.size}; choose a smaller size"
            )
        top = int(rng.integers(height - self.size + 1))
        left = int(rng.integers(width - self.size + 1))
        crop = slice(top, top + self.size), slice(left, left + self.size)
        clean = clean[crop]
        if self.corruptions:
            if any(self.clean_blur):
                clean = blur(clean, rng.uniform(*self.clean_blur))
            if color_prob and rng.random() < color_prob:
                clean = random_colors(clean, rng)
            corruption = self.corruptions[int(rng.integers(len(self.corruptions)))]
            noisy = corruption.add(clean, rng)
        elif len(record["noisy"]):
            noisy = decode_png(record["noisy"][tile])[crop]
        else:
            raise InputError(
                f"{record['clip']} has no noisy image, and no corruptions are set"
            )
        return {
            "noisy": np.ascontiguousarray(noisy, np.float32),
            "clean": np.ascontiguousarray(clean, np.float32),
            "weight": np.float32(1),
        }


def random_colors(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permute the channels of an image, and raise its saturation, at random.

    Differences from grey are multiplied by 1 to `MAX_SATURATION`, evenly in logarithms.
    Photos hold few strong colours, and a small corpus may lack some of them.

    Args:
        image: Image, f32 [h w c=3] in [0, 1].
        rng: Random generator.

    Returns:
        The image with other colours, f32 [h w c=3] in [0, 1].
    """
    image = image[..., rng.permutation(3)]
    grey = image.mean(axis=-1, keepdims=True)
    factor = np.exp(rng.uniform(0, np.log(MAX_SATURATION)))
    return np.clip(grey + factor * (image - grey), 0, 1).astype(np.float32)
