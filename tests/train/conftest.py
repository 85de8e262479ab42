"""Toy experiments, and small batches of several tasks."""

import jax.numpy as jnp
import numpy as np
import pytest
import toy_system

from avjax.train.experiment import Experiment


@pytest.fixture
def experiment() -> Experiment:
    return toy_system.make_experiment()


@pytest.fixture
def interrupted_experiment() -> Experiment:
    return toy_system.interrupted_experiment()


@pytest.fixture
def long_experiment() -> Experiment:
    return toy_system.long_experiment()


@pytest.fixture
def reading():
    """Two clips with the keys of LipreadClip and LipToSpeechClip; six frames in one."""
    random = np.random.default_rng(2)
    exists = np.arange(8)[None] < np.array([[8], [6]])
    symbols = np.zeros((2, 64), np.int32)
    symbols[:, :3] = [[1, 2, 2], [3, 1, 0]]
    allowed = random.integers(0, 2, (2, 8, 5))
    allowed[..., 0] = 1
    return {
        "allowed": jnp.asarray(allowed, jnp.uint8),
        "lips": jnp.asarray(random.integers(0, 256, (2, 8, 16, 16, 1)), jnp.uint8),
        "mel": jnp.asarray(random.normal(size=(2, 32, 80)), jnp.float32),
        "voice": jnp.asarray(random.uniform(-1, 1, (2, 32, 80)), jnp.float32),
        "wave": jnp.asarray(random.uniform(-0.5, 0.5, (2, 5120)), jnp.float32),
        "frame_mask": jnp.asarray(exists, jnp.float32),
        "labels": jnp.asarray(symbols),
        "label_mask": jnp.asarray(np.arange(64) < np.array([[3], [2]]), jnp.float32),
        "weight": jnp.ones(2),
    }


@pytest.fixture
def context():
    """Two examples with the keys of CalsTrainExample and CalsUnitExample.

    There is audio of 11 frames; one clip begins with the first target.
    """
    random, side = np.random.default_rng(3), 32

    def random_images(frames):
        shape = 2, frames, side, side, 3
        return jnp.asarray(random.integers(0, 256, shape), jnp.uint8)

    exists = np.arange(11)[None] >= np.array([[0], [3]])
    candidate_mask = np.arange(5)[None] >= np.array([[0], [2]])
    return {
        "frames": random_images(9),
        "faces": random_images(15),
        "reference": random_images(5),
        "mels": jnp.asarray(random.normal(size=(2, 11, 16, 80)), jnp.float32),
        "mel": jnp.asarray(random.normal(size=(2, 16, 80)), jnp.float32),
        "frame_mask": jnp.asarray(exists, jnp.float32),
        "candidate_mask": jnp.asarray(candidate_mask, jnp.float32),
        "weight": jnp.ones(2),
    }


@pytest.fixture
def sgd_experiment() -> Experiment:
    return toy_system.sgd_experiment()
