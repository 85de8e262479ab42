import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from avjax.train.optimizers import Adam, Muon, Sgd, make_optimizer, make_schedule


def walk(config, gradients, value, steps=10):
    """Return the parameter after each gradient."""
    optimizer = make_optimizer(config, steps)
    state, path = optimizer.init(value), []
    for gradient in gradients:
        update, state = optimizer.update(gradient, state, value)
        value = value + update
        path.append(value)
    return path


def test_adam_matches_the_loop_of_its_paper():
    gradients = [0.5, -1.0, 2.0]
    m = v = 0.0
    x, expected = 1.0, []
    for t, g in enumerate(gradients, start=1):
        m, v = 0.5 * m + 0.5 * g, 0.9 * v + 0.1 * g * g
        x -= 0.1 * (m / (1 - 0.5**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-8)
        expected.append(x)
    config = Adam(learning_rate=0.1, betas=(0.5, 0.9))
    path = walk(config, [jnp.float32(g) for g in gradients], jnp.float32(1.0))
    np.testing.assert_allclose(path, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(6, 4), (3, 3, 8, 4), (5, 2, 2, 3, 6)])
def test_muon_step_has_similar_singular_values(shape):
    """The kernel is read as a matrix of inputs by outputs."""
    gradient = jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)
    kernel = walk(Muon(learning_rate=1.0), [gradient], jnp.zeros(shape))[0]
    matrix = np.asarray(kernel).reshape(-1, shape[-1])
    result = np.linalg.svd(matrix, compute_uv=False)
    assert result.max() < 2 * result.min(), "the Newton-Schulz iteration is approximate"
    assert np.sum(matrix * np.asarray(gradient).reshape(matrix.shape)) < 0


def test_muon_step_is_as_long_as_a_step_of_adam():
    gradient = jnp.asarray(np.random.default_rng(0).normal(size=(64, 32)), jnp.float32)
    step = walk(Muon(learning_rate=1.0), [gradient], jnp.zeros((64, 32)))[0]
    assert float(jnp.sqrt(jnp.mean(step**2))) == pytest.approx(0.2, rel=0.2)


def test_muon_updates_biases_by_nesterov_adam():
    gradients = [jnp.asarray([0.5, -1.0]), jnp.asarray([2.0, 3.0])]
    path = walk(Muon(learning_rate=0.1, betas=(0.5, 0.9)), gradients, jnp.zeros(2))
    adam = optax.nadam(0.1, b1=0.5, b2=0.9)
    value, state = jnp.zeros(2), adam.init(jnp.zeros(2))
    for gradient, result in zip(gradients, path, strict=True):
        update, state = adam.update(gradient, state)
        value = value + update
        np.testing.assert_allclose(result, value, rtol=1e-5)


def test_muon_updates_adam_params_by_adam():
    """A slot that is used moves at the full schedule, and one that is not stays."""
    gradient = jnp.zeros((4, 3)).at[1].set(jnp.asarray([1e-3, -2.0, 0.5]))
    grads = {"memory": {"keys": gradient, "values": gradient, "kernel": gradient}}
    config = Muon(learning_rate=0.1, adam_params=("keys", "values"))
    optimizer = make_optimizer(config, steps=10)
    start = jax.tree.map(jnp.zeros_like, grads)
    update, _ = optimizer.update(grads, optimizer.init(start), start)
    for bank in ("keys", "values"):
        moved = np.abs(update["memory"][bank])
        np.testing.assert_allclose(moved[1], moved[1, 0], rtol=1e-3)
        assert moved[1, 0] > 0.09 and not moved[[0, 2, 3]].any()
    assert np.ptp(np.abs(update["memory"]["kernel"][1])) > 0.01


def test_momentum_is_a_running_sum_of_gradients():
    path = walk(
        Sgd(learning_rate=0.1, momentum=0.5), [jnp.float32(1.0)] * 3, jnp.float32(0.0)
    )
    np.testing.assert_allclose(path, [-0.1, -0.25, -0.425], rtol=1e-5)


def test_nesterov_momentum_looks_one_step_ahead():
    gradients, x, sum_, expected = [1.0, -2.0, 0.5], 0.0, 0.0, []
    for gradient in gradients:
        sum_ = gradient + 0.5 * sum_
        x -= 0.1 * (gradient + 0.5 * sum_)
        expected.append(x)
    config = Sgd(learning_rate=0.1, momentum=0.5, nesterov=True)
    path = walk(config, [jnp.float32(g) for g in gradients], jnp.float32(0.0))
    np.testing.assert_allclose(path, expected, rtol=1e-5)


def test_kernels_decay_and_biases_do_not():
    kernel = walk(
        Sgd(learning_rate=0.1, weight_decay=0.5), [jnp.zeros((2, 2))], jnp.ones((2, 2))
    )[0]
    bias = walk(Sgd(learning_rate=0.1, weight_decay=0.5), [jnp.zeros(2)], jnp.ones(2))[
        0
    ]
    np.testing.assert_allclose(kernel, 0.95)
    np.testing.assert_allclose(bias, 1.0)


def test_gradient_is_clipped_to_the_norm():
    path = walk(
        Sgd(learning_rate=1.0, max_grad_norm=1.0), [jnp.array([3.0, 4.0])], jnp.zeros(2)
    )
    np.testing.assert_allclose(path[0], [-0.6, -0.8], rtol=1e-5)


def test_learning_rate_warms_up_and_decays_to_zero():
    schedule = make_schedule(
        Adam(learning_rate=2.0, warmup=4, schedule="cosine"), steps=12
    )
    rates = [float(schedule(step)) for step in (0, 2, 4, 8, 12)]
    assert rates == pytest.approx([0.0, 1.0, 2.0, 1.0, 0.0], abs=1e-6)


def test_constant_learning_rate():
    schedule = make_schedule(Adam(learning_rate=2.0), steps=12)
    assert {float(schedule(step)) for step in range(12)} == {2.0}
