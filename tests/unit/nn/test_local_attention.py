"""Local attention: its exact context, and relative positions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.nn.local_attention import (
    LocalSelfAttention,
    LocalTransformer,
    attention_mask,
    layer_context,
)

FRAMES, DIM = 24, 8


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@functools.cache
def encoder(context):
    """Return a compiled encoder, (codes, mask, lookahead) -> codes, and the compiled
    gradient of its output for one frame, (frame, mask, lookahead) -> gradient.
    """
    model = LocalTransformer(context, layers=2, heads=2)
    inputs = normal(0, 1, FRAMES, DIM), jnp.ones((1, FRAMES)), jnp.array([context])
    shapes = jax.eval_shape(model.init, jax.random.key(0), *inputs)
    keys = iter(range(10, 99))
    variables = jax.tree.map(lambda x: normal(next(keys), *x.shape) / 3, shapes)

    @jax.jit
    def gradient(frame, mask, lookahead):
        def output(codes):
            return jnp.sum(
                jnp.sin(model.apply(variables, codes, mask, lookahead)[0, frame])
            )

        return jax.grad(output)(normal(1, 1, FRAMES, DIM))[0]

    return jax.jit(lambda *inputs: model.apply(variables, *inputs)), gradient


def receptive_field(context, frame, lookahead, mask):
    """Find the frames that the output of one frame depends on, by the gradient."""
    gradient = encoder(context)[1](frame, mask, jnp.array([lookahead]))
    return np.flatnonzero(np.any(np.asarray(gradient) != 0, axis=-1)).tolist()


@pytest.mark.parametrize("context", [0, 1, 5])
def test_output_depends_on_exactly_the_context(context):
    """cals (3)"""
    full_mask = jnp.ones((1, FRAMES))
    for frame in (10, 3):
        inside = [t for t in range(FRAMES) if abs(t - frame) <= context]
        assert receptive_field(context, frame, context, full_mask) == inside
    assert receptive_field(context, 10, 99, full_mask) == list(
        range(10 - context, 11 + context)
    )


@pytest.mark.parametrize("lookahead", [0, 2, 4])
def test_lookahead_limits_the_future_only(lookahead):
    actual = receptive_field(5, 10, lookahead, jnp.ones((1, FRAMES)))
    assert actual == list(range(5, 11 + lookahead))


def test_masked_frames_are_not_attended_to():
    mask = jnp.ones((1, FRAMES)).at[0, :7].set(0).at[0, 13:].set(0)
    assert receptive_field(5, 10, 5, mask) == [7, 8, 9, 10, 11, 12]
    assert 8 not in receptive_field(5, 10, 5, jnp.ones((1, FRAMES)).at[0, 8].set(0))


def test_a_window_gives_the_output_of_the_whole_sequence():
    run, _ = encoder(5)
    codes, lookahead = normal(2, 2, FRAMES, DIM), jnp.array([5, 3])
    full_output = run(codes, jnp.ones((2, FRAMES)), lookahead)
    for frame in (7, 15):
        window = codes[:, frame - 5 : frame + 6]
        part = run(window, jnp.ones((2, 11)), lookahead)
        np.testing.assert_allclose(part[:, 5], full_output[:, frame], atol=2e-5)


def test_output_is_shift_equivariant():
    (run, _), lookahead = encoder(5), jnp.array([5])
    codes, full_mask = normal(3, 1, FRAMES, DIM), jnp.ones((1, FRAMES))
    original = run(codes, full_mask, lookahead)
    shifted = run(jnp.roll(codes, 3, axis=1), full_mask, lookahead)
    np.testing.assert_allclose(original[:, 5:15], shifted[:, 8:18], atol=2e-5)


def test_attention_equals_a_loop_over_heads_and_frames():
    model = LocalSelfAttention(max_distance=2, heads=2)
    codes, allowed = normal(4, 1, 6, DIM), attention_mask(6, 2, jnp.array([1]))
    params = model.init(jax.random.key(1), codes, allowed)["params"]
    params = jax.tree.map(np.asarray, params)
    actual = model.apply({"params": params}, codes, allowed)[0]
    projected = np.asarray(codes[0]) @ params["qkv"]["kernel"] + params["qkv"]["bias"]
    query, key, value = np.split(np.asarray(projected), 3, axis=-1)
    attended = np.zeros((6, DIM))
    for head, frame in np.ndindex(2, 6):
        part = slice(4 * head, 4 * head + 4)
        inside = [s for s in range(6) if -2 <= s - frame <= 1]
        logits = [
            query[frame, part] @ key[s, part] / 2
            + params["rel_bias"][head, s - frame + 2]
            for s in inside
        ]
        weights = np.exp(logits) / np.sum(np.exp(logits))
        attended[frame, part] = weights @ value[inside][:, part]
    expected = attended @ params["out"]["kernel"] + params["out"]["bias"]
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize(("context", "layers"), [(15, 4), (0, 3), (2, 4), (13, 5)])
def test_layer_contexts_are_even_and_add_up(context, layers):
    parts = [layer_context(context, layers, layer) for layer in range(layers)]
    assert sum(parts) == context and max(parts) - min(parts) <= 1


def test_dropout_is_active_in_training_only():
    model = LocalTransformer(2, 2, heads=2, dropout=0.5)
    inputs = normal(0, 1, FRAMES, DIM), jnp.ones((1, FRAMES)), jnp.array([2])
    variables = jax.jit(model.init)(jax.random.key(0), *inputs)

    @functools.partial(jax.jit, static_argnames="train")
    def apply(seed, train):
        key = {"dropout": jax.random.key(seed)}
        return model.apply(variables, *inputs, train=train, rngs=key)

    assert not np.allclose(apply(0, train=True), apply(1, train=True))
    np.testing.assert_array_equal(apply(0, train=False), apply(1, train=False))
