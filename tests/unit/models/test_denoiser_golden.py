"""The denoiser returns the numbers of the published networks, weight by weight."""

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

from avjax.convert import denoiser_maps
from avjax.models.denoiser import REFERENCE_CONFIG, MaskNet, RestorationNet

SIDES = 64, 96
SEEDS = {"restoration": (20, 0.5), "mask": (22, 0.5)}  # of the files, with their gains
NETWORKS = {"restoration": RestorationNet(REFERENCE_CONFIG), "mask": MaskNet()}
ROWS = {
    "restoration": denoiser_maps.restoration_net_map(),
    "mask": denoiser_maps.mask_net_map(),
}


@functools.cache
def variable_shapes(part: str) -> dict:
    noisy = jnp.zeros((1, *SIDES, 3))
    init = lambda: NETWORKS[part].init(jax.random.key(0), noisy)  # noqa: E731
    return flatten_dict(jax.eval_shape(init), sep="/")


@functools.cache
def outputs(part: str) -> dict[str, np.ndarray]:
    """Outputs for an input of our own, then for the published input."""
    rng = np.random.Generator(np.random.PCG64(len(part)))
    ours = rng.uniform(size=(1, 3, *SIDES)).astype(np.float32)
    published = load_reference((f"denoiser_{part}",))
    noisy = np.concatenate([ours, *([published["noisy"]] if published else [])])

    def forward(variables, noisy):
        output = NETWORKS[part].apply(variables, noisy)
        if part == "mask":
            return {"out": output}
        again = NETWORKS[part].apply(variables, output, method="reconstruct")
        return {"clean": output.clean, "noisy_rec": again}

    flat = fill_by_rule(ROWS[part], variable_shapes(part), *SEEDS[part])
    images = run_network(forward, flat, rearrange(noisy, "b c h w -> b h w c"))
    return {name: rearrange(x, "b h w c -> b c h w") for name, x in images.items()}


@pytest.mark.parametrize("part", ROWS)
def test_outputs_match_the_published_network(part):
    """denoiser (1), denoiser (2), denoiser (3)"""
    assert_matches_published(outputs(part), (f"denoiser_{part}",))


@pytest.mark.parametrize("part", ROWS)
def test_outputs_match_the_stored_numbers(part):
    """denoiser (1), denoiser (2), denoiser (3)"""
    files = (f"denoiser_{part}",)
    assert_matches_golden("denoiser.npz", part, outputs(part), files)


@pytest.mark.parametrize("part", ROWS)
def test_tensors_have_the_order_of_the_published_file(part):
    assert_published_order(ROWS[part], f"denoiser_{part}")


@pytest.mark.parametrize(
    ("part", "count"), [("restoration", 603_360), ("mask", 56_449)]
)
def test_number_of_parameters_is_as_published(part, count):
    shapes = variable_shapes(part)
    assert sum(shape.size for shape in shapes.values()) == count
    assert set(shapes) == {path for _, path in ROWS[part]}
