"""What the format of the output cannot hold is known before the work, and named."""

import numpy as np
import pytest
from denoisers import noisy, save
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from avjax.__main__ import main
from avjax.media.photo_io import Photo, write_photo
from avjax.pipelines.denoising.denoiser import Denoiser

pytestmark = pytest.mark.usefixtures("small_tiles")


@pytest.fixture(scope="module")
def weights(tmp_path_factory, quick_bodies):
    folder = tmp_path_factory.mktemp("weights")
    save(folder)
    return folder


def denoise(weights, source, target) -> int:
    options = "--weights", weights, "-o", target, source, "--steps", 0
    return main(["denoise", *map(str, options)])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("clean.webp", "WEBP holds at most 16383 a side"),
        ("clean.jpg", "JPEG does not support opacity"),
    ],
)
def test_outputs_are_checked_before_the_work(
    target, message, weights, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr(Denoiser, "denoise", lambda *_: pytest.fail("it worked"))
    photo = Photo(noisy((16, 16400)), np.zeros((16, 16400), np.uint8))
    write_photo(tmp_path / "wide.png", photo)
    assert denoise(weights, tmp_path / "wide.png", tmp_path / target) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert message in line and not (tmp_path / target).exists()


def test_what_is_lost_is_printed_once(weights, tmp_path, capfd):
    info = PngInfo()
    info.add_text("Title", "A title")
    source, target = tmp_path / "a.png", tmp_path / "b.jpg"
    exif = b"Exif\0\0II*\0" + bytes(70000)
    Image.fromarray(noisy()).save(source, pnginfo=info, exif=exif)
    assert denoise(weights, source, target) == 0
    (line,) = capfd.readouterr().err.strip().splitlines()
    missing = "texts, EXIF data (JPEG holds 64 KiB)"
    assert line == f"avjax: warning: {target} is written without {missing}"
