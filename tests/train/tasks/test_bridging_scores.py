"""Scores of lip reading and of lip-to-speech on the host."""

import dataclasses

import jax
import numpy as np
import pytest

from avjax.audio.speech_mel import prepare_vocoder_audio, vocoder_mel
from avjax.metrics import speech
from avjax.metrics.units import Unit
from avjax.models.bridging import BridgingConfig
from avjax.train.tasks.bridging import BridgingTask
from avjax.train.tasks.bridging_scores import loss_unit, score_speech

KEY = jax.random.key(0)
QUICK = {"size": 16, "width": 1 / 64, "num_slots": 5}
WORDS = BridgingTask(BridgingConfig("words", tuple("abcd"), **QUICK))
LETTERS = BridgingTask(
    BridgingConfig("sentences", ("", *"abc "), **QUICK, outputs_per_frame=2)
)
SPEECH = BridgingTask(BridgingConfig("speech", **QUICK))


def log_probs_of(path, labels="-abc "):
    """Make log-probabilities of one symbol a step, "-" is the blank: [t v]."""
    matches = np.array([[letter == symbol for symbol in labels] for letter in path])
    return np.log(np.where(matches, 0.9, 0.025)).astype(np.float32)


def predictions_of(*examples, **more):
    """Make predictions of (path, text, frames, weight), two steps a frame."""
    labels, label_mask = np.zeros((2, len(examples), 8))
    for row, (_, text, _, _) in enumerate(examples):
        labels[row, : len(text)] = ["-abc ".index(letter) for letter in text]
        label_mask[row, : len(text)] = 1
    frames = np.array([frames for _, _, frames, _ in examples])
    return {
        "log_probs": np.stack([log_probs_of(path) for path, *_ in examples]),
        "labels": labels.astype(int),
        "label_mask": label_mask,
        "frame_mask": np.float32(np.arange(5) < frames[:, None]),
        "weight": np.array([weight for *_, weight in examples]),
        **more,
    }


def test_sentences_are_scored_by_word_and_by_symbol():
    predictions = predictions_of(
        ("ab- cc-ab-", "ab cab", 5, 1.0),  # reads "ab cab"
        ("aa- b----a", "b b", 4, 1.0),  # reads "a b": later steps are ignored
        ("cccccccccc", "a a a", 5, 0.0),  # padding
    )
    result = LETTERS.score(predictions)
    assert set(result) == {"wer", "symbol_error"}
    assert tuple(result["wer"]) == (1, 4)
    assert tuple(result["symbol_error"]) == (1, 9)
    swapped = predictions["log_probs"][[0, 2, 1]]
    both = LETTERS.score({**predictions, "with_audio_log_probs": swapped})
    assert tuple(both["wer"]) == (1, 4)
    assert tuple(both["with_audio_wer"]) == (2, 4), "one wrong word for two"


def test_grammar_decodes_allowed_sentences_only(tmp_path):
    grammar = tmp_path / "grammar.txt"
    grammar.write_text("ab ba\ncab ba\n")
    task = dataclasses.replace(LETTERS, grammar=str(grammar))
    result = task.score(predictions_of(("ab-  ab---", "ab cab", 5, 1.0)))
    assert tuple(result["wer"]) == (1, 2)
    assert tuple(result["wer_grammar"]) == (0, 2)


def test_padding_has_no_score():
    assert LETTERS.score(predictions_of(("ab-  ab---", "ab", 5, 0.0))) == {}


@pytest.fixture
def voice():
    """0.6 s of a voice, the same with noise, and 0.2 s of padding."""
    rng = np.random.default_rng(0)
    time = np.arange(20 * 640) / 16_000
    tone = np.sin(2 * np.pi * 300 * time) * np.sin(2 * np.pi * 3 * time)
    wave = (tone + 0.3 * rng.normal(size=len(time))).astype(np.float32)
    noisy = (wave + rng.normal(size=len(wave))).astype(np.float32)
    noisy[15 * 640 :] = 100
    mask = np.float32(np.arange(20) < 15)
    return {
        "wave": wave,
        "speech": noisy,
        "oracle_speech": wave,
        "frame_mask": mask,
    }


def test_speech_is_scored_as_far_as_the_clip_lasts(voice):
    result = score_speech(voice)
    samples = 15 * 640
    pred, target = voice["speech"][:samples], voice["wave"][:samples]
    assert result["stoi"] == (speech.stoi(pred, target), 1)
    assert result["stoi"][0] != pytest.approx(speech.stoi(target, pred), abs=1e-4)
    extended = speech.estoi(pred, target)  # its package adds a little noise
    assert result["estoi"] == (pytest.approx(extended, abs=1e-6), 1)
    assert result["oracle_stoi"][0] == pytest.approx(1, abs=1e-5)
    mels = (vocoder_mel(prepare_vocoder_audio(x)) for x in (pred, target))
    assert result["mel_l1"] == (speech.mel_distance(*mels), 1)
    assert result["oracle_mel_l1"] == (0, 1)


def test_score_that_is_not_finite_is_omitted(voice):
    """A silent target has no score; a silent prediction has the worst one."""
    silent = np.zeros_like(voice["wave"])
    assert not score_speech({**voice, "wave": silent})
    assert score_speech({**voice, "speech": silent})["stoi"] == (0, 1)


def test_speech_scores_are_means_over_clips(voice):
    batch = {name: np.stack([value] * 3) for name, value in voice.items()}
    batch["weight"] = np.array([1.0, 1, 0])
    batch["speech"][1] = 0  # silent, which scores 0
    result, one = SPEECH.score(batch), score_speech(voice)
    assert tuple(result["stoi"]) == (pytest.approx(one["stoi"][0]), 2)
    assert tuple(result["oracle_stoi"]) == (pytest.approx(2 * one["oracle_stoi"][0]), 2)


@pytest.mark.parametrize(
    ("task", "unit"),
    [
        ("words", Unit("nats, 6.21 by chance", "lower")),
        ("sentences", Unit("nats/symbol", "lower")),
        ("speech", Unit("log mel", "lower")),
    ],
)
def test_unit_of_the_loss_depends_on_the_task(task, unit):
    assert loss_unit(task, num_symbols=500) == unit
