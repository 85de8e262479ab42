"""JPEG files: list the segments that Pillow does not copy, and encode images."""

import io
import struct
from collections.abc import Iterable

import numpy as np
from PIL import Image

from avjax.media.metadata import EXIF_PREFIX, XMP_PREFIX, Metadata, NativePart

QUALITY = 95
PART_NAMES = {"COM": "comment", "APP13": "IPTC data", "APP1": "extended XMP data"}
FURTHER_IMAGES = b"MPF\0"  # the directory of images after the first
# Beginnings of segments that belong to the pixels, other metadata or FURTHER_IMAGES.
OTHER_SEGMENTS = (b"JFIF", b"JFXX", EXIF_PREFIX, XMP_PREFIX, b"ICC_PROFILE\0")
OTHER_SEGMENTS += (b"Adobe", b"urn:iso:std:iso:ts:21496")


def list_parts(
    segments: Iterable[tuple[str, bytes]],
) -> tuple[tuple[NativePart, ...], tuple[str, ...]]:
    """Select the segments that only a JPEG file can hold.

    Args:
        segments: Name and content of each segment, as in Pillow's `applist`.

    Returns:
        The segments, and the names of those that do not fit other pixels.
    """
    native, unsupported = [], []
    for marker, content in segments:
        if marker != "COM" and content.startswith(OTHER_SEGMENTS):
            continue
        if marker == "APP2" and content.startswith(FURTHER_IMAGES):
            unsupported.append("further images, such as a gain map")
            continue
        if marker == "APP11":  # signatures of the pixels, among others
            unsupported.append("APP11 data")
            continue
        code = 0xFE if marker == "COM" else 0xE0 + int(marker.removeprefix("APP"))
        header = struct.pack(">BBH", 0xFF, code, len(content) + 2)
        name = PART_NAMES.get(marker, f"{marker} data")
        native.append(NativePart(name, header + content))
    return tuple(native), tuple(unsupported)


def encode(image: np.ndarray, metadata: Metadata) -> bytes:
    """Encode an image as a JPEG file.

    Args:
        image: u8, [h w] or [h w c=3].
        metadata: The metadata; its `native` parts are segments.

    Returns:
        The content of the file.
    """
    output = io.BytesIO()
    Image.fromarray(image).save(
        output,
        "JPEG",
        quality=QUALITY,
        subsampling=0,
        exif=EXIF_PREFIX + metadata.exif if metadata.exif else b"",
        icc_profile=metadata.profile,
        xmp=metadata.xmp,
        dpi=metadata.dpi or (0, 0),
        extra=b"".join(part.content for part in metadata.native),
    )
    return output.getvalue()
