"""Averages of the weights: how they move, and who takes them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from avjax import weights
from avjax.train.averaging import init_average, update_average
from avjax.train.compiled import build
from avjax.train.init_from import init_from_weights
from avjax.train.loop import fit
from avjax.train.parallel import sharding
from avjax.train.step import AVERAGE, TrainState


def test_average_moves_by_the_decay_and_sooner_at_first():
    tree = {"a": {"x": jnp.ones(3), "n": jnp.array(2)}, "frozen": {"x": jnp.ones(2)}}
    average = init_average(tree, {"a": {"mean": jnp.zeros(2)}}, {"a"})
    assert set(average["params"]) == {"a"} and average["stats"]["a"]["mean"].shape
    after = {"a": {"x": jnp.full(3, 2.0), "n": jnp.array(5)}}
    stats = {"a": {"mean": jnp.ones(2)}}
    early = update_average(average, after, stats, jnp.array(0), 0.9)
    late = update_average(average, after, stats, jnp.array(10_000), 0.9)
    np.testing.assert_allclose(early["params"]["a"]["x"], 1.9)
    np.testing.assert_allclose(late["params"]["a"]["x"], 1.1, rtol=1e-6)
    np.testing.assert_allclose(late["stats"]["a"]["mean"], 0.1, rtol=1e-6)
    assert late["params"]["a"]["n"] == 5


def test_averages_are_evaluated_released_and_restored(experiment, tmp_path):
    averaged = dataclasses.replace(experiment, ema=0.5, steps=6)
    state = fit(averaged, tmp_path / "whole")
    released = weights.load(tmp_path / "whole/weights").params["generator"]
    averages = state.opt[AVERAGE]["params"]
    latest, average = state.params["generator"], averages["generator"]
    assert set(averages) == {"generator", "discriminator"}
    assert np.abs(latest["into"] - average["into"]).max() > 1e-4
    np.testing.assert_allclose(released["into"], average["into"], atol=2e-3)
    assert state.averaged().params["generator"] is average
    assert state.averaged().params["expert"] is state.params["expert"]
    fit(dataclasses.replace(averaged, steps=4), tmp_path / "parts")
    resumed = fit(averaged, tmp_path / "parts")
    jax.tree.map(np.testing.assert_array_equal, resumed, state)


def test_averages_start_from_initial_weights(experiment, tmp_path):
    fit(dataclasses.replace(experiment, steps=2, evals={}), tmp_path)
    started = dataclasses.replace(
        experiment, ema=0.9, init_from={"generator": str(tmp_path / "weights")}
    )
    example = next(iter(started.train.train_batches()))
    program = build(started, sharding.make_mesh((1, 1)), example)
    state = init_from_weights(program, started.init_from)
    average = state.opt[AVERAGE]["params"]
    for part in ("generator", "discriminator"):
        jax.tree.map(np.testing.assert_array_equal, average[part], state.params[part])
    batch = sharding.to_global(program.mesh, example)
    program.step(state, batch, program.key)  # no array is given away twice


def test_state_without_averages_is_evaluated_as_it_is():
    state = TrainState(jnp.array(1), {"a": {}}, {}, {})
    assert state.averaged() is state
