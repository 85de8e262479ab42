"""Read and write photographs; bit depth, opacity and metadata are kept."""

import io
import os
import pathlib
import warnings
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from avjax.errors import InputError
from avjax.media import jpeg, png, tiff, tiff_writer
from avjax.media.files import atomic_file, check_readable, wrap_os_errors
from avjax.media.image_io import is_tiff
from avjax.media.metadata import (
    EXIF_PREFIX,
    Metadata,
    check_resolution,
    fit_metadata,
    load_exif,
    read_orientation,
    read_resolution,
)
from avjax.media.pixels import convert_depth, split_alpha, turn_upright
from avjax.typing import PathLike

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
FORMATS |= {".tif": "TIFF", ".tiff": "TIFF"}
FORMAT_NAMES = "PNG, JPEG, TIFF or WebP"
MAX_SIDES = {"PNG": 1_000_000, "JPEG": 65500, "WEBP": 16383}  # pixels; of the libraries
DEPTHS = {"TIFF": "BHf", "PNG": "BH", "JPEG": "B", "WEBP": "B"}  # dtypes of numpy
WEBP_QUALITY = 95  # if the input file was lossy
# Modes of Pillow that are converted on reading, and modes that are kept.
CONVERTED_MODES = {"1": "L", "P": "RGB", "PA": "RGBA", "YCbCr": "RGB"}
KEPT_MODES = {"L", "LA", "RGB", "RGBA", "I;16"}


class Photo(NamedTuple):
    """The content of an image file.

    A TIFF image is rotated upright and its orientation tag removed; images of other
    formats are as stored.

    Attributes:
        image: u8, u16, or f32 in [0, 1]: [h w 1] grey or [h w 3] RGB.
        alpha: The opacity of each pixel, of the same type, [h w]; None if absent.
        metadata: What the file holds besides.
        lossy: The file was compressed with loss.
    """

    image: np.ndarray
    alpha: np.ndarray | None = None
    metadata: Metadata = Metadata()
    lossy: bool = False


def read_photo(path: PathLike) -> Photo:
    """Read a PNG, JPEG, TIFF or WebP file at its own bit depth.

    Depths below 8 bits become 8 bits, other depths below 16 bits become 16 bits, and
    palette images become RGB.

    Args:
        path: The image file.

    Returns:
        The image with its opacity and metadata.

    Raises:
        InputError: The file has another format, is damaged, is animated, is neither
            grey nor RGB, or holds float values outside [0, 1].
    """
    check_readable(path)
    if is_tiff(path):
        return _read_tiff(path)
    with wrap_os_errors(path, "read"):
        content = pathlib.Path(path).read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large images, unusual metadata
            with Image.open(
                io.BytesIO(content), formats=["PNG", "JPEG", "WEBP"]
            ) as image:
                check_still(path, image)
                image.load()
                return _to_photo(content, image)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"cannot read {path}: it has too many pixels") from error
    except UnidentifiedImageError as error:
        raise InputError(f"cannot read {path}: it is not {FORMAT_NAMES}") from error
    except (OSError, SyntaxError, ValueError, zlib.error) as error:
        raise InputError(f"cannot read {path}: it is damaged or cut off") from error


def check_still(path: PathLike, image: Image.Image) -> None:
    """Raise InputError unless an image is a single grey or RGB image."""
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise InputError(f"{path} holds several images: a single image is required")
    if image.mode not in {*KEPT_MODES, *CONVERTED_MODES}:
        raise InputError(
            f"{path} has the colour mode {image.mode}: convert it to grey or RGB"
        )


def _read_tiff(path: PathLike) -> Photo:
    """Read a TIFF file of 8 bits, 16 bits or floats."""
    pixels, alpha, metadata, has_more = tiff.read(path)
    if has_more:
        raise InputError(f"{path} holds several images: a single image is required")
    if pixels.shape[-1] == 4:
        raise InputError(f"{path} has the colour mode CMYK: convert it to grey or RGB")
    if pixels.dtype.kind == "f":
        if not (np.isfinite(pixels).all() and 0 <= pixels.min() <= pixels.max() <= 1):
            raise InputError(f"{path} holds values outside [0, 1]")
        pixels = pixels.astype(np.float32)
        alpha = None if alpha is None else alpha.astype(np.float32)
    elif pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"{path} holds {pixels.dtype} values: convert it to 8 or 16 bits, or to "
            "floats in [0, 1]"
        )
    return Photo(pixels, alpha, metadata)


def _to_photo(content: bytes, image: Image.Image) -> Photo:
    """Convert a loaded image; Pillow reduces RGB of 16 bits, so it is decoded again."""
    metadata = _read_metadata(content, image)
    lossy = image.format in ("JPEG", "MPO")
    lossy |= image.format == "WEBP" and b"VP8L" not in content
    if image.format == "PNG" and content[png.DEPTH_POSITION] == 16:
        return Photo(*split_alpha(png.decode_deep(content)), metadata, lossy)
    mode = CONVERTED_MODES.get(image.mode, image.mode)
    if image.has_transparency_data and mode in ("L", "RGB"):
        mode += "A"
    array = np.array(image if image.mode == mode else image.convert(mode))
    return Photo(*split_alpha(array), metadata, lossy)


def _read_metadata(content: bytes, image: Image.Image) -> Metadata:
    """Read the metadata of a loaded image that is not TIFF."""
    info, file_format, dpi = image.info, image.format or "", image.info.get("dpi")
    parts: tuple = ((), ())
    if file_format == "PNG":
        parts = png.list_parts(content)
    elif isinstance(image, JpegImageFile):
        file_format = "JPEG"
        parts = jpeg.list_parts(image.applist)
        if not info.get("jfif_unit"):  # then it may be a guess
            dpi = None
    exif = info.get("exif") or b""
    if not exif and "Raw profile type exif" in info:  # of ImageMagick
        exif = image.getexif().tobytes()
    return Metadata(
        exif=exif.removeprefix(EXIF_PREFIX),
        profile=info.get("icc_profile") or b"",
        xmp=info.get("xmp") or b"",
        dpi=check_resolution(dpi) or read_resolution(load_exif(exif)[0]),
        native=parts[0],
        file_format=file_format,
        unsupported=parts[1],
    )


def output_format(path: PathLike) -> str:
    """Return the format that the suffix of a file name stands for.

    Args:
        path: The file name.

    Returns:
        "PNG", "JPEG", "TIFF" or "WEBP".

    Raises:
        InputError: The suffix stands for none of these.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in FORMATS:
        allowed = ", ".join(FORMATS)
        raise InputError(f"cannot write {path}: its name should end in {allowed}")
    return FORMATS[suffix]


def check_format(path: PathLike, photo: Photo) -> None:
    """Check, before long work, that the format of an output file can hold a photo.

    Args:
        path: The file to write.
        photo: The photo.

    Raises:
        InputError: The format is unknown or allows fewer pixels, or it is JPEG and the
            photo has opacity.
    """
    file_format = output_format(path)
    if file_format == "JPEG" and photo.alpha is not None:
        raise InputError(f"cannot write {path}: JPEG does not support opacity")
    height, width = photo.image.shape[:2]
    limit = MAX_SIDES.get(file_format, max(height, width))
    if max(height, width) > limit:
        raise InputError(
            f"cannot write {path}: the image is {width}x{height} pixels, and "
            f"{file_format} holds at most {limit} a side"
        )


def write_photo(path: PathLike, photo: Photo) -> None:
    """Write a photo in the format that the suffix of the file name stands for.

    TIFF keeps 8 bits, 16 bits and floats; PNG 8 and 16 bits; JPEG and WebP 8 bits.
    Deeper images are converted to the deepest type that the format supports. A warning
    names everything that the format cannot hold.

    Args:
        path: The file to write.
        photo: The photo.

    Raises:
        InputError: The format cannot hold the photo, or the file cannot be written.
    """
    check_format(path, photo)
    file_format = output_format(path)
    metadata, missing = fit_metadata(photo.metadata, file_format)
    layers = [photo.image] if photo.alpha is None else [photo.image, photo.alpha]
    array = convert_depth(np.dstack(layers), DEPTHS[file_format])
    if array.dtype != photo.image.dtype:
        missing.append(f"depth beyond {8 * array.itemsize} bits")
    if photo.metadata.exif and not metadata.exif:  # and with it the orientation
        array = turn_upright(array, read_orientation(photo.metadata.exif))
    if array.shape[-1] == 1:
        array = array[..., 0]
    with atomic_file(path) as temporary, wrap_os_errors(path, "write"):
        temporary.write_bytes(_encode(array, metadata, file_format, photo.lossy))
    if missing:
        warnings.warn(f"{path} is written without {', '.join(missing)}", stacklevel=2)


def _encode(
    array: np.ndarray, metadata: Metadata, file_format: str, lossy: bool
) -> bytes:
    """Encode an image [h w] or [h w c] in a format."""
    if file_format == "WEBP":
        output = io.BytesIO()
        Image.fromarray(array).save(
            output,
            "WEBP",
            quality=WEBP_QUALITY,
            exact=True,
            lossless=not lossy,
            exif=metadata.exif,
            icc_profile=metadata.profile,
            xmp=metadata.xmp,
        )
        return output.getvalue()
    encoders = {"PNG": png.encode, "JPEG": jpeg.encode, "TIFF": tiff_writer.encode}
    return encoders[file_format](array, metadata)
