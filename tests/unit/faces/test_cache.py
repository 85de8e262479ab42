import shutil

import numpy as np
import pytest

from avjax.errors import InputError
from avjax.faces import cache
from avjax.faces.alignment import landmarks_in_box
from avjax.faces.cache import track_all_in_video, track_video
from avjax.faces.detection import Faces
from avjax.faces.observation import observe_faces

BOXES = np.array([[5, 5, 25, 25], [30, 8, 44, 22]], np.float32)
LANDMARKS = np.stack([landmarks_in_box(box) for box in BOXES])


@pytest.fixture
def frames_read(monkeypatch, tmp_path) -> list:
    """An empty cache folder, and a list with one entry for each observed frame."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    read = []

    def refine(image, landmarks):
        return landmarks, 1.0

    def observe(images, fps):
        counted = (read.append(1) or image for image in images)
        faces = Faces(LANDMARKS, np.ones(2, np.float32))
        return observe_faces(counted, fps, lambda *_: faces, refine)

    monkeypatch.setattr(cache, "observe_faces", observe)
    return read


def test_a_renamed_video_is_not_searched_again(make_video, frames_read):
    path = make_video(10)
    first = track_video(path)
    assert len(frames_read) == 10
    again = track_video(shutil.copy(path, path.with_name("other.mp4")))
    other = track_video(path, index=1)
    assert len(frames_read) == 10
    np.testing.assert_array_equal(first.landmarks, np.tile(LANDMARKS[0], (10, 1, 1)))
    np.testing.assert_array_equal(again.landmarks, first.landmarks)
    np.testing.assert_array_equal(other.landmarks, np.tile(LANDMARKS[1], (10, 1, 1)))
    assert first.detected.all()


def test_track_all_in_video_reads_once_for_all_faces(make_video, frames_read):
    path = make_video(10)
    tracks = track_all_in_video(path)
    assert len(tracks) == 2 and len(frames_read) == 10
    for index, track in enumerate(tracks):
        single = track_video(path, index)
        np.testing.assert_array_equal(track.landmarks, single.landmarks)
    assert len(frames_read) == 10


def test_track_video_at_another_frame_rate(make_video, frames_read):
    path = make_video(12, fps=30)
    assert len(track_video(path).landmarks) == 12 and len(frames_read) == 12
    assert len(track_video(path, fps=25).landmarks) == 10 and len(frames_read) == 22
    track_video(path), track_video(path, fps=25.0), track_video(path, index=1)
    assert len(frames_read) == 22


def test_a_damaged_cache_entry_is_replaced(make_video, frames_read):
    path = make_video(10)
    first = track_video(path)
    for entry in cache.cache_folder().rglob("*.npz"):
        entry.write_bytes(entry.read_bytes()[:60])
    np.testing.assert_array_equal(track_video(path).landmarks, first.landmarks)
    assert len(frames_read) == 20


def test_track_video_works_without_a_writable_cache(
    make_video, frames_read, monkeypatch, tmp_path
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert track_video(make_video(10)).detected.all()


def test_track_video_rejects_a_missing_file(frames_read, tmp_path):
    with pytest.raises(InputError, match=r"none\.mp4"):
        track_video(tmp_path / "none.mp4")
