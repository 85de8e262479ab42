"""TIFF files of 8 bits, 16 bits or floats: encode them, and extract their EXIF tags.

Pillow writes neither RGB of 16 bits nor RGB of floats.

Source:
    TIFF Revision 6.0, Adobe, 1992.
"""

import zlib

import numpy as np
from PIL import Image, TiffImagePlugin, TiffTags

SIGNATURES = b"II*\0", b"MM\0*"
ROWS_PER_STRIP = 256
# Tags about the photograph, not about its storage: description, make, model,
# orientation, resolution, software, date, artist, copyright.
EXIF_TAGS = 270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 33432
EXIF_DIRECTORIES = 34665, 34853  # the camera's own tags, and GPS
PROFILE_TAG = 34675  # the ICC profile


def extract_exif(tags: Image.Exif) -> bytes:
    """Select the tags that describe a photograph from those of a TIFF file.

    Args:
        tags: All tags of the file.

    Returns:
        The selected tags as an EXIF block; empty if there are none.
    """
    selected = Image.Exif()
    for tag in EXIF_TAGS:
        if tag in tags:
            selected[tag] = tags[tag]
    for tag in EXIF_DIRECTORIES:
        selected.get_ifd(tag).update(tags.get_ifd(tag))
    is_empty = not len(selected) and not any(map(selected.get_ifd, EXIF_DIRECTORIES))
    return b"" if is_empty else selected.tobytes()


def encode(image: np.ndarray, exif: bytes = b"", profile: bytes = b"") -> bytes:
    """Encode an image as a TIFF file with deflate compression.

    Args:
        image: u8, u16 or f32, [h w] or [h w c]; channel 2 or 4 is the opacity.
        exif: The EXIF block; empty for none.
        profile: The ICC profile; empty for none.

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
    _copy_exif(exif, tags)
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
    if profile:
        tags.tagtype[PROFILE_TAG] = TiffTags.UNDEFINED
        tags[PROFILE_TAG] = profile
    return b"II*\0" + b"\x08\0\0\0" + tags.tobytes(8) + b"".join(strips)


def _copy_exif(block: bytes, tags: TiffImagePlugin.ImageFileDirectory_v2) -> None:
    """Copy the tags of an EXIF block that describe a photograph."""
    exif = Image.Exif()
    exif.load(block)
    for tag in EXIF_TAGS:
        if tag in exif:
            tags[tag] = exif[tag]
    for tag in EXIF_DIRECTORIES:
        if directory := exif.get_ifd(tag):
            tags[tag] = dict(directory)
