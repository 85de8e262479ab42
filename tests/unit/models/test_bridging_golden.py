"""Associative bridging returns the published numbers, weight by weight."""

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

from avjax.convert import lipreading_maps
from avjax.losses.memory import address_kl, memory_reconstruction_loss
from avjax.models.bridging import Bridging, BridgingConfig, word_logits

WORDS = tuple(f"word {index}" for index in range(500))
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
    "visual_front": lipreading_maps.visual_front_map(),
    "audio_front": lipreading_maps.audio_front_map(),
    "memory88": lipreading_maps.memory_map(),
    "memory168": lipreading_maps.memory_map(),
    "gru": lipreading_maps.gru_map(),
    "mstcn": lipreading_maps.tcn_map(),
}


def make_network(part: str) -> Bridging:
    config = BridgingConfig(
        symbols=WORDS,
        num_slots=168 if part == "memory168" else 88,
        backend="tcn" if part == "mstcn" else "gru",
        reference_compat=True,
    )
    return Bridging(config)


@functools.cache
def variable_shapes(part: str) -> dict:
    def init():
        return make_network(part).init(
            {"params": jax.random.key(0), "dropout": jax.random.key(0)},
            mouths=jnp.zeros((1, FRAMES, 112, 112, 1)),
            mel=jnp.zeros((1, 4 * FRAMES, 80)),
            frame_mask=jnp.zeros((1, FRAMES)),
        )

    return flatten_dict(jax.eval_shape(init), sep="/")


def forward(part: str):
    """Return (variables, inputs) -> outputs of a part, by the published names."""
    model = make_network(part)

    def call(variables, method, *inputs):
        return model.apply(variables, *inputs, method=method)

    def bridge(module, visual, audio):
        recalled, visual_address = module.recall(visual)
        stored, audio_address, _ = module.memory.store(audio)
        save = memory_reconstruction_loss(stored, audio)
        return {
            "recalled": module.fusion(visual, recalled, False),
            "real": module.fusion(visual, audio, False),
            "save": jnp.mean(save, axis=-1),
            "bridge": jnp.mean(address_kl(visual_address, audio_address), axis=-1),
        }

    def classify(module, x):
        frames = module.out(module.backend(x, jnp.ones(x.shape[:2]), False))
        return {"out": word_logits(frames, jnp.ones(x.shape[:2]))}

    if part == "visual_front":
        return lambda variables, lips: {"out": call(variables, "encode_video", lips)}
    if part == "audio_front":
        return lambda variables, mel: {"out": call(variables, "encode_audio", mel)}
    if part.startswith("memory"):
        return lambda variables, *codes: call(variables, bridge, *codes)
    return lambda variables, x: call(variables, classify, x)


INPUT_SHAPES = {
    "visual_front": {"lips": (1, 1, FRAMES, 112, 112)},
    "audio_front": {"mel": (1, 1, 80, 4 * FRAMES)},
    "memory88": {"visual": (1, FRAMES, DIM), "audio": (1, FRAMES, DIM)},
    "memory168": {"visual": (1, FRAMES, DIM), "audio": (1, FRAMES, DIM)},
    "gru": {"x": (1, FRAMES, DIM)},
    "mstcn": {"x": (1, FRAMES, DIM)},
}
AXES = {"lips": "b c t h w -> b t h w c", "mel": "b 1 k f -> b f k"}


@functools.cache
def outputs(part: str) -> dict[str, np.ndarray]:
    """Outputs for inputs of our own, then for the published inputs."""
    rng = np.random.Generator(np.random.PCG64(len(part)))
    published, inputs = load_reference((f"bridging_{part}",)), []
    for name, shape in INPUT_SHAPES[part].items():
        array = rng.standard_normal(shape).astype(np.float32)
        if published:
            array = np.concatenate([array, published[name]])
        inputs.append(rearrange(array, AXES[name]) if name in AXES else array)
    flat = fill_by_rule(ROWS[part], variable_shapes(part), *SEEDS[part])
    return run_network(forward(part), flat, *inputs)


@pytest.mark.parametrize("part", ROWS)
def test_outputs_match_the_published_network(part):
    """bridging (1), bridging (2), bridging (3), bridging (4), bridging (5)"""
    assert_matches_published(outputs(part), (f"bridging_{part}",))


@pytest.mark.parametrize("part", ROWS)
def test_outputs_match_the_stored_numbers(part):
    """bridging (1), bridging (2), bridging (3), bridging (4), bridging (5)"""
    files = (f"bridging_{part}",)
    assert_matches_golden("bridging.npz", part, outputs(part), files)


@pytest.mark.parametrize("part", ROWS)
def test_tensors_have_the_order_of_the_published_file(part):
    assert_published_order(ROWS[part], f"bridging_{part}")


NUM_PARAMETERS = {  # as counted in the published files
    "visual_front": 11_186_688,
    "audio_front": 4_100_224,
    "memory88": 1_140_224,
    "memory168": 1_222_144,
    "gru": 8_389_108,
    "mstcn": 25_187_828,
}


@pytest.mark.parametrize("part", ROWS)
def test_number_of_parameters_is_as_published(part):
    shapes = variable_shapes(part)
    paths = [path for _, path in ROWS[part] if path.startswith("params/")]
    assert sum(shapes[path].size for path in paths) == NUM_PARAMETERS[part]
    modules = {path.split("/")[1] for path in paths}
    ours = {p for p in shapes if p.startswith("params/") and p.split("/")[1] in modules}
    assert ours == set(paths), "our part holds more than the published one"
