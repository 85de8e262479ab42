import jax.numpy as jnp
import numpy as np
import pytest

from avjax.train.optim import Adam, Sgd, make_optimizer, make_schedule


def walk(config, gradients, value, steps=10):
    """The parameter after each gradient."""
    optimizer = make_optimizer(config, steps)
    state, path = optimizer.init(value), []
    for gradient in gradients:
        update, state = optimizer.update(gradient, state, value)
        value = value + update
        path.append(value)
    return path


def test_adam_is_the_loop_of_its_paper():
    gradients = [0.5, -1.0, 2.0]
    m = v = 0.0
    x, expected = 1.0, []
    for t, g in enumerate(gradients, start=1):
        m, v = 0.5 * m + 0.5 * g, 0.9 * v + 0.1 * g * g
        x -= 0.1 * (m / (1 - 0.5**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-8)
        expected.append(x)
    config = Adam(rate=0.1, betas=(0.5, 0.9))
    path = walk(config, [jnp.float32(g) for g in gradients], jnp.float32(1.0))
    np.testing.assert_allclose(path, expected, rtol=1e-5)


def test_momentum_is_a_running_sum_of_gradients():
    path = walk(Sgd(rate=0.1, momentum=0.5), [jnp.float32(1.0)] * 3, jnp.float32(0.0))
    np.testing.assert_allclose(path, [-0.1, -0.25, -0.425], rtol=1e-5)


def test_kernels_decay_and_biases_do_not():
    kernel = walk(Sgd(rate=0.1, decay=0.5), [jnp.zeros((2, 2))], jnp.ones((2, 2)))[0]
    bias = walk(Sgd(rate=0.1, decay=0.5), [jnp.zeros(2)], jnp.ones(2))[0]
    np.testing.assert_allclose(kernel, 0.95)
    np.testing.assert_allclose(bias, 1.0)


def test_a_long_gradient_is_clipped_to_the_norm():
    path = walk(Sgd(rate=1.0, clip=1.0), [jnp.array([3.0, 4.0])], jnp.zeros(2))
    np.testing.assert_allclose(path[0], [-0.6, -0.8], rtol=1e-5)


def test_the_rate_rises_then_falls_to_zero_at_the_last_step():
    rate = make_schedule(Adam(rate=2.0, warmup=4, schedule="cosine"), steps=12)
    rates = [float(rate(step)) for step in (0, 2, 4, 8, 12)]
    assert rates == pytest.approx([0.0, 1.0, 2.0, 1.0, 0.0], abs=1e-6)


def test_a_constant_rate_stays():
    rate = make_schedule(Adam(rate=2.0), steps=12)
    assert {float(rate(step)) for step in range(12)} == {2.0}
