"""Sound as it arrives: what a session hears is what the recording says."""

import numpy as np
import pytest

from avjax.audio import loudness as speech
from avjax.audio import mel as audio
from avjax.audio import streaming as live

RATE = audio.RATE
RNG = np.random.default_rng(0)


def voice(seconds, level=0.2):
    """Syllables four times a second, from a tone and some noise."""
    time = np.arange(int(seconds * RATE)) / RATE
    swing = np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)
    tone = np.sin(2 * np.pi * 140 * time) + 0.1 * RNG.standard_normal(len(time))
    return (level * swing * tone).astype(np.float32)


def chunks(wave, sizes):
    """A wave, cut into pieces of such sizes, in turn."""
    at, number = 0, 0
    while at < len(wave):
        size = sizes[number % len(sizes)]
        yield wave[at : at + size]
        at, number = at + size, number + 1


@pytest.mark.parametrize("sizes", [[1600], [37, 4001, 160], [10**6]])
def test_windows_are_those_of_the_prepared_recording_however_it_is_cut(sizes):
    wave = voice(2.03)
    heard = live.LiveWindows()
    found = [window for chunk in chunks(wave, sizes) for window in heard.feed(chunk)]
    found += heard.finish()
    mel = audio.log_mel(live.prepare(wave))
    expected = audio.windows(mel, audio.frame_starts(51, 25))
    assert len(found) == 51 and heard.heard == len(wave)
    np.testing.assert_allclose(np.stack(found), expected, atol=1e-5)


def test_windows_are_equal_to_the_bit_however_sound_is_cut():
    wave, ways = voice(1.0), []
    for sizes in ([1600], [333]):
        heard = live.LiveWindows()
        found = [w for chunk in chunks(wave, sizes) for w in heard.feed(chunk)]
        ways.append(np.stack(found + heard.finish()))
    np.testing.assert_array_equal(*ways)


def test_a_window_is_final_as_soon_as_its_last_sample_is_there():
    for frame in (0, 1, 7, 20):
        wave, needed = voice(2.0), live.samples_for(frame)
        short = live.LiveWindows()
        needed = -(-needed // speech.STEP) * speech.STEP  # preparation goes by steps
        assert len(short.feed(wave[:needed])) == frame + 1
        early = live.LiveWindows()
        assert len(early.feed(wave[: needed - speech.STEP])) == frame


@pytest.mark.parametrize("samples", [0, 1, 100, 5000])
def test_a_short_sound_has_its_frames(samples):
    heard = live.LiveWindows()
    found = heard.feed(voice(1.0)[:samples]) + heard.finish()
    assert len(found) == max(1, round(samples / 640))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("level", [0.01, 0.1, 0.5])
def test_a_voice_comes_to_the_level_of_a_prepared_recording(level):
    wave = voice(6.0, level)
    offline, ours = speech.prepare(wave), live.prepare(wave)
    loud = [np.median(speech.loudness(x[RATE:])) for x in (offline, ours)]
    assert abs(loud[0] - loud[1]) < 1.5


def test_a_pause_becomes_silence_once_it_has_lasted():
    wave = voice(3.0)
    wave[RATE : 2 * RATE] *= 0.01
    made = live.prepare(wave)
    assert not made[RATE + RATE // 3 : 2 * RATE].any()
    assert made[:RATE].any() and made[2 * RATE :].any()


def test_nothing_is_made_of_silence():
    assert not live.prepare(np.zeros(RATE, np.float32)).any()
