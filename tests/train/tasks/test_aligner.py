"""The aligner learns when sounds are said from about where they are allowed."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.models.aligner import AlignerConfig
from avjax.text.phonemes import SOUNDS
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.aligner import AlignerTask, distances, of_places

TASK = AlignerTask(AlignerConfig(SOUNDS, dim=16, layers=1, heads=2, reach=2, dropout=0))
LENGTHS = [[6, 5, 9, 4], [3, 8, 4, 9], [9, 3, 5, 7], [5, 9, 3, 7]]  # columns of sounds
CHAINS = [[1, 2, 5, 1], [1, 7, 2, 1], [1, 5, 7, 1], [1, 7, 5, 1]]  # a pause at the ends


@pytest.fixture(scope="module")
def batch():
    """Four clips of two sounds and pauses; each sound has its own band."""
    mel = 0.1 * np.random.default_rng(0).normal(size=(4, 26, 80)).astype(np.float32)
    exists, begins = np.zeros((4, 26)), np.full((4, 6), np.nan)
    sounds, allowed = np.zeros((4, 6), np.int32), np.ones((4, 26, 6))
    for clip, (lengths, chain) in enumerate(zip(LENGTHS, CHAINS, strict=True)):
        heard = np.repeat(chain, lengths)
        mel[clip, np.arange(len(heard)), 8 * heard] += 3
        exists[clip, : len(heard)] = 1
        sounds[clip, :4] = chain
        for place, (start, stop) in enumerate(
            itertools.pairwise(np.cumsum(lengths)[:3])
        ):
            allowed[clip, :, place + 1] = 0
            allowed[clip, start - 1 : stop + 1, place + 1] = 1
        begins[clip, 1:3] = (np.cumsum(lengths)[:2] - 0.5) / 80
    ends = np.full((4, 6), np.nan)
    ends[:, 1] = begins[:, 2]
    words = np.zeros((2, 4, 6), np.float32)
    words[0, :, 1] = words[1, :, 2] = 1
    arrays = {
        "mel": mel,
        "exists": exists,
        "sounds": sounds,
        "optional": np.array([[1, 0, 0, 1, 0, 0]] * 4),
        "length": np.full(4, 4),
        "allowed": allowed,
        "begins": begins,
        "ends": ends,
        "opens": words[0],
        "closes": words[1],
        "weight": np.ones(4),
    }
    kinds = {"sounds": jnp.int32, "length": jnp.int32}
    return {k: jnp.asarray(x, kinds.get(k, jnp.float32)) for k, x in arrays.items()}


@pytest.fixture(scope="module")
def trained(batch):
    """States before and after some steps, and the logs of each."""
    optimizers = {"aligner": make_optimizer(Adam(rate=2e-2), 60)}
    start = jax.jit(lambda b: make_state(TASK, optimizers, jax.random.key(0), b))
    state = before = start(batch)
    step, logs = jax.jit(make_step(TASK, optimizers)), []
    for _ in range(60):
        state, log = step(state, batch, jax.random.key(1))
        logs.append(log)
    return before, state, logs


def test_edges_are_found_of_sounds_that_were_held_near_to_them(trained, batch):
    before, after, logs = trained
    assert logs[-1]["aligner/loss"] < logs[0]["aligner/loss"]
    measure = jax.jit(TASK.measure)
    first, last = (measure(state.params, {}, batch) for state in (before, after))
    assert last["sound_ms"].compute() < 15 < first["sound_ms"].compute()
    assert last["sound_within_20"].compute() > first["sound_within_20"].compute()
    assert (last["sound_ms"].weight, last["word_ms"].weight) == (12, 4)


def test_sounds_are_held_where_they_are_allowed(batch):
    params, _ = jax.jit(TASK.init)(jax.random.key(0), batch)
    loss = jax.jit(lambda batch: TASK.loss(params, {}, batch, jax.random.key(1))[0])
    free = {**batch, "allowed": jnp.ones_like(batch["allowed"])}
    assert loss(batch) > loss(free)
    shut = {**batch, "allowed": batch["allowed"].at[:, :, 1].set(0)}
    assert loss(shut) == 0, "what cannot be said teaches nothing"


def test_a_prior_takes_from_what_is_heard_always(batch):
    """Of a network that hears all alike, the error is that of counting alone."""
    params, _ = jax.jit(TASK.init)(jax.random.key(0), batch)
    params = jax.tree.map(jnp.zeros_like, params)
    losses = []
    for prior in (0.0, 1.0):
        task = dataclasses.replace(TASK, prior=prior)
        losses.append(float(task.loss(params, {}, batch, jax.random.key(1))[0]))
    alike = np.log(len(SOUNDS) - 1)
    np.testing.assert_allclose(losses[0] - losses[1], alike, atol=0.02)


def test_each_place_has_the_likelihood_of_its_sound(batch):
    likely = jnp.arange(4 * 26 * len(SOUNDS), dtype=jnp.float32)
    likely = likely.reshape(4, 26, len(SOUNDS))
    allowed = jnp.ones_like(batch["allowed"]).at[0, 3, 2].set(0)
    found = of_places(likely, batch, allowed)
    assert found[1, 5, 1] == likely[1, 5, 7] and found[2, 9, 2] == likely[2, 9, 7]
    assert found[0, 3, 2] < -1e4 and (found[:, :, 4:] < -1e4).all()


def test_distances_count_what_is_known_alone():
    truth = jnp.asarray([[0.1, jnp.nan, 0.3, 0.4]])
    found = jnp.asarray([[0.13, 0.9, 0.3, 0.9]])
    figures = distances(found, truth, jnp.asarray([[1, 1, 1, 0]]))
    assert figures["ms"].compute() == pytest.approx(15, rel=1e-4)
    shares = [figures[f"within_{ms}"].compute() for ms in (20, 40)]
    assert shares == [0.5, 1.0]


def test_what_is_published_opens_as_an_aligner():
    published = TASK.published({"aligner": {}}, {})
    assert published.system == "aligner" and published.config == TASK.model
