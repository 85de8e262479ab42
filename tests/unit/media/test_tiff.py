"""TIFF files are read as they are meant, whatever their layout."""

import struct

import numpy as np
import pytest
import tifffile
from orientations import UPRIGHT
from PIL import Image

from avjax.errors import InputError
from avjax.media.photo_io import Photo, read_photo, write_photo

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 65536, (21, 34, 1), np.uint16)
RGB = RNG.integers(0, 65536, (21, 34, 3), np.uint16)
LAYOUTS = {
    "raw": {},
    "lzw": {"compression": "lzw", "predictor": True},
    "deflate": {"compression": "zlib", "rowsperstrip": 5},
    "big-endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "tiles": {"tile": (16, 16), "compression": "packbits"},
    "planar": {"planarconfig": "separate"},
}


def of_type(image: np.ndarray, dtype: str) -> np.ndarray:
    """Convert u16 pixels to u8 "B", u16 "H" or f32 "f"."""
    return (image / 65535).astype("f") if dtype == "f" else image.astype(dtype)


def save(path, image: np.ndarray, **options):
    """Write an image [h w c] with tifffile, as grey or RGB by default."""
    kind = "rgb" if image.shape[-1] >= 3 else "minisblack"
    options = {"photometric": kind, "metadata": None, **options}
    if options.get("planarconfig") == "separate" and image.shape[-1] > 1:
        image = np.moveaxis(image, -1, 0)
    elif image.shape[-1] == 1:
        options.pop("planarconfig", None)
        image = image[..., 0]
    tifffile.imwrite(path, image, **options)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", "BHf")
@pytest.mark.parametrize("stored", [GREY, RGB], ids=["grey", "rgb"])
def test_every_layout_is_read_alike(stored, dtype, layout, tmp_path):
    pixels = of_type(stored, dtype)
    path = save(tmp_path / "a.tif", pixels, **LAYOUTS[layout])
    np.testing.assert_array_equal(read_photo(path).image, pixels)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", "BHf")
@pytest.mark.parametrize("stored", [GREY, RGB], ids=["grey", "rgb"])
def test_tiff_is_turned_upright_once(stored, dtype, compression, tmp_path):
    pixels = of_type(stored, dtype)
    for orientation, upright in UPRIGHT.items():
        tags = [(274, "H", 1, orientation, True)]
        path = tmp_path / f"{orientation}.tif"
        save(path, pixels, compression=compression, extratags=tags)
        np.testing.assert_array_equal(read_photo(path).image, upright(pixels))
        write_photo(tmp_path / "again.tif", read_photo(path))
        again = read_photo(tmp_path / "again.tif").image
        np.testing.assert_array_equal(again, upright(pixels))


def test_opacity_is_turned_with_the_pixels(tmp_path):
    rgba = np.dstack([RGB, GREY])
    tags = [(274, "H", 1, 6, True)]
    save(tmp_path / "a.tif", rgba, extrasamples=["unassalpha"], extratags=tags)
    alpha = read_photo(tmp_path / "a.tif").alpha
    np.testing.assert_array_equal(alpha, np.rot90(GREY[..., 0], -1))


@pytest.mark.parametrize("dtype", "BHf")
def test_white_is_zero_is_inverted(dtype, tmp_path):
    pixels = of_type(GREY, dtype)
    save(tmp_path / "a.tif", pixels, photometric="miniswhite")
    top = 1 if dtype == "f" else np.iinfo(dtype).max
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif").image, top - pixels)


@pytest.mark.parametrize("bits", [4, 6, 10, 12, 14])
def test_depths_between_bytes_are_scaled_to_the_full_range(bits, tmp_path):
    stored = (GREY >> (16 - bits)).astype(np.uint8 if bits < 8 else np.uint16)
    stored[0, :2, 0] = 0, 2**bits - 1
    save(tmp_path / "a.tif", stored, bitspersample=bits)
    top = np.iinfo(stored.dtype).max
    expected = np.rint(stored / (2**bits - 1) * top)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif").image, expected)


@pytest.mark.parametrize("dtype", "BHf")
@pytest.mark.parametrize("count", [1, 3])
def test_premultiplied_colours_are_divided_by_their_opacity(count, dtype, tmp_path):
    top = 1 if dtype == "f" else np.iinfo(dtype).max
    colours = np.full((20, 30, count), 0.8) * [[[1.0, 0.5, 0.25][:count]]]
    opacity = np.linspace(0, 1, 30)[None, :, None].repeat(20, axis=0)
    stored = np.dstack([colours * opacity, opacity]) * top
    stored = (stored if dtype == "f" else np.rint(stored)).astype(dtype)
    save(tmp_path / "a.tif", stored, extrasamples=["assocalpha"])
    photo = read_photo(tmp_path / "a.tif")
    np.testing.assert_array_equal(photo.alpha, stored[..., -1])
    error = np.abs(photo.image[:, 10:] / top - colours[:, 10:])
    assert error.max() < (0.01 if dtype == "B" else 1e-4)
    assert not photo.image[:, 0].any()  # transparent


@pytest.mark.parametrize("count", [1, 3])
def test_extra_channels_without_meaning_are_dropped_and_named(count, tmp_path):
    stored = np.dstack([RGB[..., :count], GREY])
    save(tmp_path / "a.tif", stored, extrasamples=["unspecified"])
    photo = read_photo(tmp_path / "a.tif")
    assert photo.alpha is None
    np.testing.assert_array_equal(photo.image, RGB[..., :count])
    assert photo.metadata.unsupported == ("extra channels",)


def test_palettes_become_rgb(tmp_path):
    indices = (GREY % 256).astype(np.uint8)
    palette = RNG.integers(0, 65536, (3, 256), np.uint16)
    save(tmp_path / "a.tif", indices, photometric="palette", colormap=palette)
    expected = (palette.T >> 8)[indices[..., 0]]
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif").image, expected)


@pytest.mark.parametrize("mode", ["RGB", "YCbCr", "L"])
def test_ycbcr_and_jpeg_are_decoded(mode, tmp_path):
    ramp = np.add.outer(np.arange(64), np.arange(80))[..., None] + [0, 40, 80]
    image = Image.fromarray(ramp.astype(np.uint8)).convert(mode)
    for compression in ("jpeg", "tiff_lzw"):
        image.save(tmp_path / "a.tif", compression=compression)
        expected = np.asarray(image.convert("L" if mode == "L" else "RGB"), float)
        found = read_photo(tmp_path / "a.tif").image.squeeze()
        assert np.abs(found - expected).max() < 8


def test_1_bit_tiff_is_black_and_white(tmp_path):
    bits = GREY[..., 0] > 30000
    for compression in ("raw", "group4", "packbits"):
        Image.fromarray(bits).save(tmp_path / "a.tif", compression=compression)
        found = read_photo(tmp_path / "a.tif").image[..., 0]
        np.testing.assert_array_equal(found, 255 * bits)


def test_half_floats_are_read_and_doubles_lose_precision_with_a_name(tmp_path):
    half = of_type(RGB, "f").astype(np.float16)
    found = read_photo(save(tmp_path / "a.tif", half)).image
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, half)
    photo = read_photo(save(tmp_path / "a.tif", RGB / 65535))
    np.testing.assert_array_equal(photo.image, (RGB / 65535).astype("f"))
    assert photo.metadata.unsupported == ("precision beyond 32 bits",)


@pytest.mark.parametrize(
    "pixels, options, message",
    [
        (GREY.astype(np.int32), {}, "holds int32 values"),
        (GREY.astype(np.float32), {}, r"outside \[0, 1\]"),
        (np.dstack([RGB, GREY]), {"photometric": "separated"}, "colour mode CMYK"),
        (RGB.astype(np.uint8), {"photometric": "cielab"}, "colour mode CIELAB"),
        (GREY, {"subfiletype": 1}, "raw file of a camera"),
        (GREY, {"extratags": [(50706, "B", 4, (1, 4, 0, 0), True)]}, "raw file"),
    ],
)
def test_images_that_cannot_be_denoised_are_refused(pixels, options, message, tmp_path):
    save(tmp_path / "a.tif", pixels, **options)
    with pytest.raises(InputError, match=message):
        read_photo(tmp_path / "a.tif")


def test_several_images_are_refused_but_not_previews(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(RGB, photometric="rgb")
        file.write(RGB[::2, ::2].copy(), photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif").image, RGB)
    with tifffile.TiffWriter(tmp_path / "a.tif", append=True) as file:
        file.write(RGB, photometric="rgb")
    with pytest.raises(InputError, match="several images"):
        read_photo(tmp_path / "a.tif")


def test_missing_strips_are_not_filled_with_black(tmp_path):
    """The height says more rows than there are strips."""
    path = save(tmp_path / "a.tif", GREY, compression="zlib", rowsperstrip=5)
    content = path.read_bytes()
    height = struct.pack("<HHII", 257, 4, 1, 21)
    assert content.count(height) == 1
    path.write_bytes(content.replace(height, struct.pack("<HHII", 257, 4, 1, 100)))
    with pytest.raises(InputError, match="damaged or cut off"):
        read_photo(path)


def test_endless_links_between_images_end(tmp_path):
    path = save(tmp_path / "a.tif", GREY)
    content = bytearray(path.read_bytes())
    first = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, first)[0]
    struct.pack_into("<I", content, first + 2 + 12 * count, first)
    path.write_bytes(content)
    with pytest.raises(InputError, match="several images|damaged"):
        read_photo(path)


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    with pytest.raises(InputError, match="too many pixels"):
        read_photo(save(tmp_path / "a.tif", GREY))


def test_tags_of_a_tiff_are_kept_or_named(tmp_path, recwarn):
    xmp = b'<x tiff:Orientation="6" xmp:Rating="5"/>'
    tags = [(274, "H", 1, 6, True), (315, "s", 0, "An artist", True)]
    tags += [(700, "B", len(xmp), xmp, True), (33550, "d", 3, (1.0, 1.0, 0.0), True)]
    options = {"resolution": (300, 200), "resolutionunit": "inch"}
    path = save(tmp_path / "a.tif", RGB, extratags=tags, **options)
    metadata = read_photo(path).metadata
    assert metadata.dpi == (300, 200)
    assert metadata.unsupported == ("TIFF tags 33550",)
    write_photo(tmp_path / "b.tif", Photo(RGB, metadata=metadata))
    assert "without TIFF tags 33550" in str(recwarn.pop(UserWarning).message)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        tags = {tag.code: tag.value for tag in file.pages[0].tags}
    assert (tags[315], tags[700]) == ("An artist", b'<x  xmp:Rating="5"/>')
    assert tags[282] == (300, 1) and 274 not in tags
