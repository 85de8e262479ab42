"""Tests of streaming audio features against those of the whole recording."""

import numpy as np
import pytest

from avjax.audio.loudness import LEVEL_HOP, normalize_speech, speech_level_db
from avjax.audio.mel import log_mel, mel_window_starts, mel_windows
from avjax.audio.streaming import (
    StreamingMelWindows,
    normalize_speech_causal,
    samples_needed,
)
from avjax.constants import SAMPLE_RATE

RNG = np.random.default_rng(0)


def voice(seconds, level=0.2):
    """Make four syllables per second from a tone and noise."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    swing = np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)
    tone = np.sin(2 * np.pi * 140 * time) + 0.1 * RNG.standard_normal(len(time))
    return (level * swing * tone).astype(np.float32)


def chunks(wave, sizes):
    """Cut a waveform into chunks of the given sizes, in turn."""
    start, number = 0, 0
    while start < len(wave):
        size = sizes[number % len(sizes)]
        yield wave[start : start + size]
        start, number = start + size, number + 1


@pytest.mark.parametrize("sizes", [[1600], [37, 4001, 160], [10**6]])
def test_windows_match_the_whole_recording(sizes):
    wave = voice(2.03)
    stream = StreamingMelWindows()
    windows = [window for chunk in chunks(wave, sizes) for window in stream.feed(chunk)]
    windows += stream.finish()
    mel = log_mel(normalize_speech_causal(wave))
    expected = mel_windows(mel, mel_window_starts(51, 25))
    assert len(windows) == 51 and stream.num_samples == len(wave)
    np.testing.assert_allclose(np.stack(windows), expected, atol=1e-5)


def test_windows_do_not_depend_on_chunk_size():
    wave, results = voice(1.0), []
    for sizes in ([1600], [333]):
        stream = StreamingMelWindows()
        windows = [w for chunk in chunks(wave, sizes) for w in stream.feed(chunk)]
        results.append(np.stack(windows + stream.finish()))
    np.testing.assert_array_equal(results[0], results[1])


def test_window_is_returned_with_its_last_sample():
    for frame in (0, 1, 7, 20):
        wave, needed = voice(2.0), samples_needed(frame)
        short = StreamingMelWindows()
        needed = -(-needed // LEVEL_HOP) * LEVEL_HOP  # whole steps of 10 ms
        assert len(short.feed(wave[:needed])) == frame + 1
        early = StreamingMelWindows()
        assert len(early.feed(wave[: needed - LEVEL_HOP])) == frame


@pytest.mark.parametrize("samples", [0, 1, 100, 5000])
def test_short_audio_has_the_right_number_of_frames(samples):
    stream = StreamingMelWindows()
    windows = stream.feed(voice(1.0)[:samples]) + stream.finish()
    assert len(windows) == max(1, round(samples / 640))
    assert np.isfinite(windows).all()


@pytest.mark.parametrize("level", [0.01, 0.1, 0.5])
def test_causal_level_matches_offline_level(level):
    wave = voice(6.0, level)
    offline, causal = normalize_speech(wave), normalize_speech_causal(wave)
    levels = [np.median(speech_level_db(x[SAMPLE_RATE:])) for x in (offline, causal)]
    assert abs(levels[0] - levels[1]) < 1.5


def test_long_pause_is_silenced():
    wave = voice(3.0)
    wave[SAMPLE_RATE : 2 * SAMPLE_RATE] *= 0.01
    normalized = normalize_speech_causal(wave)
    assert not normalized[SAMPLE_RATE + SAMPLE_RATE // 3 : 2 * SAMPLE_RATE].any()
    assert normalized[:SAMPLE_RATE].any() and normalized[2 * SAMPLE_RATE :].any()


def test_silence_stays_silent():
    assert not normalize_speech_causal(np.zeros(SAMPLE_RATE, np.float32)).any()
