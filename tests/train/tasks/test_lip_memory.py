"""The memory of SyncTalkFace with lip codes of the sync expert; see also test_tasks."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.model_cards import read_card
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig, init_variables
from avjax.nn.pixels import mask_lower_face
from avjax.nn.wav2lip import scale_width
from avjax.train.ablations.lip_memory.fit import Codes, mixing_fusion, start_memory
from avjax.train.ablations.lip_memory.release import write_card
from avjax.train.ablations.lip_memory.start import without_memory
from avjax.train.tasks.lip_memory.health import draw_slots, mean_recall, slot_spread
from avjax.train.tasks.synctalkface import SyncTalkFaceTask
from avjax.train.tasks.talking.auxiliary import AuxiliaryNetworks

SIDE, SLOTS = 32, 4
TINY = SyncTalkFaceConfig(size=SIDE, width=1 / 64, num_slots=SLOTS)


def uniform(seed, *shape):
    return jax.random.uniform(jax.random.key(seed), shape, minval=-1, maxval=1)


@pytest.fixture(scope="module")
def face():
    """Variables of a face whose slots differ, and that depends on what is recalled."""
    variables = jax.jit(lambda key: init_variables(TINY, key))(jax.random.key(0))
    params = variables["generator"]["params"]
    params["memory"]["values"] = 10 * params["memory"]["values"]
    params["fusion"]["proj"]["kernel"] = 1e5 * params["fusion"]["proj"]["kernel"]
    return variables["generator"]


@pytest.fixture(scope="module")
def inputs():
    mels = 4 * uniform(0, 2, 3, 16, 80)
    image = (2, 3, SIDE, SIDE, 3)
    return mels, mask_lower_face(uniform(1, *image), uniform(2, *image))


def test_mean_recall_is_the_audio_with_a_constant(face, inputs):
    """What is left is a face without memory, with the constant in its decoder."""
    mels, faces = inputs

    @jax.jit
    def run(mels, faces):
        network = SyncTalkFace(TINY).bind(face)
        audio = network.encode_audio(mels).reshape(-1, TINY.latent_dim)
        own = network.generate(mels, faces).frames
        bare = without_memory(face, audio, TINY.inverse_temperature)
        config = dataclasses.replace(TINY, num_slots=0)
        control = SyncTalkFace(config).bind(bare).generate(mels, faces).frames
        return own, mean_recall(network, mels, faces), control

    own, mean, control = run(mels, faces)
    np.testing.assert_allclose(mean, control, atol=1e-5)
    assert np.abs(own - mean).max() > 1e-4


def test_each_slot_draws_its_own_face(face, inputs):
    mels, faces = inputs
    network = SyncTalkFace(TINY).bind(face)
    drawn = draw_slots(network, mels[0, 0], faces[0, 0])
    assert drawn.shape == (SLOTS, SIDE, SIDE, 3)
    assert slot_spread((drawn + 1) / 2) > 0


def test_slot_spread_is_that_of_the_lower_half_in_grey_levels():
    faces = np.random.default_rng(0).uniform(size=(5, 8, 8, 3)).astype(np.float32)
    expected = np.mean(
        [np.std(faces[:, y, x, c]) for y, x, c in np.ndindex(8, 8, 3) if y >= 4]
    )
    np.testing.assert_allclose(slot_spread(jnp.asarray(faces)), 255 * expected, 1e-5)


@pytest.fixture(scope="module")
def codes():
    """Lips of three kinds, of which the audio tells most, and a common mean."""
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(3, 6))
    labels = rng.integers(0, 3, 600)
    audio = kinds[labels] @ rng.normal(size=(6, 8)) + 0.1 * rng.normal(size=(600, 8))
    lips = kinds[labels] @ rng.normal(size=(6, 5)) + 0.1 * rng.normal(size=(600, 5))
    return Codes(
        jnp.asarray(audio + 3, jnp.float32), jnp.asarray(lips - 2, jnp.float32)
    )


@pytest.mark.parametrize("is_random", [False, True])
def test_memory_recalls_lips_by_audio_before_the_face_is_trained(codes, is_random):
    start, memory = start_memory(codes, 6, 16.0, seed=1, is_random=is_random)

    def errors(params):
        bias = params["to_value"]["bias"][None]
        lips = codes.lips @ params["to_value"]["kernel"] + bias
        recalled = read_memory(params, codes.audio)
        return jnp.mean((recalled - lips) ** 2) / jnp.mean(jnp.var(lips, axis=0))

    assert errors(memory) < 0.1 and errors(memory) < errors(start)
    moved = np.corrcoef(memory["values"].ravel(), start["values"].ravel())[0, 1]
    assert moved < 0.999


def read_memory(params, audio):
    """Read the values by an audio embedding: the equations in numpy."""
    bias = params["to_key"]["bias"][None]
    query = np.asarray(audio @ params["to_key"]["kernel"] + bias)
    keys, values = np.asarray(params["keys"]), np.asarray(params["values"])
    query = query / np.linalg.norm(query, axis=1, keepdims=True)
    keys = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    weights = np.exp(16 * query @ keys.T)
    return weights @ values / weights.sum(1, keepdims=True)


def test_fusion_starts_as_the_mean_of_both_features_at_the_same_scale():
    audio = uniform(0, 50, 4) + 3
    fusion = mixing_fusion(audio, (audio - 3) / 5)["proj"]
    joined = jnp.concatenate([audio, (audio - 3) / 5], axis=-1)
    mixed = joined @ fusion["kernel"] + fusion["bias"][None]
    np.testing.assert_allclose(mixed, audio, atol=1e-5)


def test_lips_of_the_sync_expert_train_the_face_but_not_the_expert(quick_faces):
    """synctalkface (9): the real side is frozen, the generated one trains the face."""
    aux = AuxiliaryNetworks(0.02, 0.02, 0.02)
    model = dataclasses.replace(TINY, lip_code_length=scale_width(512, 0.02))
    task = SyncTalkFaceTask(model, aux=aux)
    frames = np.random.default_rng(0).integers(0, 256, (2, 9, SIDE, SIDE, 3), np.uint8)
    batch = {
        "frames": jnp.asarray(frames),
        "reference": jnp.full((2, 5, SIDE, SIDE, 3), 60, jnp.uint8),
        "mels": uniform(0, 2, 5, 16, 80),
        "mel": uniform(1, 2, 16, 80),
        "weight": jnp.ones(2),
    }
    params, stats = jax.jit(task.init)(jax.random.key(0), batch)
    assert "lips" not in params["generator"]

    @jax.jit
    def gradient(params):
        def lip_loss(params):
            _, aux = task.generator_loss(params, stats, batch, jax.random.key(1))
            return aux.logs["visual_visual"]

        return jax.grad(lip_loss)(params)

    grads = gradient(params)
    lips = task.expert_lips(params, stats, task.inputs(batch).window)
    np.testing.assert_allclose(np.mean(lips, -1), 0, atol=1e-4)
    np.testing.assert_allclose(np.std(lips, -1), 1, atol=1e-2)
    moved = {name for name, tree in grads["generator"].items() if is_nonzero(tree)}
    assert moved == {"audio", "identity", "decoder", "memory", "fusion"}


def is_nonzero(tree):
    return any(jnp.any(leaf) for leaf in jax.tree.leaves(tree))


def test_card_of_a_fitted_memory_states_data_licence_and_measured_score():
    metrics = {"val/lmd": 0.8311, "val/psnr": 34.94, "val/lmd_open": float("nan")}
    facts = read_card(write_card("grid", ["Slots: at random."], metrics))
    assert facts.trained_on == "GRID s1" and facts.licence == "CC BY 4.0"
    assert facts.metrics == {"val/lmd": 0.8311, "val/psnr": 34.94}
    assert facts.score == "lip landmark distance 0.83 pixels of 96, PSNR 34.9 dB"
