"""Talking-face networks return the published numbers, weight by weight."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from einops import rearrange
from flax.traverse_util import flatten_dict
from reference import (
    assert_matches_golden,
    assert_matches_published,
    assert_published_order,
    fill_by_rule,
    load_reference,
    run_network,
)

from avjax.convert import talking_face_maps
from avjax.losses.memory import address_kl, memory_reconstruction_loss
from avjax.models.sync_expert import SyncExpert
from avjax.models.synctalkface import WAV2LIP, SyncTalkFace, SyncTalkFaceConfig
from avjax.nn.wav2lip import Discriminator

ROWS = {
    "wav2lip": talking_face_maps.wav2lip_map(),
    "wav2lip_disc": talking_face_maps.discriminator_map(),
    "syncnet_color": talking_face_maps.sync_expert_map(17),
    "synctalkface_encoder": talking_face_maps.encoder_map(),
    "synctalkface_decoder": talking_face_maps.decoder_map(),
    "synctalkface_disc": talking_face_maps.discriminator_map(),
    "synctalkface_syncnet": talking_face_maps.sync_expert_map(19),
}


def variable_shapes(module, *inputs) -> dict:
    shapes = jax.eval_shape(lambda key: module.init(key, *inputs), jax.random.key(0))
    return flatten_dict(shapes, sep="/")


def make_talker(config: SyncTalkFaceConfig, frames: int) -> tuple[SyncTalkFace, dict]:
    side, module = config.size, SyncTalkFace(config)
    shapes = variable_shapes(
        module,
        jnp.zeros((1, frames, 16, 80)),
        jnp.zeros((1, frames, side, side, 6)),
        jnp.zeros((1, frames + 4, side, side, 3)),
    )
    return module, shapes


def wav2lip(inputs) -> dict[str, np.ndarray]:
    module, shapes = make_talker(WAV2LIP, 1)
    mel = rearrange(inputs["mel"], "b 1 k f -> b 1 f k")
    face = rearrange(inputs["face"], "b c h w -> b 1 h w c")

    def forward(variables, mel, face):
        latents = module.apply(variables, mel, method="encode_audio")
        outputs = module.apply(variables, latents, face, method="generate_from_latents")
        return {"audio_embedding": latents[:, 0], "out": outputs.frames[:, 0]}

    flat = fill_by_rule(ROWS["wav2lip"], shapes, 1, 1.0)
    outputs = run_network(forward, flat, mel, face)
    return outputs | {"out": rearrange(outputs["out"], "b h w c -> b c h w")}


def synctalkface(inputs) -> dict[str, np.ndarray]:
    module, shapes = make_talker(SyncTalkFaceConfig(), 5)
    flat = fill_by_rule(ROWS["synctalkface_encoder"], shapes, 30, 0.5)
    flat |= fill_by_rule(ROWS["synctalkface_decoder"], shapes, 31, 1.3)
    mels = rearrange(inputs["mel"], "b t 1 k f -> b t f k")
    faces = rearrange(inputs["face"], "b c t h w -> b t h w c")
    windows = rearrange(inputs["lip"], "b t c five h w -> (b t) five h w c")

    def forward(variables, mels, faces, windows):
        def call(method, *arrays):
            return module.apply(variables, *arrays, method=method)

        def encode(module, mels, windows):
            audio, lips = module.encode_audio(mels), module.encode_lips(windows)
            lips = rearrange(lips, "(b t) 1 d -> b t d", t=5)
            audio_address = module.memory.address(audio)
            stored, lip_address, target = module.memory.store(lips)
            te = module.fusion(audio, module.memory.read(audio_address), False)
            tr = module.fusion(audio, stored, False)
            return te, tr, audio_address, lip_address, stored, target

        codes = call(encode, mels, windows)
        te, tr, audio_address, lip_address, stored, target = codes
        maps = call("encode_identity", faces)
        store = memory_reconstruction_loss(stored, target)
        return {
            "te": te,
            "tr": tr,
            "key_address": audio_address,
            "value_address": lip_address,
            "store": jnp.mean(store, axis=-1),
            "align": jnp.mean(address_kl(audio_address, lip_address), axis=-1),
            "te_frames": call("decode_frames", te, maps, False),
            "tr_frames": call("decode_frames", tr, maps, False),
        }

    outputs = run_network(forward, flat, mels, faces, windows)
    transposed = {
        name: rearrange(outputs[name], "b t h w c -> b c t h w")
        for name in ("te_frames", "tr_frames")
    }
    return outputs | transposed


def discriminator(system: str, size: int, seed: int):
    def outputs(inputs) -> dict[str, np.ndarray]:
        module = Discriminator(size)
        faces = rearrange(inputs["frames"], "b c t h w -> (t b) h w c")
        shapes = variable_shapes(module, faces)

        def forward(variables, faces):
            return {"out": jax.nn.sigmoid(module.apply(variables, faces))[:, None]}

        return run_network(
            forward, fill_by_rule(ROWS[system], shapes, seed, 2.0), faces
        )

    return outputs


def sync_expert(system: str, size: int, seed: int):
    def outputs(inputs) -> dict[str, np.ndarray]:
        module = SyncExpert(size)
        mel = rearrange(inputs["mel"], "b 1 k f -> b f k")
        mouths = rearrange(inputs["lips"], "b (t c) h w -> b t h w c", t=5)
        faces = np.concatenate([np.zeros_like(mouths), mouths], axis=2)
        shapes = variable_shapes(module, mel, faces, False)

        def forward(variables, mel, faces):
            audio, video = module.apply(variables, mel, faces, False)
            return {"audio": audio, "video": video}

        flat = fill_by_rule(ROWS[system], shapes, seed, 0.5)
        return run_network(forward, flat, mel, faces)

    return outputs


# {system: (its published files, inputs -> outputs)}
CASES = {
    "wav2lip": (("wav2lip",), wav2lip),
    "wav2lip_disc": (("wav2lip_disc",), discriminator("wav2lip_disc", 96, 2)),
    "syncnet_color": (("syncnet_color",), sync_expert("syncnet_color", 96, 3)),
    "synctalkface": (("synctalkface_encoder", "synctalkface_decoder"), synctalkface),
    "synctalkface_syncnet": (
        ("synctalkface_syncnet",),
        sync_expert("synctalkface_syncnet", 128, 32),
    ),
    "synctalkface_disc": (
        ("synctalkface_disc",),
        discriminator("synctalkface_disc", 128, 33),
    ),
}

INPUT_SHAPES = {
    "wav2lip": {"mel": (2, 1, 80, 16), "face": (2, 6, 96, 96)},
    "wav2lip_disc": {"frames": (2, 3, 1, 96, 96)},
    "syncnet_color": {"mel": (2, 1, 80, 16), "lips": (2, 15, 48, 96)},
    "synctalkface": {
        "mel": (1, 5, 1, 80, 16),
        "face": (1, 6, 5, 128, 128),
        "lip": (1, 5, 3, 5, 128, 128),
    },
    "synctalkface_syncnet": {"mel": (1, 1, 80, 16), "lips": (1, 15, 64, 128)},
    "synctalkface_disc": {"frames": (1, 3, 1, 128, 128)},
}


def own_inputs(system: str) -> dict[str, np.ndarray]:
    """Make random inputs, which need no file."""
    rng = np.random.Generator(np.random.PCG64(len(system)))
    return {
        name: rng.uniform(
            -4 if name == "mel" else 0, 4 if name == "mel" else 1, shape
        ).astype(np.float32)
        for name, shape in INPUT_SHAPES[system].items()
    }


@functools.cache
def outputs(system: str) -> dict[str, np.ndarray]:
    """Outputs for inputs of our own, then for the published inputs."""
    files, compute = CASES[system]
    inputs, published = own_inputs(system), load_reference(files)
    if published:
        inputs = {
            name: np.concatenate([array, published[name]])
            for name, array in inputs.items()
        }
    return compute(inputs)


@pytest.mark.parametrize("system", CASES)
def test_outputs_match_the_published_network(system):
    assert_matches_published(outputs(system), CASES[system][0])


@pytest.mark.parametrize("system", CASES)
def test_outputs_match_the_stored_numbers(system):
    count = len(next(iter(own_inputs(system).values())))
    files = CASES[system][0]
    assert_matches_golden("talking.npz", system, outputs(system), files, count)


@pytest.mark.parametrize(
    "file", [file for files, _ in CASES.values() for file in files]
)
def test_tensors_have_the_order_of_the_published_file(file):
    assert_published_order(ROWS[file], file)
