"""Noise made on clean pictures, in numpy: f32 [h w c=3] in [0, 1] -> the same.

Cameras make noise on their sensor, pixel by pixel, and then mix it with neighbours and
other colours.  What learns on noise that was added to the finished picture does nothing
to a photograph.
"""

import dataclasses
from typing import Literal, NamedTuple, Protocol

import cv2
import numpy as np


class Noise(Protocol):
    """A frozen dataclass of plain values."""

    def add(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """f32 [h w 3] in [0, 1] -> f32 [h w 3] in [0, 1], with noise."""


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """White noise; its deviation, in 8-bit levels, is drawn from a range.

    A grey picture stays grey, so that its three channels tell no more than one.
    """

    deviation: tuple[float, float] = (5.0, 50.0)

    def add(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        added = white(clean.shape, self.deviation, rng)
        grey = (clean == clean[..., :1]).all()
        return np.clip(clean + (added[..., :1] if grey else added), 0, 1)


@dataclasses.dataclass(frozen=True)
class Mix:
    """White noise, speckle, salt and pepper, one after the other in any order.

    published  no pixel of the last row and column and of blue is salted or peppered

    Source  the first stage of training of Gunawan et al., 2022
    """

    deviation: tuple[float, float] = (5.0, 50.0)  # of both, in 8-bit levels
    share: float = 0.01  # at most, of numbers that turn salt or pepper
    published: bool = False

    def add(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        noisy = clean.astype(np.float32)
        for kind in rng.permutation(3):
            noisy = (self.whiten, self.speckle, self.salt)[kind](noisy, rng)
        return noisy

    def whiten(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.clip(picture + white(picture.shape, self.deviation, rng), 0, 1)

    def speckle(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        factor = 1 + white(picture.shape, self.deviation, rng)
        return np.clip(picture * factor, 0, 1)

    def salt(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        picture, sides = picture.copy(), np.array(picture.shape)
        count = rng.uniform(0, self.share) * picture.size
        bright = rng.uniform(0.3, 0.8)
        for value, part in ((1, bright), (0, 1 - bright)):
            sizes = sides - 1 if self.published else sides
            places = rng.integers(sizes, size=(round(count * part), 3))
            picture[tuple(places.T)] = value
        return picture


class Sensor(NamedTuple):
    """How one camera sees and develops."""

    matrix: np.ndarray  # [3 3], linear RGB of a screen -> of the sensor; rows sum to 1
    gains: np.ndarray  # [3], that the developer multiplies the sensor's RGB by


@dataclasses.dataclass(frozen=True)
class Camera:
    """Shot and read noise on a sensor of red, green and blue sites, then developed.

    prior  how much noise: as of the cameras of DND, or of the phones of SIDD
    jpeg   quality, drawn from a range; None: not compressed

    Only the noise is mosaicked: interpolation mixes it with its neighbours, and the
    picture stays sharp.  Without noise it stays as it is.

    Source  Brooks et al., 2019, "Unprocessing Images for Learned Raw Denoising"; prior
            of SIDD: Zamir et al., 2020 (CycleISP)
    """

    prior: Literal["dnd", "sidd"] = "dnd"
    jpeg: tuple[int, int] | None = None

    def add(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        noisy = self.shoot(clean, draw_sensor(rng), draw_levels(self.prior, rng), rng)
        return noisy if self.jpeg is None else compressed(noisy, self.jpeg, rng)

    def shoot(
        self,
        clean: np.ndarray,
        sensor: Sensor,
        levels: tuple[float, float],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """levels: variance on the sensor that grows with the light, and that does not.

        Of light there is 0 to 1.
        """
        shot, read = levels
        light = unprocessed(clean, sensor)
        sites = np.sqrt(shot * light + read) * rng.standard_normal(light.shape)
        grain = demosaicked(sites.astype(np.float32))
        added = processed(light + grain, sensor) - processed(light, sensor)
        return np.clip(clean + added, 0, 1)


@dataclasses.dataclass(frozen=True)
class Jpeg:
    """Compression alone; its quality is drawn from a range."""

    quality: tuple[int, int] = (30, 95)

    def add(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return compressed(clean, self.quality, rng)


def white(
    shape: tuple[int, ...], deviation: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """f32; one deviation for all, from a range in 8-bit levels."""
    scale = rng.uniform(*deviation) / 255
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def compressed(
    picture: np.ndarray, quality: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """To JPEG and back, at 8 bits."""
    levels = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    drawn = int(rng.integers(quality[0], quality[1] + 1))
    flags = [cv2.IMWRITE_JPEG_QUALITY, drawn]
    blob = cv2.imencode(".jpg", np.ascontiguousarray(levels[..., ::-1]), flags)[1]
    return cv2.imdecode(blob, cv2.IMREAD_COLOR_RGB).astype(np.float32) / 255


# From XYZ to the sensors of four cameras, and from the RGB of a screen to XYZ.
SENSORS = np.array(
    [
        [
            [1.0234, -0.2969, -0.2266],
            [-0.5625, 1.6328, -0.0469],
            [-0.0703, 0.2188, 0.6406],
        ],
        [
            [0.4913, -0.0541, -0.0202],
            [-0.613, 1.3513, 0.2906],
            [-0.1564, 0.2151, 0.7183],
        ],
        [
            [0.838, -0.263, -0.0639],
            [-0.2887, 1.0725, 0.2496],
            [-0.0627, 0.1427, 0.5438],
        ],
        [
            [0.6596, -0.2079, -0.0562],
            [-0.4782, 1.3016, 0.1933],
            [-0.097, 0.1581, 0.5181],
        ],
    ]
)
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
HIGHLIGHT = 0.9  # brighter pixels are taken for overexposed, the more the brighter


def draw_sensor(rng: np.random.Generator) -> Sensor:
    """A mixture of four cameras, with a white balance and an exposure."""
    share = rng.uniform(size=4)
    mixed = np.einsum("n,nij->ij", share / share.sum(), SENSORS) @ TO_XYZ
    exposure = 1 / rng.normal(0.8, 0.1)
    balance = np.array([rng.uniform(1.9, 2.4), 1.0, rng.uniform(1.5, 1.9)])
    return Sensor(mixed / mixed.sum(axis=1, keepdims=True), exposure * balance)


def draw_levels(prior: str, rng: np.random.Generator) -> tuple[float, float]:
    """Variances of shot and read noise that occur together."""
    if prior == "dnd":
        shot = rng.uniform(np.log(1e-4), np.log(0.012))
        read = 2.18 * shot + 1.20 + rng.normal(0, 0.26)
        return float(np.exp(shot)), float(np.exp(read))
    shot = rng.uniform(np.log10(6.8674e-4), np.log10(2.194856e-2))
    read = 1.85 * shot + 0.30 + rng.normal(0, 0.20)
    return float(10**shot), float(10**read)


def unprocessed(picture: np.ndarray, sensor: Sensor) -> np.ndarray:
    """What light a sensor saw that developed into this.  [h w 3] -> f32 [h w 3]."""
    linear = 0.5 - np.sin(np.arcsin(1 - 2 * np.clip(picture, 0, 1)) / 3)
    linear = np.maximum(linear, 1e-8) ** 2.2 @ sensor.matrix.T
    dark = 1 / sensor.gains
    grey = linear.mean(axis=-1, keepdims=True)
    over = (np.maximum(grey - HIGHLIGHT, 0) / (1 - HIGHLIGHT)) ** 2
    factor = np.maximum(over + (1 - over) * dark, dark)
    return np.clip(linear * factor, 0, 1).astype(np.float32)


def processed(light: np.ndarray, sensor: Sensor) -> np.ndarray:
    """The picture that a camera makes of it.  [h w 3] -> f32 [h w 3] in [0, 1]."""
    balanced = np.clip(light * sensor.gains, 0, 1)
    linear = np.clip(balanced @ np.linalg.inv(sensor.matrix).T, 0, 1)
    gamma = np.maximum(linear, 1e-8) ** (1 / 2.2)
    return (3 * gamma**2 - 2 * gamma**3).astype(np.float32)


def demosaicked(sites: np.ndarray) -> np.ndarray:
    """Of each site one colour is kept, and the others come from around it.

    [h w 3] -> [h w 3]: red, green / green, blue, interpolated along straight lines.
    """
    cross = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
    square = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4
    planes = np.zeros_like(sites)
    planes[::2, ::2, 0] = sites[::2, ::2, 0]
    planes[::2, 1::2, 1] = sites[::2, 1::2, 1]
    planes[1::2, ::2, 1] = sites[1::2, ::2, 1]
    planes[1::2, 1::2, 2] = sites[1::2, 1::2, 2]
    filters = square, cross, square
    spread = [cv2.filter2D(planes[..., c], -1, filters[c]) for c in range(3)]
    return np.stack(spread, axis=-1)
