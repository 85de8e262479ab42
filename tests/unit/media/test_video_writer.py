import resource
import signal

import numpy as np
import pytest

from avjax.errors import InputError
from avjax.media.audio_io import read_sound
from avjax.media.video_reader import VideoWriter, probe, read_frames

NOISE = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)


def test_a_picture_survives_with_its_colours(tmp_path):
    ramp = np.linspace(20, 235, 96)
    image = np.stack(np.broadcast_arrays(ramp[:, None], ramp, ramp[::-1]), axis=-1)
    image = image.astype(np.uint8)
    with VideoWriter(tmp_path / "a.mp4", 25) as video:
        for _ in range(5):
            video.write(image)
    for again in read_frames(tmp_path / "a.mp4"):
        error = again.astype(float) - image
        assert np.abs(error).mean() < 2 and np.abs(error.mean(axis=(0, 1))).max() < 2


def test_an_odd_image_gets_its_last_row_and_column_twice(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 25) as video:
        video.write(NOISE[:33, :47])
    info = probe(tmp_path / "a.mp4")
    assert (info.width, info.height) == (48, 34)


@pytest.mark.parametrize("rate", [16_000, 44_100, 50_000])
@pytest.mark.parametrize("given", [0.5, 5.0])
def test_sound_lasts_as_long_as_the_picture_and_keeps_its_time(tmp_path, rate, given):
    with VideoWriter(tmp_path / "a.mp4", 24, sweep(given, rate), rate) as video:
        for _ in range(48):
            video.write(NOISE[:32, :32])
    wave = read_sound(tmp_path / "a.mp4")
    assert abs(len(wave) - 32_000) <= 1024  # a block of the coder
    clear = slice(1000, int(min(given, 2) * 16_000) - 1000)
    error = wave[clear] - sweep(given, 16_000)[clear]
    assert error.std() < 0.05 * wave[clear].std()
    assert np.abs(wave[int(given * 16_000) + 2000 :]).max(initial=0) < 0.01


def sweep(seconds: float, rate: int) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * (200 + 100 * time) * time)).astype(np.float32)


def test_an_error_leaves_the_older_file_and_nothing_else(tmp_path):
    (tmp_path / "a.mp4").write_text("old")
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / "a.mp4", 25) as video:
        video.write(NOISE)
        raise ZeroDivisionError
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_text() == "old"


def test_a_film_of_nothing_is_refused(tmp_path):
    with (
        pytest.raises(InputError, match="no image"),
        VideoWriter(tmp_path / "a.mp4", 25, np.zeros(10, np.float32)),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_images_of_two_sizes_are_a_defect_of_the_caller(tmp_path):
    with pytest.raises(ValueError), VideoWriter(tmp_path / "a.mp4", 25) as video:
        video.write(NOISE)
        video.write(NOISE[:100])
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written_one_sentence_says_so(tmp_path):
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
    """Files cannot grow beyond 100 kB: what a full disk looks like from inside."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
    signal.signal(signal.SIGXFSZ, kept)


@pytest.mark.parametrize("images", [3, 60])  # found out on closing, or on the way
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, small_disk, images):
    draw = np.random.default_rng(0)
    with (
        pytest.raises(InputError, match="cannot write") as caught,
        VideoWriter(tmp_path / "a.mp4", 25, np.zeros(9999, np.float32)) as video,
    ):
        for _ in range(images):
            video.write(draw.integers(0, 255, (240, 320, 3), np.uint8))
    assert "a.mp4" in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
