"""Stages run at the same time, in order, and end with their consumer."""

import contextlib
import contextvars
import threading
import time

import pytest

from avjax.pipelines.talking.stages import run_stages


def test_results_keep_their_order():
    def slow_if_even(number):
        time.sleep(0.002 * (number % 2 == 0))
        return number

    stages = [slow_if_even, lambda number: 2 * number]
    assert list(run_stages(range(20), stages, 3)) == list(range(0, 40, 2))


def test_stages_overlap():
    meeting = threading.Barrier(2, timeout=5)

    def meet_if(number, expected):
        if number == expected:
            meeting.wait()
        return number

    stages = [lambda number: meet_if(number, 1), lambda number: meet_if(number, 0)]
    assert list(run_stages(range(2), stages, 2)) == [0, 1]


def test_no_more_items_than_allowed_are_under_way():
    begun, done = [], []
    stages = [lambda n: begun.append(n) or n, lambda n: n]
    for number in run_stages(range(12), stages, 3):
        done.append(number)
        assert len(begun) - len(done) <= 3
    assert len(done) == 12


def test_an_exception_reaches_the_consumer():
    def fail(number):
        raise ValueError(f"item {number}")

    with pytest.raises(ValueError, match="item 0"):
        list(run_stages(range(5), [lambda n: n, fail, lambda n: n], 2))


def test_closing_ends_the_threads_after_the_calls_that_have_begun():
    before, calls = threading.active_count(), []

    def work(number):
        calls.append(number)
        time.sleep(0.01)
        return number

    with contextlib.closing(run_stages(range(100), [work, work], 4)) as results:
        assert next(results) == 0
    num_calls = len(calls)
    assert threading.active_count() == before
    time.sleep(0.05)
    assert len(calls) == num_calls < 12


def test_stages_see_the_context_of_the_caller():
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(7)
    assert list(run_stages([1], [lambda n: n + variable.get()], 1)) == [8]
