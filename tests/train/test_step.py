import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from avjax.train.step import make_state, make_step
from avjax.train.task import Objective, Report

KEY = jax.random.key(0)


@pytest.fixture
def batch(experiment):
    return jax.tree.map(jnp.asarray, dict(next(experiment.train.one_pass(0, 1))))


@pytest.fixture
def optimizers():
    return {"maker": optax.sgd(0.05), "critic": optax.sgd(0.02)}


class Line:
    """y = w x, in one part; the smallest system there is."""

    def init(self, key, batch):
        return {"line": jnp.float32(3.0)}, {"line": {}}

    def objectives(self):
        return (Objective("fit", ("line",), self.loss),)

    def loss(self, params, stats, batch, key):
        return jnp.mean((params["line"] * batch["x"] - batch["y"]) ** 2), Report({})


def test_one_step_is_the_gradient_step_that_one_makes_by_hand():
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


def test_a_part_that_no_objective_moves_stays_and_has_no_optimizer_state(
    experiment, batch, optimizers
):
    task = experiment.task
    optimizers = {**optimizers, "maker": optax.adam(0.1)}
    before = make_state(task, optimizers, KEY, batch)
    after, _ = jax.jit(make_step(task, optimizers))(before, batch, KEY)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), before.params, after.params)
    assert all(jax.tree.leaves(same["expert"]))
    assert not any(jax.tree.leaves((same["maker"], same["critic"])))
    count = sum(x.size for x in jax.tree.leaves(before.opt))
    assert count == 2 * sum(x.size for x in jax.tree.leaves(before.params["maker"])) + 1


def test_the_critic_judges_what_the_maker_made_in_the_same_step(
    experiment, batch, optimizers
):
    task = experiment.task
    state = make_state(task, optimizers, KEY, batch)
    _, logs = jax.jit(make_step(task, optimizers))(state, batch, KEY)
    key = jax.random.fold_in(jax.random.fold_in(KEY, 0), 0)
    noise = task.noise * jax.random.normal(key, batch["x"].shape)
    made = task.make(state.params, batch["x"] + noise)
    expected = (made @ state.params["critic"]["weight"]).mean()
    assert logs["critic/fake"] == pytest.approx(float(expected), rel=1e-5)


def test_no_gradient_flows_back_through_what_is_shown(experiment, batch):
    class Greedy(type(experiment.task)):
        """Its critic is free to move the maker, but sees it only through `made`."""

        def objectives(self):
            maker, critic = super().objectives()
            return maker, Objective("critic", ("critic", "maker"), critic.loss)

    task, still = Greedy(), {"maker": optax.sgd(0.0), "critic": optax.sgd(1.0)}
    before = make_state(task, still, KEY, batch)
    after, _ = jax.jit(make_step(task, still))(before, batch, KEY)
    jax.tree.map(
        np.testing.assert_array_equal, before.params["maker"], after.params["maker"]
    )
    assert (before.params["critic"]["weight"] != after.params["critic"]["weight"]).all()


@pytest.mark.parametrize("pieces", [2, 4])
def test_a_batch_in_pieces_moves_as_the_whole_batch_does(
    experiment, batch, optimizers, pieces
):
    task = type(experiment.task)(noise=0.0)
    state = make_state(task, optimizers, KEY, batch)
    whole, logs = jax.jit(make_step(task, optimizers))(state, batch, KEY)
    parts, logs_of_parts = jax.jit(make_step(task, optimizers, pieces))(
        state, batch, KEY
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6, rtol=1e-5),
        (whole.params, {n: x for n, x in logs.items() if "gradient" not in n}),
        (parts.params, {n: x for n, x in logs_of_parts.items() if "gradient" not in n}),
    )


def test_running_statistics_go_from_piece_to_piece(experiment, batch, optimizers):
    task = type(experiment.task)(noise=0.0)
    state = make_state(task, optimizers, KEY, batch)
    after, _ = jax.jit(make_step(task, optimizers, 2))(state, batch, KEY)
    made = np.asarray(task.make(state.params, batch["x"]))
    mean = np.zeros(8)
    for piece in (made[0::2], made[1::2]):
        mean = 0.9 * mean + 0.1 * piece.mean(0)
    np.testing.assert_allclose(after.stats["maker"]["mean"], mean, rtol=1e-4)


def test_randomness_depends_on_the_step_alone(experiment, batch, optimizers):
    task = type(experiment.task)(noise=1.0)
    step = jax.jit(make_step(task, optimizers))
    state = make_state(task, optimizers, KEY, batch)
    errors = [
        float(step(state._replace(step=jnp.int32(at)), batch, KEY)[1]["maker/error"])
        for at in (0, 1, 0)
    ]
    assert errors[0] == errors[2] != errors[1]
