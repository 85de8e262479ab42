"""The task of the aligner: it learns the times of phonemes from rough constraints."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.models.aligner import AlignerConfig
from avjax.text.phonemes import PHONEMES
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.aligner import AlignerTask, boundary_metrics, gather_states

TASK = AlignerTask(
    AlignerConfig(PHONEMES, dim=16, layers=1, heads=2, context_mels=2, dropout=0)
)
LENGTHS = [
    [6, 5, 9, 4],
    [3, 8, 4, 9],
    [9, 3, 5, 7],
    [5, 9, 3, 7],
]  # mel frames of each state
GRAPHS = [[1, 2, 5, 1], [1, 7, 2, 1], [1, 5, 7, 1], [1, 7, 5, 1]]  # a pause at the ends


@pytest.fixture(scope="module")
def batch():
    """Four clips of two phonemes and pauses; each phoneme has its own mel band."""
    mel = 0.1 * np.random.default_rng(0).normal(size=(4, 26, 80)).astype(np.float32)
    exists, starts = np.zeros((4, 26)), np.full((4, 6), np.nan)
    phoneme_ids, allowed = np.zeros((4, 6), np.int32), np.ones((4, 26, 6))
    for clip, (lengths, graph) in enumerate(zip(LENGTHS, GRAPHS, strict=True)):
        states = np.repeat(graph, lengths)
        mel[clip, np.arange(len(states)), 8 * states] += 3
        exists[clip, : len(states)] = 1
        phoneme_ids[clip, :4] = graph
        for state, (start, stop) in enumerate(
            itertools.pairwise(np.cumsum(lengths)[:3])
        ):
            allowed[clip, :, state + 1] = 0
            allowed[clip, start - 1 : stop + 1, state + 1] = 1
        starts[clip, 1:3] = (np.cumsum(lengths)[:2] - 0.5) / 80
    ends = np.full((4, 6), np.nan)
    ends[:, 1] = starts[:, 2]
    words = np.zeros((2, 4, 6), np.float32)
    words[0, :, 1] = words[1, :, 2] = 1
    arrays = {
        "mel": mel,
        "frame_mask": exists,
        "phoneme_ids": phoneme_ids,
        "optional": np.array([[1, 0, 0, 1, 0, 0]] * 4),
        "length": np.full(4, 4),
        "allowed": allowed,
        "start": starts,
        "end": ends,
        "word_start": words[0],
        "word_end": words[1],
        "weight": np.ones(4),
    }
    kinds = {"phoneme_ids": jnp.int32, "length": jnp.int32}
    return {k: jnp.asarray(x, kinds.get(k, jnp.float32)) for k, x in arrays.items()}


@pytest.fixture(scope="module")
def trained(batch):
    """States before and after some steps, and the logs of the steps."""
    optimizers = {"aligner": make_optimizer(Adam(learning_rate=2e-2), 60)}
    start = jax.jit(lambda b: make_state(TASK, optimizers, jax.random.key(0), b))
    state = before = start(batch)
    step, logs = jax.jit(make_step(TASK, optimizers)), []
    for _ in range(60):
        state, log = step(state, batch, jax.random.key(1))
        logs.append(log)
    return before, state, logs


def test_training_finds_the_boundaries_of_constrained_phonemes(trained, batch):
    before, after, logs = trained
    assert logs[-1]["aligner/loss"] < logs[0]["aligner/loss"]
    evaluate = jax.jit(TASK.evaluate)
    first, last = (evaluate(state.params, {}, batch) for state in (before, after))
    assert last["phoneme_ms"].compute() < 15 < first["phoneme_ms"].compute()
    assert last["phoneme_within_20"].compute() > first["phoneme_within_20"].compute()
    assert (last["phoneme_ms"].weight, last["word_ms"].weight) == (12, 4)


def test_phonemes_are_constrained_to_where_they_are_allowed(batch):
    params, _ = jax.jit(TASK.init)(jax.random.key(0), batch)
    loss = jax.jit(lambda batch: TASK.loss(params, {}, batch, jax.random.key(1))[0])
    free = {**batch, "allowed": jnp.ones_like(batch["allowed"])}
    assert loss(batch) > loss(free)
    impossible = {**batch, "allowed": batch["allowed"].at[:, :, 1].set(0)}
    assert loss(impossible) == 0, "a text without an alignment has no loss"


def test_batch_of_unknown_texts_changes_nothing(batch):
    """Frequencies of phonemes have no frame to be computed from."""
    unknown = {**batch, "weight": jnp.zeros_like(batch["weight"])}
    params, _ = jax.jit(TASK.init)(jax.random.key(0), batch)
    gradient = jax.grad(lambda p: TASK.loss(p, {}, unknown, jax.random.key(1))[0])
    assert not any(leaf.any() for leaf in jax.tree.leaves(gradient(params)))


def test_prior_divides_by_the_frequency_of_phonemes(batch):
    """A uniform network leaves the loss of the prior alone."""
    params, _ = jax.jit(TASK.init)(jax.random.key(0), batch)
    params = jax.tree.map(jnp.zeros_like, params)
    losses = []
    for prior in (0.0, 1.0):
        task = dataclasses.replace(TASK, prior=prior)
        losses.append(float(task.loss(params, {}, batch, jax.random.key(1))[0]))
    expected = np.log(len(PHONEMES) - 1)
    np.testing.assert_allclose(losses[0] - losses[1], expected, atol=0.02)


def test_each_state_has_the_score_of_its_phoneme(batch):
    scores = jnp.arange(4 * 26 * len(PHONEMES), dtype=jnp.float32)
    scores = scores.reshape(4, 26, len(PHONEMES))
    allowed = jnp.ones_like(batch["allowed"]).at[0, 3, 2].set(0)
    result = gather_states(scores, batch, allowed)
    assert result[1, 5, 1] == scores[1, 5, 7] and result[2, 9, 2] == scores[2, 9, 7]
    assert result[0, 3, 2] < -1e4 and (result[:, :, 4:] < -1e4).all()


def test_boundary_metrics_count_known_boundaries_only():
    target = jnp.asarray([[0.1, jnp.nan, 0.3, 0.4]])
    result = jnp.asarray([[0.13, 0.9, 0.3, 0.9]])
    metrics = boundary_metrics(result, target, jnp.asarray([[1, 1, 1, 0]]))
    assert metrics["ms"].compute() == pytest.approx(15, rel=1e-4)
    shares = [metrics[f"within_{ms}"].compute() for ms in (20, 40)]
    assert shares == [0.5, 1.0]


def test_export_has_system_and_config():
    released = TASK.export({"aligner": {}}, {})
    assert released.system == "aligner" and released.config == TASK.model
