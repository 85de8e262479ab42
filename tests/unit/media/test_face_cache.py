import shutil

import numpy as np
import pytest

from avjax.errors import InputError
from avjax.media import face_cache as cache
from avjax.media.face import cached_track, cached_tracks


@pytest.fixture
def counted(monkeypatch, tmp_path) -> list:
    """The cache in a fresh folder, and one entry for every look of the detector."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    looks = []

    def detect(image):
        looks.append(1)
        return np.array([[5, 5, 25, 25], [30, 8, 44, 22]], np.float32)

    monkeypatch.setattr(cache, "detect", detect)
    return looks


def test_the_same_film_is_looked_at_once_whatever_its_name(film, counted):
    path = film(10)
    first = cached_track(path)
    assert len(counted) == 10
    again = cached_track(shutil.copy(path, path.with_name("other.mp4")))
    other = cached_track(path, index=1)
    assert len(counted) == 10
    assert np.array_equal(first.boxes, again.boxes) and first.seen.all()
    assert not np.allclose(first.boxes, other.boxes)


def test_everybody_is_found_at_one_look(film, counted):
    path = film(10)
    everybody = cached_tracks(path)
    assert len(everybody) == 2 and len(counted) == 10
    for index, track in enumerate(everybody):
        one = cached_track(path, index)
        np.testing.assert_array_equal(track.boxes, one.boxes)
    assert len(counted) == 10


def test_another_film_or_another_stride_is_looked_at_anew(film, counted):
    cached_track(film(10))
    cached_track(film(10), every=5)
    assert len(counted) == 12
    cached_track(film(7))
    assert len(counted) == 19


def test_at_another_rate_boxes_are_those_of_its_frames(film, counted):
    path = film(12, fps=30)
    assert len(cached_track(path).boxes) == 12 and len(counted) == 12
    assert len(cached_track(path, fps=25).boxes) == 10 and len(counted) == 22
    assert len(cached_track(path, every=2, fps=50).boxes) == 20 and len(counted) == 32
    cached_track(path), cached_track(path, fps=25.0), cached_track(path, index=1)
    assert len(counted) == 32


def test_a_damaged_entry_is_made_again(film, counted):
    path = film(10)
    first = cached_track(path)
    for kept in cache.cache_folder().rglob("*.npz"):
        kept.write_bytes(kept.read_bytes()[:60])
    assert np.array_equal(cached_track(path).boxes, first.boxes) and len(counted) == 20


def test_without_a_place_to_keep_it_the_track_is_still_found(
    film, counted, monkeypatch, tmp_path
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cached_track(film(10)).seen.all()


def test_a_missing_film_is_one_sentence(counted, tmp_path):
    with pytest.raises(InputError, match=r"none\.mp4"):
        cached_track(tmp_path / "none.mp4")
