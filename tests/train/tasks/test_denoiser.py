"""The task of the denoiser: its stages, by default and as released."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.algorithms.adaptation_plan import (
    GAIN_PLAN,
    LEVEL_PLAN,
    REFERENCE_TEST,
    AdaptationPlan,
)
from avjax.algorithms.denoiser_adaptation import restore
from avjax.algorithms.meta_sgd import Adaptation, map_images
from avjax.algorithms.noise_level import noise_levels
from avjax.losses.restoration import mask_edge_loss, masked_l1, restoration_l1
from avjax.models.denoiser import DenoiserConfig
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.denoiser import MAX_LEVEL_SHIFT, DenoiserTask

pytestmark = pytest.mark.usefixtures("quick_body")
KEY = jax.random.key(0)
SIZES = {"base_channels": 4, "channel_step": 2, "mask_channels": 4}
DEFAULT = DenoiserTask(
    DenoiserConfig(**SIZES), plan=AdaptationPlan(Adaptation(2, 0.01))
)
REFERENCE = DenoiserTask(
    DenoiserConfig("reconstruction", **SIZES),
    plan=AdaptationPlan(Adaptation(1, 0.01)),
    test_plan=REFERENCE_TEST,
    learn_inner_lrs=False,
)
SURE = DenoiserTask(
    DenoiserConfig("sure", **SIZES), stage="adapt", plan=GAIN_PLAN, test_plan=GAIN_PLAN
)
LEVEL = DenoiserTask(
    DenoiserConfig("level", **SIZES),
    stage="adapt",
    plan=LEVEL_PLAN,
    test_plan=LEVEL_PLAN,
)
TASKS = {
    f"{variant} {stage}": dataclasses.replace(task, stage=stage)
    for variant, task in {"default": DEFAULT, "reference": REFERENCE}.items()
    for stage in ("plain", "clean", "adapt")
} | {
    f"{task.model.auxiliary} {stage}": dataclasses.replace(task, stage=stage)
    for task in (SURE, LEVEL)
    for stage in ("plain", "adapt")
}


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    clean = rng.uniform(0.2, 0.8, (2, 1, 1, 3)) * np.ones((2, 16, 16, 3))
    noisy = np.clip(clean + rng.normal(0, 0.1, clean.shape), 0, 1)
    pair = {"clean": clean, "noisy": noisy}
    arrays = {key: jnp.asarray(x, jnp.float32) for key, x in pair.items()}
    return {**arrays, "weight": jnp.asarray([1.0, 0.0])}


def unequal(tree, other) -> bool:
    is_equal = jax.tree.map(lambda a, b: bool((a == b).all()), tree, other)
    return not all(jax.tree.leaves(is_equal))


@pytest.mark.parametrize("name", TASKS)
def test_stage_improves_on_one_batch_and_updates_its_parts_only(
    name, batch, monkeypatch
):
    # Limits stop the gradient, and the residual of an untrained network is no noise.
    monkeypatch.setattr("avjax.algorithms.noise_model.GAIN_RANGE", (1e-3, 1e3))
    task = TASKS[name]
    optimizers = {
        objective.name: make_optimizer(Adam(learning_rate=3e-3), 8)
        for objective in task.objectives()
    }
    before = make_initial_state(task, optimizers, batch)
    step, state, logs = jax.jit(make_step(task, optimizers)), before, []
    for _ in range(8):
        state, log = step(state, batch, KEY)
        logs.append(log)
    first = task.objectives()[0].name
    assert logs[-1][f"{first}/loss"] < logs[0][f"{first}/loss"]
    updated = {part for objective in task.objectives() for part in objective.parts}
    for part, tree in state.params.items():
        assert unequal(tree, before.params[part]) == (part in updated), part


def make_initial_state(task, optimizers, batch):
    return jax.jit(lambda batch: make_state(task, optimizers, KEY, batch))(batch)


def test_stages_update_the_documented_parts():
    assert [o.parts for o in TASKS["default plain"].objectives()] == [("restorer",)]
    assert [o.parts for o in TASKS["default clean"].objectives()] == [
        ("restorer",),
        ("mask_net",),
    ]
    (default,), (reference,) = (
        TASKS[f"{variant} adapt"].objectives() for variant in ("default", "reference")
    )
    assert default.parts == ("restorer", "mask_net", "inner_lrs")
    assert reference.parts == ("restorer", "mask_net")
    (sure,) = SURE.objectives()
    assert sure.parts == ("restorer", "noise_model", "inner_lrs")
    (level,) = LEVEL.objectives()
    assert level.parts == ("noise_model",)


def test_plain_stage_does_not_train_the_gains_of_one_image(batch):
    task = TASKS["sure plain"]
    params, _ = task.init(KEY, batch)
    gradient = jax.grad(lambda p: task.plain_loss(p, {}, batch, KEY)[0])(params)
    assert not gradient["restorer"]["gains"].any()
    assert gradient["restorer"]["primary"]["last"]["kernel"].any()


def test_network_is_told_the_true_level_in_the_plain_stage(batch):
    task = TASKS["level plain"]
    params, _ = task.init(KEY, batch)
    loss, aux = task.plain_loss(params, {}, batch, KEY)
    levels = noise_levels(batch["noisy"] - batch["clean"])
    outputs = restore(task.model, params["restorer"], batch["noisy"], levels)
    errors = restoration_l1(outputs.clean, batch["clean"])
    assert aux.logs["clean"] == pytest.approx(float(jnp.mean(errors)), rel=1e-4)
    relative = jnp.mean(errors * 25 / jnp.exp(levels[:, 0]))
    assert float(loss) == pytest.approx(float(relative), rel=1e-4)


def test_levels_are_estimated_from_wrong_ones(batch):
    params, _ = LEVEL.init(KEY, batch)
    loss, aux = LEVEL.level_loss(params, {}, batch, KEY)
    # Before the model is fitted, the estimate is the level that was given.
    assert float(loss) == pytest.approx(float(aux.logs["before"]), rel=1e-5)
    assert 0.2 < float(loss) < MAX_LEVEL_SHIFT


def test_image_of_weight_zero_is_not_measured(batch):
    task = TASKS["default adapt"]
    params, stats = jax.jit(task.init)(KEY, batch)
    means = jax.jit(task.evaluate)(params, stats, batch)
    rows = {
        p + n for p in ("", "plain_", "noisy_") for n in ("psnr", "ssim2d", "ssim3d")
    }
    assert set(means) == rows
    assert all(float(mean.weight) == 1 for mean in means.values())
    plain = jnp.clip(
        restore(task.model, params["restorer"], batch["noisy"]).clean, 0, 1
    )
    mse = float(np.mean((np.asarray(plain) - batch["clean"])[0] ** 2))
    assert means["plain_psnr"].compute() == pytest.approx(-10 * np.log10(mse), rel=1e-4)
    assert means["psnr"].compute() != means["plain_psnr"].compute()


def test_losses_match_loops_over_pixels():
    """denoiser (4), denoiser (5), denoiser (7)"""
    rng = np.random.default_rng(1)
    pred, target = (rng.uniform(size=(2, 4, 5, 3)).astype(np.float32) for _ in range(2))
    mask = rng.uniform(size=(2, 4, 5, 1)).astype(np.float32)
    for number in range(2):
        error = np.abs(pred[number] - target[number])
        np.testing.assert_allclose(
            restoration_l1(pred, target)[number], error.mean(), rtol=1e-5
        )
        weighted = sum(
            error[i, j, c] * mask[number, i, j, 0] for i, j, c in np.ndindex(4, 5, 3)
        )
        result = masked_l1(pred, target, mask)[number]
        np.testing.assert_allclose(result, weighted / 60, rtol=1e-5)
        m, y = mask[number, ..., 0], pred[number]
        vertical = [
            abs(abs(m[i + 1, j] - m[i, j]) - abs(y[i + 1, j, c] - y[i, j, c]))
            for i, j, c in np.ndindex(3, 5, 3)
        ]
        horizontal = [
            abs(abs(m[i, j + 1] - m[i, j]) - abs(y[i, j + 1, c] - y[i, j, c]))
            for i, j, c in np.ndindex(4, 4, 3)
        ]
        expected = np.mean(vertical) + np.mean(horizontal)
        np.testing.assert_allclose(
            mask_edge_loss(mask, pred)[number], expected, rtol=1e-5
        )


def test_export_has_all_parts(batch):
    task = TASKS["default adapt"]
    params, stats = jax.eval_shape(task.init, KEY, batch)
    released = task.export(params, stats)
    assert released.system == "denoiser" and released.config == task.model
    assert set(released.params) == {"restorer", "mask_net", "inner_lrs"}


def test_export_for_gains_has_the_noise_model_and_no_mask(batch):
    params, stats = jax.eval_shape(SURE.init, KEY, batch)
    released = SURE.export(params, stats).params
    assert set(released) == {"restorer", "noise_model", "inner_lrs"}
    assert set(released["inner_lrs"]) == {"gains"}


@pytest.mark.parametrize("written_out", [True, False])
def test_pictures_go_through_one_by_one_or_together(written_out, monkeypatch):
    monkeypatch.setattr("avjax.algorithms.meta_sgd.unroll_on_cpu", lambda: written_out)
    pictures, factors = jnp.arange(24.0).reshape(3, 2, 4), jnp.array([1.0, 2.0, 3.0])
    pred, sums = map_images(lambda x, y: (x * y, jnp.sum(x)), pictures, factors)
    np.testing.assert_array_equal(pred, pictures * factors[:, None, None])
    np.testing.assert_array_equal(sums, jnp.sum(pictures, axis=(1, 2)))
