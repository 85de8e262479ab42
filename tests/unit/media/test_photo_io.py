"""Pictures that come back as they came."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from avjax.errors import InputError
from avjax.media.photo_io import Photo, at_depth, read_photo, write_photo

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DEPTHS = {"png": "BH", "tif": "BHf", "webp": "B", "jpg": "B"}
KINDS = [
    (suffix, dtype, channels, alpha)
    for suffix, dtypes in DEPTHS.items()
    for dtype in dtypes
    for channels in (1, 3)
    for alpha in (False, True)
    if (suffix, dtype, alpha) != ("tif", "f", True)
    and (suffix, dtype, channels, alpha) != ("tif", "H", 1, True)
]


def noted(orientation=1) -> bytes:
    exif = Image.Exif()
    exif[271], exif[274] = "A maker of cameras", orientation
    exif.get_ifd(34665)[33437] = 2.8  # the aperture
    return exif.tobytes()


def drawn(dtype, channels, alpha) -> Photo:
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(19), np.arange(23))[..., None] / 60
    shares = ramp * rng.uniform(0.5, 1, channels) + rng.uniform(0, 0.01, (19, 23, 1))
    layers = np.dstack([shares, 0.9 * ramp])
    if dtype != "f":
        layers = np.rint(layers * np.iinfo(dtype).max)
    layers = layers.astype(dtype)
    opacity = layers[..., -1] if alpha else None
    return Photo(layers[..., :-1], opacity, noted(), PROFILE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_holds_what_was_written(kind, tmp_path):
    suffix, dtype, channels, alpha = kind
    path, photo = tmp_path / f"photo.{suffix}", drawn(dtype, channels, alpha)
    if suffix == "jpg" and alpha:
        with pytest.raises(InputError, match="no opacity"):
            write_photo(path, photo)
        assert not list(tmp_path.iterdir())
        return
    write_photo(path, photo)
    found = read_photo(path)
    assert found.levels.dtype == np.dtype(dtype)
    wide = suffix == "webp" or (suffix == "png" and dtype == "H" and alpha)
    same = found.levels[..., :1] if wide and channels == 1 else found.levels
    apart = np.abs(same.astype(float) - photo.levels)
    assert apart.max() <= (16 if suffix == "jpg" else 0)
    if alpha:
        np.testing.assert_array_equal(found.alpha, photo.alpha)
    else:
        assert found.alpha is None
    assert found.profile == PROFILE and found.lossy == (suffix == "jpg")
    exif = Image.Exif()
    exif.load(found.exif)
    assert exif[271] == "A maker of cameras"
    assert exif.get_ifd(34665)[33437] == pytest.approx(2.8)
    write_photo(path, found)
    again = read_photo(path)
    np.testing.assert_allclose(again.levels.astype(float), found.levels, atol=8)
    assert (again.exif, again.profile) == (found.exif, found.profile)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_turned_tiff_is_not_turned_twice(depth, tmp_path):
    photo = drawn("B" if depth == 8 else "H", 3, False)._replace(exif=noted(6))
    write_photo(tmp_path / "turned.tif", photo)
    found = read_photo(tmp_path / "turned.tif")
    np.testing.assert_array_equal(found.levels, np.rot90(photo.levels, -1))
    exif = Image.Exif()
    exif.load(found.exif)
    assert 274 not in exif and exif[271] == "A maker of cameras"


def test_other_readers_see_the_same(tmp_path):
    import skimage.io

    for name, dtype in (("8.tif", "B"), ("16.tif", "H"), ("f.tif", "f")):
        photo = drawn(dtype, 3, False)._replace(exif=b"")
        write_photo(tmp_path / name, photo)
        seen = skimage.io.imread(tmp_path / name)
        np.testing.assert_array_equal(seen, photo.levels)


def test_palettes_and_single_bits_become_levels(tmp_path):
    levels = drawn("B", 3, False).levels
    made = Image.fromarray(levels).quantize(8)
    made.save(tmp_path / "palette.png")
    wanted = np.asarray(made.convert("RGB"))
    np.testing.assert_array_equal(read_photo(tmp_path / "palette.png").levels, wanted)
    Image.fromarray(levels[..., 0] > 99).save(tmp_path / "bits.png")
    found = read_photo(tmp_path / "bits.png").levels
    np.testing.assert_array_equal(found[..., 0], 255 * (levels[..., 0] > 99))


def test_a_webp_with_losses_is_known(tmp_path):
    Image.fromarray(drawn("B", 3, False).levels).save(tmp_path / "photo.webp")
    assert read_photo(tmp_path / "photo.webp").lossy


def test_a_format_gets_the_depth_that_it_has():
    levels = np.array([[[0, 257, 65535]]], np.uint16)
    assert at_depth(levels, "B").tolist() == [[[0, 1, 255]]]
    assert at_depth(levels, "BH") is levels
    half = np.array([[[0.5]]], np.float32)
    assert at_depth(half, "BH").tolist() == [[[32768]]]


def test_a_damaged_file_of_any_kind_is_refused(tmp_path):
    rng = np.random.default_rng(1)
    for suffix, dtype in (("png", "B"), ("png", "H"), ("tif", "H"), ("tif", "f")):
        path = tmp_path / f"photo.{suffix}"
        noise = rng.uniform(0, 1, (64, 64, 3)).astype("f")
        noise = noise if dtype == "f" else (noise * np.iinfo(dtype).max).astype(dtype)
        write_photo(path, Photo(noise))
        path.write_bytes(path.read_bytes()[:4000])
        with pytest.raises(InputError, match="damaged or cut off|it is no PNG"):
            read_photo(path)
    held = io.BytesIO(b"II*\0junk")
    path.write_bytes(held.getvalue())
    with pytest.raises(InputError, match="it is no PNG"):
        read_photo(path)
