"""TAEM in training: what is learnt from the talker, and what it is measured against."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.metrics.base import Mean
from avjax.models.cals import CalsConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import TaemConfig
from avjax.models.talker import latents_of
from avjax.text.phonemes import CLASSES, PAUSE
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.taem import TaemTask, grown
from avjax.train.tasks.talking_common import of

SIDE, FRAMES, SOUNDS = 32, 8, 7
TALKER = CalsConfig(SIDE, 0.02, units=6, window=0, layers=1, heads=2)
TINY = TaemConfig(
    TALKER, SOUNDS, dim=8, encoder=1, refiner=1, reach=2, window=2, dropout=0.0
)
TASK = TaemTask(TINY, expert_width=0.02, landmark_width=0.02)
KEY = jax.random.key(1)
RNG = np.random.default_rng(0)
OURS = "text_to_audio"
pytestmark = pytest.mark.usefixtures("quick_faces")


def pictures(*shape):
    return jnp.asarray(RNG.integers(0, 256, (*shape, SIDE, SIDE, 3)), jnp.uint8)


def sound():
    return jnp.asarray(RNG.normal(size=(2, FRAMES, 16, 80)), jnp.float32)


EDGES = [[0, 0.06, 0.12, 0.2, 0.32], [-0.2, 0.1, 0.24, 0.24, 0.24]]
TEXT = {
    "said": jnp.array([[PAUSE, 3, 2, 4], [5, 2, 0, 0]]),
    "edges": jnp.array(EDGES),
    "portrait": pictures(2),
    "weight": jnp.ones(2),
}
EXISTS = jnp.ones((2, FRAMES)).at[1, 6:].set(0)
BATCH = {**TEXT, "mels": sound(), "exists": EXISTS, "counts": EXISTS.at[0, :2].set(0)}
CLIPS = {
    **TEXT,
    "faces": pictures(2, FRAMES),
    "reference": TEXT["portrait"],
    "mels": sound(),
    "heard": sound(),
    "retold": sound(),
    "landmarks": jnp.zeros((2, FRAMES, 20, 2)),
    "sounds": jnp.asarray(RNG.integers(0, 3, (2, FRAMES))),
    "mask": EXISTS,
}


@pytest.fixture(scope="module")
def state(quick_faces):
    """params and stats of a task that nobody trained, but for what it has counted."""
    made = jax.eval_shape(TASK.init, jax.random.key(0), {})
    params, stats = untrained(made)
    latents = jnp.asarray(RNG.normal(size=(SOUNDS, TALKER.latent)), jnp.float32)
    seconds = jnp.arange(SOUNDS) / 50
    scale = {"mean": jnp.zeros(6), "square": jnp.full(6, 0.25), "seen": jnp.ones(())}
    means = {**stats["means"], "latents": latents, "seconds": seconds}
    return params, {**stats, OURS: {**stats[OURS], "scale": scale}, "means": means}


@pytest.fixture(scope="module")
def loss(state):
    return jax.jit(lambda batch: TASK.loss(*state, batch, KEY))


@pytest.fixture(scope="module")
def figures(state):
    return jax.jit(TASK.measure)(*state, CLIPS)


def test_it_improves_on_one_batch_and_moves_its_part_alone():
    optimizers = {"text": make_optimizer(Adam(rate=5e-3), 12)}
    start = jax.jit(lambda batch: make_state(TASK, optimizers, KEY, batch))
    before, step = start(BATCH), jax.jit(make_step(TASK, optimizers))
    state, losses = before, []
    for _ in range(12):
        state, logs = step(state, BATCH, KEY)
        losses.append(float(logs["text/loss"]))
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    for part, tree in state.params.items():
        same = jax.tree.map(lambda a, b: (a == b).all(), tree, before.params[part])
        assert all(jax.tree.leaves(same)) == (part != OURS), part
    assert set(state.opt) == {"text"}
    assert state.stats[OURS]["scale"]["seen"] == 12 * 12  # frames that count
    assert state.stats["means"]["sounds"][PAUSE] == 12


def test_the_loss_is_that_of_latents_and_durations(loss, state):
    """taem (7), taem (8): a loop over sounds; latents as rehearsed."""
    total, report = loss(BATCH)
    logs, weights = report.logs, TASK.losses
    expected = weights.latents * logs["latents"] + weights.durations * logs["durations"]
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    params, stats = state
    heard = TASK.hear(params, stats, BATCH["mels"], EXISTS)
    given = *(BATCH[key] for key in ("said", "edges", "portrait")), heard
    how = {"method": "rehearse", "mutable": ["batch_stats"], "rngs": {"dropout": KEY}}
    (told, goal), _ = jax.jit(
        lambda v: TASK.text.apply(v, *given, BATCH["counts"], **how)
    )(of(params, stats, OURS))
    apart = np.abs(told.latents - goal).mean(axis=-1)[BATCH["counts"] > 0]
    np.testing.assert_allclose(logs["latents"], apart.mean(), rtol=1e-4)
    off = [
        float(told.durations[clip, at]) - np.log1p(100 * np.diff(EDGES[clip])[at])
        for clip, at in [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]
    ]
    errors = [2 * (np.exp(-short) + short - 1) for short in off]
    np.testing.assert_allclose(logs["durations"], np.mean(errors), rtol=1e-4)


def test_frames_that_do_not_count_teach_nothing(loss):
    mels = BATCH["mels"]
    unseen = {**BATCH, "mels": mels.at[0, :2].set(3).at[1, 6:].set(3)}
    first, second = loss(BATCH), loss(unseen)
    np.testing.assert_allclose(first[0], second[0], rtol=1e-5)
    moved = loss({**BATCH, "mels": mels.at[0, 2].set(3)})
    assert abs(first[0] - moved[0]) > 1e-5
    for one, other in zip(
        *(jax.tree.leaves(x[1].stats["means"]) for x in (first, second)), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_table_holds_the_means_of_sounds(state):
    """A loop over frames: each is of two sounds at most, so many steps of each."""
    params, stats = state
    blank = jax.tree.map(jnp.zeros_like, stats["means"])

    @jax.jit
    def count(batch):
        stats_ = {**stats, "means": blank}
        return TASK.loss(params, stats_, batch, KEY)[1].stats["means"]

    found = count(BATCH)
    heard = np.asarray(TASK.hear(params, stats, BATCH["mels"], EXISTS))
    total, share = np.zeros((SOUNDS, 6)), np.zeros(SOUNDS)
    for clip, frame, step in np.ndindex(2, FRAMES, 4):
        moment = (4 * frame + step + 0.5) / 100
        if BATCH["counts"][clip, frame]:
            at = int(np.searchsorted(EDGES[clip], moment, side="right")) - 1
            sound = int(BATCH["said"][clip, at])
            total[sound] += heard[clip, frame] / 4
            share[sound] += 1 / 4
    known = share > 0
    np.testing.assert_allclose(found["frames"], share, atol=1e-5)
    expected = total[known] / share[known, None]
    np.testing.assert_allclose(found["latents"][known], expected, atol=1e-4)
    np.testing.assert_allclose(found["seconds"][2], (0.08 + 0.14) / 2, rtol=1e-5)
    np.testing.assert_allclose(found["seconds"][4], 0.12, rtol=1e-5)


def test_a_mean_grows_as_if_all_had_come_at_once():
    mean, count = grown(
        jnp.array([2.0, 0]), jnp.array([3.0, 0]), jnp.ones(2), jnp.ones(2)
    )
    np.testing.assert_allclose(mean, [7 / 4, 1])
    np.testing.assert_array_equal(count, [4, 1])


def test_what_the_text_tells_is_measured_beside_sound_and_table(figures):
    told = "", "wrong_", "table_", "cascade_"
    rows = {prefix + name for prefix in told for name in ("cosine", "r2")}
    lengths = {"duration_ms", "length_error"}
    lengths |= {f"mean_{name}" for name in lengths}
    drawn = "", "audio_", "table_", "cascade_", "truth_"
    faces = {prefix + name for prefix in drawn for name in ("lmd", "near")}
    expected = rows | lengths | faces | {f"lmd_{name}" for name in CLASSES}
    assert expected <= set(figures)
    assert float(figures["cosine"].weight) == 14  # frames that exist
    assert float(figures["duration_ms"].weight) == 5  # sounds but pauses
    assert float(figures["length_error"].weight) == 2  # clips
    wrong = float(figures["wrong_cosine"].total)
    assert abs(float(figures["cosine"].total) - wrong) > 1e-6


def test_a_cascade_is_worth_what_it_makes_the_talker_hear(state, figures):
    """Of espeak's sound, or of the clip's own in its place."""
    measure = jax.jit(TASK.measure)
    found = measure(*state, {**CLIPS, "retold": CLIPS["mels"]})
    assert found["cascade_r2"].compute() == pytest.approx(1)
    assert found["cascade_lmd"].total == found["audio_lmd"].total
    assert figures["cascade_r2"].compute() < 0.99
    assert figures["cascade_lmd"].total != figures["audio_lmd"].total


def test_durations_are_measured_against_the_means(figures):
    """By hand: of sound number n the mean is n / 50 seconds."""
    means = np.array([[0, 0.06, 0.04, 0.08], [0.1, 0.04, 0, 0]])
    truth = np.diff(EDGES, axis=1) * [[0, 1, 1, 1], [1, 1, 0, 0]]
    off = np.abs(means - truth).sum() / 5
    np.testing.assert_allclose(
        figures["mean_duration_ms"].compute(), 1000 * off, rtol=1e-4
    )
    share = np.abs(means.sum(axis=1) / truth.sum(axis=1) - 1)
    found = figures["mean_length_error"].compute()
    np.testing.assert_allclose(found, share.mean(), rtol=1e-4)


def test_knowing_all_is_one_and_the_mean_of_all_is_nothing(state):
    variables = of(*state, OURS)
    heard = jnp.asarray(RNG.normal(size=(2, FRAMES, 6)), jnp.float32)
    alike = lambda told: TASK.alike(variables, told, heard, EXISTS)  # noqa: E731
    assert alike(heard)["r2"].compute() == pytest.approx(1)
    assert alike(heard)["cosine"].compute() == pytest.approx(1)
    assert alike(jnp.zeros_like(heard))["r2"].compute() == pytest.approx(0, abs=1e-5)


def test_the_sound_itself_draws_what_the_talker_says(state):
    """audio_ is the upper bound: the frozen talker, as it is."""
    params, stats = state
    space, talker = latents_of(TALKER), TASK.talker(params, stats)
    heard = TASK.hear(params, stats, CLIPS["mels"], CLIPS["mask"])
    np.testing.assert_allclose(heard, space.hear(talker, CLIPS["mels"], EXISTS))
    frames = TASK.draw(params, stats, heard, CLIPS)
    assert frames.shape == (2, FRAMES, SIDE, SIDE, 3)
    assert frames.min() >= 0 and frames.max() <= 1


def test_what_is_published_is_enough_to_talk(state):
    published = TASK.published(*state)
    assert published.system == "taem" and published.config == TINY
    assert set(published.params) == {OURS, "audio_to_lip", "lip_to_face"}
    assert set(published.stats) == set(published.params)


def test_any_talker_with_a_latent_will_do():
    talker = SyncTalkFaceConfig(SIDE, 0.02, slots=4)
    task = dataclasses.replace(TASK, model=dataclasses.replace(TINY, talker=talker))
    given = jax.eval_shape(task.init, KEY, {})
    assert set(given[0]) == {OURS, "face", "expert", "landmarks"}
    means = jax.eval_shape(task.measure, *given, CLIPS)
    assert all(isinstance(mean, Mean) for mean in means.values())
    picture = jax.eval_shape(task.picture, *given, CLIPS)["talk"]
    assert picture.shape == (FRAMES, 2 * SIDE, 2 * SIDE, 3)
