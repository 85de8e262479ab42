"""Formats keep the metadata that they can hold; everything else is named once."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from icc_profiles import make_grey_profile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from avjax.errors import InputError
from avjax.media.metadata import Metadata
from avjax.media.photo_io import Photo, check_format, read_photo, write_photo

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SUFFIXES = ["png", "jpg", "webp", "tif"]


def make_exif(orientation: int = 6, size: int = 0) -> bytes:
    exif = Image.Exif()
    exif[271], exif[274] = "A maker of cameras", orientation
    exif.get_ifd(34665)[37500] = bytes(size)  # the maker's note
    return exif.tobytes()


def convert(path, suffix: str) -> tuple[Photo, list[str]]:
    """Read a photo, write it in a format; return what it holds, and the warnings."""
    target = path.with_name(f"converted.{suffix}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_photo(target, read_photo(path))
    messages = [str(warning.message) for warning in caught]
    start = f"{target} is written without "
    assert len(messages) <= 1 and all(text.startswith(start) for text in messages)
    return read_photo(target), [text.removeprefix(start) for text in messages]


def save_jpeg(path, **options):
    Image.fromarray(PIXELS).save(path, quality=95, **options)
    return path


@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("source", SUFFIXES)
def test_exif_profile_xmp_and_resolution_pass_between_all_formats(
    source, target, tmp_path
):
    metadata = Metadata(make_exif()[6:], PROFILE, XMP, (300, 150))
    path = tmp_path / f"a.{source}"
    write_photo(path, Photo(PIXELS, metadata=metadata))
    found, messages = convert(path, target)
    with Image.open(tmp_path / f"converted.{target}") as image:
        exif, dpi = image.getexif(), image.info.get("dpi")
    assert exif[271] == "A maker of cameras"
    assert (found.metadata.profile, found.metadata.xmp) == (PROFILE, XMP)
    if target == "webp":
        dpi = exif[282], exif[283]
    assert dpi == pytest.approx((300, 150), abs=0.02)  # whole pixels per metre
    assert not messages


def test_jpeg_keeps_its_own_parts_and_other_formats_name_them(tmp_path):
    iptc = b"Photoshop 3.0\0" + b"8BIM\4\4\0\0" + struct.pack(">I", 4) + b"text"
    extension = b"http://ns.adobe.com/xmp/extension/\0" + bytes(99)
    segments = b"".join(
        struct.pack(">BBH", 0xFF, code, 2 + len(content)) + content
        for code, content in ((0xED, iptc), (0xE1, extension), (0xEB, b"signed"))
    )
    path = save_jpeg(tmp_path / "a.jpg", comment=b"a comment", extra=segments)
    found, messages = convert(path, "jpg")
    assert messages == ["APP11 data"]
    contents = b"".join(part.content for part in found.metadata.native)
    assert b"a comment" in contents and iptc in contents and extension in contents
    expected = "APP11 data, IPTC data, extended XMP data, comment"
    for suffix in ("png", "tif", "webp"):
        (message,) = convert(path, suffix)[1]
        assert sorted(message.split(", ")) == sorted(expected.split(", "))


def test_png_keeps_its_own_chunks_and_other_formats_name_them(tmp_path):
    chunks = {
        b"gAMA": struct.pack(">I", 100000),
        b"cICP": bytes([9, 16, 0, 1]),
        b"cHRM": struct.pack(">8I", *range(1000, 9000, 1000)),
        b"tIME": struct.pack(">H5B", 2020, 1, 2, 3, 4, 5),
    }
    info = PngInfo()
    for name, content in chunks.items():
        info.add(name, content)
    info.add_text("Title", "A title")
    Image.fromarray(PIXELS).save(tmp_path / "a.png", pnginfo=info)
    found, messages = convert(tmp_path / "a.png", "png")
    assert not messages
    content = (tmp_path / "converted.png").read_bytes()
    for name, chunk in chunks.items():
        body = name + chunk + struct.pack(">I", zlib.crc32(name + chunk))
        assert (body in content) == (name != b"tIME")  # it would no longer be true
    with Image.open(tmp_path / "converted.png") as image:
        assert image.info["Title"] == "A title"
        np.testing.assert_array_equal(np.asarray(image), PIXELS)
    for suffix in ("jpg", "tif", "webp"):
        (message,) = convert(tmp_path / "a.png", suffix)[1]
        names = {"gamma (gAMA)", "colour space (cICP)", "primary colours (cHRM)"}
        assert set(message.split(", ")) == {*names, "texts"}


def test_chunks_that_state_srgb_are_not_named(tmp_path):
    info = PngInfo()
    info.add(b"gAMA", struct.pack(">I", 45455))
    info.add(b"sRGB", b"\0")
    Image.fromarray(PIXELS).save(tmp_path / "a.png", pnginfo=info)
    assert not convert(tmp_path / "a.png", "jpg")[1]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_transparent_colours_of_png_become_opacity(channels, bits, tmp_path):
    dtype = f"u{bits // 8}"
    pixels = PIXELS[..., :channels].astype(dtype) * (1 if bits == 8 else 257)
    write_photo(tmp_path / "a.png", Photo(pixels))
    content = (tmp_path / "a.png").read_bytes()
    key = b"tRNS" + struct.pack(f">{channels}H", *pixels[3, 4].tolist())
    chunk = struct.pack(">I", 2 * channels) + key + struct.pack(">I", zlib.crc32(key))
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    expected = np.where((pixels == pixels[3, 4]).all(-1), 0, np.iinfo(dtype).max)
    found, messages = convert(tmp_path / "a.png", "png")
    assert not messages
    np.testing.assert_array_equal(found.alpha, expected)
    np.testing.assert_array_equal(found.image, pixels)


def test_exif_too_large_for_jpeg_is_named_and_the_image_turned(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=make_exif(6, 70000))
    found, messages = convert(tmp_path / "a.png", "jpg")
    assert messages == ["EXIF data (JPEG holds 64 KiB)"]
    turned = np.rot90(PIXELS, -1).astype(int)
    assert found.image.shape == turned.shape
    assert np.abs(found.image - turned).mean() < 5
    assert not convert(tmp_path / "a.png", "webp")[1]


def test_xmp_too_large_for_jpeg_is_named(tmp_path):
    write_photo(tmp_path / "a.tif", Photo(PIXELS, metadata=Metadata(xmp=bytes(65510))))
    found, messages = convert(tmp_path / "a.tif", "jpg")
    assert messages == ["XMP data (JPEG holds 64 KiB)"] and not found.metadata.xmp


@pytest.mark.parametrize("exif", [b"garbage-not-tiff", make_exif(6, 5000)[6:-4000]])
def test_damaged_exif_is_copied_by_jpeg_and_named_by_tiff(exif, tmp_path):
    path = save_jpeg(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif)
    found, messages = convert(path, "jpg")
    assert found.metadata.exif == exif and not messages
    assert convert(path, "tif")[1] == ["damaged parts of the EXIF data"]


def test_tags_of_the_wrong_type_are_dropped_alone(tmp_path):
    """The resolution unit is a text, which cannot be written as a number."""
    exif = Image.Exif()
    exif[271], exif[296], exif[274] = "A maker of cameras", 2, 6
    block = exif.tobytes()
    number, text = struct.pack(">HHI", 296, 3, 1), struct.pack(">HHI", 296, 2, 1)
    assert block.count(number) == 1
    path = save_jpeg(tmp_path / "a.jpg", exif=block.replace(number, text))
    messages = convert(path, "tif")[1]
    assert messages == ["damaged parts of the EXIF data"]
    with Image.open(tmp_path / "converted.tif") as image:
        assert image.getexif()[271] == "A maker of cameras"
        assert image.size == (24, 32)


def test_exif_of_imagemagick_is_read(tmp_path):
    block = make_exif()
    info = PngInfo()
    text = f"\nexif\n{len(block):8}\n{block.hex()}\n"
    info.add_text("Raw profile type exif", text, zip=True)
    Image.fromarray(PIXELS).save(tmp_path / "a.png", pnginfo=info)
    convert(tmp_path / "a.png", "jpg")
    with Image.open(tmp_path / "converted.jpg") as image:
        assert image.getexif()[274] == 6


def test_a_grey_profile_is_named_where_grey_becomes_rgb(tmp_path):
    grey = Photo(PIXELS[..., :1], metadata=Metadata(profile=make_grey_profile(1.8)))
    write_photo(tmp_path / "a.png", grey)
    assert not convert(tmp_path / "a.png", "tif")[1]
    found, messages = convert(tmp_path / "a.png", "webp")
    assert messages == ["ICC profile (WebP holds no grey images)"]
    assert not found.metadata.profile


def test_depth_that_is_lost_is_named(tmp_path):
    deep = PIXELS.astype(np.uint16) * 257
    write_photo(tmp_path / "a.png", Photo(deep))
    assert convert(tmp_path / "a.png", "jpg")[1] == ["depth beyond 8 bits"]
    write_photo(tmp_path / "a.tif", Photo(np.float32(PIXELS / 255)))
    assert convert(tmp_path / "a.tif", "png")[1] == ["depth beyond 16 bits"]


def test_further_images_of_a_jpeg_are_named(tmp_path):
    first, second = Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1].copy())
    content = io.BytesIO()
    first.save(content, "MPO", save_all=True, append_images=[second])
    (tmp_path / "a.jpg").write_bytes(content.getvalue())
    assert convert(tmp_path / "a.jpg", "jpg")[1] == [
        "further images, such as a gain map"
    ]


@pytest.mark.parametrize(
    "name, side", [("a.webp", 16384), ("a.jpg", 65501), ("a.png", 1_000_001)]
)
def test_sizes_that_a_format_cannot_hold_are_refused(name, side, tmp_path):
    for shape in ((1, side, 1), (side, 1, 1)):
        photo = Photo(np.zeros(shape, np.uint8))
        with pytest.raises(InputError, match=f"holds at most {side - 1} a side"):
            check_format(tmp_path / name, photo)
    write_photo(tmp_path / name, Photo(np.zeros((1, side - 1, 1), np.uint8)))
    with tifffile.TiffFile(_write_tiff(tmp_path, side)) as file:
        assert file.pages[0].shape == (1, side)


def _write_tiff(folder, side: int):
    write_photo(folder / "a.tif", Photo(np.zeros((1, side, 1), np.uint8)))
    return folder / "a.tif"
