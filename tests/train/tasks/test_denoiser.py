"""The tasks of the denoiser: its stages, each as published and as by default."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.algorithms.denoiser_adaptation import PUBLISHED_TEST, Plan, restore
from avjax.algorithms.meta_sgd import Adaptation
from avjax.losses.restoration import clean_error, edge_error, masked_error
from avjax.models.denoiser import DenoiserConfig
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.denoiser import DenoiserTask, each

pytestmark = pytest.mark.usefixtures("quick_body")
KEY = jax.random.key(0)
SIZES = {"base": 4, "more": 2, "mask_base": 4}
OURS = DenoiserTask(DenoiserConfig(**SIZES), plan=Plan(Adaptation(2, 0.01)))
AUTHORS = DenoiserTask(
    DenoiserConfig("rebuilt", **SIZES),
    plan=Plan(Adaptation(1, 0.01)),
    test=PUBLISHED_TEST,
    learns_rates=False,
)
TASKS = {
    f"{who} {stage}": dataclasses.replace(task, stage=stage)
    for who, task in {"ours": OURS, "authors": AUTHORS}.items()
    for stage in ("plain", "clean", "adapt")
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
    same = jax.tree.map(lambda a, b: bool((a == b).all()), tree, other)
    return not all(jax.tree.leaves(same))


@pytest.mark.parametrize("name", TASKS)
def test_a_stage_improves_on_one_batch_and_moves_its_parts_alone(name, batch):
    task = TASKS[name]
    optimizers = {
        objective.name: make_optimizer(Adam(rate=3e-3), 8)
        for objective in task.objectives()
    }
    before = make_state_quickly(task, optimizers, batch)
    step, state, logs = jax.jit(make_step(task, optimizers)), before, []
    for _ in range(8):
        state, log = step(state, batch, KEY)
        logs.append(log)
    first = task.objectives()[0].name
    assert logs[-1][f"{first}/loss"] < logs[0][f"{first}/loss"]
    moved = {part for objective in task.objectives() for part in objective.moves}
    for part, tree in state.params.items():
        assert unequal(tree, before.params[part]) == (part in moved), part


def make_state_quickly(task, optimizers, batch):
    return jax.jit(lambda batch: make_state(task, optimizers, KEY, batch))(batch)


def test_what_a_stage_moves_is_what_it_says():
    assert [o.moves for o in TASKS["ours plain"].objectives()] == [("restorer",)]
    assert [o.moves for o in TASKS["ours clean"].objectives()] == [
        ("restorer",),
        ("masker",),
    ]
    (ours,), (theirs,) = (
        TASKS[f"{who} adapt"].objectives() for who in ("ours", "authors")
    )
    assert ours.moves == ("restorer", "masker", "rates")
    assert theirs.moves == ("restorer", "masker")


def test_a_picture_of_weight_zero_is_not_measured(batch):
    task = TASKS["ours adapt"]
    params, stats = jax.jit(task.init)(KEY, batch)
    means = jax.jit(task.measure)(params, stats, batch)
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


def test_losses_are_those_of_loops_over_pixels():
    """denoiser (4), denoiser (5), denoiser (7)"""
    rng = np.random.default_rng(1)
    made, goal = (rng.uniform(size=(2, 4, 5, 3)).astype(np.float32) for _ in range(2))
    mask = rng.uniform(size=(2, 4, 5, 1)).astype(np.float32)
    for number in range(2):
        apart = np.abs(made[number] - goal[number])
        np.testing.assert_allclose(
            clean_error(made, goal)[number], apart.mean(), rtol=1e-5
        )
        weighted = sum(
            apart[i, j, c] * mask[number, i, j, 0] for i, j, c in np.ndindex(4, 5, 3)
        )
        found = masked_error(made, goal, mask)[number]
        np.testing.assert_allclose(found, weighted / 60, rtol=1e-5)
        m, y = mask[number, ..., 0], made[number]
        down = [
            abs(abs(m[i + 1, j] - m[i, j]) - abs(y[i + 1, j, c] - y[i, j, c]))
            for i, j, c in np.ndindex(3, 5, 3)
        ]
        along = [
            abs(abs(m[i, j + 1] - m[i, j]) - abs(y[i, j + 1, c] - y[i, j, c]))
            for i, j, c in np.ndindex(4, 4, 3)
        ]
        expected = np.mean(down) + np.mean(along)
        np.testing.assert_allclose(edge_error(mask, made)[number], expected, rtol=1e-5)


def test_what_is_published_can_be_adapted(batch):
    task = TASKS["ours adapt"]
    params, stats = jax.eval_shape(task.init, KEY, batch)
    published = task.published(params, stats)
    assert published.system == "denoiser" and published.config == task.model
    assert set(published.params) == {"restorer", "masker", "rates"}


@pytest.mark.parametrize("written_out", [True, False])
def test_pictures_go_through_one_by_one_or_together(written_out, monkeypatch):
    monkeypatch.setattr("avjax.train.tasks.denoiser.writes_out", lambda: written_out)
    pictures, factors = jnp.arange(24.0).reshape(3, 2, 4), jnp.array([1.0, 2.0, 3.0])
    made, sums = each(lambda x, y: (x * y, jnp.sum(x)), pictures, factors)
    np.testing.assert_array_equal(made, pictures * factors[:, None, None])
    np.testing.assert_array_equal(sums, jnp.sum(pictures, axis=(1, 2)))
