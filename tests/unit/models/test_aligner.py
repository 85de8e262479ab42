"""The network that hears sounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.models.aligner import Aligner, AlignerConfig, margin

TINY = AlignerConfig(("", "_", "a", "b"), dim=8, layers=2, heads=2, reach=4)
COLUMNS = 40


@pytest.fixture(scope="module")
def hear():
    """(mel, exists) -> log-probabilities of a network that has learnt nothing."""
    given = jnp.zeros((1, COLUMNS, 80)), jnp.ones((1, COLUMNS))
    shapes = jax.eval_shape(lambda: Aligner(TINY).init(jax.random.key(0), *given))
    variables = untrained(shapes)
    return jax.jit(lambda *given: Aligner(TINY).apply(variables, *given))


@pytest.fixture
def mel():
    return jax.random.normal(jax.random.key(1), (1, COLUMNS, 80))


def test_in_every_column_one_of_the_sounds_is_heard_and_never_nothing(hear, mel):
    likely = np.exp(hear(mel, jnp.ones((1, COLUMNS))))
    assert likely.shape == (1, COLUMNS, 4)
    np.testing.assert_allclose(likely.sum(-1), 1, rtol=1e-5)
    assert not likely[..., 0].any()


def test_an_answer_depends_on_what_is_near_alone(hear, mel):
    exists = jnp.ones((1, COLUMNS))
    moved = hear(mel.at[:, 20].add(1), exists) - hear(mel, exists)
    changed = np.flatnonzero(np.abs(moved[0, :, 1:]).max(-1) > 1e-6)
    assert (changed[0], changed[-1]) == (20 - margin(TINY), 20 + margin(TINY))


def test_columns_that_do_not_exist_are_not_heard(hear, mel):
    exists = (jnp.arange(COLUMNS) < 20)[None].astype(jnp.float32)
    other = mel.at[:, 20:].set(7.0)
    np.testing.assert_allclose(
        hear(mel, exists)[:, :20], hear(other, exists)[:, :20], atol=1e-5
    )
