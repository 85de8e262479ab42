"""Read still images of any common format as upright 8-bit sRGB; write PNG files."""

import io
import warnings
from typing import Any

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from avjax.errors import InputError
from avjax.media import heif
from avjax.media.files import atomic_file, check_readable, wrap_os_errors
from avjax.media.metadata import ORIENTATION, load_exif
from avjax.media.pixels import find_range, to_u8, turn_upright
from avjax.typing import PathLike

DAMAGED = (IndexError, OSError, RuntimeError, SyntaxError, ValueError)  # by Pillow
ANIMATED_FORMATS = ("GIF", "PNG", "WEBP", "AVIF")  # formats that can hold an animation
TIFF_SIGNATURES = b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"  # the last two: BigTIFF
BACKGROUND = 255  # white, behind pixels that are not opaque
SRGB_GAMMA = 2.2  # approximate exponent of sRGB, as PNG files state it
HDR_TRANSFERS = b"\x10", b"\x12"  # PQ and HLG, as ITU-T H.273 numbers them
HEAD_SIZE = 4096  # bytes of a PNG file in which its colour space is declared
GREY_MODES = ("1", "L", "LA", "La")


def is_tiff(path: PathLike) -> bool:
    """Check if a file begins like a TIFF file.

    Args:
        path: The file.

    Returns:
        True if it does.

    Raises:
        InputError: The file cannot be read.
    """
    with wrap_os_errors(path, "read"), open(path, "rb") as file:
        return file.read(4) in TIFF_SIGNATURES


def is_image_file(path: PathLike) -> bool:
    """Check if a file is an image or an animation, by its content and not by its name.

    Args:
        path: The file.

    Returns:
        True if Pillow or tifffile knows the format.
    """
    return _probe(path) is not None


def is_image(path: PathLike) -> bool:
    """Check if a file is one still image, by its content and not by its name.

    Args:
        path: The file.

    Returns:
        False for other files, and for animations.
    """
    return _probe(path) is False


def _probe(path: PathLike) -> bool | None:
    """Return if an image file is an animation; None for other files."""
    try:
        if is_tiff(path):
            return False
        heif.register(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large images, damaged metadata
            with Image.open(path) as image:
                animated = getattr(image, "is_animated", False)
                return animated and image.format in ANIMATED_FORMATS
    except Image.DecompressionBombError:
        return False
    except DAMAGED:
        return None


def read_image(path: PathLike) -> np.ndarray:
    """Read an image as 8-bit sRGB, rotated upright, on a white background.

    An ICC profile, or the gamma of a PNG file, is applied. Other depths are scaled from
    the range that `avjax.media.pixels.find_range` finds.

    Args:
        path: An image file of any format that Pillow or tifffile reads.

    Returns:
        The image, u8 [h w c=3].

    Raises:
        InputError: The file is not an image, is damaged, is too large, or holds values
            whose range is unclear.
    """
    check_readable(path)
    if is_tiff(path):
        from avjax.media import tiff  # takes long to import

        samples, alpha, metadata, _ = tiff.read(path)
        orientation = 1  # already turned
        limit, profile = find_range(path, samples), metadata.profile
        alpha = None if alpha is None else to_u8(alpha, limit)
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[samples.shape[-1]]
        array = to_u8(samples[..., 0] if mode == "L" else samples, limit)
        image = Image.fromarray(np.ascontiguousarray(array), mode)
    else:
        image, alpha, profile, orientation = _read_with_pillow(path)
    rgb = _to_srgb(path, image, profile)
    if alpha is not None:
        opacity = alpha[..., None] / np.float32(255)
        mixed = BACKGROUND + opacity * (rgb - np.float32(BACKGROUND))
        rgb = np.rint(mixed).astype(np.uint8)
    return turn_upright(rgb, orientation)


def _read_with_pillow(
    path: PathLike,
) -> tuple[Image.Image, np.ndarray | None, bytes, Any]:
    """Read an image with its opacity, ICC profile and EXIF orientation.

    Args:
        path: The file.

    Returns:
        The image as L, RGB or CMYK; opacity u8 [h w], or None; the profile, empty if
        absent; the orientation, None if absent.
    """
    try:
        heif.register(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large images, damaged metadata
            with Image.open(path) as image:
                if image.format == "PNG":
                    _check_dynamic_range(path)
                info = image.info
                tags, damaged = load_exif(info.get("exif") or b"")
                if not info.get("exif"):
                    tags = image.getexif()  # from XMP data, or from ImageMagick
                content, alpha = _split_alpha(path, image)
            if info.keys() & {"gamma", "srgb", "icc_profile"} == {"gamma"}:
                content = _apply_gamma(content, info["gamma"] or 1 / SRGB_GAMMA)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"cannot read {path}: it has too many pixels") from error
    except UnidentifiedImageError as error:
        raise InputError(f"cannot read {path}: it is not an image") from error
    except DAMAGED as error:
        raise InputError(f"cannot read {path}: it is damaged or cut off") from error
    orientation = tags.get(ORIENTATION)
    if damaged and orientation is None:
        warnings.warn(
            f"the EXIF data of {path} is damaged: the image may not be upright",
            stacklevel=3,
        )
    return content, alpha, info.get("icc_profile") or b"", orientation


def _split_alpha(
    path: PathLike, image: Image.Image
) -> tuple[Image.Image, np.ndarray | None]:
    """Convert an image to L, RGB or CMYK, and its opacity u8 [h w], or None."""
    image.load()
    if image.mode.startswith(("I", "F")):  # convert() would clip, not scale
        values = np.asarray(image)
        if image.mode != "F":  # formats other than TIFF store 16 bits
            values = np.clip(values, 0, 65535).astype(np.uint16)
        alpha = None
        if "transparency" in image.info:
            opaque = values != image.info["transparency"]
            alpha = opaque.astype(np.uint8) * 255
        return Image.fromarray(to_u8(values, find_range(path, values))), alpha
    mode = "L" if image.mode in GREY_MODES else "RGB"
    if image.has_transparency_data:
        *colours, alpha = image.convert(f"{mode}A").split()
        return Image.merge(mode, colours), np.asarray(alpha)
    return (image if image.mode == "CMYK" else image.convert(mode)), None


def _check_dynamic_range(path: PathLike) -> None:
    """Raise InputError if a PNG file declares HDR in its chunk cICP."""
    with open(path, "rb") as file:
        _, declared, values = file.read(HEAD_SIZE).partition(b"cICP")
    if declared and values[1:2] in HDR_TRANSFERS:
        raise InputError(f"{path} has HDR colours: convert it to sRGB")


def _apply_gamma(image: Image.Image, gamma: float) -> Image.Image:
    """Convert L or RGB of the gamma of a PNG file, such as 1 for linear, to sRGB."""
    exponent = 1 / (gamma * SRGB_GAMMA)
    table = [round(255 * (value / 255) ** exponent) for value in range(256)]
    return image.point(table * len(image.getbands()))


def _to_srgb(path: PathLike, image: Image.Image, profile: bytes) -> np.ndarray:
    """Convert an opaque image of a colour profile to sRGB, u8 [h w c=3]."""
    if profile:
        # Of grey, the fast conversion is wrong by up to ten levels.
        flag = "NOOPTIMIZE" if image.mode == "L" else "HIGHRESPRECALC"
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
                flags=ImageCms.Flags[flag],
            )
            return np.array(converted)
        except (ImageCms.PyCMSError, OSError):
            warnings.warn(
                f"the colour profile of {path} cannot be used: its colours are taken "
                "as sRGB",
                stacklevel=3,
            )
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
