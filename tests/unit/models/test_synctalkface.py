"""SyncTalkFace: what determines the mouth, and which parameters each loss trains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.losses.memory import address_kl, memory_reconstruction_loss
from avjax.losses.weights import SyncTalkFaceLossWeights
from avjax.models.synctalkface import (
    WAV2LIP,
    SyncTalkFace,
    SyncTalkFaceConfig,
)
from avjax.nn.pixels import denormalize, mask_lower_face, normalize_pixels, to_uint8
from avjax.train.tasks.lip_memory.losses import encode_generated_lips

KEY = jax.random.key(0)
SIZE, FRAMES = 32, 2
TINY = SyncTalkFaceConfig(size=SIZE, width=1 / 64, num_slots=5)


def random_uniform(seed, *shape):
    return jax.random.uniform(jax.random.key(seed), shape, minval=-1, maxval=1)


@pytest.fixture(scope="module")
def model():
    return SyncTalkFace(TINY)


@pytest.fixture(scope="module")
def batch():
    image = (SIZE, SIZE, 3)
    window = random_uniform(1, 2, FRAMES + 4, *image)
    faces = mask_lower_face(window[:, 2:-2], random_uniform(2, 2, FRAMES, *image))
    mels = 4 * random_uniform(0, 2, FRAMES, 16, 80)
    return {"mels": mels, "faces": faces, "window": window}


@pytest.fixture(scope="module")
def variables(model, batch):
    return jax.jit(lambda key: model.init(key, **batch))(KEY)


@pytest.fixture(scope="module")
def forward_train(model, variables):
    return jax.jit(
        lambda batch: model.apply(variables, **batch, method="forward_train")
    )


@pytest.fixture(scope="module")
def gradient_paths(model, variables, batch):
    """{loss: names of modules with a gradient}, by one compiled backward pass.

    With the running statistics: those of a batch would connect the two paths.
    """
    stats = variables["batch_stats"]

    def losses(params):
        current = {"params": params, "batch_stats": stats}
        outputs = model.apply(current, **batch, method="forward_train")
        clip = jnp.concatenate([outputs.audio_frames] * 3, axis=1)[:, :5]
        generated_lips = encode_generated_lips(model, current, clip[:, None])
        store = memory_reconstruction_loss(outputs.stored, outputs.target)
        align = address_kl(outputs.audio_address, outputs.lip_address)
        return {
            "audio_frames": jnp.sum(jnp.sin(3 * outputs.audio_frames)),
            "teacher_frames": jnp.sum(jnp.sin(3 * outputs.teacher_frames)),
            "store": jnp.sum(store),
            "align": jnp.sum(align),
            "generated lips": jnp.sum(jnp.sin(generated_lips)),
            "real lips": jnp.sum(jnp.sin(outputs.lips)),
        }

    @jax.jit
    def gradients(params):
        def stacked(params):
            values = losses(params)
            return jnp.stack([values[name] for name in names])

        _, vjp = jax.vjp(stacked, params)
        return jax.lax.map(lambda row: vjp(row)[0], jnp.eye(len(names)))

    params = variables["params"]
    names = list(jax.eval_shape(losses, params))
    grads = gradients(params)
    modules = {name: tree for name, tree in grads.items() if name != "memory"}
    modules |= grads["memory"]
    return {
        loss: {
            name
            for name, tree in modules.items()
            if any(leaf[row].any() for leaf in jax.tree.leaves(tree))
        }
        for row, loss in enumerate(names)
    }


AUDIO_SIDE = {"audio", "keys", "to_key"}
GENERATOR = {"identity", "decoder", "fusion"}


def test_pixels_of_audio_frames_train_all_but_the_lip_side(gradient_paths):
    """synctalkface (5), synctalkface (7): also the values, through what is recalled."""
    assert gradient_paths["audio_frames"] == AUDIO_SIDE | GENERATOR | {"values"}


def test_pixels_of_teacher_frames_train_all_but_the_keys(gradient_paths):
    """synctalkface (6), synctalkface (7)"""
    lip_side = {"lips", "to_value", "values"}
    assert gradient_paths["teacher_frames"] == GENERATOR | lip_side | {"audio"}


def test_store_loss_trains_the_values_and_their_address(gradient_paths):
    """synctalkface (3)"""
    assert gradient_paths["store"] == {"values", "to_value", "lips"}


def test_align_loss_trains_the_audio_side_only(gradient_paths):
    """synctalkface (4)"""
    assert gradient_paths["align"] == AUDIO_SIDE


def test_generated_lips_do_not_train_the_lip_encoder(gradient_paths):
    """synctalkface (9): they train the generator; real lips train the encoder."""
    expected = AUDIO_SIDE | GENERATOR | {"values"}
    assert gradient_paths["generated lips"] == expected
    assert gradient_paths["real lips"] == {"lips"}


def test_audio_frames_depend_on_the_audio_only(forward_train, batch):
    """synctalkface (5); teacher frames depend on the lips: synctalkface (6)"""
    outputs = forward_train(batch)
    other = forward_train(batch | {"window": -batch["window"]})
    np.testing.assert_array_equal(outputs.audio_frames, other.audio_frames)
    np.testing.assert_array_equal(outputs.audio_address, other.audio_address)
    assert not np.array_equal(outputs.teacher_frames, other.teacher_frames)
    assert not np.allclose(outputs.lip_address, other.lip_address)


def test_generate_returns_the_audio_frames_of_training(
    model, variables, forward_train, batch
):
    expected = forward_train(batch)
    generate = jax.jit(
        lambda mels, faces: model.apply(variables, mels, faces, method="generate")
    )
    outputs = generate(batch["mels"], batch["faces"])
    np.testing.assert_allclose(outputs.frames, expected.audio_frames, atol=1e-5)
    np.testing.assert_allclose(outputs.address, expected.audio_address, atol=1e-6)
    np.testing.assert_allclose(outputs.address.sum(-1), 1, atol=1e-5)


def test_lip_embeddings_depend_on_the_lower_half_only(model, variables, batch):
    encode = jax.jit(lambda x: model.apply(variables, x, method="encode_lips"))
    window = batch["window"]
    other = window.at[:, :, : SIZE // 2].set(0.5)
    assert encode(window).shape == (2, FRAMES, 8)
    np.testing.assert_array_equal(encode(window), encode(other))


def test_mouth_of_the_target_is_masked():
    target = random_uniform(0, 1, 2, SIZE, SIZE, 3)
    faces = mask_lower_face(target, -target)
    half = SIZE // 2
    np.testing.assert_array_equal(faces[:, :, :half, :, :3], target[:, :, :half])
    assert not faces[:, :, half:, :, :3].any()
    np.testing.assert_array_equal(faces[..., 3:], -target)


@pytest.mark.parametrize("pixel_range", ["[-1,1]", "[0,1]"])
def test_pixel_conversions_are_inverse(pixel_range):
    pixels = jnp.arange(256, dtype=jnp.uint8)
    frames = normalize_pixels(pixels, pixel_range)
    assert frames.min() == (-1 if pixel_range == "[-1,1]" else 0) and frames.max() == 1
    np.testing.assert_array_equal(to_uint8(frames, pixel_range), pixels)
    unit = denormalize(frames, pixel_range)
    np.testing.assert_allclose(unit, pixels / 255, atol=1e-6)


def test_training_updates_the_statistics_and_needs_a_dropout_key(
    model, variables, batch
):
    def train(batch):
        return model.apply(
            variables,
            **batch,
            train=True,
            method="forward_train",
            mutable=["batch_stats"],
            rngs={"dropout": KEY},
        )

    outputs, changed = jax.eval_shape(train, batch)
    shape = (2, FRAMES, SIZE, SIZE, 3)
    assert outputs.audio_frames.shape == outputs.teacher_frames.shape == shape
    assert set(changed["batch_stats"]) == {"audio", "identity", "decoder", "lips"}


def num_parameters(config, frames=1):
    """Count the parameters of each module."""
    side = config.size
    inputs = {
        "mels": jnp.zeros((1, frames, 16, 80)),
        "faces": jnp.zeros((1, frames, side, side, 6)),
        "window": jnp.zeros((1, frames + 4, side, side, 3)),
    }
    params = jax.eval_shape(lambda: SyncTalkFace(config).init(KEY, **inputs))["params"]
    return {
        name: sum(leaf.size for leaf in jax.tree.leaves(tree))
        for name, tree in params.items()
    }


def test_number_of_parameters_is_as_published():
    counts = num_parameters(SyncTalkFaceConfig())
    assert counts.pop("decoder") == 28_984_323
    assert counts["memory"] + counts["fusion"] == 1_148_416
    assert sum(counts.values()) == 24_010_672


def test_without_slots_it_is_wav2lip():
    counts = num_parameters(WAV2LIP)
    assert set(counts) == {"audio", "identity", "decoder"}
    assert sum(counts.values()) == 36_298_035


def test_without_slots_the_address_is_empty():
    config = SyncTalkFaceConfig(
        size=SIZE, width=1 / 64, num_slots=0, pixel_range="[0,1]"
    )
    model = SyncTalkFace(config)
    mels, faces = jnp.zeros((1, 2, 16, 80)), jnp.zeros((1, 2, SIZE, SIZE, 6))

    def generate(key):
        return model.init_with_output(key, mels, faces, method="generate")[0]

    outputs = jax.eval_shape(generate, KEY)
    assert outputs.frames.shape == (1, 2, SIZE, SIZE, 3)
    assert outputs.address.shape == (1, 2, 0)


def test_loss_weights_are_those_of_the_authors_code():
    """synctalkface (11)"""
    weights = SyncTalkFaceLossWeights()
    assert weights.pixels == 10
    assert {
        weights.audio_visual,
        weights.visual_visual,
        weights.adversarial,
        weights.memory,
    } == {0.2}


def test_bfloat16_returns_float32_frames_close_to_those_of_float32(
    variables, forward_train, batch
):
    config = SyncTalkFaceConfig(size=SIZE, width=1 / 64, num_slots=5, dtype="bfloat16")
    half = SyncTalkFace(config)
    outputs = jax.jit(
        lambda batch: half.apply(variables, **batch, method="forward_train")
    )(batch)
    assert outputs.audio_frames.dtype == outputs.audio_address.dtype == jnp.float32
    difference = outputs.audio_frames - forward_train(batch).audio_frames
    assert np.abs(difference).mean() < 0.05
