"""Adaptation of a denoiser to an image."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import random_init

from avjax.algorithms.adaptation_plan import (
    GAIN_PLAN,
    LEVEL_PLAN,
    REFERENCE_TEST,
    AdaptationPlan,
    init_inner_lrs,
)
from avjax.algorithms.denoiser_adaptation import (
    adapt_denoiser,
    adapt_denoiser_with_early_stopping,
    neighbor_pairs,
    renoise,
    restore,
    sure_loss,
)
from avjax.algorithms.meta_sgd import Adaptation
from avjax.models.denoiser import (
    INITIAL_LEVEL,
    DenoiserConfig,
    MaskNet,
    RestorationNet,
    init_noise_model,
)
from avjax.nn.apply import from_log_lrs, to_log_lrs
from avjax.nn.pixels import scale_luma_chroma

RENOISING = DenoiserConfig(
    "renoising", base_channels=4, channel_step=2, mask_channels=4
)
RECONSTRUCTION = dataclasses.replace(RENOISING, auxiliary="reconstruction")
NEIGHBOURS = dataclasses.replace(RENOISING, auxiliary="neighbours")
SURE = dataclasses.replace(RENOISING, auxiliary="sure")
LEVEL = dataclasses.replace(RENOISING, auxiliary="level")
TWO_STEPS = AdaptationPlan(Adaptation(steps=2, learning_rate=0.01))
KEY = jax.random.key(0)


@pytest.fixture
def noisy():
    return np.random.default_rng(0).uniform(size=(1, 8, 16, 3)).astype(np.float32)


def params_of(config):
    image = jnp.zeros((1, 8, 8, 3))
    networks = {"restorer": RestorationNet(config), "mask_net": MaskNet(config)}
    params = {
        part: random_init(lambda n=network: n.init(KEY, image))["params"]
        for part, network in networks.items()
    }
    return params | {"noise_model": init_noise_model(config)}


def adapt_and_compare(config, plan, noisy):
    """Adapt a network; return the changed paths, all paths and the result."""
    params = params_of(config)
    lrs = init_inner_lrs(config, plan, params["restorer"])
    before = jax.tree.map(np.array, params)

    @jax.jit
    def run(params):
        return adapt_denoiser(config, plan, params, lrs, noisy, KEY)

    result = run(params)
    for old, new in zip(*map(jax.tree.leaves, (before, params)), strict=True):
        np.testing.assert_array_equal(old, new)
    changed = jax.tree.map(
        lambda a, b: bool((a != b).any()), result.params, params["restorer"]
    )
    leaves = jax.tree_util.tree_leaves_with_path(changed)
    paths = {
        jax.tree_util.keystr(path, simple=True, separator="/"): x for path, x in leaves
    }
    return (
        {path for path, is_changed in paths.items() if is_changed},
        set(paths),
        result,
    )


@pytest.mark.parametrize(
    "config", [RENOISING, RECONSTRUCTION, NEIGHBOURS], ids=lambda x: x.auxiliary
)
def test_heads_adapt_and_the_body_does_not(config, noisy, quick_body):
    changed, all_paths, result = adapt_and_compare(config, TWO_STEPS, noisy)
    heads = {path for path in all_paths if not path.startswith("body/")}
    assert changed == heads and changed < all_paths
    assert result.losses.shape == (2,) and result.losses[1] < result.losses[0]


def test_the_whole_network_can_adapt(noisy, quick_body):
    changed, all_paths, _ = adapt_and_compare(
        RECONSTRUCTION, dataclasses.replace(TWO_STEPS, trainable="all"), noisy
    )
    assert changed == all_paths


def test_reference_plan_freezes_the_first_kernel(noisy, quick_body):
    plan = dataclasses.replace(
        REFERENCE_TEST,
        adaptation=dataclasses.replace(REFERENCE_TEST.adaptation, learning_rate=0.01),
    )
    changed, all_paths, result = adapt_and_compare(RECONSTRUCTION, plan, noisy)
    heads = {path for path in all_paths if not path.startswith("body/")}
    assert heads - changed == {"primary/blocks/conv_0_0/kernel"}
    assert result.losses.shape == (4,)


def test_only_gains_adapt_by_the_estimated_error(noisy, quick_body):
    changed, _, result = adapt_and_compare(SURE, GAIN_PLAN, noisy)
    assert changed == {"gains"}
    assert result.losses.shape == (5,) and result.losses[-1] < result.losses[0]
    params = params_of(SURE)
    best = sure_loss(SURE, params, noisy, KEY)
    grads = jax.grad(best)({"gains": result.params["gains"]})["gains"]
    at_start = jax.grad(best)({"gains": params["restorer"]["gains"]})["gains"]
    assert (jnp.abs(grads) < 0.5 * jnp.abs(at_start)).all()


def test_only_levels_adapt_to_what_the_network_removes(noisy, quick_body):
    params = params_of(LEVEL)
    # A model without statistics of the residual: each step halves the distance.
    coefficients = jnp.zeros_like(params["noise_model"]["coefficients"])
    model = {"coefficients": coefficients.at[1, 0].set(-0.5).at[2, 1].set(-0.5)}
    levels = jnp.log(INITIAL_LEVEL) + jnp.array([0.2, -0.4])
    params |= {"noise_model": model}
    params["restorer"] |= {"levels": levels}
    lrs = init_inner_lrs(LEVEL, LEVEL_PLAN, params["restorer"])
    result = adapt_denoiser_with_early_stopping(
        LEVEL, LEVEL_PLAN, params, lrs, noisy, noisy, KEY, {"levels": levels}
    )
    steps = LEVEL_PLAN.adaptation.steps
    assert set(result.params) == {"levels"} and int(result.num_steps) == steps
    distance = (result.params["levels"] - jnp.log(INITIAL_LEVEL)) * 2**steps
    np.testing.assert_allclose(distance, [0.2, -0.4], rtol=0.1)
    losses = np.asarray(result.validation_losses)
    np.testing.assert_allclose(losses[1:], losses[:-1] / 4, rtol=0.1)


def test_all_patches_serve_the_choice_of_gains(noisy, quick_body):
    params, images = params_of(SURE), jnp.concatenate([noisy, noisy[:, ::-1]])
    lrs = init_inner_lrs(SURE, GAIN_PLAN, params["restorer"])
    result = adapt_denoiser_with_early_stopping(
        SURE,
        GAIN_PLAN,
        params,
        lrs,
        images[:1],
        images[1:],
        KEY,
        {"gains": params["restorer"]["gains"]},
    )
    losses = result.validation_losses
    np.testing.assert_allclose(losses[:-1], result.losses, rtol=1e-5)
    assert int(result.num_steps) == int(losses.argmin()) > 0
    assert set(result.params) == {"gains"}


def test_gains_scale_luma_and_chroma_of_the_residual(noisy, quick_body):
    params = params_of(SURE)["restorer"]
    plain = restore(SURE, params | {"gains": jnp.zeros(2)}, noisy).residual
    scaled = restore(SURE, params | {"gains": jnp.log(jnp.array([2.0, 3.0]))}, noisy)
    luma = plain.mean(-1, keepdims=True)
    np.testing.assert_allclose(
        scaled.residual, 2 * luma + 3 * (plain - luma), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(
        scale_luma_chroma(plain, jnp.zeros(2)), plain, rtol=1e-3, atol=1e-6
    )


def operations_of(jaxpr):
    """Yield every operation of a program, including those of its loops."""
    for operation in jaxpr.eqns:
        yield operation
        for value in jax.tree.leaves(list(operation.params.values())):
            program = getattr(value, "jaxpr", value)
            if hasattr(program, "eqns"):
                yield from operations_of(program)


def test_features_are_computed_once_if_heads_adapt(noisy):
    """A step has only the convolutions of the heads."""

    def count(plan):
        params = params_of(RENOISING)
        lrs = init_inner_lrs(RENOISING, plan, params["restorer"])
        run = lambda p: adapt_denoiser(RENOISING, plan, p, lrs, noisy, KEY).losses  # noqa: E731
        operations = operations_of(jax.make_jaxpr(run)(params).jaxpr)
        (loop,) = (
            operation for operation in operations if operation.primitive.name == "scan"
        )
        names = [
            operation.primitive.name
            for operation in operations_of(loop.params["jaxpr"].jaxpr)
        ]
        return names.count("conv_general_dilated")

    heads, network = (
        count(TWO_STEPS),
        count(dataclasses.replace(TWO_STEPS, trainable="all")),
    )
    assert 0 < heads < network / 3


def test_zero_steps_give_the_trained_network(noisy, quick_body):
    _, _, result = adapt_and_compare(
        RENOISING, AdaptationPlan(Adaptation(steps=0)), noisy
    )
    assert result.losses.shape == (0,)
    plain = restore(RENOISING, params_of(RENOISING)["restorer"], noisy)
    restored = restore(RENOISING, result.params, noisy)
    np.testing.assert_array_equal(plain.clean, restored.clean)


def test_renoise_shifts_the_residual(noisy, quick_body):
    config, restorer = RENOISING, params_of(RENOISING)["restorer"]
    first = restore(config, restorer, noisy)
    renoised, clean = renoise(config, restorer, noisy, KEY)
    np.testing.assert_allclose(clean, first.clean, atol=1e-6)
    shifts = [
        shift
        for shift in np.ndindex(8, 16)
        if np.allclose(
            renoised,
            np.clip(clean - np.roll(first.residual, shift, (1, 2)), 0, 1),
            atol=1e-5,
        )
    ]
    ((down, along),) = shifts
    assert 2 <= down <= 6 and 4 <= along <= 12


def test_neighbor_pairs_are_diagonal_neighbours():
    """Pixels are numbered in rows of six."""
    image = jnp.arange(24.0).reshape(1, 4, 6, 1)
    first, second = neighbor_pairs(image)[..., 0]
    np.testing.assert_array_equal(first, [[0, 2, 4], [12, 14, 16]])
    np.testing.assert_array_equal(second, first + 7)
    swapped = neighbor_pairs(image, swap=True)[..., 0]
    np.testing.assert_array_equal(swapped, [second, first])


def test_from_log_lrs_inverts_to_log_lrs():
    lrs = {"one": jnp.float32(1e-2), "none": jnp.float32(0)}
    restored = from_log_lrs(to_log_lrs(lrs))
    np.testing.assert_allclose(restored["one"], 1e-2, rtol=1e-5)
    assert restored["none"] == 0
    increased = from_log_lrs({"one": to_log_lrs(lrs)["one"] + 1e-4})["one"]
    np.testing.assert_allclose(increased / 1e-2, np.exp(0.005), rtol=1e-4)


def test_hard_mask_is_zero_or_one(noisy, quick_body):
    """A mask of zeros gives a loss of zero."""
    params = params_of(RECONSTRUCTION)
    params["mask_net"]["last"]["kernel"] *= 0  # the mask is 0.5 everywhere
    lrs = init_inner_lrs(RECONSTRUCTION, TWO_STEPS, params["restorer"])
    for hard in (True, False):
        plan = dataclasses.replace(TWO_STEPS, hard_mask=hard)
        result = adapt_denoiser(RECONSTRUCTION, plan, params, lrs, noisy, KEY)
        assert bool(result.losses.any()) != hard
