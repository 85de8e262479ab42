"""Photographs as they are stored, and back: their depth, opacity, EXIF and profile."""

import os
import warnings
import zlib
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin, TiffTags, UnidentifiedImageError

from avjax.errors import InputError
from avjax.media.files import refusing, require_file, whole_file

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
FORMATS |= {".tif": "TIFF", ".tiff": "TIFF"}
NAMES = "PNG, JPEG, TIFF or WebP"
QUALITY = 95  # of JPEG, and of a WebP file that came with losses
# Modes of Pillow that are read as another; what is in neither list is not cleaned.
READ_AS = {"1": "L", "P": "RGB", "PA": "RGBA", "YCbCr": "RGB"}
PLAIN = {"L", "LA", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "F"}
TIFF_STARTS = b"II*\0", b"MM\0*"
ROWS = 256  # of a strip of a TIFF file
# What a TIFF file tells of its picture, and not of how it is stored: description, make,
# model, orientation, resolution, software, date, artist, copyright; a camera's own list
# and that of the place.
ABOUT = 270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 33432
LISTS = 34665, 34853
PROFILE = 34675


class Photo(NamedTuple):
    """What is in the file of a picture.  TIFF is turned as its camera noted, and the
    note left out; what is of other formats is as it is stored.

    levels   u8, u16, or f32 in [0, 1]: [h w 1] grey, or [h w 3]
    alpha    how opaque each pixel is, of the same type [h w]; None: not said
    exif     what its camera noted, and profile what its colours mean (ICC): as bytes,
             empty where the file has none
    lossy    whether some of the picture was lost to compression
    """

    levels: np.ndarray
    alpha: np.ndarray | None = None
    exif: bytes = b""
    profile: bytes = b""
    lossy: bool = False


def read_photo(path: str | os.PathLike) -> Photo:
    """The picture of a PNG, JPEG, TIFF or WebP file, at its own depth.

    Fewer than 8 bits become 8, and colours out of a palette become colours.
    """
    require_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of many pixels, and of odd metadata
            with Image.open(path, formats=[*FORMATS.values()]) as image:
                require_still(path, image)
                deep = ";16" in str(image.tile) and image.mode in ("RGB", "RGBA")
                image.load()
                photo = _stored(path, image, deep)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"cannot read {path}: it has too many pixels") from error
    except UnidentifiedImageError as error:
        photo = _float_colours(path)
        if photo is None:
            raise InputError(f"cannot read {path}: it is no {NAMES}") from error
    except (OSError, SyntaxError, ValueError, zlib.error) as error:
        raise InputError(f"cannot read {path}: it is damaged or cut off") from error
    if photo.levels.dtype == np.float32:
        known = np.isfinite(photo.levels).all()
        if not known or photo.levels.min() < 0 or photo.levels.max() > 1:
            raise InputError(f"{path} holds numbers that are not in 0 to 1")
    return photo


def require_still(path: str | os.PathLike, image: Image.Image) -> None:
    """Raises InputError for what is no single picture of grey or red, green, blue."""
    several = getattr(image, "n_frames", 1) > 1 and image.format != "MPO"
    if several:
        raise InputError(f"{path} is animated, or holds several pictures: give one")
    if image.mode not in {*PLAIN, *READ_AS}:
        raise InputError(f"{path} is in {image.mode}: give it in grey or RGB")


def _stored(path: str | os.PathLike, image: Image.Image, deep: bool) -> Photo:
    """The photo of an image that was loaded; Pillow makes 8 bits of deep colours."""
    tiff = image.format == "TIFF"
    exif = _about(image.getexif()) if tiff else image.info.get("exif") or b""
    told = exif, image.info.get("icc_profile") or b"", _is_lossy(path, image)
    if deep:
        return Photo(*_colours(path), *told)
    mode = READ_AS.get(image.mode, image.mode)
    if image.has_transparency_data and mode in ("L", "RGB"):
        mode = "RGBA"
    levels = np.array(image if image.mode == mode else image.convert(mode))
    return Photo(*_apart(levels.astype(levels.dtype.newbyteorder("="))), *told)


def _is_lossy(path: str | os.PathLike, image: Image.Image) -> bool:
    if image.format != "WEBP":
        return image.format in ("JPEG", "MPO")
    with open(path, "rb") as file:
        return b"VP8L" not in file.read()


def _about(found: Image.Exif) -> bytes:
    """Of the tags of a TIFF file, those that are not about how it is stored."""
    kept = Image.Exif()
    for tag in ABOUT:
        if tag in found:
            kept[tag] = found[tag]
    for tag in LISTS:
        kept.get_ifd(tag).update(found.get_ifd(tag))
    told = len(kept) or any(kept.get_ifd(tag) for tag in LISTS)
    return kept.tobytes() if told else b""


def _colours(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray | None]:
    """Levels and opacity of 16 bits, or of floats, which Pillow does not know."""
    # As RGB, OpenCV 4.14 gives what was in memory for a TIFF of 16 bits; and from a
    # file, not from memory, it refuses one that has to be turned.
    found = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise OSError("OpenCV cannot read it")
    order = [2, 1, 0, 3][: found.shape[-1]] if found.ndim == 3 else ...
    return _apart(found[..., order])


def _apart(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Colours, and opacity where there is a second or fourth channel."""
    levels = levels if levels.ndim == 3 else levels[..., None]
    if levels.shape[-1] in (1, 3):
        return np.ascontiguousarray(levels), None
    return np.ascontiguousarray(levels[..., :-1]), levels[..., -1].copy()


def _float_colours(path: str | os.PathLike) -> Photo | None:
    """A TIFF file of colours in floats; None for any other that Pillow knows not."""
    with open(path, "rb") as file:
        if file.read(4) not in TIFF_STARTS:
            return None
        file.seek(0)
        try:
            tags = Image.Exif()
            tags.load_from_fp(file)
            told = _about(tags), tags.get(PROFILE, b"")
            levels, alpha = _colours(path)
        except (OSError, SyntaxError, ValueError, cv2.error):
            return None
    if levels.dtype != np.float32:
        return None
    return Photo(levels, alpha, *told)


def format_of(path: str | os.PathLike) -> str:
    """The format that a name asks for; InputError where it asks for none of ours."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in FORMATS:
        known = ", ".join(FORMATS)
        raise InputError(f"cannot write {path}: its name should end in {known}")
    return FORMATS[suffix]


def require_format(path: str | os.PathLike, photo: Photo) -> None:
    """Raises InputError where the format that a name asks for cannot hold a photo."""
    if format_of(path) == "JPEG" and photo.alpha is not None:
        raise InputError(f"cannot write {path}: a JPEG file holds no opacity")


def write_photo(path: str | os.PathLike, photo: Photo) -> None:
    """Writes a file of the format that its name asks for, with all that it can hold.

    TIFF keeps 8 bits, 16 and floats, PNG 8 and 16, the others 8.  InputError for a
    JPEG of what has opacity, and where there is no room.
    """
    require_format(path, photo)
    kind = format_of(path)
    kinds = {"TIFF": "BHf", "PNG": "BH"}.get(kind, "B")
    layers = [photo.levels] if photo.alpha is None else [photo.levels, photo.alpha]
    levels = at_depth(np.dstack(layers), kinds)
    if levels.shape[-1] == 1:
        levels = levels[..., 0]
    with whole_file(path) as part, refusing(path, "write"):
        if kind == "TIFF":
            part.write_bytes(_tiff(levels, photo))
        elif levels.dtype == np.uint16 and levels.ndim == 3:
            part.write_bytes(_deep_png(levels, photo))
        else:
            more = {"exif": photo.exif, "icc_profile": photo.profile}
            more = {name: told for name, told in more.items() if told}
            if kind == "JPEG":
                more |= {"quality": QUALITY, "subsampling": 0}
            elif kind == "WEBP":
                more |= {"quality": QUALITY, "lossless": not photo.lossy, "exact": True}
            Image.fromarray(levels).save(part, kind, **more)


def at_depth(levels: np.ndarray, kinds: str) -> np.ndarray:
    """The same at the nearest depth that a format has.  kinds: of numpy, as "BHf"."""
    if levels.dtype.char in kinds:
        return levels
    deepest = np.dtype("H" if "H" in kinds else "B")
    return as_levels(as_shares(levels), deepest)


def as_shares(levels: np.ndarray) -> np.ndarray:
    """u8, u16 or f32 -> f32 in [0, 1]."""
    if levels.dtype == np.float32:
        return levels
    return levels.astype(np.float32) / np.float32(np.iinfo(levels.dtype).max)


def as_levels(shares: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """f32, clipped to [0, 1] -> the nearest level of a type."""
    shares = np.clip(shares, 0, 1)
    if dtype == np.float32:
        return shares
    return np.rint(shares * np.float32(np.iinfo(dtype).max)).astype(dtype)


def _deep_png(levels: np.ndarray, photo: Photo) -> bytes:
    """A PNG file at 16 bits.  u16 [h w c]; grey with opacity becomes colours."""
    order = [0, 0, 0, 1] if levels.shape[-1] == 2 else [2, 1, 0, 3][: levels.shape[-1]]
    told = {
        cv2.IMAGE_METADATA_EXIF: photo.exif.removeprefix(b"Exif\0\0"),
        cv2.IMAGE_METADATA_ICCP: photo.profile,
    }
    kinds = [kind for kind, content in told.items() if content]
    contents = [np.frombuffer(told[kind], np.uint8) for kind in kinds]
    given = np.ascontiguousarray(levels[..., order])
    return cv2.imencodeWithMetadata(".png", given, kinds, contents)[1].tobytes()


def _tiff(levels: np.ndarray, photo: Photo) -> bytes:
    """A TIFF file, deflated.  [h w] or [h w c]; Pillow has no deep or float colours."""
    height, width, *channels = levels.shape
    count = channels[0] if channels else 1
    stored = levels.astype(levels.dtype.newbyteorder("<"))
    strips = [
        zlib.compress(stored[row : row + ROWS].tobytes(), 3)
        for row in range(0, height, ROWS)
    ]
    places = np.cumsum([0, *map(len, strips)]).tolist()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    exif = Image.Exif()
    exif.load(photo.exif)
    for tag in ABOUT:
        if tag in exif:
            tags[tag] = exif[tag]
    for tag in LISTS:
        if inside := exif.get_ifd(tag):
            tags[tag] = dict(inside)
    tags[256], tags[257] = width, height
    tags[258] = (8 * levels.itemsize,) * count
    tags[259] = 8  # deflated
    tags[262] = 2 if count > 2 else 1  # colours, or black is 0
    tags.tagtype[273] = TiffTags.LONG
    tags[273], tags[278] = tuple(places[:-1]), ROWS  # counted from behind the tags
    tags[277], tags[279] = count, tuple(map(len, strips))
    tags[284] = 1  # channels side by side
    if count in (2, 4):
        tags[338] = (2,)  # opacity, not multiplied in
    tags[339] = (3 if levels.dtype == np.float32 else 1,) * count
    if photo.profile:
        tags.tagtype[PROFILE] = TiffTags.UNDEFINED
        tags[PROFILE] = photo.profile
    return b"II*\0" + b"\x08\0\0\0" + tags.tobytes(8) + b"".join(strips)
