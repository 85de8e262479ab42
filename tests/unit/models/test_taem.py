"""TAEM: timing of phonemes, speaker conditioning, and latents for a talker."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.models.cals import CalsConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import TEXT_PART, Taem, TaemConfig, init_variables
from avjax.models.talker import latent_space
from avjax.nn.latent_normalizer import LatentNormalizer
from avjax.text.phonemes import PHONEMES

SIDE, FRAMES = 32, 8
TALKER = SyncTalkFaceConfig(size=SIDE, width=1 / 64, num_slots=0)
TINY = TaemConfig(
    talker=TALKER,
    num_phonemes=7,
    dim=8,
    encoder_layers=1,
    refiner_layers=1,
    context_phonemes=1,
    context_frames=1,
    dropout=0.0,
)
PHONEME_IDS = jnp.array([[1, 3, 2, 4], [5, 2, 0, 0]])
EDGES = jnp.array([[0.0, 0.06, 0.1, 0.2, 0.32], [-0.2, 0.1, 0.24, 0.24, 0.24]])
KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
PORTRAIT = jnp.asarray(RNG.integers(0, 256, (2, SIDE, SIDE, 3)), jnp.uint8)
LATENTS = jnp.asarray(RNG.normal(2, 3, (2, FRAMES, 8)), jnp.float32)
WEIGHT = jnp.ones((2, FRAMES)).at[1, 6:].set(0)


def make_variables(config):
    return untrained(jax.eval_shape(lambda: init_variables(config, KEY))[TEXT_PART])


@pytest.fixture(scope="module")
def variables():
    return make_variables(TINY)


@pytest.fixture(scope="module")
def predict(variables):
    """(phoneme_ids, edges, portrait) -> latents and durations."""
    model = Taem(TINY)
    return jax.jit(
        lambda ids, edges, portrait: model.apply(
            variables, ids, edges, portrait, FRAMES
        )
    )


def test_latents_depend_on_near_phonemes_only(predict):
    """taem (1), taem (5): a context of one phoneme and of one frame."""
    first = predict(PHONEME_IDS, EDGES, PORTRAIT).latents
    other = predict(PHONEME_IDS.at[0, 3].set(6), EDGES, PORTRAIT).latents
    changed = np.any(np.abs(first - other) > 1e-6, axis=-1)
    # Phoneme 2 depends on phoneme 3; it starts in frame 2, on which frame 1 depends.
    np.testing.assert_array_equal(np.flatnonzero(changed[0]), np.arange(1, FRAMES))
    assert not changed[1].any()


def test_padding_changes_nothing(predict):
    """The second clip has two phonemes and six frames."""
    longer = jnp.pad(PHONEME_IDS, ((0, 0), (0, 2)))
    edges = jnp.pad(EDGES, ((0, 0), (0, 2)), mode="edge")
    first = predict(PHONEME_IDS, EDGES, PORTRAIT)
    second = predict(longer, edges, PORTRAIT)
    for clip, frames in ((0, 8), (1, 6)):
        np.testing.assert_allclose(
            first.latents[clip, :frames], second.latents[clip, :frames], atol=1e-5
        )
    np.testing.assert_allclose(first.durations, second.durations[:, :4], atol=1e-5)


def test_durations_do_not_train_the_phoneme_encoder(variables):
    """taem (3): their gradient trains the predictor and the speaker embedding only."""
    model = Taem(TINY)

    @jax.jit
    def gradients(params):
        def total(params, index):
            current = {**variables, "params": params}
            outputs = model.apply(current, PHONEME_IDS, EDGES, PORTRAIT, FRAMES)
            return jnp.sum(jnp.sin(outputs[index]))

        return [jax.tree.map(jnp.any, jax.grad(total)(params, i)) for i in (0, 1)]

    latents, durations = (
        {module for module, tree in grads.items() if any(jax.tree.leaves(tree))}
        for grads in gradients(variables["params"])
    )
    assert durations == {"predictor", "speaker_encoder", "speaker_proj_predictor"}
    others = {"predictor", "speaker_proj_predictor"}
    assert latents == set(variables["params"]) - others


@pytest.mark.parametrize("module", ["encoder", "predictor", "refiner"])
def test_speaker_changes_the_outputs_of_the_configured_module(module):
    """taem (2)"""
    config = dataclasses.replace(TINY, speaker_inputs=(module,))
    model, variables = Taem(config), make_variables(config)
    predict = jax.jit(
        lambda portrait: model.apply(variables, PHONEME_IDS, EDGES, portrait, FRAMES)
    )
    first, second = predict(PORTRAIT), predict(255 - PORTRAIT)
    latents, durations = (np.any(a != b) for a, b in zip(first, second, strict=True))
    assert latents == (module != "predictor") and durations == (module != "refiner")


def test_without_speaker_inputs_there_is_no_speaker_encoder():
    """taem (2)"""
    variables = make_variables(dataclasses.replace(TINY, speaker_inputs=()))
    assert not [name for name in variables["params"] if "speaker" in name]


def test_without_refine_module_a_frame_depends_on_its_own_phonemes():
    """taem (5)"""
    config = dataclasses.replace(TINY, refiner_layers=0, encoder_layers=0)
    model, variables = Taem(config), make_variables(config)
    predict = jax.jit(
        lambda ids: model.apply(variables, ids, EDGES, PORTRAIT, FRAMES).latents
    )
    other = predict(PHONEME_IDS.at[0, 3].set(6))
    changed = np.any(predict(PHONEME_IDS) != other, axis=-1)
    np.testing.assert_array_equal(np.flatnonzero(changed[0]), [5, 6, 7])


def test_predicted_edges_are_sums_of_predicted_durations(variables):
    """taem (3)"""
    model, out = Taem(TINY), {"kernel": jnp.zeros((8, 1)), "bias": jnp.array([2.0])}
    params = variables["params"]
    params = {**params, "predictor": {**params["predictor"], "out": out}}
    current = {**variables, "params": params}
    predict = jax.jit(
        lambda ids, portrait: model.apply(
            current, ids, portrait, method="predict_edges"
        )
    )
    edges, seconds = predict(PHONEME_IDS, PORTRAIT), np.expm1(2.0) / 100
    np.testing.assert_allclose(edges[0], seconds * np.arange(5), rtol=1e-5)
    expected = seconds * np.array([0, 1, 2, 2, 2])
    np.testing.assert_allclose(edges[1], expected, rtol=1e-5)


def test_normalizer_accumulates_statistics_over_batches():
    """taem (6): as if all batches had come at once, without frames of weight 0."""
    normalizer = LatentNormalizer(8)
    batches = [LATENTS, 2 * LATENTS - 1, LATENTS + 3]
    update = jax.jit(
        lambda variables, latents: normalizer.apply(
            variables, latents, WEIGHT, method="update", mutable="batch_stats"
        )
    )
    shapes = jax.eval_shape(lambda: normalizer.init(KEY, LATENTS, method="normalize"))
    variables = jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)
    for batch in batches:
        variables = update(variables, batch)[1]
    frames = np.concatenate([batch[WEIGHT > 0] for batch in batches])
    normalized = normalizer.apply(variables, LATENTS, method="normalize")
    expected = (np.asarray(LATENTS) - frames.mean(axis=0)) / frames.std(axis=0)
    np.testing.assert_allclose(normalized, expected, atol=2e-2)
    restored = normalizer.apply(variables, normalized, method="denormalize")
    np.testing.assert_allclose(restored, LATENTS, atol=1e-4)


def test_training_targets_are_normalized_by_updated_statistics(variables):
    """taem (6)"""

    @jax.jit
    def forward_train(variables):
        return Taem(TINY).apply(
            variables,
            PHONEME_IDS,
            EDGES,
            PORTRAIT,
            LATENTS,
            WEIGHT,
            method="forward_train",
            mutable=["batch_stats"],
            rngs={"dropout": KEY},
        )

    (outputs, targets), changed = forward_train(variables)
    assert changed["batch_stats"]["normalizer"]["count"] == 14
    assert outputs.latents.shape == targets.shape
    counted = targets[WEIGHT > 0]
    np.testing.assert_allclose(counted.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(counted.std(axis=0), 1, atol=1e-2)


def test_latents_are_constrained_like_those_of_the_talker():
    """taem (6)"""
    latents = jnp.array([[3.0, -4.0, 0.0]])
    constrained = latent_space(TALKER).constrain(latents)
    np.testing.assert_array_equal(constrained, [[3, 0, 0]])
    constrained = latent_space(CalsConfig(unit_dim=3)).constrain(latents)
    np.testing.assert_allclose(constrained, [[0.6, -0.8, 0]])


def test_every_phoneme_has_an_embedding():
    assert TaemConfig().num_phonemes == len(PHONEMES)
