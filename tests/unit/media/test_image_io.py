import numpy as np
import pytest
from heif_files import write_heic
from orientations import UPRIGHT
from PIL import Image

from avjax.errors import InputError
from avjax.media import image_io
from avjax.media.image_io import is_image, read_image, write_png
from avjax.media.photo_io import read_photo
from avjax.media.video_writer import VideoWriter

RAMP = np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)


def test_write_png_round_trip(tmp_path):
    write_png(tmp_path / "a.png", RAMP)
    assert np.array_equal(read_image(tmp_path / "a.png"), RAMP)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_read_image_applies_the_exif_orientation(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RAMP).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), UPRIGHT[orientation](RAMP))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "F"])
def test_every_pixel_mode_becomes_rgb(tmp_path, mode):
    Image.fromarray(RAMP).convert(mode).save(tmp_path / "a.tif")
    rgb = read_image(tmp_path / "a.tif")
    assert rgb.shape == RAMP.shape and rgb.dtype == np.uint8


def test_is_image_checks_the_content_not_the_name(tmp_path):
    write_png(tmp_path / "photo.mp4", RAMP)
    with VideoWriter(tmp_path / "film.png", 25) as video:
        video.write(RAMP)
    (tmp_path / "text.png").write_text("hello")
    stills = [Image.fromarray(RAMP), Image.fromarray(RAMP[::-1])]
    stills[0].save(tmp_path / "film.gif", save_all=True, append_images=stills[1:])
    assert is_image(tmp_path / "photo.mp4")
    for name in ["film.png", "text.png", "film.gif", "missing.png", "."]:
        assert not is_image(tmp_path / name)


def test_a_heic_photo_of_tiles_is_an_image(tmp_path):
    photo = np.full((128, 64, 3), (40, 90, 160), np.uint8)
    photo[:64] = 200, 60, 50
    path = write_heic(tmp_path / "photo.jpg", photo, tile=64)
    assert is_image(path)
    assert np.abs(read_image(path).astype(int) - photo).mean() < 2


def test_files_that_cannot_be_opened_are_no_images(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    write_png(tmp_path / "a.png", RAMP)
    monkeypatch.setattr(image_io, "open", refuse, raising=False)
    for read in (read_image, read_photo):
        with pytest.raises(InputError, match="permission denied"):
            read(tmp_path / "a.png")
    assert not is_image(tmp_path / "a.png")


@pytest.mark.parametrize("error", [IndexError, RuntimeError])  # of GIF, of AVIF
def test_errors_of_pillow_reject_a_damaged_file(tmp_path, monkeypatch, error):
    def fail(*_):
        raise error("damaged")

    write_png(tmp_path / "a.png", RAMP)
    monkeypatch.setattr(Image, "open", fail)
    assert not is_image(tmp_path / "a.png")
    with pytest.raises(InputError, match="damaged"):
        read_image(tmp_path / "a.png")


def test_read_image_rejects_other_files(tmp_path):
    write_png(tmp_path / "whole.png", RAMP)
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    for name in ["cut.png", "empty.png", "text.png", "missing.png", "."]:
        with pytest.raises(InputError) as caught:
            read_image(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
    with pytest.raises(InputError, match="cannot write"):
        write_png(tmp_path / "none" / "a.png", RAMP)
