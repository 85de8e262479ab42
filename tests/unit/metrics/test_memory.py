"""Metrics of memories."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.metrics.memory import bridge_figures, share_within, slots_in_use


def test_slots_in_use_are_those_that_the_batch_points_at():
    address = jax.nn.one_hot(jnp.asarray([[0, 0], [3, 3]]), 4)
    assert float(slots_in_use(address[:1])) == pytest.approx(1)
    assert float(slots_in_use(address)) == pytest.approx(2)
    assert float(slots_in_use(jnp.full((2, 3, 8), 1 / 8))) == pytest.approx(8)


def test_frames_without_weight_use_no_slots():
    address = jax.nn.one_hot(jnp.asarray([[0, 1, 2, 3]]), 4)
    weight = jnp.asarray([[1.0, 1.0, 0.0, 0.0]])
    assert float(slots_in_use(address, weight)) == pytest.approx(2)


def test_codes_move_within_clips_or_tell_them_apart():
    moving = jnp.asarray([[[1.0, 0], [-1, 0]], [[0, 3], [0, -3]]])
    telling = jnp.asarray([[[1.0]] * 2, [[2.0]] * 2])
    both = jnp.asarray([[[0.0], [2]], [[2.0], [4]]])
    assert float(share_within(moving)) == pytest.approx(1)
    assert float(share_within(telling)) == 0
    assert float(share_within(both)) == pytest.approx(0.5)


@pytest.fixture
def bridged():
    """Addresses, codes and weights of two clips of 20 and 13 frames, seven slots."""
    rng = np.random.default_rng(0)
    addresses = rng.dirichlet(np.ones(7), (2, 2, 20))
    codes = rng.normal(size=(2, 2, 20, 3))
    weight = np.arange(20) < [[20], [13]]
    return [jnp.asarray(x, jnp.float32) for x in (*addresses, *codes, weight)]


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_figures_of_a_bridge_are_those_of_a_loop_over_frames(bridged):
    source, target, recalled, real, weight = map(np.asarray, bridged)
    expected = {name: [] for name in ("divergence", "top1", "top5", "cosine")}
    shuffled = []
    for place in zip(*np.nonzero(weight), strict=True):
        q, p = source[place], target[place]
        expected["divergence"].append(sum(p * np.log(p / q)))
        ranks = sorted(range(7), key=lambda slot: -q[slot])  # noqa: B023
        expected["top1"].append(ranks[0] == np.argmax(p))
        expected["top5"].append(np.argmax(p) in ranks[:5])
        expected["cosine"].append(cosine(recalled[place], real[place]))
        other = 1 - place[0], (place[1] + 10) % 20
        if weight[other]:
            shuffled.append(cosine(recalled[place], real[other]))
    found = jax.jit(bridge_figures)(*bridged)
    for name, values in expected.items():
        assert float(found[name].weight) == 33
        assert found[name].compute() == pytest.approx(np.mean(values), abs=1e-4)
    assert 0 < len(shuffled) < 33, "the other moment must exist as well"
    assert found["shuffled_cosine"].compute() == pytest.approx(np.mean(shuffled))
    for name, address in (("source", source), ("target", target)):
        share = address[weight > 0].mean(0)
        used = np.exp(-sum(share * np.log(share)))
        assert found[f"slots_by_{name}"].compute() == pytest.approx(used, rel=1e-4)


def test_a_bridge_of_nothing_has_no_figures(bridged):
    *given, weight = bridged
    found = jax.jit(bridge_figures)(*given, 0 * weight)
    assert all(float(mean.weight) == 0 for mean in found.values())


def test_a_memory_of_few_slots_has_no_more_to_be_near():
    address = jnp.asarray([[[0.9, 0.1], [0.2, 0.8]]])
    codes, weight = jnp.ones((1, 2, 3)), jnp.ones((1, 2))
    found = jax.jit(bridge_figures)(address, address[:, ::-1], codes, codes, weight)
    assert found["top1"].compute() == 0 and found["top5"].compute() == 1
