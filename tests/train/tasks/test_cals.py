"""CALS in training: what a unit is, what is hidden, and whom each loss moves."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.errors import InputError
from avjax.models.cals import CalsConfig
from avjax.text.phonemes import CLASSES
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.cals import CalsTask
from avjax.train.tasks.cals_units import CalsUnitsTask
from avjax.train.tasks.talking_common import of

SIDE = 32
TINY = CalsConfig(SIDE, 0.02, units=8, window=3, layers=2, heads=2, dropout=0.0)
WIDTHS = {"expert_width": 0.02, "critic_width": 0.02, "landmark_width": 0.02}
UNITS = CalsUnitsTask(TINY, expert_width=0.02)
FACE = CalsTask(TINY, **WIDTHS)
FROZEN = dataclasses.replace(
    FACE,
    model=dataclasses.replace(TINY, window=1),
    frozen=True,
    shortened=0.0,
)
KEY = jax.random.key(1)
pytestmark = pytest.mark.usefixtures("quick_faces")


def made_up(task):
    """params and stats of a task."""
    return untrained(jax.eval_shape(task.init, jax.random.key(0), {}))


@pytest.fixture(scope="module")
def units(quick_faces):
    """params and stats of UNITS, and its compiled loss."""
    given = made_up(UNITS)
    return given, jax.jit(lambda batch: UNITS.loss(*given, batch, KEY))


@pytest.fixture(scope="module")
def face(quick_faces):
    """params and stats of FACE."""
    return made_up(FACE)


@pytest.mark.parametrize("task", [UNITS, FACE], ids=["units", "face"])
def test_a_task_improves_on_one_batch_and_moves_its_parts_alone(task, context):
    objectives = task.objectives()
    optimizers = {o.name: make_optimizer(Adam(rate=5e-3), 12) for o in objectives}
    start = jax.jit(lambda batch: make_state(task, optimizers, KEY, batch))
    before, step = start(context), jax.jit(make_step(task, optimizers))
    state, losses = before, []
    for _ in range(12):
        state, logs = step(state, context, KEY)
        losses.append(float(logs[f"{objectives[0].name}/loss"]))
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    moved = {part for objective in objectives for part in objective.moves}
    for part, tree in state.params.items():
        leaves = zip(*map(jax.tree.leaves, (tree, before.params[part])), strict=True)
        assert any((a != b).any() for a, b in leaves) == (part in moved), part


def test_a_unit_is_what_the_expert_sees_in_the_five_frames_around(units, context):
    """cals (4)"""
    params, stats = units[0]
    truth = jax.jit(UNITS.truth)(params, stats, context)
    assert truth.shape == (2, 11, 8)
    np.testing.assert_allclose(jnp.linalg.norm(truth, axis=-1), 1, rtol=1e-5)
    expert = of(params, stats, "expert")
    clip = context["faces"][:, 3:8] / 255.0
    seen = UNITS.expert.apply(expert, clip, method="watch")
    np.testing.assert_allclose(truth[:, 3], seen, atol=1e-5)


def test_only_frames_that_exist_are_learnt_from(units, context):
    """cals (4): the second clip begins with its fourth frame."""
    loss = lambda batch: units[1](batch)[0]  # noqa: E731
    other = {**context, "faces": context["faces"].at[1, :3].set(0)}
    np.testing.assert_allclose(loss(context), loss(other), rtol=1e-5)
    moved = {**context, "faces": context["faces"].at[1, 8:].set(0)}
    assert abs(loss(context) - loss(moved)) > 1e-5


def test_the_loss_is_the_mean_over_hidden_phones_and_others(units, context):
    """cals (2), cals (4)"""
    total, report = units[1](context)
    told = [float(report.logs[name]) for name in ("hidden", "heard")]
    assert 0 < min(told) < total < max(told)


@pytest.mark.parametrize("kind", ["units", "face"])
def test_clips_are_also_heard_less_far_in_advance(kind, context):
    """Half of them, so that a live session may; with none, keys change nothing."""

    def totals(share):
        task = dataclasses.replace(
            {"units": UNITS, "face": FACE}[kind], shortened=share
        )
        task = dataclasses.replace(task, **({"masked": 0.0} if kind == "units" else {}))
        loss = jax.jit(lambda key: task.objectives()[0].loss(*given, context, key)[0])
        return [float(loss(jax.random.key(seed))) for seed in range(4)]

    given = made_up({"units": UNITS, "face": FACE}[kind])
    always, shortened = totals(0.0), totals(1.0)
    assert np.ptp(always) < 1e-6 * max(always) < np.ptp(shortened)


def test_units_are_measured_against_those_of_another(units, context):
    params, stats = units[0]
    means = jax.jit(UNITS.measure)(params, stats, context)
    assert set(means) == {"error", "hidden_error", "shuffled_error", "found"}
    assert float(means["error"].weight) == 19  # frames that exist
    assert float(means["shuffled_error"].weight) == 16  # in both clips
    assert 0 < float(means["hidden_error"].weight) < 19
    assert 0 <= means["found"].compute() <= 1


def test_pictures_teach_also_what_hears_and_the_total_is_weighted(face, context):
    """cals (5), cals (6), cals (7), cals (8), cals (9), cals (10)"""
    params, stats = face

    @jax.jit
    def find(params):
        loss = jax.value_and_grad(FACE.face_loss, has_aux=True)
        (total, report), slopes = loss(params, stats, context, KEY)
        return total, report, jax.tree.map(jnp.any, slopes)

    total, report, moved = find(params)
    logs, weights = report.logs, FACE.losses
    terms = {name: logs[name] for name in dataclasses.asdict(weights)}
    assert all(term > 0 for term in terms.values())
    expected = sum(getattr(weights, name) * term for name, term in terms.items())
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    reached = {part for part, tree in moved.items() if any(jax.tree.leaves(tree))}
    assert {"audio_to_lip", "lip_to_face"} <= reached
    assert set(report.stats) == {"audio_to_lip", "lip_to_face"}
    assert report.shows["made"].shape == (2, 1, 5, SIDE, SIDE, 3)


def test_frozen_units_stay_what_they_are(context):
    moves = {objective.name: objective.moves for objective in FROZEN.objectives()}
    assert moves == {"face": ("lip_to_face",), "critic": ("critic",)}
    given = jax.eval_shape(FROZEN.init, KEY, {})
    report = jax.eval_shape(FROZEN.face_loss, *given, context, KEY)[1]
    assert set(report.stats) == {"lip_to_face"}


def test_generated_lips_are_told_from_moments_that_exist_alone(face, context):
    """cals (8): of the second clip the two moments before the match do not exist."""
    params, stats = face
    seen = jax.nn.softmax(jax.random.normal(KEY, (2, 8)))
    seen = seen / jnp.linalg.norm(seen, axis=-1, keepdims=True)
    loss = jax.jit(lambda b: FACE.lip_loss(params, stats, seen, b))
    hidden = {**context, "window": context["window"].at[1, 0].set(0)}
    np.testing.assert_allclose(loss(context), loss(hidden), rtol=1e-5)
    moved = {**context, "window": context["window"].at[0, 0].set(0)}
    assert abs(loss(context) - loss(moved)) > 1e-4


def test_what_weighs_nothing_is_not_computed(face, context):
    off = {}
    for name in ("critic", "visual_visual", "audio_visual"):
        off[name] = 0.0
        losses = dataclasses.replace(FACE.losses, **off)
        task = dataclasses.replace(FACE, losses=losses)
        logs = jax.eval_shape(task.face_loss, *face, context, KEY)[1].logs
        assert set(logs) == {"motion", *dataclasses.asdict(losses)} - set(off)


def test_the_face_is_shown_the_units_of_its_own_frames(context):
    """Sound that is out of reach of all five targets changes nothing."""
    given = made_up(FROZEN)
    made = jax.jit(lambda b: FROZEN.face_loss(*given, b, KEY)[1].shows["made"])
    mels, first = context["mels"], made(context)
    far = {**context, "mels": mels.at[:, [0, 1, 9, 10]].set(3.0)}
    np.testing.assert_allclose(made(far), first, atol=1e-6)
    near = {**context, "mels": mels.at[:, 2].set(3.0)}
    assert not np.allclose(made(near), first, atol=1e-6)


def test_a_window_that_is_not_loaded_is_one_sentence(face, context):
    wide = dataclasses.replace(FACE, model=dataclasses.replace(TINY, window=4))
    with pytest.raises(InputError, match="is 4 frames, and train.window.reach 3"):
        jax.eval_shape(wide.face_loss, *face, context, KEY)


@pytest.fixture(scope="module")
def clips():
    """Two whole clips, of eight frames and of six."""
    random = np.random.default_rng(1)
    pictures = random.integers(0, 256, (2, 9, SIDE, SIDE, 3))
    exists = jnp.arange(8)[None] < jnp.asarray([[8], [6]])
    return {
        "faces": jnp.asarray(pictures[:, 1:], jnp.uint8),
        "reference": jnp.asarray(pictures[:, 0], jnp.uint8),
        "mels": jnp.asarray(random.normal(size=(2, 8, 16, 80)), jnp.float32),
        "heard": jnp.asarray(random.normal(size=(2, 8, 16, 80)), jnp.float32),
        "landmarks": jnp.zeros((2, 8, 20, 2)),
        "sounds": jnp.asarray(random.integers(0, 3, (2, 8))),
        "mask": exists.astype(jnp.float32),
        "weight": jnp.ones(2),
    }


@pytest.mark.parametrize("lookahead", [0, 2])
def test_a_clip_is_judged_as_it_is_heard_so_far_in_advance(face, clips, lookahead):
    """cals (3)"""
    task = dataclasses.replace(FACE, lookahead=lookahead)
    perform = jax.jit(lambda mels: task.perform(*face, {**clips, "mels": mels}))
    mels = clips["mels"]
    changed = perform(mels) != perform(mels.at[0, 5].set(3.0))
    frames = np.flatnonzero(np.any(changed[0], axis=(1, 2, 3)))
    assert frames[0] == 5 - lookahead and not changed[1].any()


def test_whole_clips_are_said_again_and_judged(face, clips):
    means = jax.jit(FACE.measure)(*face, clips)
    told = {"lmd", "psnr", "near", "jerk", "bilabials_shut", "swapped_near"}
    assert told | {f"lmd_{name}" for name in CLASSES} <= set(means)
    assert float(means["psnr"].weight) == 14  # frames that exist
    picture = jax.jit(FACE.picture)(*face, clips)["talk"]
    assert picture.shape == (8, 2 * SIDE, 2 * SIDE, 3) and picture.dtype == jnp.uint8
    np.testing.assert_array_equal(picture[:, :SIDE, :SIDE], clips["faces"][0])


def test_what_is_published_is_enough_to_talk(units, face):
    published = FACE.published(*face)
    assert published.system == "cals" and published.config == TINY
    assert set(published.params) == {"audio_to_lip", "lip_to_face"}
    begun = UNITS.published(*units[0])
    assert begun.system == "cals_units" and set(begun.params) == {"audio_to_lip"}
