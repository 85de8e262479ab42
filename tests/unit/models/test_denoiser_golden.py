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

from avjax.convert import denoiser_maps as denoisers
from avjax.models.denoiser import PUBLISHED, MaskNet, RestorationNet

SIDES = 64, 96
SEEDS = {"restoration": (20, 0.5), "mask": (22, 0.5)}  # of the files, with their gains
NETWORKS = {"restoration": RestorationNet(PUBLISHED), "mask": MaskNet()}
ROWS = {"restoration": denoisers.restoration(), "mask": denoisers.mask()}


@functools.cache
def shapes_of(part: str) -> dict:
    noisy = jnp.zeros((1, *SIDES, 3))
    init = lambda: NETWORKS[part].init(jax.random.key(0), noisy)  # noqa: E731
    return flatten_dict(jax.eval_shape(init), sep="/")


@functools.cache
def outputs(part: str) -> dict[str, np.ndarray]:
    """On an input of our own, and behind it on the published one, where that is."""
    rng = np.random.Generator(np.random.PCG64(len(part)))
    own = rng.uniform(size=(1, 3, *SIDES)).astype(np.float32)
    numbers = numbers_of((f"denoiser_{part}",))
    given = np.concatenate([own, *([numbers["noisy"]] if numbers else [])])

    def forward(variables, noisy):
        made = NETWORKS[part].apply(variables, noisy)
        if part == "mask":
            return {"out": made}
        again = NETWORKS[part].apply(variables, made, method="rebuild")
        return {"clean": made.clean, "noisy_rec": again}

    flat = filled(ROWS[part], shapes_of(part), *SEEDS[part])
    found = run(forward, flat, rearrange(given, "b c h w -> b h w c"))
    return {name: rearrange(x, "b h w c -> b c h w") for name, x in found.items()}


@pytest.mark.parametrize("part", ROWS)
def test_outputs_are_those_of_the_published_network(part):
    """denoiser (1), denoiser (2), denoiser (3)"""
    agree_with_published(outputs(part), numbers_of((f"denoiser_{part}",)))


@pytest.mark.parametrize("part", ROWS)
def test_outputs_are_those_that_once_agreed_with_the_published_network(part):
    found = {name: output[:1] for name, output in outputs(part).items()}
    agree_with_kept(
        "denoiser.npz", part, found, bool(numbers_of((f"denoiser_{part}",)))
    )


@pytest.mark.parametrize("part", ROWS)
def test_tensors_are_in_the_order_of_the_published_file(part):
    expected = order_of(f"denoiser_{part}")
    assert [key for key, _ in ROWS[part]] == expected


@pytest.mark.parametrize(
    ("part", "count"), [("restoration", 603_360), ("mask", 56_449)]
)
def test_a_network_has_as_many_parameters_as_the_published_one(part, count):
    shapes = shapes_of(part)
    assert sum(shape.size for shape in shapes.values()) == count
    assert set(shapes) == {path for _, path in ROWS[part]}
