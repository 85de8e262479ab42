"""The network of the published sync figures gives their numbers, weight by weight."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
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

from avjax.convert import talking_face_maps as faces
from avjax.models.syncnet_v2 import SyncNet, SyncNetConfig

FILE, SEED, GAIN = "syncnet_v2", 4, 0.5
PARAMETERS = 13_631_616  # as counted in the published file
INPUTS = {"mfcc": (1, 1, 13, 20), "lips": (1, 3, 5, 224, 224)}

ROWS = faces.syncnet_v2()


@functools.cache
def shapes() -> dict:
    given = jnp.zeros((1, 20, 13)), jnp.zeros((1, 5, 224, 224, 3))
    network = SyncNet(SyncNetConfig())
    made = jax.eval_shape(
        lambda key: network.init(key, *given, False), jax.random.key(0)
    )
    return flatten_dict(made, sep="/")


@functools.cache
def outputs() -> dict[str, np.ndarray]:
    """On inputs of our own, and behind them on the published ones, where they are."""
    rng, given = np.random.Generator(np.random.PCG64(len(FILE))), numbers_of((FILE,))
    mfcc = rng.uniform(-5, 5, INPUTS["mfcc"]).astype(np.float32)
    lips = rng.uniform(0, 255, INPUTS["lips"]).astype(np.float32)
    if given:
        mfcc = np.concatenate([mfcc, given["mfcc"]])
        lips = np.concatenate([lips, given["lips"]])
    network = SyncNet(SyncNetConfig())

    def forward(variables, mfcc, lips):
        heard, seen = network.apply(variables, mfcc, lips, False)
        return {"audio": heard, "video": seen}

    flat = filled(ROWS, shapes(), SEED, GAIN)
    turned = (
        rearrange(mfcc, "b 1 k f -> b f k"),
        rearrange(lips, "b c t h w -> b t h w c"),
    )
    return run(forward, flat, *turned)


def test_outputs_are_those_of_the_published_network():
    agree_with_published(outputs(), numbers_of((FILE,)))


def test_outputs_are_those_that_once_agreed_with_the_published_network():
    found = {name: output[:1] for name, output in outputs().items()}
    agree_with_kept("syncnet_v2.npz", FILE, found, bool(numbers_of((FILE,))))


def test_tensors_are_in_the_order_of_the_published_file():
    assert [key for key, _ in ROWS] == order_of(FILE)


def test_it_has_as_many_parameters_as_the_published_network():
    params = {path: x for path, x in shapes().items() if path.startswith("params/")}
    assert sum(array.size for array in params.values()) == PARAMETERS
    assert set(shapes()) == {path for _, path in ROWS}
