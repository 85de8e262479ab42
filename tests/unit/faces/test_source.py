"""Face sources: photos, videos and arrays with the box of the face."""

import sys

import numpy as np
import pytest
from heif_files import write_heic
from media_files import write_video

from avjax.errors import FaceNotFoundError, InputError
from avjax.faces.source import open_face_source, square_box
from avjax.media.video_reader import ping_pong_indices

BOX = (8, 0, 48, 40)
SQUARE = (8, -4, 56, 44)
FRAMES = np.arange(5, dtype=np.uint8)[:, None, None, None].repeat(48, 1)
FRAMES = np.broadcast_to(FRAMES, (5, 48, 64, 3)).copy()


def test_a_video_is_played_back_and_forth(make_video, read_number):
    source = open_face_source(make_video(5, fps=30), BOX)
    assert (source.shape, source.fps) == ((48, 64), 30)
    np.testing.assert_array_equal(source.boxes, np.tile(SQUARE, (5, 1)))
    played = [read_number(image) for image in source.play(12)]
    assert played == ping_pong_indices(5, 12).tolist()


def test_a_slow_clip_is_played_at_a_rate_at_which_lips_can_move(
    make_video, read_number
):
    source = open_face_source(make_video(2, fps=1), BOX)
    assert (source.fps, len(source.boxes)) == (25, 50)
    assert [read_number(image) for image in source.play(50)] == [0] * 25 + [1] * 25
    (remark,) = source.remarks
    assert "only 1 fps" in remark and "to reach 25 fps" in remark


def test_a_clip_with_a_pause_has_a_box_for_each_image(tmp_path):
    times = [*range(0, 200, 40), *range(1000, 1200, 40)]  # milliseconds
    path = write_video(tmp_path / "a.mp4", [FRAMES[0]] * 10, times=times)
    source = open_face_source(path, BOX)
    assert (source.fps, len(source.boxes)) == (25, 30)


@pytest.mark.parametrize("name", ["a.mp4", "a.heic"])
def test_one_frame_is_a_photo(make_video, tmp_path, name):
    path = tmp_path / name
    if name == "a.heic":
        write_heic(path, np.full((64, 128, 3), 90, np.uint8), tile=64)
    else:
        make_video(1, fps=1).rename(path)
    source = open_face_source(path, BOX)
    assert (source.fps, len(source.boxes), source.remarks) == (25, 1, ())
    frames = list(source.play(3))
    assert len(frames) == 3 and np.array_equal(frames[0], frames[2])


def test_frames_as_an_array_are_played_back_and_forth():
    source = open_face_source(FRAMES, BOX)
    assert (source.shape, source.fps) == ((48, 64), 25)
    np.testing.assert_array_equal(source.boxes, np.tile(SQUARE, (5, 1)))
    played = [int(image[0, 0, 0]) for image in source.play(12)]
    assert played == ping_pong_indices(5, 12).tolist()
    assert next(source.play(sys.maxsize)).shape == (48, 64, 3)


def test_an_image_is_repeated():
    source = open_face_source(FRAMES[0], BOX)
    np.testing.assert_array_equal(source.boxes, [SQUARE])
    assert len(list(source.play(3))) == 3


@pytest.mark.parametrize(
    "source", [FRAMES[:, :, :, 0], FRAMES.astype(float), FRAMES[:0]]
)
def test_arrays_of_another_layout_are_rejected(source):
    with pytest.raises(InputError, match="must be an array of uint8"):
        open_face_source(source, BOX)


@pytest.mark.parametrize("source", [FRAMES, FRAMES[0]])
def test_sources_without_a_face_raise_face_not_found(source):
    with pytest.raises(FaceNotFoundError, match="no face was found in the"):
        open_face_source(source)


@pytest.mark.parametrize("count", [0, 3])
def test_a_source_has_the_track_of_its_face(portrait, count):
    source = open_face_source(np.stack([portrait] * count) if count else portrait)
    assert source.track is not None and source.track.detected.all()
    assert source.track.landmarks.shape == (max(1, count), 5, 2)
    np.testing.assert_array_equal(source.boxes, source.track.boxes)
    box = source.boxes[0]
    assert 90 < box[2] - box[0] < 130
    assert box[2] - box[0] == pytest.approx(box[3] - box[1], rel=1e-5)


def test_the_second_face_of_a_photo_can_be_chosen(portraits):
    pair = np.concatenate([portraits[0], portraits[1]], axis=1)
    first, second = (open_face_source(pair, face_index=index) for index in (0, 1))
    centers = sorted((s.boxes[0, 0] + s.boxes[0, 2]) / 2 for s in (first, second))
    assert abs(centers[0] - 128) < 20 and abs(centers[1] - 384) < 20
    with pytest.raises(FaceNotFoundError, match=r"no face number 2 .* in the image"):
        open_face_source(pair, face_index=2)


def test_a_given_box_is_used_without_a_search(portrait):
    source = open_face_source(portrait, (10, 20, 100, 100))
    assert source.track is None
    np.testing.assert_array_equal(source.boxes, [[10, 20, 110, 120]])


def test_square_box_has_the_same_centre():
    box = square_box((10, 20, 20, 40), (100, 100))
    np.testing.assert_array_equal(box, [0, 20, 40, 60])
