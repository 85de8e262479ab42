"""Batches of synthetic speech: processes, continuation, and numbers out of range."""

import dataclasses
import itertools

import numpy as np
import pytest

from avjax.data.examples.articulation import ArticulationExample
from avjax.errors import InputError
from avjax.train.tasks.lipwarp.speech_loader import PseudoSpeechLoader

LOADER = PseudoSpeechLoader(
    clips=6, transform=ArticulationExample(num_frames=10), batch_size=4
)


def take(iterator, count):
    batches = list(itertools.islice(iterator, count))
    iterator.close()
    return [batch["mels"] for batch in batches]


def test_processes_share_the_batches_of_one_process():
    whole = take(LOADER.train_batches(), 3)
    halves = [take(LOADER.train_batches(index, 2), 3) for index in range(2)]
    np.testing.assert_array_equal(whole, np.concatenate(halves, axis=1))


def test_training_continues_at_any_batch_and_never_ends():
    batches = take(LOADER.train_batches(), 4)  # more than two epochs
    np.testing.assert_array_equal(batches[2:], take(LOADER.train_batches(start=2), 2))
    assert np.abs(batches[0] - batches[2]).max() > 0.01


def test_an_evaluation_has_every_clip_once_and_fills_the_last_batch():
    weights = [batch["weight"] for batch in LOADER.eval_batches()]
    np.testing.assert_array_equal(weights, [[1, 1, 1, 1], [1, 1, 0, 0]])
    again = [batch["mels"] for batch in LOADER.eval_batches()]
    other = dataclasses.replace(LOADER, seed=1)
    changed = [batch["mels"] for batch in other.eval_batches()]
    assert not np.array_equal(again, changed)


@pytest.mark.parametrize("name", ["clips", "batch_size"])
def test_numbers_out_of_range_are_refused(name):
    loader = dataclasses.replace(LOADER, **{name: 0})
    with pytest.raises(InputError, match=f"{name} of a loader must be at least 1"):
        loader.train_batches()
    with pytest.raises(InputError, match="not divisible by 3 processes"):
        LOADER.train_batches(0, 3)
