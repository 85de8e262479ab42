"""Mouth images as lip readers see them: the centre of the stored grey mouth crop."""

import cv2
import numpy as np

CROP_MARGIN = 4  # pixels of a mouth crop that are removed on every side
MEAN_GREY = 105  # mean pixel value of mouth crops, of 255


def center_crop_mouths(
    mouths: np.ndarray,
    size: int,
    shift: tuple[int, int] = (0, 0),
    mirrored: bool = False,
) -> np.ndarray:
    """Crop the centre of mouth images and resize it.

    Args:
        mouths: Mouth crops as `data.schema` stores them, u8 [t h w c=1].
        size: Side of the result in pixels.
        shift: Offset of the crop, down and to the right, in pixels; at most
            `CROP_MARGIN`.
        mirrored: Flip the images left-right.

    Returns:
        The images, u8 [t size size 1].
    """
    height, width = mouths.shape[1:3]
    top, left = CROP_MARGIN + shift[0], CROP_MARGIN + shift[1]
    rows = slice(top, top + height - 2 * CROP_MARGIN)
    columns = slice(left, left + width - 2 * CROP_MARGIN)
    crops = mouths[:, rows, columns, 0]
    if mirrored:
        crops = crops[:, :, ::-1]
    method = cv2.INTER_AREA if size < crops.shape[1] else cv2.INTER_LINEAR
    resized = [cv2.resize(crop, (size, size), interpolation=method) for crop in crops]
    return np.stack(resized)[..., None]
