"""The task of TAEM: its losses, the means of phonemes, and its metrics."""

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
from avjax.models.talker import latent_space
from avjax.text.phonemes import PAUSE, PHONEME_CLASSES
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.parts import variables_of
from avjax.train.tasks.taem import TaemTask
from avjax.train.tasks.talking.auxiliary import AuxiliaryNetworks
from avjax.train.tasks.text_driven.phoneme_means import running_mean

SIDE, FRAMES, NUM_PHONEMES = 32, 8, 7
TALKER = CalsConfig(SIDE, 0.02, unit_dim=6, context_frames=0, layers=1, heads=2)
TINY = TaemConfig(
    TALKER,
    NUM_PHONEMES,
    dim=8,
    encoder_layers=1,
    refiner_layers=1,
    context_phonemes=2,
    context_frames=2,
    dropout=0.0,
)
TASK = TaemTask(
    TINY, aux=AuxiliaryNetworks(sync_expert_width=0.02, landmark_width=0.02)
)
KEY = jax.random.key(1)
RNG = np.random.default_rng(0)
TEXT_PART = "text_encoder"
pytestmark = pytest.mark.usefixtures("quick_faces")


def random_images(*shape):
    return jnp.asarray(RNG.integers(0, 256, (*shape, SIDE, SIDE, 3)), jnp.uint8)


def random_mels():
    return jnp.asarray(RNG.normal(size=(2, FRAMES, 16, 80)), jnp.float32)


EDGES = [[0, 0.06, 0.12, 0.2, 0.32], [-0.2, 0.1, 0.24, 0.24, 0.24]]
TEXT = {
    "phoneme_ids": jnp.array([[PAUSE, 3, 2, 4], [5, 2, 0, 0]]),
    "phoneme_edges": jnp.array(EDGES),
    "portrait": random_images(2),
    "weight": jnp.ones(2),
}
EXISTS = jnp.ones((2, FRAMES)).at[1, 6:].set(0)
BATCH = {
    **TEXT,
    "mels": random_mels(),
    "frame_mask": EXISTS,
    "loss_mask": EXISTS.at[0, :2].set(0),
}
CLIPS = {
    **TEXT,
    "faces": random_images(2, FRAMES),
    "reference": TEXT["portrait"],
    "mels": random_mels(),
    "sync_mels": random_mels(),
    "cascade_mels": random_mels(),
    "landmarks": jnp.zeros((2, FRAMES, 20, 2)),
    "phoneme_class": jnp.asarray(RNG.integers(0, 3, (2, FRAMES))),
    "frame_mask": EXISTS,
}


@pytest.fixture(scope="module")
def state(quick_faces):
    """Random params and stats, with statistics of latents and of durations."""
    shapes = jax.eval_shape(TASK.init, jax.random.key(0), {})
    params, stats = untrained(shapes)
    latents = jnp.asarray(
        RNG.normal(size=(NUM_PHONEMES, TALKER.latent_dim)), jnp.float32
    )
    seconds = jnp.arange(NUM_PHONEMES) / 50
    scale = {"mean": jnp.zeros(6), "square": jnp.full(6, 0.25), "count": jnp.ones(())}
    means = {**stats["means"], "latents": latents, "seconds": seconds}
    return params, {
        **stats,
        TEXT_PART: {**stats[TEXT_PART], "normalizer": scale},
        "means": means,
    }


@pytest.fixture(scope="module")
def loss(state):
    return jax.jit(lambda batch: TASK.loss(*state, batch, KEY))


@pytest.fixture(scope="module")
def metrics(state):
    return jax.jit(TASK.evaluate)(*state, CLIPS)


def test_task_improves_on_one_batch_and_updates_its_part_only():
    optimizers = {"text": make_optimizer(Adam(learning_rate=5e-3), 12)}
    start = jax.jit(lambda batch: make_state(TASK, optimizers, KEY, batch))
    before, step = start(BATCH), jax.jit(make_step(TASK, optimizers))
    state, losses = before, []
    for _ in range(12):
        state, logs = step(state, BATCH, KEY)
        losses.append(float(logs["text/loss"]))
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    for part, tree in state.params.items():
        is_equal = jax.tree.map(lambda a, b: (a == b).all(), tree, before.params[part])
        assert all(jax.tree.leaves(is_equal)) == (part != TEXT_PART), part
    assert set(state.opt) == {"text"}
    assert state.stats[TEXT_PART]["normalizer"]["count"] == 12 * 12  # frames that count
    assert state.stats["means"]["phonemes"][PAUSE] == 12


def test_loss_is_the_weighted_sum_of_latents_and_durations(loss, state):
    """taem (7), taem (8): durations by a loop over phonemes."""
    total, aux = loss(BATCH)
    logs, weights = aux.logs, TASK.losses
    expected = weights.latents * logs["latents"] + weights.durations * logs["durations"]
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    params, stats = state
    latents_by_audio = TASK.encode_audio(params, stats, BATCH["mels"], EXISTS)
    inputs = [BATCH[key] for key in ("phoneme_ids", "phoneme_edges", "portrait")]
    (pred, target), _ = jax.jit(
        lambda variables: TASK.text_encoder.apply(
            variables,
            *inputs,
            latents_by_audio,
            BATCH["loss_mask"],
            method="forward_train",
            mutable=["batch_stats"],
            rngs={"dropout": KEY},
        )
    )(variables_of(params, stats, TEXT_PART))
    error = np.abs(pred.latents - target).mean(axis=-1)[BATCH["loss_mask"] > 0]
    np.testing.assert_allclose(logs["latents"], error.mean(), rtol=1e-4)
    differences = [
        float(pred.durations[clip, at]) - np.log1p(100 * np.diff(EDGES[clip])[at])
        for clip, at in [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]
    ]
    errors = [2 * (np.exp(-x) + x - 1) for x in differences]
    np.testing.assert_allclose(logs["durations"], np.mean(errors), rtol=1e-4)


def test_frames_without_weight_do_not_change_the_loss(loss):
    mels = BATCH["mels"]
    other = {**BATCH, "mels": mels.at[0, :2].set(3).at[1, 6:].set(3)}
    first, second = loss(BATCH), loss(other)
    np.testing.assert_allclose(first[0], second[0], rtol=1e-5)
    changed = loss({**BATCH, "mels": mels.at[0, 2].set(3)})
    assert abs(first[0] - changed[0]) > 1e-5
    for one, other in zip(
        *(jax.tree.leaves(x[1].stats["means"]) for x in (first, second)), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_phoneme_means_match_a_loop_over_frames(state):
    """A frame has four steps, each of one phoneme."""
    params, stats = state
    empty = jax.tree.map(jnp.zeros_like, stats["means"])

    @jax.jit
    def count(batch):
        stats_ = {**stats, "means": empty}
        return TASK.loss(params, stats_, batch, KEY)[1].stats["means"]

    result = count(BATCH)
    latents_by_audio = np.asarray(
        TASK.encode_audio(params, stats, BATCH["mels"], EXISTS)
    )
    total, share = np.zeros((NUM_PHONEMES, 6)), np.zeros(NUM_PHONEMES)
    for clip, frame, step in np.ndindex(2, FRAMES, 4):
        moment = (4 * frame + step + 0.5) / 100
        if BATCH["loss_mask"][clip, frame]:
            at = int(np.searchsorted(EDGES[clip], moment, side="right")) - 1
            phoneme = int(BATCH["phoneme_ids"][clip, at])
            total[phoneme] += latents_by_audio[clip, frame] / 4
            share[phoneme] += 1 / 4
    known = share > 0
    np.testing.assert_allclose(result["frames"], share, atol=1e-5)
    expected = total[known] / share[known, None]
    np.testing.assert_allclose(result["latents"][known], expected, atol=1e-4)
    np.testing.assert_allclose(result["seconds"][2], (0.08 + 0.14) / 2, rtol=1e-5)
    np.testing.assert_allclose(result["seconds"][4], 0.12, rtol=1e-5)


def test_running_mean_equals_the_mean_of_all_values():
    mean, count = running_mean(
        jnp.array([2.0, 0]), jnp.array([3.0, 0]), jnp.ones(2), jnp.ones(2)
    )
    np.testing.assert_allclose(mean, [7 / 4, 1])
    np.testing.assert_array_equal(count, [4, 1])


def test_text_is_compared_with_audio_and_phoneme_means(metrics):
    compared = "", "wrong_speaker_", "phoneme_mean_", "tts_cascade_"
    rows = {prefix + name for prefix in compared for name in ("cosine", "r2")}
    lengths = {"duration_ms", "length_error"}
    lengths |= {f"phoneme_mean_{name}" for name in lengths}
    generated = "", "audio_", "phoneme_mean_", "tts_cascade_", "reference_"
    faces = {prefix + name for prefix in generated for name in ("lmd", "in_sync")}
    expected = rows | lengths | faces | {f"lmd_{name}" for name in PHONEME_CLASSES}
    assert expected <= set(metrics)
    assert float(metrics["cosine"].weight) == 14  # frames that exist
    assert float(metrics["duration_ms"].weight) == 5  # phonemes without pauses
    assert float(metrics["length_error"].weight) == 2  # clips
    wrong = float(metrics["wrong_speaker_cosine"].total)
    assert abs(float(metrics["cosine"].total) - wrong) > 1e-6


def test_cascade_is_measured_by_its_latents(state, metrics):
    """With eSpeak's audio, and with the clip's own audio in its place."""
    measure = jax.jit(TASK.evaluate)
    result = measure(*state, {**CLIPS, "cascade_mels": CLIPS["mels"]})
    assert result["tts_cascade_r2"].compute() == pytest.approx(1)
    assert result["tts_cascade_lmd"].total == result["audio_lmd"].total
    assert metrics["tts_cascade_r2"].compute() < 0.99
    assert metrics["tts_cascade_lmd"].total != metrics["audio_lmd"].total


def test_durations_are_compared_with_the_means(metrics):
    """The mean duration of phoneme n is n / 50 seconds."""
    means = np.array([[0, 0.06, 0.04, 0.08], [0.1, 0.04, 0, 0]])
    target = np.diff(EDGES, axis=1) * [[0, 1, 1, 1], [1, 1, 0, 0]]
    mean_error = np.abs(means - target).sum() / 5
    np.testing.assert_allclose(
        metrics["phoneme_mean_duration_ms"].compute(), 1000 * mean_error, rtol=1e-4
    )
    share = np.abs(means.sum(axis=1) / target.sum(axis=1) - 1)
    result = metrics["phoneme_mean_length_error"].compute()
    np.testing.assert_allclose(result, share.mean(), rtol=1e-4)


def test_r2_is_one_for_the_target_and_zero_for_the_mean(state):
    variables = variables_of(*state, TEXT_PART)
    latents_by_audio = jnp.asarray(RNG.normal(size=(2, FRAMES, 6)), jnp.float32)

    def compare(pred):
        return TASK.compare_latents(variables, pred, latents_by_audio, EXISTS)

    assert compare(latents_by_audio)["r2"].compute() == pytest.approx(1)
    assert compare(latents_by_audio)["cosine"].compute() == pytest.approx(1)
    assert compare(jnp.zeros_like(latents_by_audio))["r2"].compute() == pytest.approx(
        0, abs=1e-5
    )


def test_audio_latents_are_those_of_the_frozen_talker(state):
    """Metrics with the prefix audio_ are the upper bound."""
    params, stats = state
    space, talker = latent_space(TALKER), TASK.talker_variables(params, stats)
    latents_by_audio = TASK.encode_audio(
        params, stats, CLIPS["mels"], CLIPS["frame_mask"]
    )
    np.testing.assert_allclose(
        latents_by_audio, space.encode_audio(talker, CLIPS["mels"], EXISTS)
    )
    frames = TASK.decode_frames(params, stats, latents_by_audio, CLIPS)
    assert frames.shape == (2, FRAMES, SIDE, SIDE, 3)
    assert frames.min() >= 0 and frames.max() <= 1


def test_export_is_enough_to_talk(state):
    released = TASK.export(*state)
    assert released.system == "taem" and released.config == TINY
    assert set(released.params) == {TEXT_PART, "audio_to_lip", "lip_to_face"}
    assert set(released.stats) == set(released.params)


def test_task_works_with_another_talker():
    talker = SyncTalkFaceConfig(SIDE, 0.02, num_slots=4)
    task = dataclasses.replace(TASK, model=dataclasses.replace(TINY, talker=talker))
    state = jax.eval_shape(task.init, KEY, {})
    assert set(state[0]) == {TEXT_PART, "generator", "sync_expert", "lip_landmarks"}
    means = jax.eval_shape(task.evaluate, *state, CLIPS)
    assert all(isinstance(mean, Mean) for mean in means.values())
    picture = jax.eval_shape(task.visualize, *state, CLIPS)["talk"]
    assert picture.shape == (FRAMES, 2 * SIDE, 2 * SIDE, 3)
