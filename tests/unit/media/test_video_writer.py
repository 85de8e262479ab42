import resource
import signal

import numpy as np
import pytest

from avjax.errors import InputError
from avjax.media.audio_io import read_audio
from avjax.media.video_reader import probe, read_frames
from avjax.media.video_writer import VideoWriter

NOISE = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)


def test_colours_are_preserved(tmp_path):
    ramp = np.linspace(20, 235, 96)
    image = np.stack(np.broadcast_arrays(ramp[:, None], ramp, ramp[::-1]), axis=-1)
    image = image.astype(np.uint8)
    with VideoWriter(tmp_path / "a.mp4", 25) as video:
        for _ in range(5):
            video.write(image)
    for again in read_frames(tmp_path / "a.mp4"):
        error = again.astype(float) - image
        assert np.abs(error).mean() < 2 and np.abs(error.mean(axis=(0, 1))).max() < 2


def test_odd_images_are_padded_to_even_size(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 25) as video:
        video.write(NOISE[:33, :47])
    info = probe(tmp_path / "a.mp4")
    assert (info.width, info.height) == (48, 34)


@pytest.mark.parametrize("rate", [16_000, 44_100, 50_000])
@pytest.mark.parametrize("seconds", [0.5, 5.0])
def test_audio_has_the_duration_of_the_video_and_no_offset(tmp_path, rate, seconds):
    with VideoWriter(tmp_path / "a.mp4", 24, sweep(seconds, rate), rate) as video:
        for _ in range(48):
            video.write(NOISE[:32, :32])
    wave = read_audio(tmp_path / "a.mp4")
    assert abs(len(wave) - 32_000) <= 1024  # one block of the encoder
    clear = slice(1000, int(min(seconds, 2) * 16_000) - 1000)
    error = wave[clear] - sweep(seconds, 16_000)[clear]
    assert error.std() < 0.05 * wave[clear].std()
    assert np.abs(wave[int(seconds * 16_000) + 2000 :]).max(initial=0) < 0.01


def sweep(seconds: float, rate: int) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * (200 + 100 * time) * time)).astype(np.float32)


def test_an_error_keeps_the_existing_file(tmp_path):
    (tmp_path / "a.mp4").write_text("old")
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / "a.mp4", 25) as video:
        video.write(NOISE)
        raise ZeroDivisionError
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_text() == "old"


def test_a_video_without_images_is_rejected(tmp_path):
    with (
        pytest.raises(InputError, match="has no images"),
        VideoWriter(tmp_path / "a.mp4", 25, np.zeros(10, np.float32)),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_images_of_different_size_raise_value_error(tmp_path):
    with pytest.raises(ValueError), VideoWriter(tmp_path / "a.mp4", 25) as video:
        video.write(NOISE)
        video.write(NOISE[:100])
    assert not list(tmp_path.iterdir())


def test_unwritable_paths_are_rejected(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ["none/a.mp4", "file/a.mp4", ".", "n" * 300 + ".mp4"]:
        target = tmp_path / name
        with (
            pytest.raises(InputError, match="cannot write"),
            VideoWriter(target, 25) as v,
        ):
            v.write(NOISE)
    with (
        pytest.raises(InputError, match="/dev/full"),
        VideoWriter("/dev/full", 25) as v,
    ):
        v.write(NOISE)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def small_disk():
    """Limit files to 100 kB, which acts like a full disk."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("images", [3, 60])  # fails on closing, or while writing
def test_a_full_disk_raises_input_error_and_leaves_no_file(
    tmp_path, small_disk, images
):
    rng = np.random.default_rng(0)
    with (
        pytest.raises(InputError, match="cannot write") as caught,
        VideoWriter(tmp_path / "a.mp4", 25, np.zeros(9999, np.float32)) as video,
    ):
        for _ in range(images):
            video.write(rng.integers(0, 255, (240, 320, 3), np.uint8))
    assert "a.mp4" in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
