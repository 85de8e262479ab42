"""CALS: what a unit depends on, what is hidden, and what drives the face."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.models.cals import (
    AudioToLip,
    CalsConfig,
    LipToFace,
    LossWeights,
    draw_ahead,
    draw_spans,
)

SIDE, FRAMES = 32, 9
TINY = CalsConfig(size=SIDE, width=1 / 64, units=6, window=3, layers=2, heads=2)
KEY = jax.random.key(0)


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture(scope="module")
def sound():
    """mels, exists, ahead of two clips."""
    return draw(0, 2, FRAMES, 16, 80), jnp.ones((2, FRAMES)), jnp.array([3, 1])


@pytest.fixture(scope="module")
def hearing(sound):
    """Audio-to-Lip: its variables, drawn and not learnt, and its compiled function."""
    model = AudioToLip(TINY)
    shapes = jax.eval_shape(lambda: model.init(KEY, *sound))
    keys = iter(range(100, 999))

    def leaf(path, like):
        if path[-1].key in ("var", "scale"):
            return jnp.ones(like.shape)
        return draw(next(keys), *like.shape) / max(1, like.ndim)

    variables = jax.tree_util.tree_map_with_path(leaf, shapes)
    return variables, jax.jit(lambda *given: model.apply(variables, *given))


def test_a_unit_has_length_one(hearing, sound):
    """cals (1), cals (3)"""
    units = hearing[1](*sound)
    assert units.shape == (2, FRAMES, TINY.units)
    np.testing.assert_allclose(jnp.linalg.norm(units, axis=-1), 1, rtol=1e-5)


def test_a_unit_hears_the_window_and_its_look_ahead(hearing, sound):
    """cals (3)"""
    mels, *rest = sound
    units = hearing[1](mels, *rest)
    changed = hearing[1](mels.at[:, 5].set(-mels[:, 5]), *rest)
    told = np.any(units != changed, axis=-1)
    np.testing.assert_array_equal(np.flatnonzero(told[0]), [2, 3, 4, 5, 6, 7, 8])
    np.testing.assert_array_equal(np.flatnonzero(told[1]), [4, 5, 6, 7, 8])


def test_a_hidden_phone_is_not_heard_but_its_frame_is_told_of(hearing, sound):
    """cals (2)"""
    mels, *rest = sound
    hidden = jnp.zeros((2, FRAMES)).at[:, 4].set(1)
    units = hearing[1](mels, *rest, hidden)
    other = hearing[1](mels.at[:, 4].set(7.0), *rest, hidden)
    np.testing.assert_allclose(units, other, atol=1e-6)
    near = hearing[1](mels.at[:, 3].set(7.0), *rest, hidden)
    assert not np.allclose(units[:, 4], near[:, 4], atol=1e-3)


@pytest.mark.parametrize(("share", "span"), [(0.5, 5), (0.2, 1), (0.7, 10)])
def test_so_many_phones_are_hidden_in_spans(share, span):
    """cals (2)"""
    hidden = np.asarray(draw_spans(KEY, (400, 60), share, span))
    assert hidden.mean() == pytest.approx(share, abs=0.03)
    inner = [
        stop - start
        for row in hidden
        for start, stop in np.flatnonzero(np.diff(np.pad(row, 1))).reshape(-1, 2)
        if start > 0 and stop < 60
    ]
    assert min(inner) == span


def test_nothing_is_hidden_where_nothing_is_to_be():
    assert not draw_spans(KEY, (4, 60), 0.0, 5).any()


def test_a_look_ahead_is_whole_or_any():
    assert (draw_ahead(KEY, 50, 3, 0.0) == 3).all()
    drawn = draw_ahead(KEY, 4000, 3, 0.5)
    shares = np.bincount(drawn, minlength=4) / 4000
    np.testing.assert_allclose(shares, [0.125, 0.125, 0.125, 0.625], atol=0.03)


def test_units_drive_the_face():
    """cals (5)"""
    model = LipToFace(TINY)
    units, faces = draw(1, 1, 2, TINY.units), draw(2, 1, 2, SIDE, SIDE, 6)

    @jax.jit
    def slope(key):
        variables = model.init(key, units, faces)
        total = lambda units: jnp.sum(jnp.sin(9 * model.apply(variables, units, faces)))  # noqa: E731
        return model.apply(variables, units, faces), jax.grad(total)(units)

    frames, slopes = slope(KEY)
    assert frames.shape == (1, 2, SIDE, SIDE, 3) and np.abs(frames).max() <= 1
    assert slopes.any()


def test_at_full_size_its_face_is_that_of_synctalkface():
    """Also 12.6 million parameters of the context."""
    config = CalsConfig()
    units, faces = jnp.zeros((1, 1, 512)), jnp.zeros((1, 1, 128, 128, 6))
    mels = jnp.zeros((1, 1, 16, 80)), jnp.ones((1, 1)), jnp.ones(1, jnp.int32)

    def parts(model, *given):
        tree = jax.eval_shape(lambda: model.init(KEY, *given))["params"]
        sizes = {name: jax.tree.leaves(part) for name, part in tree.items()}
        return {name: sum(x.size for x in part) for name, part in sizes.items()}

    face = parts(LipToFace(config), units, faces)
    assert face["identity"] == 10_006_064 and face["decoder"] == 28_984_323
    hearing = parts(AudioToLip(config), *mels)
    assert hearing["audio"] == 2_812_672
    assert hearing["context"] == pytest.approx(12.6e6, rel=0.01)


def test_weights_of_losses_are_those_of_synctalkface():
    """cals (10)"""
    weights = LossWeights()
    assert weights.pixels == 10
    assert {weights.audio_visual, weights.visual_visual, weights.critic} == {0.2}
