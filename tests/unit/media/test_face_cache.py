import shutil

import numpy as np
import pytest

from avjax.errors import InputError
from avjax.media import face_cache
from avjax.media.face import track_all_in_video, track_video


@pytest.fixture
def detector_calls(monkeypatch, tmp_path) -> list:
    """An empty cache folder, and a list with one entry for each detector call."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    calls = []

    def detect(image):
        calls.append(1)
        return np.array([[5, 5, 25, 25], [30, 8, 44, 22]], np.float32)

    monkeypatch.setattr(face_cache, "detect_faces", detect)
    return calls


def test_a_renamed_video_is_not_detected_again(make_video, detector_calls):
    path = make_video(10)
    first = track_video(path)
    assert len(detector_calls) == 10
    again = track_video(shutil.copy(path, path.with_name("other.mp4")))
    other = track_video(path, index=1)
    assert len(detector_calls) == 10
    assert np.array_equal(first.boxes, again.boxes) and first.detected.all()
    assert not np.allclose(first.boxes, other.boxes)


def test_track_all_in_video_detects_once_for_all_faces(make_video, detector_calls):
    path = make_video(10)
    tracks = track_all_in_video(path)
    assert len(tracks) == 2 and len(detector_calls) == 10
    for index, track in enumerate(tracks):
        single = track_video(path, index)
        np.testing.assert_array_equal(track.boxes, single.boxes)
    assert len(detector_calls) == 10


def test_another_video_or_stride_is_detected_again(make_video, detector_calls):
    track_video(make_video(10))
    track_video(make_video(10), detect_every=5)
    assert len(detector_calls) == 12
    track_video(make_video(7))
    assert len(detector_calls) == 19


def test_track_video_at_another_frame_rate(make_video, detector_calls):
    path = make_video(12, fps=30)
    assert len(track_video(path).boxes) == 12 and len(detector_calls) == 12
    assert len(track_video(path, fps=25).boxes) == 10 and len(detector_calls) == 22
    assert (
        len(track_video(path, detect_every=2, fps=50).boxes) == 20
        and len(detector_calls) == 32
    )
    track_video(path), track_video(path, fps=25.0), track_video(path, index=1)
    assert len(detector_calls) == 32


def test_a_damaged_cache_entry_is_replaced(make_video, detector_calls):
    path = make_video(10)
    first = track_video(path)
    for entry in face_cache.cache_folder().rglob("*.npz"):
        entry.write_bytes(entry.read_bytes()[:60])
    assert (
        np.array_equal(track_video(path).boxes, first.boxes)
        and len(detector_calls) == 20
    )


def test_track_video_works_without_a_writable_cache(
    make_video, detector_calls, monkeypatch, tmp_path
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert track_video(make_video(10)).detected.all()


def test_track_video_rejects_a_missing_file(detector_calls, tmp_path):
    with pytest.raises(InputError, match=r"none\.mp4"):
        track_video(tmp_path / "none.mp4")
