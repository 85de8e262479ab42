"""Cutting a long video into parts, and spaces at the ends of parts."""

import numpy as np
import pytest

from avjax.algorithms.ctc_segments import split_at_pauses, trim_spaces


@pytest.mark.parametrize("count", [1, 10, 11, 100])
def test_parts_cover_all_frames_and_none_is_too_long(count):
    rng = np.random.default_rng(count)
    log_probs = np.log(rng.dirichlet(np.full(3, 0.2), count) + 1e-9)
    parts = list(split_at_pauses(log_probs, 10, 1))
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == count
    assert all(0 < part.stop - part.start <= 10 for part in parts)


@pytest.mark.parametrize(("space", "cut"), [(0, 17), (1, 12)])
def test_part_ends_in_its_longest_pause_preferably_between_words(space, cut):
    """In the path, "." is a blank, "_" a space and "x" a letter."""
    path = "xxxxxxxx..xx_xxx..xxxxxxx" if space else "xx....x.xxxx.xxx..xxxxxxx"
    symbols = np.array([".__x".index(symbol) for symbol in path])
    probs = np.where(np.arange(4) == symbols[:, None], 0.9, 0.1 / 3)
    assert next(split_at_pauses(np.log(probs), 20, space)).stop == cut


def test_spaces_at_the_ends_are_removed_and_those_between_words_stay():
    symbols = 2, 1, 0, 2, 1, 2, 0, 1  # one per frame: 1 is the space, 2 a letter
    log_probs = np.log(np.full((8, 3), 0.01))
    log_probs[np.arange(8), symbols[::-1]] = np.log(0.9)
    trimmed = trim_spaces(log_probs, space=1)
    assert np.argmax(trimmed, axis=-1).tolist() == [0, 0, 2, 1, 2, 0, 1, 2]
    np.testing.assert_array_equal(trimmed[2:], log_probs[2:])
    np.testing.assert_allclose(np.exp(trimmed[0, 0]), 0.91)
