"""Processes that read clips."""

import time

import pytest

from avjax.data.builders.workers import process_map


def test_exception_stops_workers_that_are_busy():
    since = time.monotonic()
    with pytest.raises(KeyboardInterrupt), process_map(1) as map_clips:
        results = iter(map_clips(time.sleep, [0, *[300] * 9]))
        assert next(results) is None
        raise KeyboardInterrupt
    assert time.monotonic() - since < 100


def test_results_are_in_order():
    with process_map(2) as map_clips:
        assert list(map_clips(abs, range(-20, 0))) == list(range(20, 0, -1))
