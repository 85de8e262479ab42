"""One record of pictures with noise: a picture in tiles, and the truth about it.

| key | what |
|---|---|
| noisy | PNG files of 8 or 16 bits, one a tile; none where noise is still to be made |
| clean | the same tiles of the truth |
| clip | string, which names the picture within the corpus |
"""

import dataclasses
import zlib
from collections.abc import Mapping, Sequence

import cv2
import grain
import numpy as np
import tensorflow_datasets as tfds

from avjax.data.corruptions import Mix, Noise
from avjax.data.examples.talking import Example
from avjax.errors import InputError
from avjax.media.photo_io import as_shares


def features() -> tfds.features.FeaturesDict:
    """The record of a corpus of pictures."""
    text = tfds.features.Text
    tiles = {key: tfds.features.Sequence(text()) for key in ("noisy", "clean")}
    return tfds.features.FeaturesDict({**tiles, "clip": text()})


def record(
    *, clean: Sequence[np.ndarray], noisy: Sequence[np.ndarray] = (), clip: str
) -> dict:
    """Tiles u8 or u16 [h w 3] -> a record."""
    tiles = {"noisy": noisy, "clean": clean}
    return {key: [encode(tile) for tile in of] for key, of in tiles.items()} | {
        "clip": clip
    }


def encode(tile: np.ndarray) -> bytes:
    """u8 or u16 [h w 3] -> a PNG file."""
    return cv2.imencode(".png", np.ascontiguousarray(tile[..., ::-1]))[1].tobytes()


def decode(blob: bytes) -> np.ndarray:
    """A PNG file -> f32 [h w 3] in [0, 1]."""
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH
    return as_shares(cv2.imdecode(np.frombuffer(blob, np.uint8), flags))


@dataclasses.dataclass(frozen=True)
class PairCrop(grain.transforms.RandomMap):
    """A square of a picture, noisy and clean.

    size   pixels of its sides; a smaller picture is an InputError
    noise  kinds, one of which is made on the clean picture; none: the noise is there
    mirror the share of squares that are mirrored in training

    Gives  noisy f32 [h w 3] and clean f32 [h w 3] in [0, 1];  weight f32 [], 1.
    """

    size: int = 128
    noise: tuple[Noise, ...] = (Mix(),)
    mirror: float = 0.5

    def random_map(self, record: Mapping, rng: np.random.Generator) -> Example:
        """Any square of any tile, with new noise."""
        tile = int(rng.integers(len(record["clean"])))
        pair = self.example(record, tile, rng)
        if rng.random() >= self.mirror:
            return pair
        return pair | {key: pair[key][:, ::-1].copy() for key in ("noisy", "clean")}

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """Always the same square and noise; the tiles are taken evenly."""
        tile = (2 * place + 1) * len(record["clean"]) // (2 * places)
        rng = np.random.default_rng([place, zlib.crc32(record["clip"].encode())])
        return self.example(record, tile, rng)

    def example(
        self, record: Mapping, tile: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        clean = decode(record["clean"][tile])
        free = [side - self.size for side in clean.shape[:2]]
        if min(free) < 0:
            found = "x".join(map(str, clean.shape[:2]))
            raise InputError(
                f"{record['clip']} is {found}, smaller than a square of {self.size}"
            )
        top, left = (int(rng.integers(most + 1)) for most in free)
        cut = slice(top, top + self.size), slice(left, left + self.size)
        clean = clean[cut]
        if self.noise:
            noisy = self.noise[int(rng.integers(len(self.noise)))].add(clean, rng)
        elif len(record["noisy"]):
            noisy = decode(record["noisy"][tile])[cut]
        else:
            raise InputError(f"{record['clip']} has no noise, and none is to be made")
        pair = {"noisy": noisy, "clean": clean}
        squares = {
            key: np.ascontiguousarray(square, np.float32)
            for key, square in pair.items()
        }
        return squares | {"weight": np.float32(1)}
