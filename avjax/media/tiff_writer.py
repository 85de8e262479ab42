"""Encode TIFF files of 8 bits, 16 bits or floats, with metadata.

Pillow writes neither RGB of 16 bits nor RGB of floats; tifffile writes no EXIF tags.

Source:
    TIFF Revision 6.0, Adobe, 1992.
"""

import zlib

import numpy as np
from PIL import TiffImagePlugin, TiffTags

from avjax.media.metadata import EXIF_DIRECTORIES, Metadata, load_exif
from avjax.media.tiff import PROFILE_TAG, STORAGE_TAGS, XMP_TAG

ROWS_PER_STRIP = 256
INTEROPERABILITY_TAG = 40965  # an offset that holds in the original file only


def encode(image: np.ndarray, metadata: Metadata) -> bytes:
    """Encode an image as a TIFF file with deflate compression.

    Args:
        image: u8, u16 or f32, [h w] or [h w c]; channel 2 or 4 is the opacity.
        metadata: The metadata.

    Returns:
        The content of the file.
    """
    height, width, *channels = image.shape
    count = channels[0] if channels else 1
    pixels = image.astype(image.dtype.newbyteorder("<"))
    strips = [
        zlib.compress(pixels[row : row + ROWS_PER_STRIP].tobytes(), 3)
        for row in range(0, height, ROWS_PER_STRIP)
    ]
    offsets = np.cumsum([0, *map(len, strips)]).tolist()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    _copy_exif(metadata.exif, tags)
    tags[256], tags[257] = width, height
    tags[258] = (8 * image.itemsize,) * count  # bits per sample
    tags[259] = 8  # compression: deflate
    tags[262] = 2 if count > 2 else 1  # photometric interpretation: RGB, or grey
    tags.tagtype[273] = TiffTags.LONG
    tags[273], tags[278] = tuple(offsets[:-1]), ROWS_PER_STRIP  # offsets after the tags
    tags[277], tags[279] = count, tuple(map(len, strips))
    tags[284] = 1  # planar configuration: interleaved
    if count in (2, 4):
        tags[338] = (2,)  # extra sample: opacity, not premultiplied
    tags[339] = (3 if image.dtype == np.float32 else 1,) * count  # sample format
    if metadata.xmp:
        tags.tagtype[XMP_TAG], tags[XMP_TAG] = TiffTags.BYTE, metadata.xmp
    if metadata.profile:
        tags.tagtype[PROFILE_TAG] = TiffTags.UNDEFINED
        tags[PROFILE_TAG] = metadata.profile
    return b"II*\0" + b"\x08\0\0\0" + tags.tobytes(8) + b"".join(strips)


def _copy_exif(block: bytes, tags: TiffImagePlugin.ImageFileDirectory_v2) -> None:
    """Copy the tags of an EXIF block that do not describe its own storage."""
    exif, _ = load_exif(block)
    for tag in set(exif).difference(STORAGE_TAGS, EXIF_DIRECTORIES):
        tags[tag] = exif[tag]
    for tag in EXIF_DIRECTORIES:
        if directory := dict(exif.get_ifd(tag)):
            directory.pop(INTEROPERABILITY_TAG, None)
            tags[tag] = directory
