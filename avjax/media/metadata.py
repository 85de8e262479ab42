"""What an image file holds besides its pixels, and how much of it a format can hold."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

from PIL import Image

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 274, 282, 283, 296
INCHES_PER_UNIT = {2: 1.0, 3: 1 / 2.54}  # values of RESOLUTION_UNIT
SEGMENT_SIZE = 65533  # bytes that a segment of a JPEG file can hold
EXIF_PREFIX = b"Exif\0\0"  # of the block in JPEG files
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
EXIF_DIRECTORIES = 34665, 34853  # tags that hold the camera's own tags, and GPS


class NativePart(NamedTuple):
    """A part of a file that only its own format can hold.

    Attributes:
        name: Its name in messages.
        content: The bytes of the file.
    """

    name: str
    content: bytes


class Metadata(NamedTuple):
    """What an image file holds besides its pixels.

    Attributes:
        exif: The EXIF block, which begins with the header of a TIFF file; empty if
            absent.
        profile: The ICC colour profile; empty if absent.
        xmp: The XMP packet; empty if absent.
        dpi: Pixels per inch along the width and the height; None if unknown.
        native: Parts that only the format of the file can hold.
        file_format: The format of the file, as Pillow names it.
        unsupported: Names of parts that cannot be written in any format.
    """

    exif: bytes = b""
    profile: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    native: tuple[NativePart, ...] = ()
    file_format: str = ""
    unsupported: tuple[str, ...] = ()


def fit_metadata(metadata: Metadata, file_format: str) -> tuple[Metadata, list[str]]:
    """Select what a format can hold.

    Args:
        metadata: The metadata of an image.
        file_format: "PNG", "JPEG", "TIFF" or "WEBP".

    Returns:
        What can be written, and the names of all other parts.
    """
    missing = list(metadata.unsupported)
    if metadata.file_format != file_format:
        missing += [part.name for part in metadata.native if part.name]
        metadata = metadata._replace(native=())
    if file_format == "JPEG":
        if len(EXIF_PREFIX + metadata.exif) > SEGMENT_SIZE:
            missing.append("EXIF data (JPEG holds 64 KiB)")
            metadata = metadata._replace(exif=b"")
        if len(XMP_PREFIX + metadata.xmp) > SEGMENT_SIZE:
            missing.append("XMP data (JPEG holds 64 KiB)")
            metadata = metadata._replace(xmp=b"")
    elif file_format == "TIFF" and load_exif(metadata.exif)[1]:
        missing.append("damaged parts of the EXIF data")
    elif file_format == "WEBP" and metadata.profile[16:20] == b"GRAY":
        missing.append("ICC profile (WebP holds no grey images)")
        metadata = metadata._replace(profile=b"")
    if file_format in ("WEBP", "TIFF") and metadata.dpi:
        metadata = metadata._replace(exif=_add_resolution(metadata.exif, metadata.dpi))
    return metadata, list(dict.fromkeys(missing))


def load_exif(block: bytes) -> tuple[Image.Exif, bool]:
    """Parse an EXIF block.

    Args:
        block: The block; empty for an empty result.

    Returns:
        The tags that can be read, and whether the block is damaged.
    """
    return parse_exif(lambda exif: exif.load(block))


def parse_exif(load: Callable[[Image.Exif], object]) -> tuple[Image.Exif, bool]:
    """Parse EXIF tags, which may be damaged.

    Args:
        load: Loads the tags into an empty `Image.Exif`.

    Returns:
        The tags that can be read, and whether any are damaged.
    """
    exif = Image.Exif()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")  # Pillow warns of tags that are cut off
        try:
            load(exif)
        except Exception:  # damage surfaces as errors of many types
            return Image.Exif(), True
        if _can_be_encoded(exif):
            return exif, bool(caught)
        readable = Image.Exif()
        for tag in exif:
            single = Image.Exif()
            single[tag] = exif.get(tag)
            if _can_be_encoded(single):
                readable[tag] = single[tag]
        return readable, True


def _can_be_encoded(exif: Image.Exif) -> bool:
    """Check that all tags can be read and have the right type."""
    try:
        exif.tobytes()
    except Exception:
        return False
    return True


def read_resolution(exif: Image.Exif) -> tuple[float, float] | None:
    """Read the pixels per inch of an image from its EXIF tags; None if unknown."""
    try:
        scale = INCHES_PER_UNIT[exif.get(RESOLUTION_UNIT, 2)]
        x, y = (float(exif[tag]) / scale for tag in (X_RESOLUTION, Y_RESOLUTION))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return check_resolution((x, y))


def check_resolution(dpi: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return pixels per inch, or None if they are outside the range of JPEG."""
    return dpi if dpi and all(0.5 <= value <= 65535 for value in dpi) else None


def _add_resolution(block: bytes, dpi: tuple[float, float]) -> bytes:
    """Add pixels per inch to an EXIF block that can be parsed and has none."""
    exif, damaged = load_exif(block)
    if damaged or X_RESOLUTION in exif:
        return block
    exif[X_RESOLUTION], exif[Y_RESOLUTION] = dpi
    exif[RESOLUTION_UNIT] = 2
    return exif.tobytes().removeprefix(EXIF_PREFIX)


def read_orientation(block: bytes) -> object:
    """Read the orientation from an EXIF block; None if it has none."""
    return load_exif(block)[0].get(ORIENTATION)
