"""CALS from a file and from a live session gives the same pixels."""

from fractions import Fraction

import numpy as np
import pytest
from untrained_talkers import save_parts, untrained_parts

from avjax.__main__ import main
from avjax.audio.mel import log_mel
from avjax.audio.streaming import normalize_speech_causal, window_mel_frames
from avjax.constants import FPS, MELS_PER_SECOND, SAMPLE_RATE
from avjax.errors import InputError
from avjax.media import audio_io, image_io
from avjax.media.video_reader import probe
from avjax.media.video_writer import VideoWriter
from avjax.models.cals import CalsConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.pipelines.live import live
from avjax.pipelines.talk import talk
from avjax.pipelines.talking import talker_functions
from avjax.pipelines.talking.audio_talkers import ContextTalker, load_talker
from avjax.pipelines.talking.streaming_encoder import StreamingEncoder

SIDE, BOX = 32, (8.0, 8.0, 48.0, 48.0)
TINY = CalsConfig(SIDE, 0.02, unit_dim=6, context_frames=3, layers=2, heads=2)
RNG = np.random.default_rng(0)
pytestmark = pytest.mark.usefixtures("quick_faces")


@pytest.fixture(scope="module")
def talker(quick_faces):
    return ContextTalker(TINY, untrained_parts(TINY, seed=1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, talker):
    """A photo, a clip of 30 frames per second, a recording, and weights."""
    folder = tmp_path_factory.mktemp("live")
    photo = RNG.integers(0, 256, (64, 64, 3), np.uint8)
    image_io.write_png(folder / "face.png", photo)
    with VideoWriter(folder / "clip.mp4", 30, None) as writer:
        for _ in range(4):
            writer.write(photo)
    audio_io.write_wav(folder / "sound.wav", syllables(0.7))
    save_parts(folder / "cals", talker.variables, TINY)
    audio_to_lip = talker.variables["audio_to_lip"]
    units = {"audio_to_lip": {"params": audio_to_lip["params"]}}
    save_parts(folder / "units", units, TINY, system="cals_units")
    lip_to_face = {"batch_stats": talker.variables["lip_to_face"]["batch_stats"]}
    half = {"audio_to_lip": audio_to_lip, "lip_to_face": lip_to_face}
    save_parts(folder / "half", half, TINY)
    other = SyncTalkFaceConfig(SIDE, 0.02, num_slots=4)
    save_parts(folder / "other", untrained_parts(other), other)
    return folder


def syllables(seconds):
    """Synthesize six syllables per second."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    envelope = np.clip(np.sin(2 * np.pi * 6 * time), 0, 1)
    tone = np.sin(2 * np.pi * 140 * time) + 0.3 * np.sin(2 * np.pi * 900 * time**2)
    return (0.3 * envelope * tone).astype(np.float32)


def split(wave, size):
    return [wave[start : start + size] for start in range(0, len(wave), size)]


def stream_latents(talker, wave, fps, chunk_size):
    """Compute latents chunk by chunk."""
    encoder = StreamingEncoder(talker, fps)
    latents = [x for chunk in split(wave, chunk_size) for x in encoder.feed(chunk)]
    return np.concatenate([*latents, *encoder.finish()])


def all_latents(talker, mel, num_frames, fps=Fraction(FPS)):
    return np.concatenate(list(talker.iter_latents(mel, num_frames, fps)))


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30), Fraction(10)])
@pytest.mark.parametrize("lookahead", [0, 2, 9])
def test_live_latents_equal_those_of_the_recording(talker, fps, lookahead):
    """cals (3): with the same lookahead; the context is 3 frames."""
    talker = ContextTalker(TINY, talker.variables, lookahead)
    wave = syllables(1.5)
    if fps == 25:
        wave = wave[:23370]  # 36.5 frames and 10 samples: one frame more
    mel = log_mel(normalize_speech_causal(wave))
    frames = round(len(wave) / SAMPLE_RATE * fps)
    expected = all_latents(talker, mel, frames, fps)
    latents = stream_latents(talker, wave, fps, 1234)
    assert len(latents) == frames
    np.testing.assert_allclose(latents, expected, atol=1e-4)
    assert np.abs(np.diff(expected, axis=0)).max() > 0.01, "latents do change"


@pytest.mark.parametrize(("samples", "fps", "frames"), [(11984, 10, 7), (1, 25, 1)])
def test_number_of_live_frames_fits_the_audio(talker, samples, fps, frames):
    """The audio lasts 7.49 frames of 10 fps; the eighth is not generated."""
    wave = syllables(1.0)[:samples]
    assert len(stream_latents(talker, wave, Fraction(fps), 500)) == frames


def test_live_latents_do_not_depend_on_the_chunk_size(talker):
    talker = ContextTalker(TINY, talker.variables, 2)
    wave = syllables(0.8)
    small, large = (
        stream_latents(talker, wave, Fraction(25), size) for size in (160, 5000)
    )
    np.testing.assert_array_equal(small, large)


def test_latents_do_not_depend_on_the_number_of_frames_per_chunk(talker, monkeypatch):
    mel = log_mel(syllables(1.5))
    large = all_latents(talker, mel, 45, Fraction(30))
    monkeypatch.setattr(talker_functions, "CHUNK_FRAMES", 7)
    small = all_latents(talker, mel, 45, Fraction(30))
    np.testing.assert_allclose(large, small, atol=1e-5)


@pytest.mark.parametrize("lookahead", [0, 2, 3])
def test_latents_depend_on_no_audio_after_the_lookahead(talker, lookahead):
    """cals (3)"""
    talker = ContextTalker(TINY, talker.variables, lookahead)
    mel = log_mel(syllables(1.5))
    other = mel.copy()
    first_change = MELS_PER_SECOND  # after one second
    other[first_change:] = RNG.normal(size=other[first_change:].shape)
    changed = all_latents(talker, mel, 37) != all_latents(talker, other, 37)
    first = next(
        frame
        for frame in range(37)
        if window_mel_frames(frame + lookahead)[-1] >= first_change
    )
    assert np.argmax(np.any(changed, axis=-1)) == first


@pytest.mark.parametrize(("fps", "lookahead"), [(25, 0), (25, 3), (30, 2)])
def test_frames_are_final_after_the_reported_delay(talker, fps, lookahead):
    talker = ContextTalker(TINY, talker.variables, lookahead)
    encoder, wave = StreamingEncoder(talker, Fraction(fps)), syllables(2.0)
    step, delays = 160, []  # the step of the level normalisation
    for start in range(0, len(wave), step):
        for _ in encoder.feed(wave[start : start + step]):
            delays.append((start + step) / SAMPLE_RATE - len(delays) / fps)
    assert len(delays) > 20
    smallest = encoder.delay - (fps != FPS) / FPS
    assert smallest - 1e-6 <= max(delays) <= encoder.delay + step / SAMPLE_RATE + 1e-6


def test_live_frames_equal_those_of_the_file_bit_for_bit(folder):
    options = {"weights": folder / "cals", "lookahead": 1, "box": BOX}
    wave = syllables(0.7)
    expected = list(talk(folder / "face.png", wave, **options))
    for size in (1600, 777):
        session = live(folder / "face.png", **options)
        frames = [x for chunk in split(wave, size) for x in session.feed(chunk)]
        assert frames and len(frames) < len(expected)
        np.testing.assert_array_equal(frames + session.finish(), expected)


def test_video_of_a_very_slow_clip_has_the_exact_number_of_frames(folder):
    """Its frames are repeated, because lips need more of them to move."""
    with VideoWriter(folder / "slow.mp4", 1, None) as writer:
        for _ in range(2):
            writer.write(RNG.integers(0, 256, (64, 64, 3), np.uint8))
    options = {"weights": folder / "cals", "lookahead": 0, "box": BOX}
    video = talk(folder / "slow.mp4", syllables(1.34), **options)
    assert len(list(video)) == len(video) == video.report.num_frames == 34
    assert "only 1 fps" in str(video.report)


def test_live_session_has_the_frame_rate_of_the_clip(folder):
    options = {"weights": folder / "cals", "box": BOX, "native": True}
    session = live(folder / "clip.mp4", **options)
    frames = session.feed(syllables(0.5)) + session.finish()
    assert session.fps == 30 and len(frames) == 15
    assert frames[0].shape == (SIDE, SIDE, 3)


def test_command_line_accepts_weights_of_any_talker(folder, tmp_path):
    box = ",".join(f"{x:g}" for x in BOX)
    command = ["talk", "--face", folder / "face.png", "--audio", folder / "sound.wav"]
    command += ["--box", box, "-o", tmp_path / "out.mp4"]
    for extra_arguments in (
        ["--weights", folder / "cals"],
        ["--weights", folder / "cals", "--system", "cals", "--lookahead", "1"],
    ):
        assert main([str(word) for word in (*command, *extra_arguments)]) == 0
        assert probe(tmp_path / "out.mp4").num_frames == 18


@pytest.mark.parametrize(
    ("name", "system", "lookahead", "error"),
    [
        ("other", "cals", None, "belong to synctalkface; only weights of cals"),
        ("cals", "synctalkface", None, "belong to cals; only weights of synctalkface"),
        ("units", None, None, "belong to cals_units; only weights"),
        ("half", None, None, "do not fit their config"),
        ("cals", None, -1, "not -1"),
        ("other", None, 3, "takes no lookahead"),
        ("no-such", "cals", None, "no weights at"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(
    folder, name, system, lookahead, error
):
    path = folder / name if name != "no-such" else name
    with pytest.raises(InputError, match=error):
        load_talker(path, system, lookahead)


def test_session_refuses_arrays_that_are_no_waveforms(folder):
    session = live(folder / "face.png", weights=folder / "cals", box=BOX)
    with pytest.raises(InputError, match="must be a float32 array"):
        session.feed(np.zeros((4, 2), np.float32))
    with pytest.raises(InputError, match="must be a float32 array"):
        session.feed(np.zeros(4, np.int16))
    with pytest.raises(InputError, match="NaN or infinite"):
        session.feed(np.array([0, np.nan], np.float32))


def test_finished_session_accepts_no_audio(folder):
    session = live(folder / "face.png", weights=folder / "cals", box=BOX)
    session.feed(np.zeros(1600, np.float32))
    assert session.finish() and not session.finish()
    with pytest.raises(InputError, match="session is finished"):
        session.feed(np.zeros(16, np.float32))
    assert not session.finish()
