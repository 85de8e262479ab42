"""CALS: what a unit depends on, which features are masked, what drives the face."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.losses.weights import CalsLossWeights
from avjax.models.cals import (
    AudioToLip,
    CalsConfig,
    CalsLatents,
    LipToFace,
    init_variables,
)
from avjax.nn.masking import sample_lookahead, sample_masked_spans

SIDE, FRAMES = 32, 9
TINY = CalsConfig(
    size=SIDE, width=1 / 64, unit_dim=6, context_frames=3, layers=2, heads=2
)
KEY = jax.random.key(0)


def random_normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture(scope="module")
def audio():
    """mels, frame_mask and lookahead of two clips."""
    return (
        random_normal(0, 2, FRAMES, 16, 80),
        jnp.ones((2, FRAMES)),
        jnp.array([3, 1]),
    )


@pytest.fixture(scope="module")
def predict_units(audio):
    """The compiled function of an untrained Audio-to-Lip."""
    model = AudioToLip(TINY)
    shapes = jax.eval_shape(lambda: model.init(KEY, *audio))
    seeds = iter(range(100, 999))

    def leaf(path, spec):
        if path[-1].key in ("var", "scale"):
            return jnp.ones(spec.shape)
        return random_normal(next(seeds), *spec.shape) / max(1, spec.ndim)

    variables = jax.tree_util.tree_map_with_path(leaf, shapes)
    return jax.jit(lambda *inputs: model.apply(variables, *inputs))


def test_units_have_length_one(predict_units, audio):
    """cals (1), cals (3)"""
    units = predict_units(*audio)
    assert units.shape == (2, FRAMES, TINY.unit_dim)
    np.testing.assert_allclose(jnp.linalg.norm(units, axis=-1), 1, rtol=1e-5)


def test_units_depend_on_context_and_lookahead_only(predict_units, audio):
    """cals (3)"""
    mels, *rest = audio
    units = predict_units(mels, *rest)
    other = predict_units(mels.at[:, 5].set(-mels[:, 5]), *rest)
    changed = np.any(units != other, axis=-1)
    np.testing.assert_array_equal(np.flatnonzero(changed[0]), [2, 3, 4, 5, 6, 7, 8])
    np.testing.assert_array_equal(np.flatnonzero(changed[1]), [4, 5, 6, 7, 8])


def test_masked_features_have_no_influence_but_their_frames_use_context(
    predict_units, audio
):
    """cals (2)"""
    mels, *rest = audio
    masked = jnp.zeros((2, FRAMES)).at[:, 4].set(1)
    units = predict_units(mels, *rest, masked)
    other = predict_units(mels.at[:, 4].set(7.0), *rest, masked)
    np.testing.assert_allclose(units, other, atol=1e-6)
    changed_inside = predict_units(mels.at[:, 3].set(7.0), *rest, masked)
    assert not np.allclose(units[:, 4], changed_inside[:, 4], atol=1e-3)


@pytest.mark.parametrize(("fraction", "span"), [(0.5, 5), (0.2, 1), (0.7, 10)])
def test_masked_spans_have_the_given_fraction_and_length(fraction, span):
    """cals (2)"""
    masked = np.asarray(sample_masked_spans(KEY, (400, 60), fraction, span))
    assert masked.mean() == pytest.approx(fraction, abs=0.03)
    inner = [
        stop - start
        for row in masked
        for start, stop in np.flatnonzero(np.diff(np.pad(row, 1))).reshape(-1, 2)
        if start > 0 and stop < 60
    ]
    assert min(inner) == span


def test_nothing_is_masked_at_fraction_zero():
    assert not sample_masked_spans(KEY, (4, 60), 0.0, 5).any()


def test_lookahead_is_the_maximum_or_uniform():
    assert (sample_lookahead(KEY, 50, 3, 0.0) == 3).all()
    lookahead = sample_lookahead(KEY, 4000, 3, 0.5)
    fractions = np.bincount(lookahead, minlength=4) / 4000
    np.testing.assert_allclose(fractions, [0.125, 0.125, 0.125, 0.625], atol=0.03)


def test_units_drive_the_face():
    """cals (5)"""
    model = LipToFace(TINY)
    units = random_normal(1, 1, 2, TINY.unit_dim)
    faces = random_normal(2, 1, 2, SIDE, SIDE, 6)

    @jax.jit
    def frames_and_gradient(key):
        variables = model.init(key, units, faces)

        def total(units):
            return jnp.sum(jnp.sin(9 * model.apply(variables, units, faces)))

        return model.apply(variables, units, faces), jax.grad(total)(units)

    frames, gradient = frames_and_gradient(KEY)
    assert frames.shape == (1, 2, SIDE, SIDE, 3) and np.abs(frames).max() <= 1
    assert gradient.any()


def test_phones_guide_the_face_beside_the_units(audio):
    """cals (5): a phone guide of zeros, as at first, has no influence."""
    config = dataclasses.replace(TINY, phones_to_face=True)
    talker, units_only = CalsLatents(config), CalsLatents(TINY)
    variables = untrained(jax.eval_shape(lambda: init_variables(config, KEY)))
    guide = variables["lip_to_face"]["params"]["phone_guide"]
    kernel, guide["kernel"] = guide["kernel"], jnp.zeros_like(guide["kernel"])
    latents = talker.encode_audio(variables, *audio)
    units = units_only.encode_audio(variables, *audio)
    phones = talker.encode_windows(variables, audio[0])
    np.testing.assert_allclose(latents, jnp.concatenate([units, phones], -1), rtol=1e-5)
    assert latents.shape[-1] == config.latent_dim
    np.testing.assert_allclose(
        talker.constrain(3 * latents),
        jnp.concatenate([units, 3 * phones], -1),
        rtol=1e-5,
    )
    faces = random_normal(2, 2, FRAMES, SIDE, SIDE, 6)
    frames = talker.decode_frames(variables, latents, faces)
    expected = units_only.decode_frames(variables, units, faces)
    np.testing.assert_allclose(frames, expected, atol=1e-6)
    guide["kernel"] = kernel
    changed = talker.decode_frames(variables, latents, faces)
    assert np.abs(changed - frames).max() > 1e-3


def test_number_of_parameters_is_that_of_synctalkface_and_the_context():
    config = CalsConfig()

    def sizes(model, *inputs):
        params = jax.eval_shape(lambda: model.init(KEY, *inputs))["params"]
        return {
            name: sum(leaf.size for leaf in jax.tree.leaves(tree))
            for name, tree in params.items()
        }

    units, faces = jnp.zeros((1, 1, 512)), jnp.zeros((1, 1, 128, 128, 6))
    lip_to_face = sizes(LipToFace(config), units, faces)
    assert lip_to_face["identity"] == 10_006_064
    assert lip_to_face["decoder"] == 28_984_323
    audio = jnp.zeros((1, 1, 16, 80)), jnp.ones((1, 1)), jnp.ones(1, jnp.int32)
    audio_to_lip = sizes(AudioToLip(config), *audio)
    assert audio_to_lip["audio"] == 2_812_672
    assert audio_to_lip["context"] == pytest.approx(12.6e6, rel=0.01)


def test_loss_weights_are_those_of_synctalkface():
    """cals (10)"""
    weights = CalsLossWeights()
    assert weights.pixels == 10
    assert {weights.audio_visual, weights.visual_visual, weights.adversarial} == {0.2}
