"""TAEM: where sounds lie in time, who is told what, and what a talker takes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.models.cals import CalsConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import (
    Scale,
    Taem,
    TaemConfig,
    heard_by,
)
from avjax.text.phonemes import SOUNDS

SIDE, FRAMES = 32, 8
TALKER = SyncTalkFaceConfig(size=SIDE, width=1 / 64, slots=0)
TINY = TaemConfig(
    TALKER, sounds=7, dim=8, encoder=1, refiner=1, reach=1, window=1, dropout=0.0
)
SAID = jnp.array([[1, 3, 2, 4], [5, 2, 0, 0]])
EDGES = jnp.array([[0.0, 0.06, 0.1, 0.2, 0.32], [-0.2, 0.1, 0.24, 0.24, 0.24]])
KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
PORTRAIT = jnp.asarray(RNG.integers(0, 256, (2, SIDE, SIDE, 3)), jnp.uint8)
HEARD = jnp.asarray(RNG.normal(2, 3, (2, FRAMES, 8)), jnp.float32)
WEIGHT = jnp.ones((2, FRAMES)).at[1, 6:].set(0)


def made_up(config):
    model = Taem(config)
    given = SAID, EDGES, PORTRAIT, HEARD, WEIGHT
    keys = {"params": KEY, "dropout": KEY}
    shapes = jax.eval_shape(lambda: model.init(keys, *given, method="rehearse"))
    return untrained(shapes)


@pytest.fixture(scope="module")
def variables():
    return made_up(TINY)


@pytest.fixture(scope="module")
def tell(variables):
    """(said, edges, portrait) -> latents and durations."""
    model = Taem(TINY)
    return jax.jit(lambda *given: model.apply(variables, *given, FRAMES))


def test_a_frame_depends_on_sounds_that_are_near_alone(tell):
    """taem (1), taem (5): of a sound the next one knows, of a frame the next one."""
    first = tell(SAID, EDGES, PORTRAIT).latents
    changed = tell(SAID.at[0, 3].set(6), EDGES, PORTRAIT).latents
    moved = np.any(np.abs(first - changed) > 1e-6, axis=-1)
    # Sound 2 hears of sound 3; it begins in frame 2, of which frame 1 hears.
    np.testing.assert_array_equal(np.flatnonzero(moved[0]), np.arange(1, FRAMES))
    assert not moved[1].any()


def test_what_only_fills_up_changes_nothing(tell):
    """The second clip has two sounds and six frames."""
    longer = jnp.pad(SAID, ((0, 0), (0, 2)))
    edges = jnp.pad(EDGES, ((0, 0), (0, 2)), mode="edge")
    first, second = tell(SAID, EDGES, PORTRAIT), tell(longer, edges, PORTRAIT)
    for clip, frames in ((0, 8), (1, 6)):
        one, other = (told.latents[clip, :frames] for told in (first, second))
        np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(first.durations, second.durations[:, :4], atol=1e-5)


def test_durations_do_not_teach_what_latents_are_made_of(variables):
    """taem (3): by their gradient only the predictor learns, and who is speaking."""
    model = Taem(TINY)

    @jax.jit
    def slopes(params):
        def total(params, which):
            given = {**variables, "params": params}, SAID, EDGES, PORTRAIT, FRAMES
            return jnp.sum(jnp.sin(model.apply(*given)[which]))

        return [jax.tree.map(jnp.any, jax.grad(total)(params, i)) for i in (0, 1)]

    latents, durations = (
        {part for part, tree in found.items() if any(jax.tree.leaves(tree))}
        for found in slopes(variables["params"])
    )
    assert durations == {"predictor", "portrait", "who_predictor"}
    assert latents == set(variables["params"]) - {"predictor", "who_predictor"}


@pytest.mark.parametrize("organ", ["encoder", "predictor", "refiner"])
def test_who_speaks_is_told_where_it_is_named(organ):
    """taem (2)"""
    config = dataclasses.replace(TINY, speaker=(organ,))
    model, variables = Taem(config), made_up(config)
    tell = jax.jit(lambda p: model.apply(variables, SAID, EDGES, p, FRAMES))
    one, other = tell(PORTRAIT), tell(255 - PORTRAIT)
    latents, durations = (np.any(a != b) for a, b in zip(one, other, strict=True))
    assert latents == (organ != "predictor") and durations == (organ != "refiner")


def test_without_a_speaker_nobody_looks():
    """taem (2)"""
    variables = made_up(dataclasses.replace(TINY, speaker=()))
    assert not [name for name in variables["params"] if "who" in name]
    assert "portrait" not in variables["params"]


def test_without_a_refine_module_a_frame_knows_itself_alone():
    """taem (5)"""
    config = dataclasses.replace(TINY, refiner=0, encoder=0)
    model, variables = Taem(config), made_up(config)
    tell = jax.jit(lambda s: model.apply(variables, s, EDGES, PORTRAIT, FRAMES)[0])
    moved = np.any(tell(SAID) != tell(SAID.at[0, 3].set(6)), axis=-1)
    np.testing.assert_array_equal(np.flatnonzero(moved[0]), [5, 6, 7])


def test_predicted_times_are_sums_of_what_sounds_last(variables):
    """taem (3)"""
    model, last = Taem(TINY), {"kernel": jnp.zeros((8, 1)), "bias": jnp.array([2.0])}
    params = variables["params"]
    params = {**params, "predictor": {**params["predictor"], "last": last}}
    given = {**variables, "params": params}, SAID, PORTRAIT
    edges = jax.jit(lambda *given: model.apply(*given, method="times"))(*given)
    each = np.expm1(2.0) / 100
    np.testing.assert_allclose(edges[0], each * np.arange(5), rtol=1e-5)
    np.testing.assert_allclose(edges[1], each * np.array([0, 1, 2, 2, 2]), rtol=1e-5)


def test_the_scale_is_that_of_all_that_was_seen():
    """taem (6): as if all batches had come at once, those of weight 0 left out."""
    scale = Scale(8)
    batches = [HEARD, 2 * HEARD - 1, HEARD + 3]
    learn = jax.jit(
        lambda v, x: scale.apply(v, x, WEIGHT, method="learn", mutable="batch_stats")
    )
    found = jax.eval_shape(lambda: scale.init(KEY, HEARD, method="of"))
    found = jax.tree.map(lambda x: jnp.zeros(x.shape), found)
    for batch in batches:
        found = learn(found, batch)[1]
    seen = np.concatenate([batch[WEIGHT > 0] for batch in batches])
    unit = scale.apply(found, HEARD, method="of")
    expected = (np.asarray(HEARD) - seen.mean(axis=0)) / seen.std(axis=0)
    np.testing.assert_allclose(unit, expected, atol=2e-2)
    back = scale.apply(found, unit, method="back")
    np.testing.assert_allclose(back, HEARD, atol=1e-4)


def test_what_is_rehearsed_is_seen_and_on_one_scale(variables):
    """taem (6)"""
    given = SAID, EDGES, PORTRAIT, HEARD, WEIGHT
    how = {"method": "rehearse", "mutable": ["batch_stats"], "rngs": {"dropout": KEY}}
    (told, goal), changed = jax.jit(lambda v: Taem(TINY).apply(v, *given, **how))(
        variables
    )
    scale = changed["batch_stats"]["scale"]
    assert scale["seen"] == 14 and told.latents.shape == goal.shape
    shown = goal[WEIGHT > 0]
    np.testing.assert_allclose(shown.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(shown.std(axis=0), 1, atol=1e-2)


def test_latents_are_like_the_talker_s_own():
    """taem (6)"""
    told = jnp.array([[3.0, -4.0, 0.0]])
    np.testing.assert_array_equal(heard_by(TALKER, told), [[3, 0, 0]])
    np.testing.assert_allclose(heard_by(CalsConfig(), told), [[0.6, -0.8, 0]])


def test_there_is_a_code_for_every_sound():
    assert TaemConfig().sounds == len(SOUNDS)
