"""Portraits of every colour space, depth and opacity are read as 8-bit sRGB."""

import struct
import warnings

import imagecodecs
import numpy as np
import pytest
import tifffile
from icc_profiles import encode_srgb, make_grey_profile, make_profile, to_srgb
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from avjax.errors import InputError
from avjax.media.image_io import is_image, read_image

SKIN = np.full((24, 32, 3), [200, 140, 110], np.uint8)
GREY = np.arange(768, dtype=np.uint8).reshape(24, 32)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("space", ["Display P3", "Adobe RGB", "ProPhoto"])
def test_colour_profiles_are_converted_to_srgb(space, suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    lossy = {"quality": 100} if suffix in ("jpg", "webp") else {}
    Image.fromarray(SKIN).save(path, icc_profile=make_profile(space), **lossy)
    expected = 255 * to_srgb(space, SKIN / 255)
    assert np.abs(expected - SKIN).max() > 5
    assert np.abs(read_image(path) - expected).max() <= 2


def test_a_profile_of_16_bits_is_applied(tmp_path):
    profile, pixels = make_profile("ProPhoto"), SKIN.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", iccprofile=profile)
    error = read_image(tmp_path / "a.tif") - 255 * to_srgb("ProPhoto", SKIN / 255)
    assert np.abs(error).max() <= 1.5


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_profiles_are_converted(mode, tmp_path):
    grey = Image.fromarray(GREY).convert(mode)
    grey.save(tmp_path / "a.png", icc_profile=make_grey_profile(1.0))
    expected = 255 * encode_srgb(GREY[..., None] / 255)
    assert np.abs(read_image(tmp_path / "a.png") - expected).max() <= 1.5


def test_palettes_with_a_profile_are_converted(tmp_path):
    image = Image.fromarray(SKIN).quantize(16)
    image.save(tmp_path / "a.png", icc_profile=make_profile("Adobe RGB"))
    stored = np.asarray(image.convert("RGB")) / 255
    error = read_image(tmp_path / "a.png") - 255 * to_srgb("Adobe RGB", stored)
    assert np.abs(error).max() <= 1.5


@pytest.mark.parametrize("profile", [b"junk" * 50, make_grey_profile(2.2)])
def test_profiles_that_cannot_be_used_are_named(profile, tmp_path):
    Image.fromarray(SKIN).save(tmp_path / "a.png", icc_profile=profile)
    with pytest.warns(UserWarning, match="colour profile of .*a.png cannot be used"):
        found = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(found, SKIN)


def test_cmyk_is_converted(tmp_path):
    rgb = np.full((24, 32, 3), [200, 120, 40], np.uint8)
    cmyk = Image.fromarray(rgb).convert("CMYK")
    for name in ("a.jpg", "a.tif"):
        cmyk.save(tmp_path / name)
        assert np.abs(read_image(tmp_path / name) - rgb.astype(int)).max() <= 3


def test_cmyk_profiles_are_applied(tmp_path, monkeypatch):
    """No free CMYK profile is at hand: only check that the mode reaches the library."""
    modes = []

    def convert(image, source, target, outputMode, flags):
        modes.append((image.mode, outputMode))
        raise ImageCms.PyCMSError("not a profile")

    monkeypatch.setattr(ImageCms, "profileToProfile", convert)
    cmyk = Image.new("CMYK", (32, 24), (10, 20, 30, 40))
    cmyk.save(tmp_path / "a.jpg", icc_profile=make_profile("ProPhoto"))
    with pytest.warns(UserWarning, match="cannot be used"):
        read_image(tmp_path / "a.jpg")
    assert modes == [("CMYK", "RGB")]


def test_the_gamma_of_a_png_is_applied(tmp_path):
    for gamma, expected in ((100000, encode_srgb(SKIN / 255)), (45455, SKIN / 255)):
        info = PngInfo()
        info.add(b"gAMA", struct.pack(">I", gamma))
        Image.fromarray(SKIN).save(tmp_path / "a.png", pnginfo=info)
        assert np.abs(read_image(tmp_path / "a.png") - 255 * expected).max() <= 2


def test_hdr_png_is_refused(tmp_path):
    info = PngInfo()
    info.add(b"cICP", bytes([9, 16, 0, 1]))  # BT.2020, PQ
    Image.fromarray(SKIN).save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(InputError, match="HDR"):
        read_image(tmp_path / "a.png")


RGBA = np.dstack([SKIN, GREY])
ON_WHITE = 255 + GREY[..., None] / 255 * (SKIN - 255.0)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_opacity_is_laid_over_white(suffix, tmp_path):
    lossless = {"lossless": True, "exact": True} if suffix == "webp" else {}
    Image.fromarray(RGBA).save(tmp_path / f"a.{suffix}", **lossless)
    assert np.abs(read_image(tmp_path / f"a.{suffix}") - ON_WHITE).max() <= 0.5


def test_transparent_colours_of_every_mode_become_white(tmp_path):
    """The left half is transparent, with another colour below."""
    left = np.zeros((24, 32), bool)
    left[:, :16] = True
    grey = np.where(left, 7, 200).astype(np.uint8)
    palette = Image.fromarray(np.where(left, 1, 0).astype(np.uint8), "P")
    palette.putpalette([200, 200, 200, 7, 7, 7])
    images = {
        "key in grey": (Image.fromarray(grey), 7),
        "key in RGB": (Image.fromarray(np.dstack([grey] * 3)), (7, 7, 7)),
        "key in 16 bits": (Image.fromarray(grey.astype(np.uint16) * 257), 7 * 257),
        "key in palette": (palette, bytes([255, 0])),
        "grey and alpha": (
            Image.fromarray(np.dstack([grey, np.where(left, 0, 255).astype("u1")])),
            None,
        ),
        "key in 1 bit": (Image.fromarray(~left), 0),
    }
    for name, (image, key) in images.items():
        options = {} if key is None else {"transparency": key}
        image.save(tmp_path / "a.png", **options)
        found = read_image(tmp_path / "a.png")
        assert (found[:, :16] == 255).all(), name
        assert (found[:, 16:] == (255 if image.mode == "1" else 200)).all(), name


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits_keeps_its_brightness(channels, tmp_path):
    deep = np.full((24, 32, channels), 0x80FF, np.uint16)
    if channels in (2, 4):
        deep[..., -1] = 65535
    content = imagecodecs.png_encode(deep if channels > 1 else deep[..., 0])
    (tmp_path / "a.png").write_bytes(content)
    assert np.abs(read_image(tmp_path / "a.png").astype(int) - 0x80).max() <= 1


@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize(
    "dtype, top",
    [("u2", 65535), ("i4", 255), ("i4", 65535), ("i4", 2**31 - 1), ("u4", 2**32 - 1)]
    + [("f4", 1), ("f4", 255), ("f4", 65535), ("f8", 1), ("f2", 1), ("i2", 255)],
)
@pytest.mark.parametrize("colour", [False, True])
def test_deep_tiff_is_scaled_from_its_range(colour, dtype, top, byteorder, tmp_path):
    stored = RGBA[..., :3] if colour else np.linspace(0, 255, 768).reshape(24, 32)
    pixels = stored / stored.max() * top
    pixels = pixels.astype(byteorder + dtype)
    path, kind = tmp_path / "a.tif", "rgb" if colour else "minisblack"
    tifffile.imwrite(path, pixels, photometric=kind, byteorder=byteorder)
    assert is_image(path)
    expected = 255 * (stored / stored.max()).reshape(24, 32, -1)
    assert np.abs(read_image(path) - expected).max() <= 1


def test_floats_that_overshoot_are_clipped(tmp_path):
    pixels = np.linspace(-0.05, 1.05, 768, dtype=np.float32).reshape(24, 32)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    expected = 255 * np.clip(pixels, 0, 1)[..., None]
    assert np.abs(read_image(tmp_path / "a.tif") - expected).max() <= 0.51


@pytest.mark.parametrize("low, high", [(-1, 1), (0, 3), (0, 1e9), (0, np.nan)])
def test_values_of_an_unclear_range_are_refused(low, high, tmp_path):
    pixels = np.full((24, 32), low, np.float32)
    pixels[0, 0] = high
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    with pytest.raises(InputError, match=r"scale them to \[0, 1\]"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_tiff_portraits_are_turned_upright(dtype, compression, tmp_path):
    scale = {"u1": 1, "u2": 257, "f4": 1 / 255}[dtype]
    for stored in (GREY, RGBA[..., :3]):
        pixels = (stored * np.float64(scale)).astype(dtype)
        tags = [(274, "H", 1, 6, True)]
        options = {"photometric": "rgb" if stored.ndim == 3 else "minisblack"}
        options |= {"compression": compression, "extratags": tags}
        tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
        expected = np.rot90(stored, -1).reshape(32, 24, -1)
        found = read_image(tmp_path / "a.tif")
        np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))


@pytest.mark.parametrize(
    "exif", [b"garbage", b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff"]
)
def test_damaged_exif_is_explained(exif, tmp_path):
    Image.fromarray(SKIN).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert is_image(tmp_path / "a.jpg")
        read_image(tmp_path / "a.jpg")
    (message,) = [str(warning.message) for warning in caught]
    start = f"the EXIF data of {tmp_path / 'a.jpg'} is damaged"
    assert message == f"{start}: the image may not be upright"


def test_an_image_is_turned_by_what_is_left_of_damaged_exif(tmp_path, recwarn):
    exif = Image.Exif()
    exif[274], exif[305] = 6, "software " * 20
    Image.fromarray(SKIN).save(tmp_path / "a.jpg", exif=exif.tobytes()[:-50])
    assert read_image(tmp_path / "a.jpg").shape == (32, 24, 3)
    assert not recwarn
