"""Our networks give the numbers of the published ones, weight by weight."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from einops import rearrange
from flax.traverse_util import flatten_dict
from reference import (
    agree_with_kept,
    agree_with_published,
    filled,
    numbers_of,
    order_of,
    run,
)

from avjax.convert import talking_face_maps as tables
from avjax.losses.memory import address_divergence, storage_error
from avjax.models.sync_expert import SyncExpert
from avjax.models.synctalkface import WAV2LIP, SyncTalkFace, SyncTalkFaceConfig
from avjax.nn.wav2lip import Discriminator

ROWS = {
    "wav2lip": tables.wav2lip(),
    "wav2lip_disc": tables.critic(),
    "syncnet_color": tables.expert(17),
    "synctalkface_encoder": tables.encoder(),
    "synctalkface_decoder": tables.decoder(),
    "synctalkface_disc": tables.critic(),
    "synctalkface_syncnet": tables.expert(19),
}


def shapes_of(module, *inputs) -> dict:
    shapes = jax.eval_shape(lambda key: module.init(key, *inputs), jax.random.key(0))
    return flatten_dict(shapes, sep="/")


def zeros(*shapes):
    return [jnp.zeros(shape) for shape in shapes]


def talker(config: SyncTalkFaceConfig, frames: int) -> tuple[SyncTalkFace, dict]:
    side = config.size
    faces, window = (1, frames, side, side, 6), (1, frames + 4, side, side, 3)
    module = SyncTalkFace(config)
    return module, shapes_of(module, *zeros((1, frames, 16, 80), faces, window))


def wav2lip(case) -> dict[str, np.ndarray]:
    module, shapes = talker(WAV2LIP, 1)
    mel = rearrange(case["mel"], "b 1 k f -> b 1 f k")
    face = rearrange(case["face"], "b c h w -> b 1 h w c")

    def forward(variables, mel, face):
        heard = module.apply(variables, mel, method="hear")
        frames = module.apply(variables, heard, face, method="speak_codes").frames
        return {"audio_embedding": heard[:, 0], "out": frames[:, 0]}

    out = run(forward, filled(ROWS["wav2lip"], shapes, 1, 1.0), mel, face)
    return out | {"out": rearrange(out["out"], "b h w c -> b c h w")}


def synctalkface(case) -> dict[str, np.ndarray]:
    module, shapes = talker(SyncTalkFaceConfig(), 5)
    flat = filled(ROWS["synctalkface_encoder"], shapes, 30, 0.5)
    flat |= filled(ROWS["synctalkface_decoder"], shapes, 31, 1.3)
    mels = rearrange(case["mel"], "b t 1 k f -> b t f k")
    faces = rearrange(case["face"], "b c t h w -> b t h w c")
    windows = rearrange(case["lip"], "b t c five h w -> (b t) five h w c")

    def forward(variables, mels, faces, windows):
        def call(method, *inputs):
            return module.apply(variables, *inputs, method=method)

        def codes(module, mels, windows):
            heard, lips = module.hear(mels), module.encode_lips(windows)
            lips = rearrange(lips, "(b t) 1 d -> b t d", t=5)
            by_audio = module.memory.address(heard)
            stored, by_lips, goal = module.memory.store(lips)
            te = module.fusion(heard, module.memory.read(by_audio), False)
            tr = module.fusion(heard, stored, False)
            return te, tr, by_audio, by_lips, stored, goal

        te, tr, by_audio, by_lips, stored, goal = call(codes, mels, windows)
        maps = call("look", faces)
        return {
            "te": te,
            "tr": tr,
            "key_address": by_audio,
            "value_address": by_lips,
            "store": jnp.mean(storage_error(stored, goal), axis=-1),
            "align": jnp.mean(address_divergence(by_audio, by_lips), axis=-1),
            "te_frames": call("draw", te, maps, False),
            "tr_frames": call("draw", tr, maps, False),
        }

    out = run(forward, flat, mels, faces, windows)
    turn = {"te_frames", "tr_frames"}
    swap = {name: rearrange(out[name], "b t h w c -> b c t h w") for name in turn}
    return out | swap


def critic(system: str, size: int, seed: int):
    def outputs(case) -> dict[str, np.ndarray]:
        module = Discriminator(size)
        faces = rearrange(case["frames"], "b c t h w -> (t b) h w c")
        shapes = shapes_of(module, faces)

        def forward(variables, faces):
            return {"out": jax.nn.sigmoid(module.apply(variables, faces))[:, None]}

        return run(forward, filled(ROWS[system], shapes, seed, 2.0), faces)

    return outputs


def expert(system: str, size: int, seed: int):
    def outputs(case) -> dict[str, np.ndarray]:
        module = SyncExpert(size)
        mel = rearrange(case["mel"], "b 1 k f -> b f k")
        mouths = rearrange(case["lips"], "b (t c) h w -> b t h w c", t=5)
        faces = np.concatenate([np.zeros_like(mouths), mouths], axis=2)
        shapes = shapes_of(module, mel, faces, False)

        def forward(variables, mel, faces):
            heard, seen = module.apply(variables, mel, faces, False)
            return {"audio": heard, "video": seen}

        return run(forward, filled(ROWS[system], shapes, seed, 0.5), mel, faces)

    return outputs


# Files of one case, and what computes its outputs from its inputs.
CASES = {
    "wav2lip": (("wav2lip",), wav2lip),
    "wav2lip_disc": (("wav2lip_disc",), critic("wav2lip_disc", 96, 2)),
    "syncnet_color": (("syncnet_color",), expert("syncnet_color", 96, 3)),
    "synctalkface": (("synctalkface_encoder", "synctalkface_decoder"), synctalkface),
    "synctalkface_syncnet": (
        ("synctalkface_syncnet",),
        expert("synctalkface_syncnet", 128, 32),
    ),
    "synctalkface_disc": (("synctalkface_disc",), critic("synctalkface_disc", 128, 33)),
}

INPUTS = {
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
    """Inputs by a rule of ours: what needs no file."""
    rng = np.random.Generator(np.random.PCG64(len(system)))
    return {
        name: rng.uniform(
            -4 if name == "mel" else 0, 4 if name == "mel" else 1, shape
        ).astype(np.float32)
        for name, shape in INPUTS[system].items()
    }


@functools.cache
def outputs(system: str) -> dict[str, np.ndarray]:
    """On our own inputs, and behind them on the published ones, where they are."""
    inputs, given = own_inputs(system), numbers_of(CASES[system][0])
    if given:
        inputs = {name: np.concatenate([x, given[name]]) for name, x in inputs.items()}
    return CASES[system][1](inputs)


@pytest.mark.parametrize("system", CASES)
def test_outputs_are_those_of_the_published_network(system):
    agree_with_published(outputs(system), numbers_of(CASES[system][0]))


@pytest.mark.parametrize("system", CASES)
def test_outputs_are_those_that_once_agreed_with_the_published_network(system):
    count = len(next(iter(own_inputs(system).values())))
    found = {name: out[:count] for name, out in outputs(system).items()}
    remake = bool(numbers_of(CASES[system][0]))
    agree_with_kept("talking.npz", system, found, remake)


@pytest.mark.parametrize(
    "file", [file for files, _ in CASES.values() for file in files]
)
def test_tensors_are_in_the_order_of_the_published_file(file):
    assert [key for key, _ in ROWS[file]] == order_of(file)
