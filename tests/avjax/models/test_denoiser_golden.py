"""Our networks give the numbers of the published ones, weight by weight."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from einops import rearrange
from flax.traverse_util import flatten_dict
from published import (
    agree_with_kept,
    agree_with_published,
    filled,
    numbers_of,
    order_of,
    run,
)

from avjax.models.denoiser import PUBLISHED, MaskNet, RestorationNet

SIDES = 64, 96
SEEDS = {"restoration": (20, 0.5), "mask": (22, 0.5)}  # of the files, with their gains
NETWORKS = {"restoration": RestorationNet(PUBLISHED), "mask": MaskNet()}


def blocks(name: str, path: str, first: int = 0, count: int = 2):
    """Pairs of convolutions; `first` is the number of the first one over there."""
    return [
        (
            f"{name}.{first + block}.model.{theirs}.weight",
            f"params/{path}/conv_{block}_{half}/kernel",
        )
        for block in range(count)
        for half, theirs in ((0, 0), (1, 2))
    ]


def restoration() -> list[tuple[str, str]]:
    rows = [("shallow_fe.0.weight", "params/body/first/kernel")]
    for level in range(3):
        rows += blocks(f"encoder.encoder_l{level + 1}", f"body/encode_{level}")
    for level, name in ((1, "12"), (2, "23")):
        kernel = f"params/body/down_{level}/kernel"
        rows += [(f"encoder.down{name}.conv.weight", kernel)]
    for level in range(3):
        rows += blocks(f"decoder.decoder_l{level + 1}", f"body/decode_{level}")
    for level, name in ((1, "32"), (0, "21")):
        rows += [(f"decoder.up{name}.conv.weight", f"params/body/up_{level}/kernel")]
    rows += blocks("primary_head", "primary/blocks")
    rows += [("primary_head.2.weight", "params/primary/last/kernel")]
    rows += [("auxiliary_head.0.weight", "params/auxiliary/first/kernel")]
    rows += blocks("auxiliary_head", "auxiliary/head/blocks", first=1, count=1)
    return rows + [("auxiliary_head.2.weight", "params/auxiliary/head/last/kernel")]


def mask() -> list[tuple[str, str]]:
    """Its slope is one number that the file holds three times; the last one counts."""
    rows = [("mask_net.0.weight", "params/first/kernel")]
    for block in range(3):
        name = f"mask_net.{block + 1}.model"
        rows += [
            (f"{name}.0.weight", f"params/conv_{block}_0/kernel"),
            (f"{name}.1.weight", "params/slope"),
            (f"{name}.2.weight", f"params/conv_{block}_1/kernel"),
        ]
    return rows + [("mask_net.4.weight", "params/last/kernel")]


ROWS = {"restoration": restoration(), "mask": mask()}


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
