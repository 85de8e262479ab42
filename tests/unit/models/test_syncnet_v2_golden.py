"""SyncNet returns the numbers of the published network, weight by weight."""

import functools

import jax
import numpy as np
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
from avjax.models.syncnet_v2 import SyncNet, SyncNetConfig, init_variables

FILE, SEED, GAIN = "syncnet_v2", 4, 0.5
NUM_PARAMETERS = 13_631_616  # as counted in the published file
INPUTS = {"mfcc": (1, 1, 13, 20), "lips": (1, 3, 5, 224, 224)}

ROWS = talking_face_maps.syncnet_v2_map()


@functools.cache
def shapes() -> dict:
    variables = jax.eval_shape(
        lambda key: init_variables(SyncNetConfig(), key), jax.random.key(0)
    )
    return flatten_dict(variables["sync_expert"], sep="/")


@functools.cache
def outputs() -> dict[str, np.ndarray]:
    """Outputs for inputs of our own, then for the published inputs."""
    rng, published = (
        np.random.Generator(np.random.PCG64(len(FILE))),
        load_reference((FILE,)),
    )
    mfcc = rng.uniform(-5, 5, INPUTS["mfcc"]).astype(np.float32)
    lips = rng.uniform(0, 255, INPUTS["lips"]).astype(np.float32)
    if published:
        mfcc = np.concatenate([mfcc, published["mfcc"]])
        lips = np.concatenate([lips, published["lips"]])
    network = SyncNet(SyncNetConfig())

    def forward(variables, mfcc, lips):
        audio, video = network.apply(variables, mfcc, lips, False)
        return {"audio": audio, "video": video}

    return run_network(
        forward,
        fill_by_rule(ROWS, shapes(), SEED, GAIN),
        rearrange(mfcc, "b 1 k f -> b f k"),
        rearrange(lips, "b c t h w -> b t h w c"),
    )


def test_outputs_match_the_published_network():
    """syncnet_v2 (1), syncnet_v2 (2)"""
    assert_matches_published(outputs(), (FILE,))


def test_outputs_match_the_stored_numbers():
    """syncnet_v2 (1), syncnet_v2 (2)"""
    assert_matches_golden("syncnet_v2.npz", FILE, outputs(), (FILE,))


def test_tensors_have_the_order_of_the_published_file():
    assert_published_order(ROWS, FILE)


def test_number_of_parameters_is_as_published():
    params = {path: x for path, x in shapes().items() if path.startswith("params/")}
    assert sum(array.size for array in params.values()) == NUM_PARAMETERS
    assert set(shapes()) == {path for _, path in ROWS}
