"""Read still images of any common format as upright 8-bit RGB; write PNG files."""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from avjax.errors import InputError
from avjax.media import heif
from avjax.media.files import atomic_file, check_readable, wrap_os_errors
from avjax.typing import PathLike

ANIMATED_FORMATS = ("GIF", "PNG", "WEBP", "AVIF")  # formats that can hold an animation


class RgbaImage(NamedTuple):
    """An 8-bit image with optional opacity.

    Attributes:
        rgb: The colours, u8 [h w c=3].
        alpha: The opacity of each pixel, u8 [h w]; None if the file has none.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None


def is_image(path: PathLike) -> bool:
    """Check if a file is one still image, by its content and not by its name.

    Args:
        path: The file.

    Returns:
        False for other files, and for animations.
    """
    try:
        heif.register(path)
        with Image.open(path) as image:
            animated = getattr(image, "is_animated", False)
            return not (animated and image.format in ANIMATED_FORMATS)
    except Image.DecompressionBombError:
        return True
    except (OSError, SyntaxError, ValueError):
        return False


def read_image(path: PathLike) -> RgbaImage:
    """Read an image as 8-bit RGB, rotated upright by its EXIF orientation.

    Args:
        path: An image file of any format that Pillow reads.

    Returns:
        The image, and its opacity if the file has it.

    Raises:
        InputError: The file is not an image, is damaged, or is too large.
    """
    check_readable(path)
    heif.register(path)
    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image)
            if image.has_transparency_data:
                rgba = np.asarray(image.convert("RGBA"))
                return RgbaImage(rgba[..., :3].copy(), rgba[..., 3].copy())
            return RgbaImage(_to_rgb(image), None)
    except Image.DecompressionBombError as error:
        raise InputError(f"cannot read {path}: it has too many pixels") from error
    except UnidentifiedImageError as error:
        raise InputError(f"cannot read {path}: it is not an image") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"cannot read {path}: it is damaged or cut off") from error


def _to_rgb(image: Image.Image) -> np.ndarray:
    """Convert an opaque image to u8 [h w c=3]."""
    if image.mode.startswith("I"):  # 16-bit grey: convert() would clip, not scale
        grey = np.clip(np.asarray(image).astype(np.int64), 0, 65535) >> 8
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)
    return np.array(image.convert("RGB"))


def write_png(path: PathLike, rgb: np.ndarray) -> None:
    """Write an image as a PNG file.

    Args:
        path: The file to write.
        rgb: The image, u8 [h w c=3], or u8 [h w c=4] with opacity as last channel.

    Raises:
        InputError: The file cannot be written.
    """
    with atomic_file(path) as temporary, wrap_os_errors(path, "write"):
        Image.fromarray(np.ascontiguousarray(rgb)).save(temporary, format="PNG")
