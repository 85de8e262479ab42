"""Metrics of memories."""

import jax
import jax.numpy as jnp
import pytest

from avjax.metrics.memory import share_within, slots_in_use


def test_slots_in_use_are_those_that_the_batch_points_at():
    address = jax.nn.one_hot(jnp.asarray([[0, 0], [3, 3]]), 4)
    assert float(slots_in_use(address[:1])) == pytest.approx(1)
    assert float(slots_in_use(address)) == pytest.approx(2)
    assert float(slots_in_use(jnp.full((2, 3, 8), 1 / 8))) == pytest.approx(8)


def test_codes_move_within_clips_or_tell_them_apart():
    moving = jnp.asarray([[[1.0, 0], [-1, 0]], [[0, 3], [0, -3]]])
    telling = jnp.asarray([[[1.0]] * 2, [[2.0]] * 2])
    both = jnp.asarray([[[0.0], [2]], [[2.0], [4]]])
    assert float(share_within(moving)) == pytest.approx(1)
    assert float(share_within(telling)) == 0
    assert float(share_within(both)) == pytest.approx(0.5)
