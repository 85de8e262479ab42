"""Face, mouth and audio of a video file, and errors of unusable files."""

import numpy as np
import pytest

from avjax.data.builders.clip_reader import (
    find_phones,
    read_speaker_clip,
    untimed_words,
)
from avjax.data.schema import Reel
from avjax.errors import InputError
from avjax.media.video_writer import VideoWriter


def test_face_mouth_and_audio_are_cut_from_video(write_video, tracker, tmp_path):
    write_video(tmp_path / "a.mp4")
    out = read_speaker_clip(tmp_path / "a.mp4", 64, tracker)
    assert out.face[:].shape == (12, 64, 64, 3)
    assert out.mouth[:].shape == (12, 96, 96, 1)
    assert len(out.wave) >= 12 * 640 and np.abs(out.wave).max() > 0.2
    face = out.face[5].astype(int)
    assert np.abs(face[3:40, 3:-3] - (200, 150, 120)).max() < 30, "skin to the border"
    mouth = out.mouth[5][..., 0].astype(int)
    assert mouth[44:52, 40:56].max() < 70, "the dark mouth is in the middle"
    assert mouth[20:30].min() > 120, "skin above it"


def test_other_frame_rate_becomes_25_fps(picture, tracker, tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 50, np.zeros(16_000, np.float32)) as video:
        for _ in range(50):
            video.write(picture)
    assert len(read_speaker_clip(tmp_path / "a.mp4", 64, tracker).face) == 25


def test_unusable_videos_are_rejected_with_reason(write_video, tracker, tmp_path):
    write_video(tmp_path / "silent.mp4", audio=False)
    write_video(tmp_path / "short.mp4", frames=3)
    write_video(tmp_path / "away.mp4", frames=40, blank=range(10, 40))
    complete = (tmp_path / "short.mp4").read_bytes()
    (tmp_path / "truncated.mp4").write_bytes(complete[: len(complete) // 2])
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name in ("silent", "short", "away", "truncated", "empty", "missing"):
        with pytest.raises(InputError, match=name):
            read_speaker_clip(tmp_path / f"{name}.mp4", 64, tracker)


def test_short_detection_gap_is_bridged(write_video, tracker, tmp_path):
    write_video(tmp_path / "a.mp4", frames=20, blank=(7, 8))
    out = read_speaker_clip(tmp_path / "a.mp4", 32, tracker)
    assert isinstance(out.face, Reel) and len(out.face) == 20


def test_lower_faces_are_aligned_by_the_landmarks(write_video, tracker, tmp_path):
    write_video(tmp_path / "a.mp4")
    out = read_speaker_clip(tmp_path / "a.mp4", 64, tracker)
    assert len(out.lower_face) == 12 and out.lower_face[0].shape == (128, 128, 3)
    grey = out.lower_face[3].mean(-1)
    assert grey[56:62, 60:68].mean() < 80 < grey[20:40, 40:88].mean()
    eyes_and_nose = [-0.5, -1.05, 0.5, -1.05, 0, -0.45]
    np.testing.assert_allclose(out.pose, [eyes_and_nose] * 12, atol=1e-3)


def test_untimed_words_are_aligned():
    words, calls = untimed_words(["bin", "blue"]), []
    aligner = lambda wave, words: calls.append(words) or ()  # noqa: E731
    assert find_phones(np.zeros(9), words, aligner) == ()
    assert [word for word, _, _ in calls[0]] == ["bin", "blue"]
    assert np.isnan([time for _, *times in calls[0] for time in times]).all()
