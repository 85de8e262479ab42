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

from avjax.convert import lipreading_maps as readers
from avjax.losses.memory import address_divergence, storage_error
from avjax.models.bridging import Bridging, BridgingConfig, word_logits

WORDS = tuple(f"word {index}" for index in range(500))
CONFIG = BridgingConfig(symbols=WORDS, published=True)
FRAMES, DIM = 29, 512
SEEDS = {  # of the published files, with their gains
    "visual_front": (5, 0.5),
    "audio_front": (6, 0.5),
    "memory88": (7, 0.5),
    "memory168": (8, 0.5),
    "gru": (9, 0.5),
    "mstcn": (10, 0.5),
}


ROWS = {
    "visual_front": readers.lip_front(),
    "audio_front": readers.sound_front(),
    "memory88": readers.memory(),
    "memory168": readers.memory(),
    "gru": readers.gru(),
    "mstcn": readers.tcn(),
}


def network(part: str) -> Bridging:
    slots, backend = 168 if part == "memory168" else 88, "gru"
    if part == "mstcn":
        backend = "tcn"
    kinds = {"slots": slots, "backend": backend}
    return Bridging(BridgingConfig(symbols=WORDS, published=True, **kinds))


@functools.cache
def shapes_of(part: str) -> dict:
    given = (1, FRAMES, 112, 112, 1), (1, 4 * FRAMES, 80), (1, FRAMES)
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(0)}
    init = lambda: network(part).init(keys, *map(jnp.zeros, given))  # noqa: E731
    return flatten_dict(jax.eval_shape(init), sep="/")


def forward(part: str):
    """What computes a part's outputs from its inputs, by the published names."""
    model = network(part)

    def call(variables, method, *inputs):
        return model.apply(variables, *inputs, method=method)

    def bridge(module, visual, audio):
        recalled, by_lips = module.recall(visual)
        stored, by_sound, _ = module.memory.store(audio)
        return {
            "recalled": module.fusion(visual, recalled, False),
            "real": module.fusion(visual, audio, False),
            "save": jnp.mean(storage_error(stored, audio), axis=-1),
            "bridge": jnp.mean(address_divergence(by_lips, by_sound), axis=-1),
        }

    def classify(module, x):
        frames = module.answers(module.backend(x, jnp.ones(x.shape[:2]), False))
        return {"out": word_logits(frames, jnp.ones(x.shape[:2]))}

    if part == "visual_front":
        return lambda variables, lips: {"out": call(variables, "watch", lips)}
    if part == "audio_front":
        return lambda variables, mel: {"out": call(variables, "hear", mel)}
    if part.startswith("memory"):
        return lambda variables, *codes: call(variables, bridge, *codes)
    return lambda variables, x: call(variables, classify, x)


INPUTS = {
    "visual_front": {"lips": (1, 1, FRAMES, 112, 112)},
    "audio_front": {"mel": (1, 1, 80, 4 * FRAMES)},
    "memory88": {"visual": (1, FRAMES, DIM), "audio": (1, FRAMES, DIM)},
    "memory168": {"visual": (1, FRAMES, DIM), "audio": (1, FRAMES, DIM)},
    "gru": {"x": (1, FRAMES, DIM)},
    "mstcn": {"x": (1, FRAMES, DIM)},
}
TURNED = {"lips": "b c t h w -> b t h w c", "mel": "b 1 k f -> b f k"}


@functools.cache
def outputs(part: str) -> dict[str, np.ndarray]:
    """On inputs of our own, and behind them on the published ones, where they are."""
    rng = np.random.Generator(np.random.PCG64(len(part)))
    inputs = [
        np.concatenate(
            [rng.standard_normal(shape).astype(np.float32), *given(part, name)]
        )
        for name, shape in INPUTS[part].items()
    ]
    turned = [
        rearrange(array, TURNED[name]) if name in TURNED else array
        for name, array in zip(INPUTS[part], inputs, strict=True)
    ]
    flat = filled(ROWS[part], shapes_of(part), *SEEDS[part])
    return run(forward(part), flat, *turned)


def given(part: str, name: str) -> list[np.ndarray]:
    numbers = numbers_of((f"bridging_{part}",))
    return [numbers[name]] if numbers else []


@pytest.mark.parametrize("part", ROWS)
def test_outputs_are_those_of_the_published_network(part):
    """bridging (1), bridging (2), bridging (3), bridging (4), bridging (5)"""
    agree_with_published(outputs(part), numbers_of((f"bridging_{part}",)))


@pytest.mark.parametrize("part", ROWS)
def test_outputs_are_those_that_once_agreed_with_the_published_network(part):
    found = {name: output[:1] for name, output in outputs(part).items()}
    remake = bool(numbers_of((f"bridging_{part}",)))
    agree_with_kept("bridging.npz", part, found, remake)


@pytest.mark.parametrize("part", ROWS)
def test_tensors_are_in_the_order_of_the_published_file(part):
    expected = order_of(f"bridging_{part}")
    assert [key for key, _ in ROWS[part]] == expected


PARAMETERS = {  # as counted in the published files
    "visual_front": 11_186_688,
    "audio_front": 4_100_224,
    "memory88": 1_140_224,
    "memory168": 1_222_144,
    "gru": 8_389_108,
    "mstcn": 25_187_828,
}


@pytest.mark.parametrize("part", ROWS)
def test_a_part_has_as_many_parameters_as_the_published_one(part):
    shapes = shapes_of(part)
    paths = [path for _, path in ROWS[part] if path.startswith("params/")]
    assert sum(shapes[path].size for path in paths) == PARAMETERS[part]
    owners = {path.split("/")[1] for path in paths}
    own = {p for p in shapes if p.startswith("params/") and p.split("/")[1] in owners}
    assert own == set(paths), "a part of ours holds more than the published one"
