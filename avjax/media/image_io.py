"""Still images: any common file to upright RGB, and RGB to PNG."""

import os
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from avjax.errors import InputError
from avjax.media.files import refusing, require_file, whole_file

MOVING = ("GIF", "PNG", "WEBP", "AVIF")  # formats that may hold a film


class Picture(NamedTuple):
    """rgb u8 [h w 3], and how opaque each pixel is, u8 [h w], if the file says so."""

    rgb: np.ndarray
    alpha: np.ndarray | None


def is_image(path: str | os.PathLike) -> bool:
    """Whether the content of the file, not its name, is one still image."""
    try:
        with Image.open(path) as image:
            moves = getattr(image, "is_animated", False)
            return not (moves and image.format in MOVING)
    except Image.DecompressionBombError:
        return True
    except (OSError, SyntaxError, ValueError):
        return False


def read_image(path: str | os.PathLike) -> Picture:
    """The image, turned upright as its camera noted, at 8 bits a channel."""
    require_file(path)
    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image)
            if image.has_transparency_data:
                rgba = np.asarray(image.convert("RGBA"))
                return Picture(rgba[..., :3].copy(), rgba[..., 3].copy())
            return Picture(_eight_bits(image), None)
    except Image.DecompressionBombError as error:
        raise InputError(f"cannot read {path}: it has too many pixels") from error
    except UnidentifiedImageError as error:
        raise InputError(f"cannot read {path}: it is no image") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"cannot read {path}: it is damaged or cut off") from error


def _eight_bits(image: Image.Image) -> np.ndarray:
    """Opaque image -> u8 [h w 3]."""
    if image.mode.startswith("I"):  # 16 bits of grey; convert() would clip, not scale
        grey = np.clip(np.asarray(image).astype(np.int64), 0, 65535) >> 8
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)
    return np.array(image.convert("RGB"))


def write_png(path: str | os.PathLike, rgb: np.ndarray) -> None:
    """Writes u8 [h w 3] (or [h w 4], the last channel being opacity)."""
    with whole_file(path) as part, refusing(path, "write"):
        Image.fromarray(np.ascontiguousarray(rgb)).save(part, format="PNG")
