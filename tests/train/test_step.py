import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from avjax.train.step import make_state, make_step
from avjax.train.task import LossAux, Objective, Task

KEY = jax.random.key(0)


@pytest.fixture
def batch(experiment):
    return jax.tree.map(jnp.asarray, dict(next(experiment.train.eval_batches(0, 1))))


@pytest.fixture
def optimizers():
    return {"generator": optax.sgd(0.05), "discriminator": optax.sgd(0.02)}


class Line(Task):
    """y = w x: a system with a single parameter."""

    def init(self, key, batch):
        return {"line": jnp.float32(3.0)}, {"line": {}}

    def objectives(self):
        return (Objective("fit", ("line",), self.loss),)

    def loss(self, params, stats, batch, key):
        return jnp.mean((params["line"] * batch["x"] - batch["y"]) ** 2), LossAux({})

    def evaluate(self, params, stats, batch):
        return {}


def test_one_step_matches_gradient_descent_by_hand():
    x, y = np.array([1.0, 2.0, -1.0]), np.array([0.5, 1.0, 1.0])
    batch = {"x": jnp.float32(x), "y": jnp.float32(y)}
    sgd = {"fit": optax.sgd(0.1)}
    state, logs = make_step(Line(), sgd)(
        make_state(Line(), sgd, KEY, batch), batch, KEY
    )
    slope = np.mean([2 * (3 * a - b) * a for a, b in zip(x, y, strict=True)])
    assert state.params["line"] == pytest.approx(3 - 0.1 * slope)
    assert logs["fit/loss"] == pytest.approx(np.mean((3 * x - y) ** 2))
    assert logs["fit/gradient"] == pytest.approx(abs(slope))
    assert state.step == 1


def test_frozen_part_stays_and_has_no_optimizer_state(experiment, batch, optimizers):
    task = experiment.task
    optimizers = {**optimizers, "generator": optax.adam(0.1)}
    before = make_state(task, optimizers, KEY, batch)
    after, _ = jax.jit(make_step(task, optimizers))(before, batch, KEY)
    is_equal = jax.tree.map(
        lambda a, b: bool((a == b).all()), before.params, after.params
    )
    assert all(jax.tree.leaves(is_equal["expert"]))
    assert not any(jax.tree.leaves((is_equal["generator"], is_equal["discriminator"])))
    count = sum(x.size for x in jax.tree.leaves(before.opt))
    assert (
        count
        == 2 * sum(x.size for x in jax.tree.leaves(before.params["generator"])) + 1
    )


def test_later_objective_sees_extra_batch_of_the_same_step(
    experiment, batch, optimizers
):
    task = experiment.task
    state = make_state(task, optimizers, KEY, batch)
    _, logs = jax.jit(make_step(task, optimizers))(state, batch, KEY)
    key = jax.random.fold_in(jax.random.fold_in(KEY, 0), 0)
    noise = task.noise * jax.random.normal(key, batch["x"].shape)
    generated = task.generate(state.params, batch["x"] + noise)
    expected = (generated @ state.params["discriminator"]["weight"]).mean()
    assert logs["discriminator/fake"] == pytest.approx(float(expected), rel=1e-5)


def test_no_gradient_flows_through_extra_batch(experiment, batch):
    class Greedy(type(experiment.task)):
        """The discriminator's objective may update the generator, too."""

        def objectives(self):
            generator, discriminator = super().objectives()
            return generator, Objective(
                "discriminator", ("discriminator", "generator"), discriminator.loss
            )

    task = Greedy()
    optimizers = {"generator": optax.sgd(0.0), "discriminator": optax.sgd(1.0)}
    before = make_state(task, optimizers, KEY, batch)
    after, _ = jax.jit(make_step(task, optimizers))(before, batch, KEY)
    jax.tree.map(
        np.testing.assert_array_equal,
        before.params["generator"],
        after.params["generator"],
    )
    assert (
        before.params["discriminator"]["weight"]
        != after.params["discriminator"]["weight"]
    ).all()


@pytest.mark.parametrize("accumulate", [2, 4])
def test_accumulated_update_matches_that_of_the_whole_batch(
    experiment, batch, optimizers, accumulate
):
    task = type(experiment.task)(noise=0.0)
    state = make_state(task, optimizers, KEY, batch)
    single_batch, logs = jax.jit(make_step(task, optimizers))(state, batch, KEY)
    parts, logs_of_parts = jax.jit(make_step(task, optimizers, accumulate))(
        state, batch, KEY
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6, rtol=1e-5),
        (single_batch.params, {n: x for n, x in logs.items() if "gradient" not in n}),
        (parts.params, {n: x for n, x in logs_of_parts.items() if "gradient" not in n}),
    )


def test_running_statistics_pass_between_microbatches(experiment, batch, optimizers):
    task = type(experiment.task)(noise=0.0)
    state = make_state(task, optimizers, KEY, batch)
    after, _ = jax.jit(make_step(task, optimizers, 2))(state, batch, KEY)
    made = np.asarray(task.generate(state.params, batch["x"]))
    mean = np.zeros(8)
    for microbatch in (made[0::2], made[1::2]):
        mean = 0.9 * mean + 0.1 * microbatch.mean(0)
    np.testing.assert_allclose(after.stats["generator"]["mean"], mean, rtol=1e-4)


def test_randomness_depends_on_the_step_only(experiment, batch, optimizers):
    task = type(experiment.task)(noise=1.0)
    step = jax.jit(make_step(task, optimizers))
    state = make_state(task, optimizers, KEY, batch)
    errors = [
        float(
            step(state._replace(step=jnp.int32(at)), batch, KEY)[1]["generator/error"]
        )
        for at in (0, 1, 0)
    ]
    assert errors[0] == errors[2] != errors[1]
