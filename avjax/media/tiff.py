"""Read grey, RGB and CMYK images of any depth from TIFF files.

Pillow reads neither RGB of 16 bits nor RGB of floats.

Source:
    TIFF Revision 6.0, Adobe, 1992.
"""

import itertools
import logging
import math
import re
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, TiffFile, TiffPage

from avjax.errors import InputError
from avjax.media.metadata import (
    EXIF_DIRECTORIES,
    EXIF_PREFIX,
    ORIENTATION,
    Metadata,
    parse_exif,
    read_resolution,
)
from avjax.media.pixels import turn_upright
from avjax.typing import PathLike

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # errors say it all
logging.getLogger("imagecodecs").setLevel(logging.CRITICAL)

XMP_TAG, PROFILE_TAG, DNG_TAG = 700, 34675, 50706
# Tags about the photograph, not about its storage: names of document and page,
# description, make, model, orientation, resolution, software, date, artist, host,
# rating, copyright, and the title, comment, author, keywords and subject of Windows.
EXIF_TAGS = (269, 270, 271, 272, 274, 282, 283, 285, 296, 305, 306, 315, 316)
EXIF_TAGS += (18246, 33432)
EXIF_TAGS += (40091, 40092, 40093, 40094, 40095)
# Tags about the storage: layout, codecs, colour tables, smaller images.
STORAGE_TAGS = {*range(254, 269), 273, *range(277, 282), 284, 292, 293, 297, 301}
STORAGE_TAGS |= {317, 320, *range(322, 326), 330, *range(332, 348), *range(512, 533)}
MAX_PAGES = 16  # pages to read: the links of a damaged file may be endless
NOT_MAIN = 5  # bits of the tag NewSubfileType: a reduced image, a mask
XMP_ORIENTATION = re.compile(
    rb'tiff:Orientation="\d"|<tiff:Orientation>\d</tiff:Orientation>'
)
JPEG = COMPRESSION.OJPEG, COMPRESSION.JPEG  # decoded to RGB by tifffile
NUM_COLOURS: dict[int, int] = {
    PHOTOMETRIC.MINISWHITE: 1,
    PHOTOMETRIC.MINISBLACK: 1,
    PHOTOMETRIC.PALETTE: 1,
    PHOTOMETRIC.RGB: 3,
    PHOTOMETRIC.YCBCR: 3,
    PHOTOMETRIC.SEPARATED: 4,
}


class TiffImage(NamedTuple):
    """An image of a TIFF file, upright.

    Attributes:
        pixels: [h w c]: grey for c = 1, RGB for 3, CMYK for 4. u8, u16, or what the
            file holds: integers of 8 to 32 bits, or floats. Depths below 8 bits are
            scaled to u8, others below 16 bits to u16.
        alpha: The opacity of each pixel, of the same type, [h w]; None if absent.
        metadata: The metadata.
        has_more: The file holds other images; this is the first.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    metadata: Metadata
    has_more: bool


def read(path: PathLike) -> TiffImage:
    """Read the first image of a TIFF file.

    Args:
        path: The file.

    Returns:
        The image.

    Raises:
        InputError: The file is damaged, or is not grey, RGB, YCbCr or CMYK.
    """
    try:
        with open(path, "rb") as stream, TiffFile(stream) as file:
            first_pages = itertools.islice(file.pages, MAX_PAGES)
            pages = [page for page in first_pages if isinstance(page, TiffPage)]
            images = [page for page in pages if not page.subfiletype & NOT_MAIN]
            if pages and (not images or DNG_TAG in images[0].tags):
                raise InputError(f"cannot read {path}: it is a raw file of a camera")
            samples = _read_samples(path, images[0])
            pixels, alpha = _split_samples(images[0], samples)
            metadata = _read_metadata(stream, file, images[0])
            orientation = images[0].tags.valueof(ORIENTATION, 1)
    except InputError:
        raise
    except Exception as error:  # damage surfaces as errors of many types
        raise InputError(f"cannot read {path}: it is damaged or cut off") from error
    if alpha is not None:
        alpha = turn_upright(alpha, orientation)
    return TiffImage(
        turn_upright(pixels, orientation), alpha, metadata, len(images) > 1
    )


def _read_samples(path: PathLike, page: TiffPage) -> np.ndarray:
    """Read the samples of an image as they are stored, [h w c]."""
    height, width = page.imagelength, page.imagewidth
    if height * width > 2 * (Image.MAX_IMAGE_PIXELS or height * width):
        raise InputError(f"cannot read {path}: it has too many pixels")
    bits = page.tags.valueof(258, 1)
    if page.photometric not in NUM_COLOURS or len(set(np.atleast_1d(bits))) > 1:
        mode = getattr(page.photometric, "name", page.photometric)
        raise InputError(
            f"{path} has the colour mode {mode}: convert it to grey or RGB"
        )
    num_segments = math.prod(page.chunked)
    if len(page.dataoffsets) != num_segments or not all(page.databytecounts):
        raise ValueError("strips or tiles are missing")  # tifffile would fill them
    samples = page.asarray(squeeze=False)[:, 0]  # [planes h w samples of a plane]
    if samples.dtype.kind not in "buif":
        raise InputError(f"cannot read {path}: its samples are {samples.dtype}")
    return np.moveaxis(samples, 0, -2).reshape(height, width, -1)


def _split_samples(
    page: TiffPage, samples: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Convert samples [h w c] to colours [h w c] and opacity [h w] or None."""
    count = NUM_COLOURS[page.photometric]
    colours, extra = samples[..., :count], _scale(samples[..., count:], page)
    if page.photometric == PHOTOMETRIC.PALETTE:
        colours = _read_palette(page)[colours[..., 0]]
    else:
        colours = _scale(colours, page)
    top = 1 if colours.dtype.kind == "f" else np.iinfo(colours.dtype).max
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        colours = (top - colours).astype(colours.dtype)
    elif page.photometric == PHOTOMETRIC.YCBCR and page.compression not in JPEG:
        ycbcr = Image.fromarray(np.ascontiguousarray(colours), "YCbCr")
        colours = np.asarray(ycbcr.convert("RGB"))
    index = _find_opacity(page)
    if index is None:
        return colours, None
    alpha = extra[..., index]
    if page.extrasamples[index] == EXTRASAMPLE.ASSOCALPHA:
        colours = _divide_by_opacity(colours, alpha, top)
    return colours, alpha


def _scale(samples: np.ndarray, page: TiffPage) -> np.ndarray:
    """Scale bits that do not fill bytes to u8 or u16, and small floats to f32."""
    if samples.dtype == np.float16:
        return samples.astype(np.float32)
    dtype = np.dtype(np.uint8 if page.bitspersample <= 8 else np.uint16)
    if samples.dtype.kind not in "bu" or page.bitspersample >= 8 * dtype.itemsize:
        return samples
    factor = np.iinfo(dtype).max / (2**page.bitspersample - 1)
    return np.rint(samples * np.float64(factor)).astype(dtype)


def _read_palette(page: TiffPage) -> np.ndarray:
    """Read the colours of a palette, u8 [n 3], or u16 if its indices are u16."""
    if page.colormap is None:
        raise ValueError("there is no palette")
    palette = page.colormap.T
    if page.bitspersample > 8:
        return palette
    shift = 8 if palette.max() > 255 else 0  # some programs write bytes
    return (palette >> shift).astype(np.uint8)


def _find_opacity(page: TiffPage) -> int | None:
    """Return which extra sample is the opacity; None if there is none."""
    for index, kind in enumerate(page.extrasamples):
        if kind in (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA):
            return index
    return None


def _divide_by_opacity(
    colours: np.ndarray, alpha: np.ndarray, top: float
) -> np.ndarray:
    """Convert colours that were multiplied by their opacity [h w] to plain ones."""
    tiny = np.finfo(np.float32).tiny
    opacity = np.maximum(alpha[..., None] / np.float64(top), tiny)
    plain = colours / opacity
    if colours.dtype.kind != "f":
        plain = np.rint(np.minimum(plain, top))
    return plain.astype(colours.dtype)


def _read_metadata(stream: BinaryIO, file: TiffFile, page: TiffPage) -> Metadata:
    """Read the metadata of an image that is turned upright."""

    def load(tags: Image.Exif) -> None:
        tags.endian, tags.bigtiff = file.byteorder, file.is_bigtiff
        tags.load_from_fp(stream, page.offset)

    tags, damaged = parse_exif(load)
    unsupported = ["damaged parts of the EXIF data"] if damaged else []
    unknown = {tag.code for tag in page.tags}.difference(
        EXIF_TAGS, EXIF_DIRECTORIES, STORAGE_TAGS, (XMP_TAG, PROFILE_TAG)
    )
    if unknown:
        unsupported.append(f"TIFF tags {', '.join(map(str, sorted(unknown)))}")
    if len(page.extrasamples) > (_find_opacity(page) is not None):
        unsupported.append("extra channels")
    if page.dtype == np.float64:
        unsupported.append("precision beyond 32 bits")
    return Metadata(
        exif=_select_exif(tags),
        profile=page.iccprofile or b"",
        xmp=XMP_ORIENTATION.sub(b"", bytes(page.tags.valueof(XMP_TAG, b""))),
        dpi=read_resolution(tags),
        file_format="TIFF",
        unsupported=tuple(unsupported),
    )


def _select_exif(tags: Image.Exif) -> bytes:
    """Encode the tags that describe a photograph, without the orientation."""
    selected = Image.Exif()
    for tag in EXIF_TAGS:
        if tag in tags and tag != ORIENTATION:
            selected[tag] = tags[tag]
    for tag in EXIF_DIRECTORIES:
        selected.get_ifd(tag).update(tags.get_ifd(tag))
    is_empty = not len(selected) and not any(map(selected.get_ifd, EXIF_DIRECTORIES))
    return b"" if is_empty else selected.tobytes().removeprefix(EXIF_PREFIX)
