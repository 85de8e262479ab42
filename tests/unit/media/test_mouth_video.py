"""A clip in windows: every frame is answered for once, and as if there were none."""

import weakref
from fractions import Fraction

import av
import numpy as np
import pytest

from avjax.data import puppet
from avjax.errors import InputError
from avjax.media import image_io as image
from avjax.media import mouth_video as clips
from avjax.media import video_reader as video
from avjax.media.mouth_crop import GREY
from avjax.media.mouth_video import MARGIN, Lips, answers, open_lips, starts

BOX = (8, 0, 48, 48)


@pytest.fixture
def grey(monkeypatch):
    """grey(count) is a clip whose frames are grey, each in a level of its own.

    Its frames are counted as they are read: clip, frames that were read.
    """

    def clip(count: int, missing=()) -> tuple[Lips, list[weakref.ref]]:
        read = []

        def frames(path, fps):
            for number in range(count):
                frame = np.full((8, 8, 3), 37 * number % 251, np.uint8)
                read.append(weakref.ref(frame))
                yield frame

        monkeypatch.setattr(clips.video, "read_at_rate", frames)
        boxes = np.tile(np.array([0, 0, 8, 8], np.float32), (count, 1))
        boxes[list(missing)] = np.nan
        return Lips("clip", boxes), read

    return clip


def near(pictures: np.ndarray, exists: np.ndarray) -> np.ndarray:
    """A network that sees MARGIN frames to either side, and no more.

    [1 w h w 1], [1 w] -> [1 2w 1]: two answers a frame.
    """
    level = pictures[0, :, 0, 0, 0].astype(np.int64) * exists[0].astype(np.int64)
    weights = 1 + np.arange(2 * MARGIN + 1) ** 2
    sums = np.convolve(level, weights)[MARGIN : MARGIN + len(level)]
    return np.stack([sums, level], axis=-1).reshape(1, -1, 1)


@pytest.mark.parametrize("count", [1, 24, 25, 26, 50, 75, 100, 101, 160, 161, 333])
def test_windows_answer_as_one_that_holds_the_whole_clip(count, grey, monkeypatch):
    missing = [n for n in range(count) if n % 70 in (3, 55, 56, 57)]
    found = answers(grey(count, missing)[0], 8, near)
    monkeypatch.setattr(clips, "LENGTHS", (count,))
    whole = answers(grey(count, missing)[0], 8, near)
    assert whole.shape == (2 * count, 1)
    np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("count", [1, 25, 26, 99, 100, 101, 159, 160, 220, 777])
def test_windows_have_few_lengths_and_end_with_the_clip(count):
    length = min((n for n in clips.LENGTHS if n >= count), default=clips.LENGTHS[-1])
    begun = starts(count, length)
    assert begun[0] == 0 and begun[-1] == max(count - length, 0)
    assert begun == sorted(set(begun))
    assert len(begun) == 1 or max(np.diff(begun)) <= length - 2 * MARGIN


def test_a_window_says_which_frames_it_holds(grey):
    for window in grey(200)[0].windows(8):
        there = 37 * (window.first + np.arange(100)) % 251
        np.testing.assert_array_equal(window.pictures[:, 4, 4, 0], there)


def test_where_there_is_no_face_pictures_are_grey_and_do_not_exist(grey):
    (window,) = grey(10, [0, 4, 5])[0].windows(16)
    assert window.pictures.shape == (25, 16, 16, 1)
    assert np.flatnonzero(window.exists).tolist() == [1, 2, 3, 6, 7, 8, 9]
    assert (window.pictures[[0, 4, 5]] == GREY).all()
    assert (window.pictures[10:] == window.pictures[9]).all()
    assert window.kept == slice(0, 10)


def test_of_a_long_clip_one_window_is_in_memory(grey):
    lips, read = grey(1000)
    for window in lips.windows(8):
        assert len(read) == window.first + len(window.pictures)
        assert sum(frame() is not None for frame in read) <= 2


@pytest.mark.parametrize("fps", [12.5, 25, 30, 22.131])
def test_a_clip_of_any_rate_has_25_pictures_a_second(grey_film, fps):
    levels = [20 + 3 * n for n in range(round(2 * fps))]
    lips = open_lips(grey_film(levels, fps), BOX)
    assert abs(len(lips) - 50) <= 1
    shown = [int(np.median(picture)) for picture in lips.pictures(16)]
    wanted = np.interp(np.arange(len(lips)) / 25, np.arange(len(levels)) / fps, levels)
    assert np.abs(np.array(shown) - wanted).max() < 3 * (fps / 25 / 2 + 1) + 1


def test_a_changing_rate_is_followed_by_its_time_stamps(tmp_path):
    path, times = tmp_path / "changing.mkv", [0, 40, 80, 400, 440, 1000, 1040]  # ms
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", 25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = stream.time_base = clips.video.Fraction(
            1, 1000
        )
        for number, time in enumerate(times):
            level = np.full((48, 64, 3), 20 + 20 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(level, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    shown = [int(np.median(p)) for p in open_lips(path, BOX).pictures(16)]
    by_hand = [max(n for n, t in enumerate(times) if t <= 40 * i) for i in range(27)]
    assert [round((level - 20) / 20) for level in shown] == by_hand


def test_a_puppet_is_found_without_a_box(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    person = puppet.make_puppet(0, 1)
    moves = puppet.articulate((), 8), puppet.still(8)
    frames, boxes = puppet.film(person, *moves, 160)
    with video.VideoWriter(tmp_path / "clip.mp4", 25) as writer:
        for frame in frames:
            writer.write(frame)
    lips = open_lips(tmp_path / "clip.mp4")
    assert lips.seen.all()
    np.testing.assert_allclose(lips.boxes, boxes, atol=25)


def test_a_picture_is_no_clip(tmp_path):
    image.write_png(tmp_path / "a.mp4", np.full((48, 64, 3), 9, np.uint8))
    with pytest.raises(InputError, match="is a picture"):
        open_lips(tmp_path / "a.mp4", BOX)
