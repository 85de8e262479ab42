"""Random augmentation of the inputs of lip readers and aligners."""

import dataclasses

import cv2
import numpy as np

from avjax.constants import FPS
from avjax.faces.mouth_crop import CROP_MARGIN, MEAN_GREY

MASKED_BANDS, MASKED_MELS = 10, 20  # upper limits, exclusive


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random changes of training examples, against overfitting to a small corpus.

    Attributes:
        max_shift: Largest shift of the mouth crop in pixels, in every direction.
        mirror_prob: Probability that a clip is mirrored.
        erase_fraction: Side of a square that is grey in all frames, as a fraction of
            the side of the image; 0: none.
        max_degrees: Largest rotation of a clip, in both directions.
        max_zoom: Largest change of the scale of a clip, as a logarithm.
        max_gamma: Largest change of the gamma of a clip, as a logarithm.
        max_masked_frames: In each second of a clip, up to this many consecutive frames
            are replaced by the mean image; 0: none.
        mask_mel: Mask some bands and some frames of the input mel.
    """

    max_shift: int = CROP_MARGIN
    mirror_prob: float = 0.5
    erase_fraction: float = 0.0
    max_degrees: float = 0.0
    max_zoom: float = 0.0
    max_gamma: float = 0.0
    max_masked_frames: int = 0
    mask_mel: bool = True


def random_erase(images: np.ndarray, fraction: float, rng: np.random.Generator) -> None:
    """Make one random square grey in all images, in place.

    At most a third of the side of the square lies outside of the images.

    Args:
        images: Images, u8 [t h w 1].
        fraction: Side of the square, as a fraction of the height of the images.
        rng: Random generator; not used if the square is empty.
    """
    side = round(fraction * images.shape[1])
    if not side:
        return
    outside = side // 3
    last = images.shape[1] - side + outside
    top, left = rng.integers(-outside, last + 1, 2)
    rows, columns = slice(max(top, 0), top + side), slice(max(left, 0), left + side)
    images[:, rows, columns] = MEAN_GREY


def random_similarity(
    images: np.ndarray, max_degrees: float, max_zoom: float, rng: np.random.Generator
) -> np.ndarray:
    """Rotate and scale all images about their centre by the same random amounts.

    Args:
        images: Images, u8 [t h w 1].
        max_degrees: Largest rotation, in both directions.
        max_zoom: Largest logarithm of the scale, in both directions.
        rng: Random generator; not used if both limits are 0.

    Returns:
        The images, u8 [t h w 1]; beyond their borders, pixels are repeated.
    """
    if not (max_degrees or max_zoom):
        return images
    height, width = images.shape[1:3]
    angle = rng.uniform(-max_degrees, max_degrees)
    scale = np.exp(rng.uniform(-max_zoom, max_zoom))
    center = (width - 1) / 2, (height - 1) / 2
    matrix = cv2.getRotationMatrix2D(center, angle, scale)
    warped = [
        cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        for image in images
    ]
    return np.stack(warped)[..., None]


def random_gamma(
    images: np.ndarray, max_gamma: float, rng: np.random.Generator
) -> np.ndarray:
    """Raise the grey values of all images to the same random power.

    Args:
        images: Images, u8 [t h w 1].
        max_gamma: Largest logarithm of the power, in both directions.
        rng: Random generator; not used if the limit is 0.

    Returns:
        The images, u8 [t h w 1].
    """
    if not max_gamma:
        return images
    power = np.exp(rng.uniform(-max_gamma, max_gamma))
    levels = 255 * (np.arange(256) / 255) ** power
    return np.rint(levels).astype(np.uint8)[images]


def mask_frames(images: np.ndarray, max_frames: int, rng: np.random.Generator) -> None:
    """Replace some consecutive images of each second by the mean image, in place.

    Source: Ma et al., "Training strategies for improved lip-reading", ICASSP 2022.

    Args:
        images: Images of a clip, u8 [t h w 1].
        max_frames: Largest number of images in each second.
        rng: Random generator; not used if the limit is 0.
    """
    if not max_frames:
        return
    mean = np.rint(np.mean(images, axis=0)).astype(np.uint8)
    for first in range(0, len(images), FPS):
        count = int(rng.integers(max_frames + 1))
        start = first + int(rng.integers(FPS))
        images[start : start + count] = mean


def spec_augment(mel: np.ndarray, rng: np.random.Generator) -> None:
    """Set a random range of frames and one of bands to zero, their mean, in place.

    Args:
        mel: Mel spectrogram whose bands have mean 0, [f k].
        rng: Random generator.
    """
    for axis, max_width in ((0, MASKED_MELS), (1, MASKED_BANDS)):
        size = mel.shape[axis]
        width = int(rng.integers(min(max_width, size)))
        start = int(rng.integers(size - width + 1))
        np.moveaxis(mel, axis, 0)[start : start + width] = 0
