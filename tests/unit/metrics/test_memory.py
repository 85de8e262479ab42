"""Metrics of memories."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.metrics.memory import (
    bridging_metrics,
    effective_slots,
    within_clip_variance,
)


def test_effective_slots():
    address = jax.nn.one_hot(jnp.asarray([[0, 0], [3, 3]]), 4)
    assert float(effective_slots(address[:1])) == pytest.approx(1)
    assert float(effective_slots(address)) == pytest.approx(2)
    assert float(effective_slots(jnp.full((2, 3, 8), 1 / 8))) == pytest.approx(8)


def test_frames_without_weight_use_no_slots():
    address = jax.nn.one_hot(jnp.asarray([[0, 1, 2, 3]]), 4)
    weight = jnp.asarray([[1.0, 1.0, 0.0, 0.0]])
    assert float(effective_slots(address, weight)) == pytest.approx(2)


def test_within_clip_variance():
    moving = jnp.asarray([[[1.0, 0], [-1, 0]], [[0, 3], [0, -3]]])
    constant = jnp.asarray([[[1.0]] * 2, [[2.0]] * 2])
    both = jnp.asarray([[[0.0], [2]], [[2.0], [4]]])
    assert float(within_clip_variance(moving)) == pytest.approx(1)
    assert float(within_clip_variance(constant)) == 0
    assert float(within_clip_variance(both)) == pytest.approx(0.5)


@pytest.fixture
def arguments():
    """Addresses, features and weights of two clips of 20 and 13 frames, seven slots."""
    rng = np.random.default_rng(0)
    addresses = rng.dirichlet(np.ones(7), (2, 2, 20))
    features = rng.normal(size=(2, 2, 20, 3))
    weight = np.arange(20) < [[20], [13]]
    return [jnp.asarray(x, jnp.float32) for x in (*addresses, *features, weight)]


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_bridging_metrics_equal_a_loop_over_frames(arguments):
    source, target, recalled, true_features, weight = map(np.asarray, arguments)
    expected = {name: [] for name in ("divergence", "top1", "top5", "cosine")}
    shuffled = []
    for index in zip(*np.nonzero(weight), strict=True):
        q, p = source[index], target[index]
        expected["divergence"].append(sum(p * np.log(p / q)))
        ranks = sorted(range(7), key=lambda slot: -q[slot])  # noqa: B023
        expected["top1"].append(ranks[0] == np.argmax(p))
        expected["top5"].append(np.argmax(p) in ranks[:5])
        expected["cosine"].append(cosine(recalled[index], true_features[index]))
        other = 1 - index[0], (index[1] + 10) % 20
        if weight[other]:
            shuffled.append(cosine(recalled[index], true_features[other]))
    actual = jax.jit(bridging_metrics)(*arguments)
    for name, values in expected.items():
        assert float(actual[name].weight) == 33
        assert actual[name].compute() == pytest.approx(np.mean(values), abs=1e-4)
    assert 0 < len(shuffled) < 33, "the other moment must exist as well"
    assert actual["shuffled_cosine"].compute() == pytest.approx(np.mean(shuffled))
    for name, address in (("source", source), ("target", target)):
        mean_address = address[weight > 0].mean(0)
        slots = np.exp(-sum(mean_address * np.log(mean_address)))
        assert actual[f"slots_by_{name}"].compute() == pytest.approx(slots, rel=1e-4)


def test_bridging_metrics_of_no_frames_have_no_weight(arguments):
    *arrays, weight = arguments
    actual = jax.jit(bridging_metrics)(*arrays, 0 * weight)
    assert all(float(mean.weight) == 0 for mean in actual.values())


def test_top5_of_a_memory_with_two_slots():
    address = jnp.asarray([[[0.9, 0.1], [0.2, 0.8]]])
    features, weight = jnp.ones((1, 2, 3)), jnp.ones((1, 2))
    actual = jax.jit(bridging_metrics)(
        address, address[:, ::-1], features, features, weight
    )
    assert actual["top1"].compute() == 0 and actual["top5"].compute() == 1
