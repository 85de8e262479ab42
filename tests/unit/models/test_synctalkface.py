"""SyncTalkFace: what drives the mouth, and what each loss may move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.losses.memory import address_divergence, storage_error
from avjax.models.synctalkface import (
    WAV2LIP,
    LossWeights,
    SyncTalkFace,
    SyncTalkFaceConfig,
    codes_of_generated,
    face_input,
    from_pixels,
    to_pixels,
    to_unit,
)

KEY = jax.random.key(0)
SIZE, FRAMES = 32, 2
TINY = SyncTalkFaceConfig(size=SIZE, width=1 / 64, slots=5)


def draw(seed, *shape):
    return jax.random.uniform(jax.random.key(seed), shape, minval=-1, maxval=1)


@pytest.fixture(scope="module")
def model():
    return SyncTalkFace(TINY)


@pytest.fixture(scope="module")
def batch():
    picture = (SIZE, SIZE, 3)
    window = draw(1, 2, FRAMES + 4, *picture)
    target = window[:, 2:-2]
    faces = face_input(target, draw(2, 2, FRAMES, *picture))
    return {"mels": 4 * draw(0, 2, FRAMES, 16, 80), "faces": faces, "window": window}


@pytest.fixture(scope="module")
def variables(model, batch):
    return jax.jit(lambda key: model.init(key, **batch))(KEY)


@pytest.fixture(scope="module")
def rehearse(model, variables):
    return jax.jit(lambda batch: model.apply(variables, **batch, method="rehearse"))


@pytest.fixture(scope="module")
def routes(model, variables, batch):
    """{loss: names of what it moves}, all losses by one compiled backward pass.

    By the running statistics: those of a batch would tie the two paths to each other.
    """
    stats = variables["batch_stats"]

    def losses(params):
        made = model.apply(
            {"params": params, "batch_stats": stats}, **batch, method="rehearse"
        )
        clip = jnp.concatenate([made.spoken] * 3, axis=1)[:, :5]
        watched = codes_of_generated(
            model, {"params": params, "batch_stats": stats}, clip
        )
        return {
            "spoken": jnp.sum(jnp.sin(3 * made.spoken)),
            "taught": jnp.sum(jnp.sin(3 * made.taught)),
            "store": jnp.sum(storage_error(made.stored, made.goal)),
            "align": jnp.sum(address_divergence(made.by_audio, made.by_lips)),
            "generated lips": jnp.sum(jnp.sin(watched)),
            "real lips": jnp.sum(jnp.sin(made.lips)),
        }

    @jax.jit
    def slopes(params):
        def in_order(params):
            found = losses(params)
            return jnp.stack([found[name] for name in names])

        _, back = jax.vjp(in_order, params)
        return jax.lax.map(lambda row: back(row)[0], jnp.eye(len(names)))

    params = variables["params"]
    names = list(jax.eval_shape(losses, params))
    grads = slopes(params)
    parts = {part: tree for part, tree in grads.items() if part != "memory"}
    parts |= grads["memory"]
    return {
        name: {
            part
            for part, tree in parts.items()
            if any(leaf[row].any() for leaf in jax.tree.leaves(tree))
        }
        for row, name in enumerate(names)
    }


HEARING = {"audio", "keys", "to_key"}
DRAWING = {"identity", "decoder", "fusion"}


def test_pixels_of_the_spoken_frames_reach_all_but_the_lip_side(routes):
    """synctalkface (5), synctalkface (7): also the values, through what is recalled."""
    assert routes["spoken"] == HEARING | DRAWING | {"values"}


def test_pixels_of_the_taught_frames_reach_all_but_the_keys(routes):
    """synctalkface (6), synctalkface (7)"""
    lip_side = {"lips", "to_value", "values"}
    assert routes["taught"] == DRAWING | lip_side | {"audio"}


def test_storing_moves_the_values_and_what_addresses_them(routes):
    """synctalkface (3)"""
    assert routes["store"] == {"values", "to_value", "lips"}


def test_aligning_moves_the_side_of_the_sound_alone(routes):
    """synctalkface (4)"""
    assert routes["align"] == HEARING


def test_generated_lips_do_not_teach_the_lip_encoder(routes):
    """synctalkface (9): they move what drew them; real lips move the encoder."""
    assert routes["generated lips"] == HEARING | DRAWING | {"values"}
    assert routes["real lips"] == {"lips"}


def test_the_sound_alone_decides_what_is_spoken(rehearse, batch):
    """synctalkface (5); what is taught follows the lips: synctalkface (6)"""
    made, other = rehearse(batch), rehearse(batch | {"window": -batch["window"]})
    np.testing.assert_array_equal(made.spoken, other.spoken)
    np.testing.assert_array_equal(made.by_audio, other.by_audio)
    assert not np.array_equal(made.taught, other.taught)
    assert not np.allclose(made.by_lips, other.by_lips)


def test_speaking_is_half_of_a_rehearsal(model, variables, rehearse, batch):
    made = rehearse(batch)
    given = batch["mels"], batch["faces"]
    spoken = jax.jit(lambda *a: model.apply(variables, *a, method="speak"))(*given)
    np.testing.assert_allclose(spoken.frames, made.spoken, atol=1e-5)
    np.testing.assert_allclose(spoken.address, made.by_audio, atol=1e-6)
    np.testing.assert_allclose(spoken.address.sum(-1), 1, atol=1e-5)


def test_lips_are_judged_by_the_lower_half(model, variables, batch):
    watch = jax.jit(lambda x: model.apply(variables, x, method="encode_lips"))
    window = batch["window"]
    hat = window.at[:, :, : SIZE // 2].set(0.5)
    assert watch(window).shape == (2, FRAMES, 8)
    np.testing.assert_array_equal(watch(window), watch(hat))


def test_the_target_s_mouth_is_hidden_from_the_face_encoder():
    target = draw(0, 1, 2, SIZE, SIZE, 3)
    faces = face_input(target, -target)
    half = SIZE // 2
    np.testing.assert_array_equal(faces[:, :, :half, :, :3], target[:, :, :half])
    assert not faces[:, :, half:, :, :3].any()
    np.testing.assert_array_equal(faces[..., 3:], -target)


@pytest.mark.parametrize("signed", [True, False])
def test_pixels_come_back_as_they_went(signed):
    pixels = jnp.arange(256, dtype=jnp.uint8)
    frames = from_pixels(pixels, signed)
    assert frames.min() == (-1 if signed else 0) and frames.max() == 1
    np.testing.assert_array_equal(to_pixels(frames, signed), pixels)
    np.testing.assert_allclose(to_unit(frames, signed), pixels / 255, atol=1e-6)


def test_training_moves_the_running_statistics_and_needs_a_key(model, variables, batch):
    def train(batch):
        return model.apply(
            variables,
            **batch,
            train=True,
            method="rehearse",
            mutable=["batch_stats"],
            rngs={"dropout": KEY},
        )

    made, changed = jax.eval_shape(train, batch)
    assert made.spoken.shape == made.taught.shape == (2, FRAMES, SIZE, SIZE, 3)
    assert set(changed["batch_stats"]) == {"audio", "identity", "decoder", "lips"}


def sizes(config, frames=1):
    side = config.size
    inputs = {
        "mels": jnp.zeros((1, frames, 16, 80)),
        "faces": jnp.zeros((1, frames, side, side, 6)),
        "window": jnp.zeros((1, frames + 4, side, side, 3)),
    }
    made = jax.eval_shape(lambda: SyncTalkFace(config).init(KEY, **inputs))["params"]
    return {
        part: sum(leaf.size for leaf in jax.tree.leaves(tree))
        for part, tree in made.items()
    }


def test_it_has_the_published_number_of_parameters():
    found = sizes(SyncTalkFaceConfig())
    assert found.pop("decoder") == 28_984_323
    assert found["memory"] + found["fusion"] == 1_148_416
    assert sum(found.values()) == 24_010_672


def test_without_slots_it_is_wav2lip():
    found = sizes(WAV2LIP)
    assert set(found) == {"audio", "identity", "decoder"}
    assert sum(found.values()) == 36_298_035


def test_without_slots_it_speaks_and_has_no_address():
    config = SyncTalkFaceConfig(size=SIZE, width=1 / 64, slots=0, signed=False)
    model = SyncTalkFace(config)
    mels, faces = jnp.zeros((1, 2, 16, 80)), jnp.zeros((1, 2, SIZE, SIZE, 6))

    def speak(key):
        return model.init_with_output(key, mels, faces, method="speak")[0]

    spoken = jax.eval_shape(speak, KEY)
    assert spoken.frames.shape == (1, 2, SIZE, SIZE, 3)
    assert spoken.address.shape == (1, 2, 0)


def test_weights_of_losses_are_those_of_the_authors_code():
    """synctalkface (11)"""
    weights = LossWeights()
    assert weights.pixels == 10
    others = weights.audio_visual, weights.visual_visual, weights.critic, weights.memory
    assert set(others) == {0.2}


def test_half_precision_gives_float32_frames_close_to_the_others(
    variables, rehearse, batch
):
    half = SyncTalkFace(SyncTalkFaceConfig(SIZE, 1 / 64, 5, dtype="bfloat16"))
    made = jax.jit(lambda b: half.apply(variables, **b, method="rehearse"))(batch)
    assert made.spoken.dtype == made.by_audio.dtype == jnp.float32
    assert np.abs(made.spoken - rehearse(batch).spoken).mean() < 0.05
