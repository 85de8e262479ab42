"""The tasks of CALS: units, masking, and which parts each loss updates."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.errors import InputError
from avjax.losses.weights import CalsLossWeights
from avjax.models.cals import CalsConfig
from avjax.text.phonemes import PHONEME_CLASSES
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.cals import CalsTask
from avjax.train.tasks.cals_units import CalsUnitsTask
from avjax.train.tasks.parts import variables_of
from avjax.train.tasks.talking.auxiliary import AuxiliaryNetworks
from avjax.train.tasks.talking.lip_reading import LipReaderConfig

SIDE = 32
TINY = CalsConfig(
    SIDE, 0.02, unit_dim=8, context_frames=3, layers=2, heads=2, dropout=0.0
)
AUX = AuxiliaryNetworks(0.02, 0.02, 0.02)
UNITS = CalsUnitsTask(TINY, sync_expert_width=0.02)
FACE = CalsTask(
    TINY,
    CalsLossWeights(reading=0.1),
    aux=AUX,
    reader=LipReaderConfig(size=32, width=0.02),
)
FROZEN = dataclasses.replace(
    FACE,
    model=dataclasses.replace(TINY, context_frames=1),
    freeze_units=True,
    lookahead_dropout=0.0,
)
KEY = jax.random.key(1)
pytestmark = pytest.mark.usefixtures("quick_faces")


def random_state(task):
    """Make random params and stats of a task."""
    return untrained(jax.eval_shape(task.init, jax.random.key(0), {}))


@pytest.fixture(scope="module")
def units(quick_faces):
    """params and stats of UNITS, and its compiled loss."""
    state = random_state(UNITS)
    return state, jax.jit(lambda batch: UNITS.loss(*state, batch, KEY))


@pytest.fixture(scope="module")
def face(quick_faces):
    """params and stats of FACE."""
    return random_state(FACE)


@pytest.mark.parametrize("task", [UNITS, FACE], ids=["units", "generator"])
def test_task_improves_on_one_batch_and_updates_its_parts_only(task, context):
    objectives = task.objectives()
    optimizers = {
        o.name: make_optimizer(Adam(learning_rate=5e-3), 12) for o in objectives
    }
    start = jax.jit(lambda batch: make_state(task, optimizers, KEY, batch))
    before, step = start(context), jax.jit(make_step(task, optimizers))
    state, losses = before, []
    for _ in range(12):
        state, logs = step(state, context, KEY)
        losses.append(float(logs[f"{objectives[0].name}/loss"]))
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    updated = {part for objective in objectives for part in objective.parts}
    for part, tree in state.params.items():
        leaves = zip(*map(jax.tree.leaves, (tree, before.params[part])), strict=True)
        assert any((a != b).any() for a, b in leaves) == (part in updated), part


def test_unit_is_the_sync_embedding_of_the_five_frames_around(units, context):
    """cals (4)"""
    params, stats = units[0]
    target = jax.jit(UNITS.target_units)(params, stats, context)
    assert target.shape == (2, 11, 8)
    np.testing.assert_allclose(jnp.linalg.norm(target, axis=-1), 1, rtol=1e-5)
    expert = variables_of(params, stats, "sync_expert")
    clip = context["faces"][:, 3:8] / 255.0
    video = UNITS.sync_expert.apply(expert, clip, method="encode_frames")
    np.testing.assert_allclose(target[:, 3], video, atol=1e-5)


def test_missing_frames_do_not_change_the_loss(units, context):
    """cals (4): the first three frames of the second clip are missing."""
    loss = lambda batch: units[1](batch)[0]  # noqa: E731
    other = {**context, "faces": context["faces"].at[1, :3].set(0)}
    np.testing.assert_allclose(loss(context), loss(other), rtol=1e-5)
    updated = {**context, "faces": context["faces"].at[1, 8:].set(0)}
    assert abs(loss(context) - loss(updated)) > 1e-5


def test_loss_is_the_mean_over_masked_and_visible_frames(units, context):
    """cals (2), cals (4)"""
    total, aux = units[1](context)
    expected = [float(aux.logs[name]) for name in ("masked", "visible")]
    assert 0 < min(expected) < total < max(expected)


@pytest.mark.parametrize("kind", ["units", "generator"])
def test_lookahead_dropout_shortens_the_lookahead(kind, context):
    """Without it, the loss does not depend on the key."""

    def totals(fraction):
        task = dataclasses.replace(
            {"units": UNITS, "generator": FACE}[kind], lookahead_dropout=fraction
        )
        task = dataclasses.replace(
            task, **({"mask_ratio": 0.0} if kind == "units" else {})
        )
        loss = jax.jit(lambda key: task.objectives()[0].loss(*state, context, key)[0])
        return [float(loss(jax.random.key(seed))) for seed in range(4)]

    state = random_state({"units": UNITS, "generator": FACE}[kind])
    fixed, varied = totals(0.0), totals(1.0)
    assert np.ptp(fixed) < 1e-6 * max(fixed) < np.ptp(varied)


def test_units_are_compared_with_those_of_another_clip(units, context):
    params, stats = units[0]
    means = jax.jit(UNITS.evaluate)(params, stats, context)
    assert set(means) == {"error", "masked_error", "shuffled_error", "retrieval_acc"}
    assert float(means["error"].weight) == 19  # frames that exist
    assert float(means["shuffled_error"].weight) == 16  # in both clips
    assert 0 < float(means["masked_error"].weight) < 19
    assert 0 <= means["retrieval_acc"].compute() <= 1


def test_generator_loss_is_weighted_and_trains_both_parts(face, context):
    """cals (5), cals (6), cals (7), cals (8), cals (9), cals (10), lip reading"""
    params, stats = face

    @jax.jit
    def find(params):
        loss = jax.value_and_grad(FACE.generator_loss, has_aux=True)
        (total, aux), slopes = loss(params, stats, context, KEY)
        return total, aux, jax.tree.map(jnp.any, slopes)

    total, aux, updated = find(params)
    logs, weights = aux.logs, FACE.losses
    terms = {name: logs[name] for name in dataclasses.asdict(weights)}
    assert all(term > 0 for term in terms.values())
    expected = sum(getattr(weights, name) * term for name, term in terms.items())
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    reached = {part for part, tree in updated.items() if any(jax.tree.leaves(tree))}
    assert {"audio_to_lip", "lip_to_face"} <= reached
    assert set(aux.stats) == {"audio_to_lip", "lip_to_face"}
    assert aux.extra_batch["generated"].shape == (2, 1, 5, SIDE, SIDE, 3)


def test_frozen_units_are_not_updated(context):
    parts = {objective.name: objective.parts for objective in FROZEN.objectives()}
    assert parts == {"generator": ("lip_to_face",), "discriminator": ("discriminator",)}
    state = jax.eval_shape(FROZEN.init, KEY, {})
    aux = jax.eval_shape(FROZEN.generator_loss, *state, context, KEY)[1]
    assert set(aux.stats) == {"lip_to_face"}


def test_lip_loss_ignores_missing_candidates(face, context):
    """cals (8): two candidates before the match do not exist in the second clip."""
    params, stats = face
    video = jax.nn.softmax(jax.random.normal(KEY, (2, 8)))
    video = video / jnp.linalg.norm(video, axis=-1, keepdims=True)
    loss = jax.jit(lambda b: FACE.lip_loss(params, stats, video, b))
    hidden = {**context, "frames": context["frames"].at[1, 0].set(0)}
    np.testing.assert_allclose(loss(context), loss(hidden), rtol=1e-5)
    updated = {**context, "frames": context["frames"].at[0, 0].set(0)}
    assert abs(loss(context) - loss(updated)) > 1e-4


def test_lip_loss_can_leave_out_the_neighbours_of_the_true_frame(face, context):
    """cals (8): a margin of half of the frames leaves nothing to contrast with."""
    video = jnp.full((2, 8), 8**-0.5)

    def loss(margin):
        task = dataclasses.replace(FACE, infonce_margin=margin)
        return jax.jit(lambda b: task.lip_loss(*face, video, b))(context)

    assert loss(0) > loss(1) > 1e-3
    np.testing.assert_allclose(loss(3), 0, atol=1e-6)


@pytest.mark.parametrize("kind", ["units", "generator"])
def test_phones_to_face_change_no_other_parameters(kind, context):
    task = {"units": UNITS, "generator": FACE}[kind]
    model = dataclasses.replace(TINY, phones_to_face=True)
    task = dataclasses.replace(task, model=model)
    params, stats = jax.eval_shape(task.init, KEY, {})
    loss = task.objectives()[0].loss
    total, _ = jax.eval_shape(loss, params, stats, context, KEY)
    assert total.shape == ()
    lip_to_face = params.get("lip_to_face", {})
    added = {"phone_guide"} if kind == "generator" else set()
    assert set(lip_to_face) - {"guide", "identity", "decoder"} == added


def test_terms_of_weight_zero_are_not_computed(face, context):
    zero_weights = {}
    for name in ("reading", "adversarial", "visual_visual", "audio_visual"):
        zero_weights[name] = 0.0
        losses = dataclasses.replace(FACE.losses, **zero_weights)
        task = dataclasses.replace(FACE, losses=losses)
        logs = jax.eval_shape(task.generator_loss, *face, context, KEY)[1].logs
        assert set(logs) == {"motion", *dataclasses.asdict(losses)} - set(zero_weights)


def test_generated_frames_depend_on_audio_within_the_context_only(context):
    """Audio outside the context of all five targets has no influence."""
    state = random_state(FROZEN)
    generated = jax.jit(
        lambda b: FROZEN.generator_loss(*state, b, KEY)[1].extra_batch["generated"]
    )
    mels, first = context["mels"], generated(context)
    outside_context = {**context, "mels": mels.at[:, [0, 1, 9, 10]].set(3.0)}
    np.testing.assert_allclose(generated(outside_context), first, atol=1e-6)
    inside_context = {**context, "mels": mels.at[:, 2].set(3.0)}
    assert not np.allclose(generated(inside_context), first, atol=1e-6)


def test_too_short_context_is_an_input_error(face, context):
    wide = dataclasses.replace(FACE, model=dataclasses.replace(TINY, context_frames=4))
    with pytest.raises(
        InputError, match="is 4, but train.transform.context_frames is only 3"
    ):
        jax.eval_shape(wide.generator_loss, *face, context, KEY)


@pytest.fixture(scope="module")
def clips():
    """Two whole clips, of eight frames and of six."""
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (2, 9, SIDE, SIDE, 3))
    exists = jnp.arange(8)[None] < jnp.asarray([[8], [6]])
    return {
        "faces": jnp.asarray(images[:, 1:], jnp.uint8),
        "reference": jnp.asarray(images[:, 0], jnp.uint8),
        "mels": jnp.asarray(random.normal(size=(2, 8, 16, 80)), jnp.float32),
        "sync_mels": jnp.asarray(random.normal(size=(2, 8, 16, 80)), jnp.float32),
        "landmarks": jnp.zeros((2, 8, 20, 2)),
        "phoneme_class": jnp.asarray(random.integers(0, 3, (2, 8))),
        "frame_mask": exists.astype(jnp.float32),
        "weight": jnp.ones(2),
    }


@pytest.mark.parametrize("lookahead", [0, 2])
def test_evaluation_uses_the_given_lookahead(face, clips, lookahead):
    """cals (3)"""
    task = dataclasses.replace(FACE, lookahead=lookahead)
    generate = jax.jit(lambda mels: task.generate(*face, {**clips, "mels": mels}))
    mels = clips["mels"]
    changed = generate(mels) != generate(mels.at[0, 5].set(3.0))
    frames = np.flatnonzero(np.any(changed[0], axis=(1, 2, 3)))
    assert frames[0] == 5 - lookahead and not changed[1].any()


def test_whole_clips_are_evaluated_and_shown(face, clips):
    means = jax.jit(FACE.evaluate)(*face, clips)
    expected = {
        "lmd",
        "psnr",
        "in_sync",
        "jerk",
        "bilabials_shut",
        "swapped_audio_in_sync",
    }
    assert expected | {f"lmd_{name}" for name in PHONEME_CLASSES} <= set(means)
    assert float(means["psnr"].weight) == 14  # frames that exist
    picture = jax.jit(FACE.visualize)(*face, clips)["talk"]
    assert picture.shape == (8, 2 * SIDE, 2 * SIDE, 3) and picture.dtype == jnp.uint8
    np.testing.assert_array_equal(picture[:, :SIDE, :SIDE], clips["faces"][0])


def test_export_is_enough_to_talk(units, face):
    released = FACE.export(*face)
    assert released.system == "cals" and released.config == TINY
    assert set(released.params) == {"audio_to_lip", "lip_to_face"}
    units_only = UNITS.export(*units[0])
    assert units_only.system == "cals_units" and set(units_only.params) == {
        "audio_to_lip"
    }
