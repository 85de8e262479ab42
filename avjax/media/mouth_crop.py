"""The mouth as lip readers see it: the middle of the grey mouth crop, at their size."""

import cv2
import numpy as np

MARGIN = 4  # pixels of a mouth crop that are left out on every side
GREY = 105  # the mean of mouths, of 255


def mouth_pictures(
    mouths: np.ndarray,
    size: int,
    shift: tuple[int, int] = (0, 0),
    mirrored: bool = False,
) -> np.ndarray:
    """mouths u8 [t h w c=1], as data.schema stores them -> u8 [t size size 1].

    shift     down and to the right, in pixels of the crop, at most MARGIN
    mirrored  left and right exchanged
    """
    height, width = mouths.shape[1:3]
    top, left = MARGIN + shift[0], MARGIN + shift[1]
    rows = slice(top, top + height - 2 * MARGIN)
    columns = slice(left, left + width - 2 * MARGIN)
    middle = mouths[:, rows, columns, 0]
    if mirrored:
        middle = middle[:, :, ::-1]
    how = cv2.INTER_AREA if size < middle.shape[1] else cv2.INTER_LINEAR
    pictures = [cv2.resize(m, (size, size), interpolation=how) for m in middle]
    return np.stack(pictures)[..., None]
