"""Sequence models against loops, with frames that do not exist."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import random_init

from avjax.nn.temporal import BiGru, Gru, MsTcn, TcnBranch, gru_states, gru_step
from avjax.nn.temporal_conv import conv1d

KEY = jax.random.key(0)
CLIPS, FRAMES, DIM = 2, 5, 3
MASK = jnp.asarray([[1.0, 1, 1, 1, 1], [1, 1, 0, 1, 0]])


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture
def features():
    return normal(0, CLIPS, FRAMES, DIM)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference_gru(params, clip, mask, reverse):
    """Compute Cho's equations frame by frame; missing frames keep the state."""
    projection, state = params["input_proj"], np.zeros(4)
    states = np.zeros((len(clip), 4))
    order = range(len(clip))
    for frame in reversed(order) if reverse else order:
        if mask[frame]:
            x = clip[frame] @ projection["kernel"] + projection["bias"]
            h = state @ params["kernel"] + params["bias"]
            reset, update = sigmoid(x[:4] + h[:4]), sigmoid(x[4:8] + h[4:8])
            new = np.tanh(x[8:] + reset * h[8:])
            state = (1 - update) * new + update * state
        states[frame] = state
    return states


@pytest.mark.parametrize("reverse", [False, True])
def test_gru_equals_a_loop(features, reverse):
    gru = Gru(4, reverse)
    variables = random_init(lambda: gru.init(KEY, features, MASK))
    actual = jax.jit(lambda features: gru.apply(variables, features, MASK))(features)
    for clip in range(CLIPS):
        inputs = np.asarray(features[clip], float), np.asarray(MASK[clip])
        expected = reference_gru(variables["params"], *inputs, reverse)
        np.testing.assert_allclose(actual[clip], expected, atol=1e-5)


@pytest.mark.parametrize("reverse", [False, True])
def test_gru_gradients_equal_those_of_a_loop(reverse):
    shapes = (CLIPS, 4), (4, 12), (12,), (FRAMES, CLIPS, 12)
    arrays = [normal(seed, *shape) for seed, shape in enumerate(shapes)]

    def loop(initial, kernel, bias, inputs):
        state, states = initial, [initial] * FRAMES
        for frame in reversed(range(FRAMES)) if reverse else range(FRAMES):
            state = gru_step(state, state @ kernel, bias, inputs[frame], MASK[:, frame])
            states[frame] = state
        return jnp.stack(states)

    def gradients(function):
        def loss(arrays):
            return jnp.sum(jnp.sin(function(*arrays)))

        return jax.jit(jax.grad(loss))(arrays)

    actual = gradients(lambda *arrays: gru_states(reverse, *arrays, MASK.T))
    for ours, expected in zip(actual, gradients(loop), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_gru_kernels_are_initialised_within_bound(features):
    params = Gru(64).init(KEY, features, MASK)["params"]
    for kernel in (params["kernel"], params["input_proj"]["kernel"]):
        assert 0.9 / 8 < np.abs(kernel).max() <= 1 / 8


def test_bigru_layers_use_both_directions(features):
    network = BiGru(4)
    variables = random_init(lambda: network.init(KEY, features, MASK, False))
    actual = jax.jit(lambda features: network.apply(variables, features, MASK, False))(
        features
    )
    assert actual.shape == (CLIPS, FRAMES, 8)
    for clip in range(CLIPS):
        layer, mask = np.asarray(features[clip], float), np.asarray(MASK[clip])
        for number in range(2):
            states = [
                reference_gru(
                    variables["params"][f"{direction}_{number}"],
                    layer,
                    mask,
                    is_reverse,
                )
                for direction, is_reverse in (("forward", False), ("backward", True))
            ]
            layer = np.concatenate(states, axis=-1)
        np.testing.assert_allclose(actual[clip], layer, atol=1e-5)


def reference_conv1d(clip, kernel, dilation, padding):
    taps = len(kernel)
    outputs = len(clip) + 2 * padding - (taps - 1) * dilation
    y = np.zeros((outputs, kernel.shape[2]))
    for frame in range(outputs):
        for tap in range(taps):
            index = frame + tap * dilation - padding
            if 0 <= index < len(clip):
                y[frame] += clip[index] @ kernel[tap]
    return y


@pytest.mark.parametrize(("dilation", "padding"), [(1, 1), (2, 2), (2, 4), (1, 0)])
def test_conv1d_equals_a_loop_over_taps(features, dilation, padding):
    kernel = normal(1, 3, DIM, 2)
    actual = conv1d(features, kernel, dilation, padding)
    for clip in range(CLIPS):
        expected = reference_conv1d(
            features[clip], np.asarray(kernel), dilation, padding
        )
        np.testing.assert_allclose(actual[clip], expected, atol=1e-5)


@pytest.mark.parametrize("reference_compat", [False, True])
def test_reference_compat_includes_padding_in_batch_statistics(
    features, reference_compat
):
    """By default, they include the clip only. The output is as long as the input."""
    branch = TcnBranch(2, 3, 2, reference_compat)
    variables = random_init(lambda: branch.init(KEY, features, MASK, False))
    y, changed = branch.apply(variables, features, MASK, True, mutable=["batch_stats"])
    kernel, bias = (np.asarray(variables["params"][key]) for key in ("kernel", "bias"))
    masked = np.asarray(features * MASK[..., None])
    normed = np.concatenate(
        [
            reference_conv1d(clip, kernel, 2, 4 if reference_compat else 2) + bias
            for clip in masked
        ]
    )
    assert len(normed) == CLIPS * (FRAMES + 4 * reference_compat)
    stats = changed["batch_stats"]["norm"]
    np.testing.assert_allclose(stats["mean"], normed.mean(0), atol=1e-5)
    np.testing.assert_allclose(stats["var"], normed.var(0), rtol=1e-4)
    assert y.shape == (CLIPS, FRAMES, 2)
    norm = variables["params"]["norm"]
    inside = np.concatenate(
        [reference_conv1d(clip, kernel, 2, 2) + bias for clip in masked]
    )
    standardized = (inside - normed.mean(0)) / np.sqrt(normed.var(0) + 1e-5)
    activated = standardized * norm["scale"] + norm["bias"]
    slope = np.asarray(variables["params"]["prelu"]["slope"])
    activated = np.where(activated >= 0, activated, slope * activated)
    np.testing.assert_allclose(np.concatenate(y), activated, atol=1e-4)


def test_ms_tcn_sees_ninety_frames_on_both_sides():
    """Two convolutions with dilations 1, 2, 4 and 8 and 3 taps on each side: 90."""
    network, features = MsTcn(1 / 32), normal(0, 1, 200, DIM)
    mask = jnp.ones((1, 200))
    variables = random_init(lambda: network.init(KEY, features, mask, False))
    read = jax.jit(lambda features: network.apply(variables, features, mask, False))
    before, after = read(features), read(features.at[0, 100].add(100))
    assert before.shape == (1, 200, 24)
    changed = np.flatnonzero(np.any(before != after, axis=(0, 2)))
    assert changed.tolist() == list(range(100 - 90, 100 + 91))


def test_reference_compat_has_no_effect_in_evaluation():
    features = normal(0, CLIPS, FRAMES, DIM)
    variables = random_init(lambda: TcnBranch(2, 5, 1).init(KEY, features, MASK, False))
    default, compat = (
        TcnBranch(2, 5, 1, reference_compat).apply(variables, features, MASK, False)
        for reference_compat in (False, True)
    )
    np.testing.assert_array_equal(default, compat)
