"""Pixel values of images: their depth, channels and orientation."""

import numpy as np

from avjax.errors import InputError
from avjax.typing import PathLike

FLOAT_TOLERANCE = 0.1  # filters overshoot the range of floats by as much
MIN_BYTE_RANGE = 16  # floats of an image in [0, 255] reach this value at least


def split_alpha(array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Split off a second or fourth channel as opacity.

    Args:
        array: [h w] or [h w c].

    Returns:
        Grey or RGB [h w c] and opacity [h w], or None in its place.
    """
    array = array if array.ndim == 3 else array[..., None]
    if array.shape[-1] in (1, 3):
        return np.ascontiguousarray(array), None
    return np.ascontiguousarray(array[..., :-1]), array[..., -1].copy()


def turn_upright(image: np.ndarray, orientation: object) -> np.ndarray:
    """Turn and mirror an image as its EXIF orientation demands.

    Args:
        image: [h w ...].
        orientation: 1 to 8; other values mean 1.

    Returns:
        The image, with height and width exchanged for 5 to 8.
    """
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def convert_depth(image: np.ndarray, supported: str) -> np.ndarray:
    """Convert an image to a type that a format supports.

    Args:
        image: u8, u16, or f32 in [0, 1].
        supported: Type characters of numpy, such as "BHf".

    Returns:
        The image; unchanged if its type is supported, else u16 or u8.
    """
    if image.dtype.char in supported:
        return image
    deepest = np.dtype("H" if "H" in supported else "B")
    return from_float01(to_float01(image), deepest)


def to_float01(image: np.ndarray) -> np.ndarray:
    """Return pixel values of u8, u16 or f32 [...] as f32 in [0, 1]."""
    if image.dtype == np.float32:
        return image
    return image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)


def to_rgb(image: np.ndarray) -> np.ndarray:
    """Repeat the channel of grey images: [... 1 or 3] -> [... 3]."""
    return np.broadcast_to(image, (*image.shape[:-1], 3))


def from_float01(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert pixel values f32, clipped to [0, 1], to u8, u16 or f32.

    Args:
        image: f32 of any shape.
        dtype: The type of the result.

    Returns:
        The nearest values of that type, same shape.
    """
    image = np.clip(image, 0, 1)
    if dtype == np.float32:
        return image
    return np.rint(image * np.float32(np.iinfo(dtype).max)).astype(dtype)


def mean_change(before: np.ndarray, after: np.ndarray) -> float:
    """Return the mean absolute difference of two images of one type, in [0, 1].

    Args:
        before: u8, u16, or f32 in [0, 1]: [h w c].
        after: The same.
    """
    rows = zip(before, after, strict=True)  # one at a time, to save memory
    means = [np.abs(to_float01(a) - to_float01(b)).mean() for a, b in rows]
    return float(np.mean(means))


def find_range(path: PathLike, values: np.ndarray) -> float:
    """Find which value stands for full brightness.

    It is the largest value of the type for u8 and u16. For other integers it is 255,
    65535 or the largest value of the type, whichever is the first that no value
    exceeds; for floats alike 1, 255 or 65535, with a tolerance of a tenth.

    Args:
        path: The file that messages name.
        values: The values, of any shape.

    Returns:
        The value.

    Raises:
        InputError: Values are negative or not finite, or the largest is a float between
            1.1 and 16 or beyond 65535, so that the range is unclear.
    """
    if values.dtype in (np.uint8, np.uint16):
        return np.iinfo(values.dtype).max
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        limits, tolerance = (1, 255, 65535), FLOAT_TOLERANCE
    else:
        limits, tolerance = (255, 65535, np.iinfo(values.dtype).max), 0
    fitting = [limit for limit in limits if high <= limit * (1 + tolerance)]
    is_unclear = values.dtype.kind == "f" and 1 + tolerance < high < MIN_BYTE_RANGE
    if not fitting or is_unclear or not low >= -tolerance * fitting[0]:
        raise InputError(
            f"{path} holds values from {low:g} to {high:g}: scale them to [0, 1], or "
            "convert it to 8 or 16 bits"
        )
    return fitting[0]


def to_u8(values: np.ndarray, limit: float) -> np.ndarray:
    """Scale pixel values from [0, limit] to u8; values outside are clipped.

    Args:
        values: The values, of any shape and type.
        limit: The value that stands for full brightness.

    Returns:
        The nearest values of u8, same shape.
    """
    if values.dtype == np.uint8:
        return values
    scaled = values * np.float64(255 / limit)
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
