"""Lips with a voice: as long as the clip, in pieces that cannot be heard."""

import numpy as np
import pytest

import avjax
from avjax.__main__ import main
from avjax.audio.speech_mel import HOP, PEAK
from avjax.media import audio_io as audio
from avjax.media import face
from avjax.media import mouth_video as clips
from avjax.media import video_reader as video
from avjax.pipelines import speak
from avjax.pipelines.speak import RATE, SILENCE, voiced

BOX = ("--box", "8,0,48,48")
FACE = ("--box", "0,0,96,96")


@pytest.fixture(autouse=True)
def short(monkeypatch, tmp_path):
    """Short windows and pieces, so that little is compiled."""
    monkeypatch.setattr(clips, "LENGTHS", (16,))
    monkeypatch.setattr(clips, "MARGIN", 4)
    monkeypatch.setattr(speak, "PIECE", 96)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def call(*words) -> int:
    return main(["speak", *map(str, words)])


def level(mel: np.ndarray) -> np.ndarray:
    """A vocoder that says of every column how loud it is.  [b f k] -> [b n]"""
    loud = np.clip(np.asarray(mel)[..., 0] + 1, 0, None)
    return np.repeat(loud, HOP, axis=1)


def test_a_wav_lasts_as_long_as_the_clip(speaker, made, tmp_path, capfd):
    out = tmp_path / "said.wav"
    given = speaker, "--weights", made / "speech", "-o", out, *FACE
    assert call(*given) == 0
    wave = audio.read_sound(out)
    assert len(wave) == 56 * RATE // 25
    assert 0.1 < np.abs(wave).max() <= PEAK + 0.01
    assert f"wrote {out}: 2.24 s of speech" in capfd.readouterr().out


@pytest.mark.parametrize("fps", [12.5, 30])
def test_an_mp4_is_the_clip_with_its_new_sound(fps, made, tmp_path, grey_film):
    out, levels = tmp_path / "said.MP4", [16 + 8 * n for n in range(15)]
    clip = grey_film(levels, fps)
    assert call(clip, "--weights", made / "idle", "-o", out, *BOX) == 0
    before, after = video.probe(clip), video.probe(out)
    assert (after.fps, after.frames) == (before.fps, before.frames)
    assert after.has_sound and not before.has_sound
    shown = [np.median(frame) for frame in video.read_frames(out)]
    assert np.abs(np.array(shown) - levels).max() <= 3
    assert abs(len(audio.read_sound(out)) / RATE - 15 / fps) < 0.07


def test_a_clip_can_be_given_its_voice_in_place(made, grey_film):
    clip = grey_film([100] * 5)
    assert call(clip, "--weights", made / "idle", "-o", clip, *BOX) == 0
    assert video.probe(clip).has_sound and video.probe(clip).frames == 5


def test_another_vocoder_may_make_the_wave(speaker, made):
    given = {"weights": made / "speech", "box": (0, 0, 96, 96), "vocoder": level}
    said = avjax.speak(speaker, **given)
    assert said.mel.shape == (4 * 56, 80) and said.mel.dtype == np.float32
    by_hand = level(said.mel[None])[0]
    gain = min(speak.LOUDER, PEAK / by_hand.max())
    np.testing.assert_allclose(said.wave, gain * by_hand, atol=1e-5)


def test_who_shows_no_face_is_silent(speaker, made, monkeypatch):
    def half(path, index, every, fps):
        boxes = np.tile(np.array([0, 0, 96, 96], np.float32), (56, 1))
        boxes[10:30] = np.nan
        return face.Track(boxes, np.isfinite(boxes[:, 0]))

    monkeypatch.setattr(clips.face, "cached_track", half)
    said = speak.speak(speaker, weights=made / "speech", vocoder=level)
    assert (said.mel[40:120] == SILENCE).all() and (said.mel[120:] != SILENCE).any()
    assert not said.wave[40 * HOP : 120 * HOP].any()
    assert said.missed == list(range(10, 30))
    assert "20 frames of 25 a second showed no face, and are silent: 10-29" in str(said)


@pytest.mark.parametrize("columns", [1, 4, 95, 96, 97, 112, 113, 176, 177, 500])
def test_pieces_fade_into_each_other_without_a_seam(columns):
    mel = np.random.default_rng(columns).uniform(-1, 1, (columns, 80))
    whole = level(mel[None])[0]
    found = voiced(mel.astype(np.float32), level)
    assert found.shape == whole.shape
    scale = min(speak.LOUDER, PEAK / whole.max())
    np.testing.assert_allclose(found, scale * whole, atol=1e-5)


def test_silence_stays_silent_and_a_whisper_is_no_shout():
    mel = np.full((200, 80), SILENCE, np.float32)
    assert not voiced(mel, speak.GRIFFIN_LIM).any()
    whisper = voiced(mel + 0.01, level)
    assert whisper.max() == pytest.approx(0.04, rel=1e-4)


def test_bounded_pieces_go_to_the_vocoder():
    seen = []

    def vocoder(mel):
        seen.append(mel.shape)
        return level(mel)

    voiced(np.zeros((1000, 80), np.float32), vocoder)
    assert set(seen) == {(1, 96, 80)}


def refuse(refused, words, made):
    given = {"--weights": made / "speech", "-o": "out.wav"}
    more = [word for one in given.items() if one[0] not in words for word in one]
    refused(call, *words, *more)


def test_what_no_verb_can_use_is_refused(unusable, refused, made):
    refuse(refused, unusable, made)


@pytest.mark.parametrize(
    "words",
    [
        ["one.mp4", "black.mp4", *BOX],
        ["one.mp4", *BOX, "--weights", "sentences"],
        ["one.mp4", *BOX, "--weights", "words"],
        ["one.mp4", *BOX, "-o", "out.avi"],
        ["one.mp4", *BOX, "-o", "out"],
        ["one.mp4", *BOX, "-o", "no/such/folder/out.wav"],
        ["one.mp4", *BOX, "-o", "folder.wav"],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_sentence_and_leaves_nothing(words, refused, made):
    refuse(refused, words, made)


def test_a_place_that_cannot_be_written_is_told_before_the_work(bad, monkeypatch):
    monkeypatch.setattr(speak, "speak", lambda *_, **__: pytest.fail("worked"))
    assert call("one.mp4", "-o", bad / "no" / "out.wav") == 2


def test_a_write_that_fails_leaves_the_old_file(made, grey_film, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    clip, out = grey_film([100] * 5), tmp_path / "said.mp4"
    out.write_bytes(b"old")
    monkeypatch.setattr(video.VideoWriter, "_hear", full)
    given = {"weights": made / "idle", "box": (8, 0, 48, 48), "vocoder": level}
    with pytest.raises((OSError, avjax.errors.InputError), match="(?i)no space left"):
        speak.write(out, clip, **given)
    assert out.read_bytes() == b"old"
    assert {file.name for file in tmp_path.iterdir()} <= {"said.mp4", "grey.mp4"}
