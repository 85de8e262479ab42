"""Random augmentation of the inputs of lip readers and aligners."""

import dataclasses

import numpy as np

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
        mask_mel: Mask some bands and some frames of the input mel.
    """

    max_shift: int = CROP_MARGIN
    mirror_prob: float = 0.5
    erase_fraction: float = 0.0
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
