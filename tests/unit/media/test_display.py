"""How frames are shown: orientation, colour matrix, metadata that PyAV cannot read."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from media_files import HEIGHT, WIDTH, numbered_image, write_video
from PIL import Image, ImageOps

from avjax.media.video_reader import probe, read_frames


def write_jpeg_video(path, image: np.ndarray, orientation: int, count: int = 3):
    """Store a JPEG file with an EXIF orientation as each frame; return its bytes."""
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(image).save(buffer, "JPEG", exif=exif.tobytes(), quality=95)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", 25)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuvj420p"
        for number in range(count):
            packet = av.Packet(buffer.getvalue())
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, 25), stream
            file.mux(packet)
    return buffer


@pytest.mark.parametrize("orientation", range(1, 9))
def test_frames_with_exif_are_shown_upright(tmp_path, orientation):
    buffer = write_jpeg_video(tmp_path / "a.avi", numbered_image(20), orientation)
    expected = np.array(ImageOps.exif_transpose(Image.open(buffer)).convert("RGB"))
    frames = list(read_frames(tmp_path / "a.avi"))
    assert len(frames) == 3 and frames[0].shape == expected.shape
    assert np.abs(frames[0].astype(int) - expected).mean() < 2
    info = probe(tmp_path / "a.avi")
    assert (info.height, info.width) == expected.shape[:2]


def test_an_animated_png_with_exif_is_read(tmp_path):
    images = [Image.fromarray(numbered_image(number)) for number in (3, 9)]
    exif = Image.Exif()
    exif[0x010E] = "a description"
    path = tmp_path / "a.png"
    images[0].save(path, save_all=True, append_images=images[1:], exif=exif)
    for image, found in zip(images, read_frames(path), strict=True):
        np.testing.assert_array_equal(found, np.array(image))


@pytest.mark.parametrize(
    "matrix", ["YCgCo", "bt2020c", "smpte2085", "chroma-derived-c", "ictcp"]
)
def test_a_colour_matrix_that_is_not_supported_is_replaced_and_reported(
    tmp_path, matrix
):
    options = {"x264-params": f"colormatrix={matrix}"}
    path = write_video(tmp_path / "a.mkv", [numbered_image(20)], options=options)
    image = next(read_frames(path))
    # The file only claims the matrix; its colours are those of BT.601.
    error = np.abs(image.astype(int) - numbered_image(20))
    assert error.mean() < (12 if matrix == "bt2020c" else 3)
    (remark,) = probe(path).remarks
    assert "colour matrix" in remark and "\n" not in remark


@pytest.mark.parametrize(("name", "matrix"), [("bt709", 1), ("bt2020nc", 9)])
def test_a_declared_colour_matrix_is_used(tmp_path, name, matrix):
    options = {"x264-params": f"colormatrix={name}"}
    images, path = [numbered_image(20)], tmp_path / "a.mkv"
    write_video(path, images, matrix=matrix, options=options)
    error = np.abs(next(read_frames(path)).astype(int) - images[0])
    assert error[:, : WIDTH // 2 - 4].mean() < 2
    assert not probe(path).remarks


@pytest.mark.parametrize("height", [HEIGHT, 720])
def test_large_videos_without_a_colour_matrix_are_taken_as_bt709(tmp_path, height):
    image = np.full((height, WIDTH, 3), (190, 60, 50), np.uint8)
    matrix = 1 if height >= 720 else 5
    path = write_video(tmp_path / "a.mp4", [image], matrix=matrix)
    assert np.abs(next(read_frames(path)).astype(int) - image).max() <= 3
