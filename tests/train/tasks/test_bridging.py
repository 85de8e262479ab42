"""The task of bridging: its total, what counts, and what is scored on the host."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.audio import speech_mel as spectrum
from avjax.losses.sequence import transcript_error
from avjax.metrics import speech
from avjax.models.bridging import BridgingConfig, LossWeights, Rehearsed
from avjax.train import sharding
from avjax.train.compiled import build
from avjax.train.experiment import Experiment
from avjax.train.optimizers import Sgd
from avjax.train.tasks import bridging
from avjax.train.tasks.bridging import BridgingTask, score_speech

pytestmark = pytest.mark.usefixtures("quick_fronts")
KEY = jax.random.key(0)
QUICK = {"size": 16, "width": 1 / 64, "slots": 5}
WORDS = BridgingTask(BridgingConfig("words", tuple("abcd"), **QUICK))
LETTERS = BridgingTask(BridgingConfig("sentences", ("", *"abc "), **QUICK, steps=2))
SPEECH = BridgingTask(BridgingConfig("speech", **QUICK))


def without_slots(task):
    model = dataclasses.replace(task.model, slots=0)
    return dataclasses.replace(task, model=model)


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture
def shapes(reading):
    """Of everything that a task's method would give of a batch, at no cost."""

    def find(task, method, *more):
        params, stats = jax.eval_shape(task.init, KEY, reading)
        return jax.eval_shape(getattr(task, method), params, stats, reading, *more)

    return find


def test_the_total_is_the_weighted_sum_of_four_losses(reading):
    """bridging (8)"""
    weights = LossWeights(recalled=2, heard=3, save=5, bridge=7)
    task = dataclasses.replace(WORDS, losses=weights)
    params, stats = jax.jit(task.init)(KEY, reading)
    total, report = jax.jit(task.loss)(params, stats, reading, KEY)
    logs = report.logs
    expected = 2 * logs["recalled"] + 3 * logs["heard"] + 5 * logs["save"]
    np.testing.assert_allclose(total, expected + 7 * logs["bridge"], rtol=1e-5)
    assert all(logs.values()) and set(report.stats) == {"bridge"}


def test_without_slots_only_the_lips_are_learnt_from(shapes, reading):
    del reading["mel"]
    _, report = shapes(without_slots(WORDS), "loss", KEY)
    assert set(report.logs) == {"recalled"}


@pytest.fixture
def made():
    """What a network might have made of the batch `reading`: words of four."""
    addresses = jax.nn.softmax(draw(0, 2, 2, 8, 5))
    return Rehearsed(*draw(1, 2, 2, 8, 4), *addresses, *draw(2, 3, 2, 8, 6))


def test_each_loss_counts_what_exists(made, reading):
    """bridging (3), bridging (4), bridging (6): by loops over clips and frames."""
    reading["weight"] = jnp.asarray([1.0, 0.5])
    found = WORDS.errors(made, reading)
    answers = {"recalled": made.recalled_answer, "heard": made.heard_answer}
    for name, answer in answers.items():
        for clip, frames in enumerate((8, 6)):
            logits = np.mean(answer[clip, :frames], axis=0, dtype=float)
            odds = np.exp(logits) / np.exp(logits).sum()
            expected = -np.log(odds[reading["symbols"][clip, 0]])
            np.testing.assert_allclose(found[name][clip], expected, rtol=1e-5)
        np.testing.assert_array_equal(WORDS.weight(found[name], reading), [1, 0.5])
    exists = [[1] * 8, [0.5] * 6 + [0] * 2]
    for place in np.ndindex(2, 8):
        away = np.asarray(made.stored[place]) - np.asarray(made.heard[place])
        np.testing.assert_allclose(found["save"][place], np.mean(away**2), rtol=1e-5)
        p, q = np.asarray(made.by_sound[place]), np.asarray(made.by_lips[place])
        divergence = np.sum(p * np.log(p / q))
        np.testing.assert_allclose(found["bridge"][place], divergence, rtol=1e-3)
    for name in ("save", "bridge"):
        np.testing.assert_array_equal(WORDS.weight(found[name], reading), exists)


def test_a_sentence_is_judged_by_symbol_over_all_steps_of_its_frames(reading):
    """bridging (6)"""
    answer = draw(0, 2, 16, 5)
    found = LETTERS.task_error(answer, reading)
    exists = jnp.asarray([[1.0] * 16, [1.0] * 12 + [0.0] * 4])
    allowed = jnp.repeat(reading["allowed"], 2, axis=1)
    given = exists, reading["symbols"], reading["spoken"], allowed
    whole = transcript_error(answer, *given)
    np.testing.assert_allclose(found, whole / np.array([3, 2]), rtol=1e-5)


def test_speech_is_judged_column_by_column(reading):
    """bridging (7)"""
    answer = draw(0, 2, 32, 80)
    found = SPEECH.task_error(answer, reading)
    expected = np.abs(np.asarray(answer - reading["voice"])).mean(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    weight = np.asarray(SPEECH.weight(found, reading))
    np.testing.assert_array_equal(weight, [[1] * 32, [1] * 24 + [0] * 8])


def test_words_are_measured_with_the_recalled_and_with_the_real_sound(reading):
    params, stats = jax.jit(WORDS.init)(KEY, reading)
    reading["weight"] = jnp.asarray([1.0, 0.0])
    (answers, _), means = jax.jit(
        lambda *given: (WORDS.answers(*given), WORDS.measure(*given))
    )(params, stats, reading)
    for prefix in ("", "heard_"):
        mean = means[f"{prefix}accuracy"]
        best = int(np.argmax(np.mean(answers[prefix][0], axis=0)))
        assert (float(mean.total), float(mean.weight)) == (best == 1, 1)
        assert float(means[f"{prefix}loss"].weight) == 1
    assert float(means["divergence"].weight) == 8


def test_words_may_be_measured_by_the_mean_with_the_mirrored_clip(reading):
    params, stats = jax.jit(WORDS.init)(KEY, reading)
    both = dataclasses.replace(WORDS, mirrored=True)
    turned = reading | {"lips": reading["lips"][:, :, :, ::-1]}
    found = jax.jit(
        lambda *batches: [both.measure(params, stats, batch) for batch in batches]
    )(reading, turned)
    one, other = (float(means["loss"].total) for means in found)
    np.testing.assert_allclose(one, other, rtol=1e-5)
    alone = jax.jit(WORDS.measure)(params, stats, reading)["loss"].total
    assert abs(float(alone) - one) > 1e-4


@pytest.mark.parametrize("task", [LETTERS, SPEECH])
def test_a_control_is_measured_by_its_lips_alone(task, shapes):
    assert set(shapes(without_slots(task), "measure")) == {"loss"}
    found = set(shapes(task, "measure"))
    assert {"loss", "heard_loss", "top1", "cosine"} < found


def test_single_words_leave_nothing_to_be_scored():
    assert WORDS.answer is None
    assert LETTERS.answer == LETTERS.read and SPEECH.answer == SPEECH.speak


def test_what_is_read_goes_to_the_host_as_log_probabilities(reading):
    params, stats = jax.jit(LETTERS.init)(KEY, reading)
    found = jax.jit(LETTERS.read)(params, stats, reading)
    for name in ("read", "heard_read"):
        assert found[name].shape == (2, 16, 5)
        np.testing.assert_allclose(np.exp(found[name]).sum(-1), 1, rtol=1e-5)
    assert not np.allclose(found["read"], found["heard_read"])
    kept = {"mask", "symbols", "spoken", "weight"}
    assert set(found) == kept | {"read", "heard_read"}


def seen(path, symbols="-abc "):
    """Log-probabilities that name one symbol a step, "-" the blank: [t v]."""
    sure = np.array([[letter == symbol for symbol in symbols] for letter in path])
    return np.log(np.where(sure, 0.9, 0.025)).astype(np.float32)


def answered(*examples, **more):
    """A batch of answers of (path, text, frames, weight), two steps a frame."""
    symbols, spoken = np.zeros((2, len(examples), 8))
    for row, (_, text, _, _) in enumerate(examples):
        symbols[row, : len(text)] = ["-abc ".index(letter) for letter in text]
        spoken[row, : len(text)] = 1
    frames = np.array([frames for _, _, frames, _ in examples])
    return {
        "read": np.stack([seen(path) for path, *_ in examples]),
        "symbols": symbols.astype(int),
        "spoken": spoken,
        "mask": np.float32(np.arange(5) < frames[:, None]),
        "weight": np.array([weight for *_, weight in examples]),
        **more,
    }


def test_what_was_read_is_scored_word_by_word_and_symbol_by_symbol():
    answers = answered(
        ("ab- cc-ab-", "ab cab", 5, 1.0),  # reads "ab cab"
        ("aa- b----a", "b b", 4, 1.0),  # reads "a b": what is beyond is not read
        ("cccccccccc", "a a a", 5, 0.0),  # fills up
    )
    found = LETTERS.score(answers)
    assert set(found) == {"wer", "symbol_error"}
    assert tuple(found["wer"]) == (1, 4)
    assert tuple(found["symbol_error"]) == (1, 9)
    both = LETTERS.score({**answers, "heard_read": answers["read"][[0, 2, 1]]})
    assert tuple(both["wer"]) == (1, 4)
    assert tuple(both["heard_wer"]) == (2, 4), "one wrong word for two"


def test_a_grammar_reads_what_may_be_said(tmp_path):
    rules = tmp_path / "rules.txt"
    rules.write_text("ab ba\ncab ba\n")
    task = dataclasses.replace(LETTERS, grammar=str(rules))
    found = task.score(answered(("ab-  ab---", "ab cab", 5, 1.0)))
    assert tuple(found["wer"]) == (1, 2)
    assert tuple(found["wer_grammar"]) == (0, 2)


def test_nothing_but_filling_has_no_score():
    assert LETTERS.score(answered(("ab-  ab---", "ab", 5, 0.0))) == {}


@pytest.fixture
def voices():
    """Half a second of a voice and the same in noise; then what does not exist."""
    rng = np.random.default_rng(0)
    time = np.arange(20 * 640) / 16_000
    tone = np.sin(2 * np.pi * 300 * time) * np.sin(2 * np.pi * 3 * time)
    wave = (tone + 0.3 * rng.normal(size=len(time))).astype(np.float32)
    said = (wave + rng.normal(size=len(wave))).astype(np.float32)
    said[15 * 640 :] = 100
    mask = np.float32(np.arange(20) < 15)
    return {"wave": wave, "said": said, "oracle_said": wave, "mask": mask}


def test_what_was_said_is_judged_against_the_truth_as_far_as_it_exists(voices):
    found = score_speech(voices)
    samples = 15 * 640
    said, truth = voices["said"][:samples], voices["wave"][:samples]
    assert found["stoi"] == (speech.stoi(said, truth), 1)
    assert found["stoi"][0] != pytest.approx(speech.stoi(truth, said), abs=1e-4)
    extended = speech.estoi(said, truth)  # its package adds a little noise
    assert found["estoi"] == (pytest.approx(extended, abs=1e-6), 1)
    assert found["oracle_stoi"][0] == pytest.approx(1, abs=1e-5)
    mels = (spectrum.voice_mel(spectrum.prepare_voice(x)) for x in (said, truth))
    assert found["mel_l1"] == (speech.mel_distance(*mels), 1)
    assert found["oracle_mel_l1"] == (0, 1)


def test_a_figure_that_is_no_number_is_left_out(voices):
    """Against a silent truth; a mute voice has the worst one."""
    silent = np.zeros_like(voices["wave"])
    assert not score_speech({**voices, "wave": silent})
    assert score_speech({**voices, "said": silent})["stoi"] == (0, 1)


def test_figures_of_speech_are_means_over_clips(voices):
    batch = {name: np.stack([value] * 3) for name, value in voices.items()}
    batch["weight"] = np.array([1.0, 1, 0])
    batch["said"][1] = 0  # mute, which counts as nothing
    found, one = SPEECH.score(batch), score_speech(voices)
    assert tuple(found["stoi"]) == (pytest.approx(one["stoi"][0]), 2)
    assert tuple(found["oracle_stoi"]) == (pytest.approx(2 * one["oracle_stoi"][0]), 2)


def test_every_way_to_speak_is_made_a_wave(reading, monkeypatch):
    """By a vocoder that tells the first band alone."""
    monkeypatch.setattr(bridging, "GriffinLim", lambda: lambda mel: mel[..., 0])
    params, stats = jax.jit(SPEECH.init)(KEY, reading)
    found = jax.jit(lambda *given: SPEECH.speak(*given))(params, stats, reading)
    truth = np.asarray(reading["voice"])[..., 0]
    np.testing.assert_array_equal(found["oracle_said"], truth)
    there = np.concatenate([truth[0], truth[1, :24]])
    np.testing.assert_allclose(found["mean_said"], np.mean(there), rtol=1e-4)
    assert found["said"].shape == found["heard_said"].shape == (2, 32)
    assert not np.allclose(found["said"], found["heard_said"])
    np.testing.assert_array_equal(found["wave"], reading["wave"])


def test_what_is_published_is_enough_to_read(shapes):
    published = LETTERS.published({"bridge": 1}, {"bridge": 2})
    assert published.system == "bridging" and published.config == LETTERS.model


def test_a_divided_step_agrees_with_one_device(reading):
    """The statistics of a batch, the memory, dropout and CTC, over two devices."""
    reading["allowed"] = jnp.ones_like(reading["allowed"])

    def step(shape):
        sgd = {"bridge": Sgd(rate=0.1)}
        recipe = Experiment(LETTERS, train=None, evals={}, optim=sgd, steps=1)
        mesh = sharding.make_mesh(shape)
        program = build(recipe, mesh, jax.tree.map(np.asarray, reading))
        batch = sharding.to_global(mesh, jax.tree.map(np.asarray, reading))
        return program.step(program.init(), batch, program.key)

    (alone, logs), (divided, divided_logs) = step((1, 1)), step((2, 1))
    assert float(logs["bridge/recalled"]) > 1
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-4),
        (alone.params, alone.stats, logs),
        (divided.params, divided.stats, divided_logs),
    )
