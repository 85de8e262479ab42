"""Photos keep pixels, depth, opacity and metadata when written and read."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from avjax.errors import InputError
from avjax.media.metadata import Metadata
from avjax.media.photo_io import Photo, read_photo, write_photo
from avjax.media.pixels import convert_depth

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DEPTHS = {"png": "BH", "tif": "BHf", "webp": "B", "jpg": "B"}
LAYOUTS = [
    (suffix, dtype, channels, alpha)
    for suffix, dtypes in DEPTHS.items()
    for dtype in dtypes
    for channels in (1, 3)
    for alpha in (False, True)
]


def make_exif(orientation=1) -> bytes:
    exif = Image.Exif()
    exif[271], exif[274] = "A maker of cameras", orientation
    exif.get_ifd(34665)[33437] = 2.8  # the aperture
    return exif.tobytes().removeprefix(b"Exif\0\0")


def make_photo(dtype, channels, alpha) -> Photo:
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(19), np.arange(23))[..., None] / 60
    values = ramp * rng.uniform(0.5, 1, channels) + rng.uniform(0, 0.01, (19, 23, 1))
    layers = np.dstack([values, 0.9 * ramp])
    if dtype != "f":
        layers = np.rint(layers * np.iinfo(dtype).max)
    layers = layers.astype(dtype)
    opacity = layers[..., -1] if alpha else None
    return Photo(layers[..., :-1], opacity, Metadata(make_exif(), PROFILE))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_write_photo_round_trip(layout, tmp_path):
    suffix, dtype, channels, alpha = layout
    path, photo = tmp_path / f"photo.{suffix}", make_photo(dtype, channels, alpha)
    if suffix == "jpg" and alpha:
        with pytest.raises(InputError, match="does not support opacity"):
            write_photo(path, photo)
        assert not list(tmp_path.iterdir())
        return
    write_photo(path, photo)
    restored = read_photo(path)
    assert restored.image.dtype == np.dtype(dtype)
    if suffix != "webp":  # it holds no grey images
        assert restored.image.shape == photo.image.shape
    difference = np.abs(restored.image[..., :channels].astype(float) - photo.image)
    assert difference.max() <= (16 if suffix == "jpg" else 0)
    if alpha:
        np.testing.assert_array_equal(restored.alpha, photo.alpha)
    else:
        assert restored.alpha is None
    assert restored.metadata.profile == PROFILE
    assert restored.lossy == (suffix == "jpg")
    exif = Image.Exif()
    exif.load(restored.metadata.exif)
    assert exif[271] == "A maker of cameras"
    assert exif.get_ifd(34665)[33437] == pytest.approx(2.8)
    write_photo(path, restored)
    again = read_photo(path)
    np.testing.assert_allclose(again.image.astype(float), restored.image, atol=8)
    assert again.metadata == restored.metadata


def test_other_programs_read_the_same_pixels(tmp_path):
    import skimage.io

    for name, dtype in (("8.tif", "B"), ("16.tif", "H"), ("f.tif", "f")):
        photo = make_photo(dtype, 3, False)
        write_photo(tmp_path / name, photo)
        array = skimage.io.imread(tmp_path / name)
        np.testing.assert_array_equal(array, photo.image)


def test_palettes_and_1_bit_images_are_converted(tmp_path):
    pixels = make_photo("B", 3, False).image
    indexed = Image.fromarray(pixels).quantize(8)
    indexed.save(tmp_path / "palette.png")
    expected = np.asarray(indexed.convert("RGB"))
    np.testing.assert_array_equal(read_photo(tmp_path / "palette.png").image, expected)
    Image.fromarray(pixels[..., 0] > 99).save(tmp_path / "bits.png")
    found = read_photo(tmp_path / "bits.png").image
    np.testing.assert_array_equal(found[..., 0], 255 * (pixels[..., 0] > 99))


def test_a_lossy_webp_is_recognised(tmp_path):
    Image.fromarray(make_photo("B", 3, False).image).save(tmp_path / "photo.webp")
    assert read_photo(tmp_path / "photo.webp").lossy


def test_convert_depth():
    pixels = np.array([[[0, 257, 65535]]], np.uint16)
    assert convert_depth(pixels, "B").tolist() == [[[0, 1, 255]]]
    assert convert_depth(pixels, "BH") is pixels
    half = np.array([[[0.5]]], np.float32)
    assert convert_depth(half, "BH").tolist() == [[[32768]]]


def test_damaged_files_of_every_format_are_rejected(tmp_path):
    rng = np.random.default_rng(1)
    for suffix, dtype in (("png", "B"), ("png", "H"), ("tif", "H"), ("tif", "f")):
        path = tmp_path / f"photo.{suffix}"
        noise = rng.uniform(0, 1, (64, 64, 3)).astype("f")
        noise = noise if dtype == "f" else (noise * np.iinfo(dtype).max).astype(dtype)
        write_photo(path, Photo(noise))
        path.write_bytes(path.read_bytes()[:4000])
        with pytest.raises(InputError, match="damaged or cut off"):
            read_photo(path)
    path.write_bytes(b"II*\0junk")
    with pytest.raises(InputError, match="damaged or cut off"):
        read_photo(path)
    path.write_bytes(b"junk")
    with pytest.raises(InputError, match="it is not PNG"):
        read_photo(path)
