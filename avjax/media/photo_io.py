"""Read and write photographs; bit depth, opacity, EXIF and ICC profile are kept."""

import os
import warnings
import zlib
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from avjax.errors import InputError
from avjax.media import tiff
from avjax.media.files import atomic_file, check_readable, wrap_os_errors
from avjax.typing import PathLike

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
FORMATS |= {".tif": "TIFF", ".tiff": "TIFF"}
FORMAT_NAMES = "PNG, JPEG, TIFF or WebP"
QUALITY = 95  # for JPEG, and for WebP if the input file was lossy
# Modes of Pillow that are converted on reading, and modes that are kept.
CONVERTED_MODES = {"1": "L", "P": "RGB", "PA": "RGBA", "YCbCr": "RGB"}
KEPT_MODES = {"L", "LA", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "F"}


class Photo(NamedTuple):
    """The content of an image file.

    A TIFF image is rotated upright and its orientation tag removed; images of other
    formats are as stored.

    Attributes:
        image: u8, u16, or f32 in [0, 1]: [h w 1] grey or [h w 3] RGB.
        alpha: The opacity of each pixel, of the same type, [h w]; None if absent.
        exif: The EXIF block as bytes; empty if absent.
        profile: The ICC colour profile as bytes; empty if absent.
        lossy: The file was compressed with loss.
    """

    image: np.ndarray
    alpha: np.ndarray | None = None
    exif: bytes = b""
    profile: bytes = b""
    lossy: bool = False


def read_photo(path: PathLike) -> Photo:
    """Read a PNG, JPEG, TIFF or WebP file at its own bit depth.

    Depths below 8 bits become 8 bits, and palette images become RGB.

    Args:
        path: The image file.

    Returns:
        The image with its opacity and metadata.

    Raises:
        InputError: The file has another format, is damaged, is animated, is neither
            grey nor RGB, or holds float values outside [0, 1].
    """
    check_readable(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large images, unusual metadata
            with Image.open(path, formats=[*FORMATS.values()]) as image:
                check_still(path, image)
                is_deep = ";16" in str(image.tile) and image.mode in ("RGB", "RGBA")
                image.load()
                photo = _to_photo(path, image, is_deep)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"cannot read {path}: it has too many pixels") from error
    except UnidentifiedImageError as error:
        photo = _read_float_tiff(path)
        if photo is None:
            raise InputError(f"cannot read {path}: it is not {FORMAT_NAMES}") from error
    except (OSError, SyntaxError, ValueError, zlib.error) as error:
        raise InputError(f"cannot read {path}: it is damaged or cut off") from error
    if photo.image.dtype == np.float32:
        finite = np.isfinite(photo.image).all()
        if not finite or photo.image.min() < 0 or photo.image.max() > 1:
            raise InputError(f"{path} holds values outside [0, 1]")
    return photo


def check_still(path: PathLike, image: Image.Image) -> None:
    """Raise InputError unless an image is a single grey or RGB image."""
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise InputError(f"{path} holds several images: a single image is required")
    if image.mode not in {*KEPT_MODES, *CONVERTED_MODES}:
        raise InputError(
            f"{path} has the colour mode {image.mode}: convert it to grey or RGB"
        )


def _to_photo(path: PathLike, image: Image.Image, is_deep: bool) -> Photo:
    """Convert a loaded image; Pillow reduces RGB of 16 bits, so OpenCV rereads it."""
    if image.format == "TIFF":
        exif = tiff.extract_exif(image.getexif())
    else:
        exif = image.info.get("exif") or b""
    profile, lossy = image.info.get("icc_profile") or b"", _is_lossy(path, image)
    if is_deep:
        pixels, alpha = _read_with_opencv(path)
        return Photo(pixels, alpha, exif, profile, lossy)
    mode = CONVERTED_MODES.get(image.mode, image.mode)
    if image.has_transparency_data and mode in ("L", "RGB"):
        mode = "RGBA"
    array = np.array(image if image.mode == mode else image.convert(mode))
    pixels, alpha = _split_alpha(array.astype(array.dtype.newbyteorder("=")))
    return Photo(pixels, alpha, exif, profile, lossy)


def _is_lossy(path: PathLike, image: Image.Image) -> bool:
    if image.format != "WEBP":
        return image.format in ("JPEG", "MPO")
    with open(path, "rb") as file:
        return b"VP8L" not in file.read()


def _read_with_opencv(path: PathLike) -> tuple[np.ndarray, np.ndarray | None]:
    """Read pixels and opacity of 16 bits or floats, which Pillow does not support."""
    # With IMREAD_COLOR_RGB, OpenCV 4.14 returns uninitialised memory for 16-bit TIFF;
    # imread, unlike imdecode, fails on a TIFF with an orientation tag.
    array = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise OSError("OpenCV cannot read it")
    if array.ndim == 3:
        array = array[..., [2, 1, 0, 3][: array.shape[-1]]]
    return _split_alpha(array)


def _split_alpha(array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Split off a second or fourth channel as opacity."""
    array = array if array.ndim == 3 else array[..., None]
    if array.shape[-1] in (1, 3):
        return np.ascontiguousarray(array), None
    return np.ascontiguousarray(array[..., :-1]), array[..., -1].copy()


def _read_float_tiff(path: PathLike) -> Photo | None:
    """Read a TIFF file of float RGB; return None for any other file."""
    with open(path, "rb") as file:
        if file.read(4) not in tiff.SIGNATURES:
            return None
        file.seek(0)
        try:
            tags = Image.Exif()
            tags.load_from_fp(file)
            exif, profile = tiff.extract_exif(tags), tags.get(tiff.PROFILE_TAG, b"")
            pixels, alpha = _read_with_opencv(path)
        except (OSError, SyntaxError, ValueError, cv2.error):
            return None
    if pixels.dtype != np.float32:
        return None
    return Photo(pixels, alpha, exif, profile)


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
    """Check that the format of an output file can hold a photo.

    Args:
        path: The file to write.
        photo: The photo.

    Raises:
        InputError: The format is unknown, or is JPEG and the photo has opacity.
    """
    if output_format(path) == "JPEG" and photo.alpha is not None:
        raise InputError(f"cannot write {path}: JPEG does not support opacity")


def write_photo(path: PathLike, photo: Photo) -> None:
    """Write a photo in the format that the suffix of the file name stands for.

    TIFF keeps 8 bits, 16 bits and floats; PNG 8 and 16 bits; JPEG and WebP 8 bits.
    Deeper images are converted to the deepest type that the format supports.

    Args:
        path: The file to write.
        photo: The photo.

    Raises:
        InputError: The format cannot hold the photo, or the file cannot be written.
    """
    check_format(path, photo)
    file_format = output_format(path)
    layers = [photo.image] if photo.alpha is None else [photo.image, photo.alpha]
    supported = {"TIFF": "BHf", "PNG": "BH"}.get(file_format, "B")
    array = convert_depth(np.dstack(layers), supported)
    if array.shape[-1] == 1:
        array = array[..., 0]
    with atomic_file(path) as temporary, wrap_os_errors(path, "write"):
        if file_format == "TIFF":
            temporary.write_bytes(tiff.encode(array, photo.exif, photo.profile))
        elif array.dtype == np.uint16 and array.ndim == 3:
            temporary.write_bytes(_encode_deep_png(array, photo))
        else:
            options: dict[str, Any] = {}
            if photo.exif:
                options["exif"] = photo.exif
            if photo.profile:
                options["icc_profile"] = photo.profile
            if file_format == "JPEG":
                options |= {"quality": QUALITY, "subsampling": 0}
            elif file_format == "WEBP":
                options |= {"quality": QUALITY, "exact": True}
                options["lossless"] = not photo.lossy
            Image.fromarray(array).save(temporary, file_format, **options)


def convert_depth(image: np.ndarray, supported: str) -> np.ndarray:
    """Convert an image to a type that a format supports.

    Args:
        image: u8, u16, or f32 in [0, 1].
        supported: Type characters of numpy, such as "BHf".

    Returns:
        The image; unchanged if its type is supported, else u16 or u8.
    """
    if image.dtype.char in supported:
        return image
    deepest = np.dtype("H" if "H" in supported else "B")
    return from_float01(to_float01(image), deepest)


def to_float01(image: np.ndarray) -> np.ndarray:
    """Return pixel values of u8, u16 or f32 [...] as f32 in [0, 1]."""
    if image.dtype == np.float32:
        return image
    return image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)


def to_rgb(image: np.ndarray) -> np.ndarray:
    """Repeat the channel of grey images: [... 1 or 3] -> [... 3]."""
    return np.broadcast_to(image, (*image.shape[:-1], 3))


def from_float01(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert pixel values f32, clipped to [0, 1], to u8, u16 or f32.

    Args:
        image: f32 of any shape.
        dtype: The type of the result.

    Returns:
        The nearest values of that type, same shape.
    """
    image = np.clip(image, 0, 1)
    if dtype == np.float32:
        return image
    return np.rint(image * np.float32(np.iinfo(dtype).max)).astype(dtype)


def _encode_deep_png(array: np.ndarray, photo: Photo) -> bytes:
    """Encode u16 [h w c] as PNG; grey with opacity becomes RGBA."""
    order = [0, 0, 0, 1] if array.shape[-1] == 2 else [2, 1, 0, 3][: array.shape[-1]]
    metadata = {
        cv2.IMAGE_METADATA_EXIF: photo.exif.removeprefix(b"Exif\0\0"),
        cv2.IMAGE_METADATA_ICCP: photo.profile,
    }
    tag_types = [tag_type for tag_type, content in metadata.items() if content]
    contents = [np.frombuffer(metadata[tag_type], np.uint8) for tag_type in tag_types]
    bgr = np.ascontiguousarray(array[..., order])
    return cv2.imencodeWithMetadata(".png", bgr, tag_types, contents)[1].tobytes()
