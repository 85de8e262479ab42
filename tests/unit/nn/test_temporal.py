"""Codes in a row: both back-ends against loops, with frames that do not exist."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import drawn

from avjax.nn.temporal import BiGru, Gru, MsTcn, Scale, conv1d

KEY = jax.random.key(0)
CLIPS, FRAMES, DIM = 2, 5, 3
EXISTS = jnp.asarray([[1.0, 1, 1, 1, 1], [1, 1, 0, 1, 0]])


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture
def codes():
    return draw(0, CLIPS, FRAMES, DIM)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_by_hand(params, clip, exists, reverse):
    """Cho's equations, frame by frame; a frame that is not there leaves the state."""
    given, state = params["given"], np.zeros(4)
    states = np.zeros((len(clip), 4))
    order = range(len(clip))
    for frame in reversed(order) if reverse else order:
        if exists[frame]:
            x = clip[frame] @ given["kernel"] + given["bias"]
            h = state @ params["kernel"] + params["bias"]
            reset, update = sigmoid(x[:4] + h[:4]), sigmoid(x[4:8] + h[4:8])
            new = np.tanh(x[8:] + reset * h[8:])
            state = (1 - update) * new + update * state
        states[frame] = state
    return states


@pytest.mark.parametrize("reverse", [False, True])
def test_a_gru_is_the_loop_of_its_equations(codes, reverse):
    gru = Gru(4, reverse)
    variables = drawn(lambda: gru.init(KEY, codes, EXISTS))
    found = jax.jit(lambda codes: gru.apply(variables, codes, EXISTS))(codes)
    for clip in range(CLIPS):
        given = np.asarray(codes[clip], float), np.asarray(EXISTS[clip])
        expected = gru_by_hand(variables["params"], *given, reverse)
        np.testing.assert_allclose(found[clip], expected, atol=1e-5)


def test_kernels_of_a_gru_are_drawn_within_one_over_the_root_of_its_features(codes):
    params = Gru(64).init(KEY, codes, EXISTS)["params"]
    for kernel in (params["kernel"], params["given"]["kernel"]):
        assert 0.9 / 8 < np.abs(kernel).max() <= 1 / 8


def test_the_second_layer_hears_both_directions_of_the_first(codes):
    network = BiGru(4)
    variables = drawn(lambda: network.init(KEY, codes, EXISTS, False))
    found = jax.jit(lambda codes: network.apply(variables, codes, EXISTS, False))(codes)
    assert found.shape == (CLIPS, FRAMES, 8)
    for clip in range(CLIPS):
        layer, exists = np.asarray(codes[clip], float), np.asarray(EXISTS[clip])
        for number in range(2):
            ways = [
                gru_by_hand(variables["params"][f"{way}_{number}"], layer, exists, back)
                for way, back in (("forth", False), ("back", True))
            ]
            layer = np.concatenate(ways, axis=-1)
        np.testing.assert_allclose(found[clip], layer, atol=1e-5)


def conv_by_hand(clip, kernel, reach, padding):
    taps = len(kernel)
    outputs = len(clip) + 2 * padding - (taps - 1) * reach
    y = np.zeros((outputs, kernel.shape[2]))
    for frame in range(outputs):
        for tap in range(taps):
            place = frame + tap * reach - padding
            if 0 <= place < len(clip):
                y[frame] += clip[place] @ kernel[tap]
    return y


@pytest.mark.parametrize(("reach", "padding"), [(1, 1), (2, 2), (2, 4), (1, 0)])
def test_a_convolution_in_time_is_a_loop_over_taps(codes, reach, padding):
    kernel = draw(1, 3, DIM, 2)
    found = conv1d(codes, kernel, reach, padding)
    for clip in range(CLIPS):
        expected = conv_by_hand(codes[clip], np.asarray(kernel), reach, padding)
        np.testing.assert_allclose(found[clip], expected, atol=1e-5)


@pytest.mark.parametrize("published", [False, True])
def test_statistics_of_training_see_the_frames_around_a_clip_as_published(
    codes, published
):
    """By default they see the clip alone; what comes out is as long as it went in."""
    scale = Scale(2, taps=3, reach=2, published=published)
    variables = drawn(lambda: scale.init(KEY, codes, EXISTS, False))
    given = codes, EXISTS, True
    y, changed = scale.apply(variables, *given, mutable=["batch_stats"])
    kernel, bias = (np.asarray(variables["params"][key]) for key in ("kernel", "bias"))
    there = np.asarray(codes * EXISTS[..., None])
    normed = np.concatenate(
        [conv_by_hand(clip, kernel, 2, 4 if published else 2) + bias for clip in there]
    )
    assert len(normed) == CLIPS * (FRAMES + 4 * published)
    stats = changed["batch_stats"]["norm"]
    np.testing.assert_allclose(stats["mean"], normed.mean(0), atol=1e-5)
    np.testing.assert_allclose(stats["var"], normed.var(0), rtol=1e-4)
    assert y.shape == (CLIPS, FRAMES, 2)
    norm = variables["params"]["norm"]
    middle = np.concatenate([conv_by_hand(clip, kernel, 2, 2) + bias for clip in there])
    standard = (middle - normed.mean(0)) / np.sqrt(normed.var(0) + 1e-5)
    bent = standard * norm["scale"] + norm["bias"]
    slope = np.asarray(variables["params"]["bend"]["slope"])
    bent = np.where(bent >= 0, bent, slope * bent)
    np.testing.assert_allclose(np.concatenate(y), bent, atol=1e-4)


def test_four_blocks_of_convolutions_reach_ninety_frames_to_either_side():
    """Twice 3 taps of the widest kernel, 1, 2, 4 and 8 frames apart: 90."""
    network, codes = MsTcn(1 / 32), draw(0, 1, 200, DIM)
    exists = jnp.ones((1, 200))
    variables = drawn(lambda: network.init(KEY, codes, exists, False))
    read = jax.jit(lambda codes: network.apply(variables, codes, exists, False))
    before, after = read(codes), read(codes.at[0, 100].add(100))
    assert before.shape == (1, 200, 24)
    changed = np.flatnonzero(np.any(before != after, axis=(0, 2)))
    assert changed.tolist() == list(range(100 - 90, 100 + 91))


def test_published_or_not_is_the_same_after_training():
    codes = draw(0, CLIPS, FRAMES, DIM)
    variables = drawn(lambda: Scale(2, 5, 1).init(KEY, codes, EXISTS, False))
    ours, theirs = (
        Scale(2, 5, 1, published).apply(variables, codes, EXISTS, False)
        for published in (False, True)
    )
    np.testing.assert_array_equal(ours, theirs)
