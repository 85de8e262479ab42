"""Parts of a waveform from blocks of any length."""

import numpy as np
import pytest

from avjax.audio.loudness import find_pauses, find_pauses_in_levels, rms_levels_db
from avjax.data.footage.wave_reader import WaveReader

WAVE = np.random.default_rng(0).normal(0, 0.1, 50_000).astype(np.float32)


def blocks(size):
    return (WAVE[start : start + size] for start in range(0, len(WAVE), size))


@pytest.mark.parametrize("size", [1, 999, 20_000, 60_000])
def test_parts_are_those_of_the_waveform(size):
    reader = WaveReader(blocks(size) if size > 1 else [WAVE[:1], WAVE[1:]])
    for start, stop in (
        (0, 10),
        (10, 10),
        (500, 9000),
        (9000, 30_000),
        (49_000, 51_000),
    ):
        np.testing.assert_array_equal(reader.read(start, stop), WAVE[start:stop])
    assert len(reader.read(51_000, 52_000)) == 0


@pytest.mark.parametrize("size", [1024, 16_000])
def test_levels_are_those_of_the_whole_waveform(size):
    levels = WaveReader(blocks(size)).read_levels()
    np.testing.assert_allclose(levels, rms_levels_db(WAVE))
    np.testing.assert_array_equal(find_pauses_in_levels(levels), find_pauses(WAVE))


def test_empty_waveform_has_one_level():
    assert WaveReader([]).read_levels().tolist() == pytest.approx([-120])
