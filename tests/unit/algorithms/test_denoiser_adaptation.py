"""Networks that adapt to pictures."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import drawn

from avjax.algorithms.denoiser_adaptation import (
    PUBLISHED_TEST,
    Plan,
    adapted,
    first_rates,
    kept_rates,
    learnt_rates,
    neighbours,
    renoised,
    restore,
)
from avjax.algorithms.meta_sgd import Adaptation
from avjax.models.denoiser import DenoiserConfig, MaskNet, RestorationNet

OURS = DenoiserConfig("renoised", base=4, more=2, mask_base=4)
AUTHORS = dataclasses.replace(OURS, auxiliary="rebuilt")
HALVES = dataclasses.replace(OURS, auxiliary="neighbours")
TWO = Plan(Adaptation(steps=2, rate=0.01))
KEY = jax.random.key(0)


@pytest.fixture
def noisy():
    return np.random.default_rng(0).uniform(size=(1, 8, 16, 3)).astype(np.float32)


def params_of(config):
    picture = jnp.zeros((1, 8, 8, 3))
    networks = {"restorer": RestorationNet(config), "masker": MaskNet(config)}
    return {
        part: drawn(lambda n=network: n.init(KEY, picture))["params"]
        for part, network in networks.items()
    }


def moves(config, plan, noisy):
    """Paths of what an adaptation changed of a network."""
    params = params_of(config)
    rates = first_rates(config, plan, params["restorer"])
    before = jax.tree.map(np.array, params)

    @jax.jit
    def run(params):
        return adapted(config, plan, params, rates, noisy, KEY)

    found = run(params)
    for old, new in zip(*map(jax.tree.leaves, (before, params)), strict=True):
        np.testing.assert_array_equal(old, new)
    changed = jax.tree.map(
        lambda a, b: bool((a != b).any()), found.params, params["restorer"]
    )
    leaves = jax.tree_util.tree_leaves_with_path(changed)
    paths = {
        jax.tree_util.keystr(path, simple=True, separator="/"): x for path, x in leaves
    }
    return {path for path, moved in paths.items() if moved}, set(paths), found


@pytest.mark.parametrize("config", [OURS, AUTHORS, HALVES], ids=lambda x: x.auxiliary)
def test_heads_adapt_and_the_body_stays(config, noisy, quick_body):
    moved, every, found = moves(config, TWO, noisy)
    heads = {path for path in every if not path.startswith("body/")}
    assert moved == heads and moved < every
    assert found.losses.shape == (2,) and found.losses[1] < found.losses[0]


def test_all_of_it_can_adapt(noisy, quick_body):
    moved, every, _ = moves(AUTHORS, dataclasses.replace(TWO, moves="all"), noisy)
    assert moved == every


def test_as_the_authors_test_one_tensor_of_a_head_rests(noisy, quick_body):
    plan = dataclasses.replace(
        PUBLISHED_TEST,
        adaptation=dataclasses.replace(PUBLISHED_TEST.adaptation, rate=0.01),
    )
    moved, every, found = moves(AUTHORS, plan, noisy)
    heads = {path for path in every if not path.startswith("body/")}
    assert heads - moved == {"primary/blocks/conv_0_0/kernel"}
    assert found.losses.shape == (4,)


def inside(jaxpr):
    """Every operation of a program, also those of its loops."""
    for operation in jaxpr.eqns:
        yield operation
        for held in jax.tree.leaves(list(operation.params.values())):
            program = getattr(held, "jaxpr", held)
            if hasattr(program, "eqns"):
                yield from inside(program)


def test_the_body_looks_once_where_heads_adapt(noisy):
    """Steps cost convolutions of the heads alone."""

    def count(plan):
        params = params_of(OURS)
        rates = first_rates(OURS, plan, params["restorer"])
        run = lambda p: adapted(OURS, plan, p, rates, noisy, KEY).losses  # noqa: E731
        operations = inside(jax.make_jaxpr(run)(params).jaxpr)
        (loop,) = (one for one in operations if one.primitive.name == "scan")
        names = [one.primitive.name for one in inside(loop.params["jaxpr"].jaxpr)]
        return names.count("conv_general_dilated")

    heads, everything = count(TWO), count(dataclasses.replace(TWO, moves="all"))
    assert 0 < heads < everything / 3


def test_no_step_is_the_plain_network(noisy, quick_body):
    _, _, found = moves(OURS, Plan(Adaptation(steps=0)), noisy)
    assert found.losses.shape == (0,)
    plain = restore(OURS, params_of(OURS)["restorer"], noisy)
    again = restore(OURS, found.params, noisy)
    np.testing.assert_array_equal(plain.clean, again.clean)


def test_what_was_taken_for_noise_comes_from_another_place(noisy, quick_body):
    config, restorer = OURS, params_of(OURS)["restorer"]
    first = restore(config, restorer, noisy)
    given, goal = renoised(config, restorer, noisy, KEY)
    np.testing.assert_allclose(goal, first.clean, atol=1e-6)
    shifts = [
        shift
        for shift in np.ndindex(8, 16)
        if np.allclose(
            given,
            np.clip(goal - np.roll(first.residual, shift, (1, 2)), 0, 1),
            atol=1e-5,
        )
    ]
    ((down, along),) = shifts
    assert 2 <= down <= 6 and 4 <= along <= 12


def test_neighbours_are_beside_each_other():
    """By hand: pixels numbered in rows of six."""
    picture = jnp.arange(24.0).reshape(1, 4, 6, 1)
    first, second = neighbours(picture)[..., 0]
    np.testing.assert_array_equal(first, [[0, 2, 4], [12, 14, 16]])
    np.testing.assert_array_equal(second, first + 7)
    turned = neighbours(picture, turned=True)[..., 0]
    np.testing.assert_array_equal(turned, [second, first])


def test_rates_come_back_as_they_were_kept():
    rates = {"one": jnp.float32(1e-2), "none": jnp.float32(0)}
    again = learnt_rates(kept_rates(rates))
    np.testing.assert_allclose(again["one"], 1e-2, rtol=1e-5)
    assert again["none"] == 0
    longer = learnt_rates({"one": kept_rates(rates)["one"] + 1e-4})["one"]
    np.testing.assert_allclose(longer / 1e-2, np.exp(0.005), rtol=1e-4)


def test_a_hard_mask_is_open_or_shut(noisy, quick_body):
    """Shut everywhere, it leaves nothing to learn."""
    params = params_of(AUTHORS)
    params["masker"]["last"]["kernel"] *= 0  # one half: not above it
    rates = first_rates(AUTHORS, TWO, params["restorer"])
    for hard in (True, False):
        plan = dataclasses.replace(TWO, hard=hard)
        found = adapted(AUTHORS, plan, params, rates, noisy, KEY)
        assert bool(found.losses.any()) != hard
