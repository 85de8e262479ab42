"""CALS talks: from a file as the others do, and live, to the same pixels."""

from fractions import Fraction

import jax
import numpy as np
import pytest
from random_variables import untrained

from avjax import weights
from avjax.__main__ import main
from avjax.audio import mel as features
from avjax.audio import streaming as sound
from avjax.errors import InputError
from avjax.media import audio_io as audio
from avjax.media import image_io as image
from avjax.media import video_reader as video
from avjax.models.cals import CalsConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.pipelines import audio_talkers as talkers
from avjax.pipelines import live, talk

SIDE, RATE, BOX = 32, features.RATE, (8.0, 8.0, 48.0, 48.0)
TINY = CalsConfig(SIDE, 0.02, units=6, window=3, layers=2, heads=2)
RNG = np.random.default_rng(0)
pytestmark = pytest.mark.usefixtures("quick_faces")


@pytest.fixture(scope="module")
def talker(quick_faces):
    shapes = jax.eval_shape(lambda: talkers.blank_cals(TINY))
    return talkers.ContextTalker(TINY, untrained(shapes, seed=1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, talker):
    """A photo, a clip of 30 frames a second, a sound, and weights of both systems."""
    folder = tmp_path_factory.mktemp("live")
    picture = RNG.integers(0, 256, (64, 64, 3), np.uint8)
    image.write_png(folder / "face.png", picture)
    with video.VideoWriter(folder / "clip.mp4", 30, None) as writer:
        for _ in range(4):
            writer.write(picture)
    audio.write_wav(folder / "sound.wav", voice(0.7))
    params, stats = (
        {part: tree[kind] for part, tree in talker.variables.items()}
        for kind in ("params", "batch_stats")
    )
    weights.save(folder / "cals", params, stats, TINY, system="cals", card="")
    only = {"audio_to_lip": params["audio_to_lip"]}, {}
    weights.save(folder / "units", *only, TINY, system="cals_units", card="")
    half = {"audio_to_lip": params["audio_to_lip"]}, stats
    weights.save(folder / "half", *half, TINY, system="cals", card="")
    other = SyncTalkFaceConfig(SIDE, 0.02, slots=4)
    found = untrained(jax.eval_shape(lambda: talkers.blank(other)))
    parts = {"face": found["params"]}, {"face": found["batch_stats"]}
    weights.save(folder / "other", *parts, other, system="synctalkface", card="")
    return folder


def voice(seconds):
    """Syllables six times a second."""
    time = np.arange(int(seconds * RATE)) / RATE
    swing = np.clip(np.sin(2 * np.pi * 6 * time), 0, 1)
    tone = np.sin(2 * np.pi * 140 * time) + 0.3 * np.sin(2 * np.pi * 900 * time**2)
    return (0.3 * swing * tone).astype(np.float32)


def cut(wave, size):
    return [wave[at : at + size] for at in range(0, len(wave), size)]


def told_live(talker, wave, fps, size):
    hearing = live.Hearing(talker, fps)
    told = [x for chunk in cut(wave, size) for x in hearing.feed(chunk)]
    return np.concatenate([*told, *hearing.finish()])


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30), Fraction(10)])
@pytest.mark.parametrize("lookahead", [0, 2, 9])
def test_what_is_told_live_is_what_the_recording_tells(talker, fps, lookahead):
    """cals (3): at equal context; the window is 3 frames."""
    talker = talkers.ContextTalker(TINY, talker.variables, lookahead)
    wave = voice(1.5)
    if fps == 25:
        wave = wave[:23370]  # 36.5 frames and 10 samples: a frame more
    mel, frames = features.log_mel(sound.prepare(wave)), round(len(wave) / 16000 * fps)
    expected = np.concatenate(list(talker.tell(mel, frames, fps)))
    found = told_live(talker, wave, fps, 1234)
    assert len(found) == frames
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(np.diff(expected, axis=0)).max() > 0.01, "units do change"


@pytest.mark.parametrize(("samples", "fps", "frames"), [(11984, 10, 7), (1, 25, 1)])
def test_there_are_as_many_frames_as_go_with_the_sound(talker, samples, fps, frames):
    """Of 10 a second, 7.49: the eighth would be final, but lies behind the end."""
    assert len(told_live(talker, voice(1.0)[:samples], Fraction(fps), 500)) == frames


def test_what_is_told_live_does_not_depend_on_chunks(talker):
    talker = talkers.ContextTalker(TINY, talker.variables, 2)
    wave = voice(0.8)
    ways = [told_live(talker, wave, Fraction(25), size) for size in (160, 5000)]
    np.testing.assert_array_equal(*ways)


def test_units_do_not_depend_on_how_they_fall_into_chunks(talker, monkeypatch):
    mel = features.log_mel(voice(1.5))
    whole = np.concatenate(list(talker.tell(mel, 45, Fraction(30))))
    monkeypatch.setattr(talkers, "CHUNK", 7)
    parts = np.concatenate(list(talker.tell(mel, 45, Fraction(30))))
    np.testing.assert_allclose(whole, parts, atol=1e-5)


@pytest.mark.parametrize("lookahead", [0, 2, 3])
def test_a_unit_hears_so_far_in_advance_and_no_further(talker, lookahead):
    """cals (3)"""
    talker = talkers.ContextTalker(TINY, talker.variables, lookahead)
    mel = features.log_mel(voice(1.5))
    other = mel.copy()
    other[80:] = RNG.normal(size=other[80:].shape)  # from one second on
    told = [
        np.concatenate(list(talker.tell(x, 37, Fraction(25)))) for x in (mel, other)
    ]
    changed = np.any(told[0] != told[1], axis=-1)
    first = next(t for t in range(37) if sound.columns_of(t + lookahead)[-1] >= 80)
    assert np.argmax(changed) == first


@pytest.mark.parametrize(("fps", "lookahead"), [(25, 0), (25, 3), (30, 2)])
def test_a_frame_is_final_after_the_delay_that_is_told(talker, fps, lookahead):
    talker = talkers.ContextTalker(TINY, talker.variables, lookahead)
    hearing, wave = live.Hearing(talker, Fraction(fps)), voice(2.0)
    step, waits = 160, []  # the preparation's
    for at in range(0, len(wave), step):
        for _ in hearing.feed(wave[at : at + step]):
            waits.append((at + step) / RATE - len(waits) / fps)
    assert len(waits) > 20
    least = hearing.delay - (fps != 25) / 25
    assert least - 1e-6 <= max(waits) <= hearing.delay + step / RATE + 1e-6


def test_frames_come_live_as_from_the_file_to_the_bit(folder):
    given = {"weights": folder / "cals", "lookahead": 1, "box": BOX}
    wave = voice(0.7)
    whole = list(talk.talk(folder / "face.png", wave, **given))
    for size in (1600, 777):
        session = live.live(folder / "face.png", **given)
        frames = [x for chunk in cut(wave, size) for x in session.hear(chunk)]
        assert frames and len(frames) < len(whole)
        np.testing.assert_array_equal(frames + session.finish(), whole)


def test_there_are_no_more_frames_than_promised_of_a_clip_as_slow_as_one(folder):
    """Its second frame is final before the sound has lasted half of it."""
    with video.VideoWriter(folder / "slow.mp4", 1, None) as writer:
        for _ in range(2):
            writer.write(RNG.integers(0, 256, (64, 64, 3), np.uint8))
    given = {"weights": folder / "cals", "lookahead": 0, "box": BOX}
    said = talk.talk(folder / "slow.mp4", voice(1.34), **given)
    assert len(list(said)) == len(said) == said.report.frames == 1


def test_a_clip_is_shown_live_at_its_own_rate(folder):
    given = {"weights": folder / "cals", "box": BOX, "native": True}
    session = live.live(folder / "clip.mp4", **given)
    frames = session.hear(voice(0.5)) + session.finish()
    assert session.fps == 30 and len(frames) == 15
    assert frames[0].shape == (SIDE, SIDE, 3)


def test_the_front_door_talks_by_whichever_weights_it_is_given(folder, tmp_path):
    box = ",".join(f"{x:g}" for x in BOX)
    command = ["talk", "--face", folder / "face.png", "--audio", folder / "sound.wav"]
    command += ["--box", box, "-o", tmp_path / "out.mp4"]
    for more in (
        ["--weights", folder / "cals"],
        ["--weights", folder / "cals", "--system", "cals", "--lookahead", "1"],
    ):
        assert main([str(word) for word in (*command, *more)]) == 0
        assert video.probe(tmp_path / "out.mp4").frames == 18


@pytest.mark.parametrize(
    ("name", "system", "lookahead", "told"),
    [
        ("other", "cals", None, "of synctalkface, not of cals"),
        ("cals", "synctalkface", None, "of cals, not of synctalkface"),
        ("units", None, None, "of cals_units, not of"),
        ("half", None, None, "not those of their own config"),
        ("cals", None, -1, "lookahead of -1"),
        ("other", None, 3, "hears nothing in advance"),
        ("no-such", "cals", None, "no weights at"),
    ],
)
def test_weights_that_cannot_be_used_are_one_sentence(
    folder, name, system, lookahead, told
):
    where = folder / name if name != "no-such" else name
    with pytest.raises(InputError, match=told):
        talkers.open_talker(where, system, lookahead)


def test_a_session_takes_a_row_of_samples(folder):
    session = live.live(folder / "face.png", weights=folder / "cals", box=BOX)
    with pytest.raises(InputError, match="is an array of"):
        session.hear(np.zeros((4, 2), np.float32))
    with pytest.raises(InputError, match="is an array of"):
        session.hear(np.zeros(4, np.int16))
    with pytest.raises(InputError, match="are no numbers"):
        session.hear(np.array([0, np.nan], np.float32))


def test_what_is_finished_stays_finished(folder):
    session = live.live(folder / "face.png", weights=folder / "cals", box=BOX)
    session.hear(np.zeros(1600, np.float32))
    assert session.finish() and not session.finish()
    with pytest.raises(InputError, match="session is finished"):
        session.hear(np.zeros(16, np.float32))
    assert not session.finish()
