"""Mouth videos: windows, frame rates, missing faces."""

import weakref
from fractions import Fraction

import av
import numpy as np
import pytest

from avjax.data import puppet
from avjax.errors import FaceNotFoundError, InputError
from avjax.faces import mouth_video
from avjax.faces.mouth_crop import MEAN_GREY
from avjax.faces.mouth_video import (
    CONTEXT_FRAMES,
    WINDOW_LENGTHS,
    MouthVideo,
    open_all_faces,
    open_mouth_video,
    run_windows,
    window_starts,
)
from avjax.media.image_io import write_png
from avjax.media.video_writer import VideoWriter

BOX = (8, 0, 48, 48)


@pytest.fixture
def grey(monkeypatch):
    """Function (count, missing) that makes a video of uniform frames.

    Every frame has its own grey level. It returns the video and a list of references to
    the frames that were read.
    """

    def make(count: int, missing=()) -> tuple[MouthVideo, list[weakref.ref]]:
        read = []

        def frames(path, fps):
            for number in range(count):
                frame = np.full((8, 8, 3), 37 * number % 251, np.uint8)
                read.append(weakref.ref(frame))
                yield frame

        monkeypatch.setattr(mouth_video.video_reader, "read_at_rate", frames)
        boxes = np.tile(np.array([0, 0, 8, 8], np.float32), (count, 1))
        boxes[list(missing)] = np.nan
        return MouthVideo("clip", boxes), read

    return make


def local_network(images: np.ndarray, frame_mask: np.ndarray) -> np.ndarray:
    """Compute two outputs per frame from at most CONTEXT_FRAMES frames at each side.

    [1 t h w 1], [1 t] -> [1 2t 1]
    """
    level = images[0, :, 0, 0, 0].astype(np.int64) * frame_mask[0].astype(np.int64)
    weights = 1 + np.arange(2 * CONTEXT_FRAMES + 1) ** 2
    sums = np.convolve(level, weights)[CONTEXT_FRAMES : CONTEXT_FRAMES + len(level)]
    return np.stack([sums, level], axis=-1).reshape(1, -1, 1)


@pytest.mark.parametrize("count", [1, 24, 25, 26, 50, 75, 100, 101, 160, 161, 333])
def test_run_windows_equals_one_window_over_the_whole_video(count, grey, monkeypatch):
    missing = [n for n in range(count) if n % 70 in (3, 55, 56, 57)]
    outputs = run_windows(grey(count, missing)[0], 8, local_network)
    monkeypatch.setattr(mouth_video, "WINDOW_LENGTHS", (count,))
    expected = run_windows(grey(count, missing)[0], 8, local_network)
    assert expected.shape == (2 * count, 1)
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize("count", [*range(1, 222), 777])
def test_window_starts_overlap_and_end_with_the_video(count):
    length = min((n for n in WINDOW_LENGTHS if n >= count), default=WINDOW_LENGTHS[-1])
    starts = window_starts(count, length)
    assert starts[0] == 0 and starts[-1] == max(count - length, 0)
    assert starts == sorted(set(starts))
    assert len(starts) == 1 or max(np.diff(starts)) <= length - 2 * CONTEXT_FRAMES


def test_first_is_the_number_of_the_first_frame(grey):
    for window in grey(200)[0].windows(8):
        expected = 37 * (window.first + np.arange(100)) % 251
        np.testing.assert_array_equal(window.images[:, 4, 4, 0], expected)


def test_frames_without_a_face_are_grey_and_masked(grey):
    (window,) = grey(10, [0, 4, 5])[0].windows(16)
    assert window.images.shape == (25, 16, 16, 1)
    assert np.flatnonzero(window.frame_mask).tolist() == [1, 2, 3, 6, 7, 8, 9]
    assert (window.images[[0, 4, 5]] == MEAN_GREY).all()
    assert (window.images[10:] == window.images[9]).all()
    assert window.core == slice(0, 10)


def test_one_window_of_a_long_video_is_in_memory(grey):
    video, read = grey(1000)
    for window in video.windows(8):
        assert len(read) == window.first + len(window.images)
        assert sum(frame() is not None for frame in read) <= 2


@pytest.mark.parametrize("fps", [12.5, 25, 30, 22.131])
def test_a_video_of_any_frame_rate_gives_25_images_per_second(grey_video, fps):
    levels = [20 + 3 * n for n in range(round(2 * fps))]
    video = open_mouth_video(grey_video(levels, fps), BOX)
    assert abs(len(video) - 50) <= 1
    medians = [int(np.median(image)) for image in video.mouth_images(16)]
    times = np.arange(len(video)) / 25
    expected = np.interp(times, np.arange(len(levels)) / fps, levels)
    assert np.abs(np.array(medians) - expected).max() < 3 * (fps / 25 / 2 + 1) + 1


def test_a_variable_frame_rate_is_read_by_timestamps(tmp_path):
    path, times = tmp_path / "variable.mkv", [0, 40, 80, 400, 440, 1000, 1040]  # ms
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", 25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number, time in enumerate(times):
            image = np.full((48, 64, 3), 20 + 20 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    images = open_mouth_video(path, BOX).mouth_images(16)
    medians = [int(np.median(image)) for image in images]
    expected = [max(n for n, t in enumerate(times) if t <= 40 * i) for i in range(27)]
    assert [round((level - 20) / 20) for level in medians] == expected


def test_the_face_of_a_puppet_is_found_without_a_box(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    person = puppet.make_puppet(0, 1)
    articulation, pose = puppet.articulate((), 8), puppet.still_pose(8)
    frames, boxes = puppet.render_portrait_video(person, articulation, pose, 160)
    with VideoWriter(tmp_path / "clip.mp4", 25) as writer:
        for frame in frames:
            writer.write(frame)
    video = open_mouth_video(tmp_path / "clip.mp4")
    assert video.face_found.all()
    np.testing.assert_allclose(video.boxes, boxes, atol=25)
    array = np.stack(list(frames))
    (only_face,) = open_all_faces(array)
    for video in (open_mouth_video(array), only_face):
        assert video.face_found.all()
        np.testing.assert_allclose(video.boxes, boxes, atol=25)


def test_frames_can_be_given_as_an_array():
    frames = np.random.default_rng(0).integers(0, 255, (7, 48, 64, 3), np.uint8)
    video = open_mouth_video(frames, BOX)
    images = list(video.mouth_images(16))
    assert len(video) == len(images) == 7 and images[0].shape == (16, 16, 1)
    np.testing.assert_array_equal(video.boxes, np.tile([8, 0, 56, 48], (7, 1)))


@pytest.mark.parametrize(
    "frames",
    [np.zeros((48, 64, 3), np.uint8), np.zeros((2, 48, 64, 3)), np.zeros((2, 9), "u1")],
)
def test_arrays_of_another_layout_are_rejected(frames):
    with pytest.raises(InputError, match="must be an array of uint8"):
        open_mouth_video(frames, BOX)


def test_frames_without_a_face_raise_face_not_found():
    with pytest.raises(FaceNotFoundError, match="no face was found in the frames"):
        open_mouth_video(np.zeros((4, 48, 64, 3), np.uint8))


def test_a_still_image_is_rejected(tmp_path):
    write_png(tmp_path / "a.mp4", np.full((48, 64, 3), 9, np.uint8))
    with pytest.raises(InputError, match="is a photo; give a video"):
        open_mouth_video(tmp_path / "a.mp4", BOX)
