"""Lip-to-speech: length, silence without a face, and parts without audible seams."""

import numpy as np
import pytest

import avjax
from avjax.__main__ import main
from avjax.algorithms.griffin_lim import SILENCE
from avjax.audio.speech_mel import PEAK_LEVEL, SPEECH_MEL_HOP
from avjax.constants import SAMPLE_RATE
from avjax.faces import cache, mouth_video
from avjax.faces.alignment import landmarks_in_box
from avjax.faces.tracking import FaceTrack
from avjax.media import audio_io, video_reader
from avjax.media.video_writer import VideoWriter
from avjax.pipelines import speak
from avjax.pipelines.speak import vocode

BOX = ("--box", "8,0,48,48")
FULL_BOX = ("--box", "0,0,96,96")


@pytest.fixture(autouse=True)
def short_windows(monkeypatch, tmp_path):
    """Use short windows and parts, so that little is compiled."""
    monkeypatch.setattr(mouth_video, "WINDOW_LENGTHS", (16,))
    monkeypatch.setattr(mouth_video, "CONTEXT_FRAMES", 4)
    monkeypatch.setattr(speak, "VOCODER_FRAMES", 96)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run_command(*words) -> int:
    return main(["speak", *map(str, words)])


def level_vocoder(mel: np.ndarray) -> np.ndarray:
    """Return the level of each mel frame as waveform: [b f k] -> [b n]."""
    level = np.clip(np.asarray(mel)[..., 0] + 1, 0, None)
    return np.repeat(level, SPEECH_MEL_HOP, axis=1)


def test_wav_is_as_long_as_the_video(puppet_clip, reader_weights, tmp_path, capfd):
    out = tmp_path / "speech.wav"
    options = "--weights", reader_weights / "speech", "-o", out, *FULL_BOX
    assert run_command(puppet_clip, *options) == 0
    wave = audio_io.read_audio(out)
    assert len(wave) == 56 * SAMPLE_RATE // 25
    assert 0.1 < np.abs(wave).max() <= PEAK_LEVEL + 0.01
    assert f"wrote {out}: 2.24 s of speech" in capfd.readouterr().out


@pytest.mark.parametrize("fps", [12.5, 30])
def test_mp4_is_the_video_with_the_speech(fps, reader_weights, tmp_path, grey_video):
    out, levels = tmp_path / "speech.MP4", [16 + 8 * n for n in range(15)]
    clip = grey_video(levels, fps)
    options = "--weights", reader_weights / "idle", "-o", out, *BOX
    assert run_command(clip, *options) == 0
    before, after = video_reader.probe(clip), video_reader.probe(out)
    assert (after.fps, after.num_frames) == (before.fps, before.num_frames)
    assert after.has_audio and not before.has_audio
    medians = [np.median(frame) for frame in video_reader.read_frames(out)]
    assert np.abs(np.array(medians) - levels).max() <= 3
    seconds = len(audio_io.read_audio(out)) / SAMPLE_RATE
    assert abs(seconds - 15 / fps) < 0.07


def test_video_can_be_replaced_by_its_version_with_speech(reader_weights, grey_video):
    clip = grey_video([100] * 5)
    options = "--weights", reader_weights / "idle", "-o", clip, *BOX
    assert run_command(clip, *options) == 0
    info = video_reader.probe(clip)
    assert info.has_audio and info.num_frames == 5


def test_save_needs_the_video_for_mp4(puppet_clip, reader_weights, tmp_path):
    speech = avjax.speak(
        puppet_clip,
        weights=reader_weights / "speech",
        box=(0, 0, 96, 96),
        vocoder=level_vocoder,
    )
    speech.save(tmp_path / "speech.wav")
    speech.save(tmp_path / "speech.mp4", puppet_clip)
    assert video_reader.probe(tmp_path / "speech.mp4").num_frames == 56
    with pytest.raises(avjax.InputError, match="the silent video is missing"):
        speech.save(tmp_path / "other.mp4")


def test_vocoder_can_be_replaced(puppet_clip, reader_weights):
    speech = avjax.speak(
        puppet_clip,
        weights=reader_weights / "speech",
        box=(0, 0, 96, 96),
        vocoder=level_vocoder,
    )
    assert speech.mel.shape == (4 * 56, 80) and speech.mel.dtype == np.float32
    assert str(speech).endswith(
        "used the given box in 56 frames; no face was looked for"
    )
    expected = level_vocoder(speech.mel[None])[0]
    gain = min(speak.MAX_GAIN, PEAK_LEVEL / expected.max())
    np.testing.assert_allclose(speech.wave, gain * expected, atol=1e-5)


def test_frames_without_a_face_are_silent(puppet_clip, reader_weights, monkeypatch):
    def track_video(path, index, fps):
        landmarks = np.tile(landmarks_in_box(np.array([0, 0, 96, 96])), (56, 1, 1))
        landmarks[10:30] = np.nan
        return FaceTrack(landmarks, np.isfinite(landmarks[:, 0, 0]))

    monkeypatch.setattr(cache, "track_video", track_video)
    speech = speak.speak(
        puppet_clip, weights=reader_weights / "speech", vocoder=level_vocoder
    )
    assert (speech.mel[40:120] == SILENCE).all()
    assert (speech.mel[120:] != SILENCE).any()
    assert not speech.wave[40 * SPEECH_MEL_HOP : 120 * SPEECH_MEL_HOP].any()
    assert speech.missed_frames == list(range(10, 30))
    found = "warning: found a face in 36 of 56 frames; the others are silent: 10-29"
    assert str(speech).splitlines()[-1] == found


@pytest.mark.parametrize("frames", [1, 4, 95, 96, 97, 112, 113, 176, 177, 500])
def test_parts_are_joined_without_a_seam(frames):
    mel = np.random.default_rng(frames).uniform(-1, 1, (frames, 80))
    expected = level_vocoder(mel[None])[0]
    wave = vocode(mel.astype(np.float32), level_vocoder)
    assert wave.shape == expected.shape
    gain = min(speak.MAX_GAIN, PEAK_LEVEL / expected.max())
    np.testing.assert_allclose(wave, gain * expected, atol=1e-5)


def test_silence_stays_silent_and_quiet_speech_stays_quiet():
    mel = np.full((200, 80), SILENCE, np.float32)
    assert not vocode(mel, speak.GRIFFIN_LIM).any()
    quiet = vocode(mel + 0.01, level_vocoder)
    assert quiet.max() == pytest.approx(0.04, rel=1e-4)


def test_vocoder_gets_parts_of_one_length():
    shapes = []

    def vocoder(mel):
        shapes.append(mel.shape)
        return level_vocoder(mel)

    vocode(np.zeros((1000, 80), np.float32), vocoder)
    assert set(shapes) == {(1, 96, 80)}


def assert_command_refused(assert_refused, words, reader_weights):
    defaults = {"--weights": reader_weights / "speech", "-o": "out.wav"}
    options = [
        word for option in defaults.items() if option[0] not in words for word in option
    ]
    assert_refused(run_command, *words, *options)


def test_common_invalid_arguments_are_refused(
    bad_arguments, assert_refused, reader_weights
):
    assert_command_refused(assert_refused, bad_arguments, reader_weights)


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
def test_invalid_input_prints_one_sentence_and_leaves_no_file(
    words, assert_refused, reader_weights
):
    assert_command_refused(assert_refused, words, reader_weights)


def test_unwritable_output_is_reported_before_the_work(bad_files, monkeypatch):
    monkeypatch.setattr(speak, "speak", lambda *_, **__: pytest.fail("called"))
    assert run_command("one.mp4", "-o", bad_files / "no" / "out.wav") == 2


def test_failed_write_leaves_the_old_file(
    reader_weights, grey_video, tmp_path, monkeypatch
):
    def write_audio(*_):
        raise OSError(28, "No space left on device")

    clip, out = grey_video([100] * 5), tmp_path / "speech.mp4"
    out.write_bytes(b"old")
    monkeypatch.setattr(VideoWriter, "_write_audio", write_audio)
    with pytest.raises((OSError, avjax.InputError), match="(?i)no space left"):
        speak.write(
            out,
            clip,
            weights=reader_weights / "idle",
            box=(8, 0, 48, 48),
            vocoder=level_vocoder,
        )
    assert out.read_bytes() == b"old"
    assert {file.name for file in tmp_path.iterdir()} <= {"speech.mp4", "grey.mp4"}
