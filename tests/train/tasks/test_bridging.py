"""The task of bridging: its losses, its metrics, and its scores on the host."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.losses.sequence import ctc_loss
from avjax.losses.weights import BridgingLossWeights
from avjax.models.bridging import BridgingConfig, BridgingTrainOutputs
from avjax.train.compiled import build
from avjax.train.experiment import Experiment
from avjax.train.optimizers import Sgd
from avjax.train.parallel import sharding
from avjax.train.tasks import bridging
from avjax.train.tasks.bridging import BridgingTask

pytestmark = pytest.mark.usefixtures("quick_fronts")
KEY = jax.random.key(0)
QUICK = {"size": 16, "width": 1 / 64, "num_slots": 5}
WORDS = BridgingTask(BridgingConfig("words", tuple("abcd"), **QUICK))
LETTERS = BridgingTask(
    BridgingConfig("sentences", ("", *"abc "), **QUICK, outputs_per_frame=2)
)
SPEECH = BridgingTask(BridgingConfig("speech", **QUICK))


def without_memory(task):
    model = dataclasses.replace(task.model, num_slots=0)
    return dataclasses.replace(task, model=model)


def random_normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture
def shapes(reading):
    """Evaluate the shapes of a method's result, without computing it."""

    def find(task, method, *more):
        params, stats = jax.eval_shape(task.init, KEY, reading)
        return jax.eval_shape(getattr(task, method), params, stats, reading, *more)

    return find


def test_loss_is_the_weighted_sum_of_four_terms(reading):
    """bridging (8)"""
    weights = BridgingLossWeights(recalled=2, audio=3, memory=5, address=7)
    task = dataclasses.replace(WORDS, losses=weights)
    params, stats = jax.jit(task.init)(KEY, reading)
    total, aux = jax.jit(task.loss)(params, stats, reading, KEY)
    logs = aux.logs
    expected = 2 * logs["recalled"] + 3 * logs["audio"] + 5 * logs["memory"]
    np.testing.assert_allclose(total, expected + 7 * logs["address"], rtol=1e-5)
    assert all(logs.values()) and set(aux.stats) == {"reader"}


def test_without_memory_only_the_lips_are_used(shapes, reading):
    del reading["mel"]
    _, aux = shapes(without_memory(WORDS), "loss", KEY)
    assert set(aux.logs) == {"recalled"}


@pytest.fixture
def outputs():
    """Random outputs of a network for the batch `reading`, for a vocabulary of four."""
    addresses = jax.nn.softmax(random_normal(0, 2, 2, 8, 5))
    return BridgingTrainOutputs(
        *random_normal(1, 2, 2, 8, 4), *addresses, *random_normal(2, 3, 2, 8, 6)
    )


def test_each_term_matches_loops_over_clips_and_frames(outputs, reading):
    """bridging (3), bridging (4), bridging (6): by loops over clips and frames."""
    reading["weight"] = jnp.asarray([1.0, 0.5])
    result = WORDS.errors(outputs, reading)
    logits_of = {
        "recalled": outputs.recalled_output,
        "audio": outputs.audio_output,
    }
    for name, output in logits_of.items():
        for clip, frames in enumerate((8, 6)):
            logits = np.mean(output[clip, :frames], axis=0, dtype=float)
            odds = np.exp(logits) / np.exp(logits).sum()
            expected = -np.log(odds[reading["labels"][clip, 0]])
            np.testing.assert_allclose(result[name][clip], expected, rtol=1e-5)
        np.testing.assert_array_equal(WORDS.weight(result[name], reading), [1, 0.5])
    exists = [[1] * 8, [0.5] * 6 + [0] * 2]
    for place in np.ndindex(2, 8):
        difference = np.asarray(outputs.stored[place]) - np.asarray(
            outputs.audio[place]
        )
        np.testing.assert_allclose(
            result["memory"][place], np.mean(difference**2), rtol=1e-5
        )
        p = np.asarray(outputs.audio_address[place])
        q = np.asarray(outputs.visual_address[place])
        divergence = np.sum(p * np.log(p / q))
        np.testing.assert_allclose(result["address"][place], divergence, rtol=1e-3)
    for name in ("memory", "address"):
        np.testing.assert_array_equal(WORDS.weight(result[name], reading), exists)


def test_sentence_error_is_per_symbol(reading):
    """bridging (6)"""
    output = random_normal(0, 2, 16, 5)
    result = LETTERS.task_error(output, reading)
    exists = jnp.asarray([[1.0] * 16, [1.0] * 12 + [0.0] * 4])
    allowed = jnp.repeat(reading["allowed"], 2, axis=1)
    clip_loss = ctc_loss(
        output, exists, reading["labels"], reading["label_mask"], allowed
    )
    np.testing.assert_allclose(result, clip_loss / np.array([3, 2]), rtol=1e-5)


def test_speech_error_is_per_mel_frame(reading):
    """bridging (7)"""
    output = random_normal(0, 2, 32, 80)
    result = SPEECH.task_error(output, reading)
    expected = np.abs(np.asarray(output - reading["voice"])).mean(-1)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    weight = np.asarray(SPEECH.weight(result, reading))
    np.testing.assert_array_equal(weight, [[1] * 32, [1] * 24 + [0] * 8])


def test_words_are_measured_with_recalled_and_real_audio(reading):
    params, stats = jax.jit(WORDS.init)(KEY, reading)
    reading["weight"] = jnp.asarray([1.0, 0.0])
    (named, _), means = jax.jit(
        lambda *state: (WORDS.outputs(*state), WORDS.evaluate(*state))
    )(params, stats, reading)
    for prefix in ("", "with_audio_"):
        mean = means[f"{prefix}accuracy"]
        best = int(np.argmax(np.mean(named[prefix][0], axis=0)))
        assert (float(mean.total), float(mean.weight)) == (best == 1, 1)
        assert float(means[f"{prefix}loss"].weight) == 1
    assert float(means["divergence"].weight) == 8


def test_words_can_be_averaged_with_the_mirrored_clip(reading):
    params, stats = jax.jit(WORDS.init)(KEY, reading)
    mirrored_task = dataclasses.replace(WORDS, mirrored=True)
    turned = reading | {"lips": reading["lips"][:, :, :, ::-1]}
    result = jax.jit(
        lambda *batches: [
            mirrored_task.evaluate(params, stats, batch) for batch in batches
        ]
    )(reading, turned)
    first, second = (float(means["loss"].total) for means in result)
    np.testing.assert_allclose(first, second, rtol=1e-5)
    single = jax.jit(WORDS.evaluate)(params, stats, reading)["loss"].total
    assert abs(float(single) - first) > 1e-4


@pytest.mark.parametrize("task", [LETTERS, SPEECH])
def test_without_memory_only_the_lips_are_measured(task, shapes):
    assert set(shapes(without_memory(task), "evaluate")) == {"loss"}
    result = set(shapes(task, "evaluate"))
    assert {"loss", "with_audio_loss", "top1", "cosine"} < result


def test_words_have_no_predictions_for_the_host(shapes):
    assert shapes(WORDS, "predict") == {}
    assert shapes(LETTERS, "predict") == shapes(LETTERS, "predict_log_probs")
    assert shapes(SPEECH, "predict") == shapes(SPEECH, "predict_speech")


def test_sentences_are_predicted_as_log_probabilities(reading):
    params, stats = jax.jit(LETTERS.init)(KEY, reading)
    result = jax.jit(LETTERS.predict)(params, stats, reading)
    for name in ("log_probs", "with_audio_log_probs"):
        assert result[name].shape == (2, 16, 5)
        np.testing.assert_allclose(np.exp(result[name]).sum(-1), 1, rtol=1e-5)
    assert not np.allclose(result["log_probs"], result["with_audio_log_probs"])
    targets = {"frame_mask", "labels", "label_mask", "weight"}
    assert set(result) == targets | {"log_probs", "with_audio_log_probs"}


def test_speech_is_predicted_for_every_prefix(reading, monkeypatch):
    """With a vocoder that returns the first mel band."""
    monkeypatch.setattr(bridging, "GriffinLim", lambda: lambda mel: mel[..., 0])
    params, stats = jax.jit(SPEECH.init)(KEY, reading)
    result = jax.jit(lambda *state: SPEECH.predict(*state))(params, stats, reading)
    target = np.asarray(reading["voice"])[..., 0]
    np.testing.assert_array_equal(result["oracle_speech"], target)
    known = np.concatenate([target[0], target[1, :24]])
    np.testing.assert_allclose(result["mean_speech"], np.mean(known), rtol=1e-4)
    assert result["speech"].shape == result["with_audio_speech"].shape == (2, 32)
    assert not np.allclose(result["speech"], result["with_audio_speech"])
    np.testing.assert_array_equal(result["wave"], reading["wave"])


def test_export_has_system_and_config(shapes):
    released = LETTERS.export({"reader": 1}, {"reader": 2})
    assert released.system == "bridging" and released.config == LETTERS.model


def test_sharded_step_matches_one_device(reading):
    """Batch statistics, memory, dropout and CTC, over two devices."""
    reading["allowed"] = jnp.ones_like(reading["allowed"])

    def step(shape):
        sgd = {"reader": Sgd(learning_rate=0.1)}
        experiment = Experiment(LETTERS, train=None, evals={}, optim=sgd, steps=1)
        mesh = sharding.make_mesh(shape)
        program = build(experiment, mesh, jax.tree.map(np.asarray, reading))
        batch = sharding.to_global(mesh, jax.tree.map(np.asarray, reading))
        return program.step(program.init(), batch, program.key)

    (single, logs), (sharded, sharded_logs) = step((1, 1)), step((2, 1))
    assert float(logs["reader/recalled"]) > 1
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-4),
        (single.params, single.stats, logs),
        (sharded.params, sharded.stats, sharded_logs),
    )
