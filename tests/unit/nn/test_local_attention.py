"""Attention among neighbours: who is heard, and that places count by distance alone."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.nn.local_attention import NearAttention, NearEncoder, share, within

FRAMES, DIM = 24, 8


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@functools.cache
def encoder(reach):
    """Of an encoder: (codes, exists, ahead) -> codes, and (frame, exists, ahead) ->
    the slope of what it answers for that frame, by each of some codes; compiled.
    """
    model = NearEncoder(reach, layers=2, heads=2)
    given = draw(0, 1, FRAMES, DIM), jnp.ones((1, FRAMES)), jnp.array([reach])
    shapes = jax.eval_shape(model.init, jax.random.key(0), *given)
    keys = iter(range(10, 99))
    variables = jax.tree.map(lambda x: draw(next(keys), *x.shape) / 3, shapes)

    @jax.jit
    def slope(frame, exists, ahead):
        def answer(codes):
            return jnp.sum(
                jnp.sin(model.apply(variables, codes, exists, ahead)[0, frame])
            )

        return jax.grad(answer)(draw(1, 1, FRAMES, DIM))[0]

    return jax.jit(lambda *given: model.apply(variables, *given)), slope


def reached(reach, frame, ahead, exists):
    """The frames that the answer of one frame depends on, by the gradient."""
    slope = encoder(reach)[1](frame, exists, jnp.array([ahead]))
    return np.flatnonzero(np.any(np.asarray(slope) != 0, axis=-1)).tolist()


@pytest.mark.parametrize("reach", [0, 1, 5])
def test_an_answer_depends_on_so_many_frames_to_either_side_and_no_more(reach):
    """cals (3)"""
    everyone = jnp.ones((1, FRAMES))
    for frame in (10, 3):
        near = [t for t in range(FRAMES) if abs(t - frame) <= reach]
        assert reached(reach, frame, reach, everyone) == near
    assert reached(reach, 10, 99, everyone) == list(range(10 - reach, 11 + reach))


@pytest.mark.parametrize("ahead", [0, 2, 4])
def test_a_shorter_look_ahead_shortens_that_side_alone(ahead):
    found = reached(5, 10, ahead, jnp.ones((1, FRAMES)))
    assert found == list(range(5, 11 + ahead))


def test_what_does_not_exist_is_heard_by_none():
    exists = jnp.ones((1, FRAMES)).at[0, :7].set(0).at[0, 13:].set(0)
    assert reached(5, 10, 5, exists) == [7, 8, 9, 10, 11, 12]
    assert 8 not in reached(5, 10, 5, jnp.ones((1, FRAMES)).at[0, 8].set(0))


def test_a_window_of_a_row_gives_what_the_whole_row_gives():
    run, _ = encoder(5)
    codes, ahead = draw(2, 2, FRAMES, DIM), jnp.array([5, 3])
    whole = run(codes, jnp.ones((2, FRAMES)), ahead)
    for frame in (7, 15):
        window = codes[:, frame - 5 : frame + 6]
        part = run(window, jnp.ones((2, 11)), ahead)
        np.testing.assert_allclose(part[:, 5], whole[:, frame], atol=2e-5)


def test_only_distances_count():
    (run, _), ahead = encoder(5), jnp.array([5])
    codes, everyone = draw(3, 1, FRAMES, DIM), jnp.ones((1, FRAMES))
    here = run(codes, everyone, ahead)
    there = run(jnp.roll(codes, 3, axis=1), everyone, ahead)
    np.testing.assert_allclose(here[:, 5:15], there[:, 8:18], atol=2e-5)


def test_a_look_around_is_a_weighted_mean_by_hand():
    """A loop over heads and frames."""
    model = NearAttention(reach=2, heads=2)
    codes, seen = draw(4, 1, 6, DIM), within(6, 2, jnp.array([1]))
    params = model.init(jax.random.key(1), codes, seen)["params"]
    params = jax.tree.map(np.asarray, params)
    found = model.apply({"params": params}, codes, seen)[0]
    asked = np.asarray(codes[0]) @ params["ask"]["kernel"] + params["ask"]["bias"]
    query, key, value = np.split(np.asarray(asked), 3, axis=-1)
    told = np.zeros((6, DIM))
    for head, frame in np.ndindex(2, 6):
        part = slice(4 * head, 4 * head + 4)
        near = [s for s in range(6) if -2 <= s - frame <= 1]
        logits = [
            query[frame, part] @ key[s, part] / 2
            + params["places"][head, s - frame + 2]
            for s in near
        ]
        weights = np.exp(logits) / np.sum(np.exp(logits))
        told[frame, part] = weights @ value[near][:, part]
    expected = told @ params["tell"]["kernel"] + params["tell"]["bias"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("reach", "layers"), [(15, 4), (0, 3), (2, 4), (13, 5)])
def test_layers_share_the_reach_evenly(reach, layers):
    parts = [share(reach, layers, layer) for layer in range(layers)]
    assert sum(parts) == reach and max(parts) - min(parts) <= 1


def test_training_forgets_and_asking_does_not():
    model = NearEncoder(2, 2, heads=2, dropout=0.5)
    given = draw(0, 1, FRAMES, DIM), jnp.ones((1, FRAMES)), jnp.array([2])
    variables = jax.jit(model.init)(jax.random.key(0), *given)

    @functools.partial(jax.jit, static_argnames="train")
    def ask(seed, train):
        key = {"dropout": jax.random.key(seed)}
        return model.apply(variables, *given, train=train, rngs=key)

    assert not np.allclose(ask(0, train=True), ask(1, train=True))
    np.testing.assert_array_equal(ask(0, train=False), ask(1, train=False))
