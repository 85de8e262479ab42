"""A film becomes a face, a mouth and a voice, or one sentence says why not."""

import numpy as np
import pytest

from avjax.data import schema
from avjax.data.builders import clip_reader as film
from avjax.errors import InputError


def test_face_mouth_and_voice_are_cut_out_of_a_film(write_film, detector, tmp_path):
    write_film(tmp_path / "a.mp4")
    out = film.read_film(tmp_path / "a.mp4", 64, detector)
    assert out.face[:].shape == (12, 64, 64, 3)
    assert out.mouth[:].shape == (12, 96, 96, 1)
    assert len(out.wave) >= 12 * 640 and np.abs(out.wave).max() > 0.2
    face = out.face[5].astype(int)
    assert np.abs(face[3:40, 3:-3] - (200, 150, 120)).max() < 30, "skin to the border"
    mouth = out.mouth[5][..., 0].astype(int)
    assert mouth[44:52, 40:56].max() < 70, "the dark mouth is in the middle"
    assert mouth[20:30].min() > 120, "skin above it"


def test_another_rate_becomes_25_frames_a_second(picture, detector, tmp_path):
    from avjax.media.video_reader import VideoWriter

    with VideoWriter(tmp_path / "a.mp4", 50, np.zeros(16_000, np.float32)) as video:
        for _ in range(50):
            video.write(picture)
    assert len(film.read_film(tmp_path / "a.mp4", 64, detector).face) == 25


def test_what_cannot_be_used_says_why(write_film, detector, tmp_path):
    write_film(tmp_path / "mute.mp4", sound=False)
    write_film(tmp_path / "short.mp4", frames=3)
    write_film(tmp_path / "away.mp4", frames=40, blank=range(10, 40))
    torn = (tmp_path / "short.mp4").read_bytes()
    (tmp_path / "torn.mp4").write_bytes(torn[: len(torn) // 2])
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name in ("mute", "short", "away", "torn", "empty", "missing"):
        with pytest.raises(InputError, match=name):
            film.read_film(tmp_path / f"{name}.mp4", 64, detector)


def test_a_blink_of_the_detector_is_bridged(write_film, detector, tmp_path):
    write_film(tmp_path / "a.mp4", frames=20, blank=(7, 8))
    out = film.read_film(tmp_path / "a.mp4", 32, detector)
    assert isinstance(out.face, schema.Reel) and len(out.face) == 20


def test_words_whose_times_nobody_tells_are_aligned_all_the_same():
    words, asked = film.spans_unknown(["bin", "blue"]), []
    align = lambda wave, words: asked.append(words) or ()  # noqa: E731
    assert film.phones_in(np.zeros(9), words, align) == ()
    assert [word for word, _, _ in asked[0]] == ["bin", "blue"]
    assert np.isnan([time for _, *times in asked[0] for time in times]).all()
