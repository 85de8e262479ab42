"""Scores of sentences and of speech, computed on the host for one clip at a time."""

import collections
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from avjax.algorithms import ctc
from avjax.audio.speech_mel import prepare_vocoder_audio, vocoder_mel
from avjax.constants import SAMPLES_PER_FRAME
from avjax.metrics import speech
from avjax.metrics.base import Mean
from avjax.metrics.error_rate import symbol_edit_counts, word_edit_counts
from avjax.metrics.units import Unit
from avjax.text.grammar import Grammar, load_grammar
from avjax.text.tokenizer import to_text

WITH_AUDIO = "with_audio_"  # prefix of outputs from the lips and the real audio
LOG_PROBS, SPEECH = "log_probs", "speech"  # names of predictions, after their prefix


def loss_unit(task: str, num_symbols: int) -> Unit:
    """Say in what the loss of a task is measured.

    Args:
        task: "words", "sentences" or "speech".
        num_symbols: Number of words that the network distinguishes.

    Returns:
        The unit; for words, with the loss of a network that knows nothing.
    """
    chance = np.log(max(num_symbols, 1))
    units = {
        "words": f"nats, {chance:.3g} by chance",
        "sentences": "nats/symbol",
        "speech": "log mel",
    }
    return Unit(units[task], "lower")


def score_clips(
    predictions: Mapping[str, Any], score: Callable[[Mapping[str, Any]], dict]
) -> dict[str, Mean]:
    """Score the clips of a batch one by one.

    Args:
        predictions: `{name: array [b ...]}`, with the clips' `weight`; padding has
            weight 0.
        score: Predictions of one clip -> `{metric: (total, weight)}`.

    Returns:
        `{metric: Mean}`.
    """
    pairs = collections.defaultdict(list)
    for example in range(len(predictions["weight"])):
        if predictions["weight"][example] > 0:
            clip = {name: array[example] for name, array in predictions.items()}
            for name, pair in score(clip).items():
                pairs[name].append(pair)
    return {name: Mean(*np.sum(values, axis=0)) for name, values in pairs.items()}


def score_sentence(
    clip: Mapping[str, np.ndarray],
    symbols: tuple[str, ...],
    outputs_per_frame: int,
    grammar: Grammar | None,
    beam: int,
) -> dict[str, tuple]:
    """Decode the sentence of one clip and count its errors.

    Args:
        clip: Predictions of one clip.
        symbols: The alphabet.
        outputs_per_frame: Outputs per video frame.
        grammar: Grammar of a second decoding; None: no second decoding.
        beam: Width of its beam search.

    Returns:
        `{symbol_error, wer, wer_grammar: (errors, length)}`, with prefixes.
    """
    target = clip["labels"][clip["label_mask"] > 0]
    target_text = to_text(target, symbols)
    frames = int(np.sum(clip["frame_mask"])) * outputs_per_frame
    counts = {}
    for prefix in ("", WITH_AUDIO):
        if f"{prefix}{LOG_PROBS}" not in clip:
            continue
        log_probs = clip[f"{prefix}{LOG_PROBS}"][:frames]
        ids = ctc.greedy(log_probs)
        text = to_text(ids, symbols)
        counts[f"{prefix}symbol_error"] = symbol_edit_counts(list(target), list(ids))
        counts[f"{prefix}wer"] = word_edit_counts(target_text, text)
        if grammar is not None:
            text = to_text(ctc.beam_search(log_probs, beam, grammar), symbols)
            counts[f"{prefix}wer_grammar"] = word_edit_counts(target_text, text)
    return counts


@functools.cache
def cached_grammar(name: str, symbols: tuple[str, ...]) -> Grammar:
    """Load a grammar once; it keeps the cache of its earlier searches.

    Args:
        name: Name of a bundled grammar, or a file.
        symbols: The alphabet.

    Returns:
        The grammar.
    """
    return load_grammar(name, symbols)


def wave_mel_l1(pred: np.ndarray, target: np.ndarray) -> float:
    """Compute the mean absolute difference of two recordings' vocoder mels.

    Args:
        pred: Waveform at 16 kHz, [n].
        target: True waveform at 16 kHz, [n].

    Returns:
        The difference; NaN if the target is silent.
    """
    if not np.any(target):
        return np.nan
    pred_mel, target_mel = (
        vocoder_mel(prepare_vocoder_audio(wave)) for wave in (pred, target)
    )
    return speech.mel_distance(pred_mel, target_mel)


@functools.cache
def waveform_metrics() -> Mapping[str, Callable[[np.ndarray, np.ndarray], float]]:
    """Return the metrics whose packages are installed; warn once about others."""
    return speech.available()


def score_speech(clip: Mapping[str, np.ndarray]) -> dict[str, tuple]:
    """Score the speech of one clip by all metrics whose packages are installed.

    Args:
        clip: Predictions of one clip.

    Returns:
        `{prefix and metric: (value, 1)}`, without values that are not finite.
    """
    samples = int(np.sum(clip["frame_mask"])) * SAMPLES_PER_FRAME
    metrics = {**waveform_metrics(), "mel_l1": wave_mel_l1}
    scores = {}
    for name in (name for name in clip if name.endswith(SPEECH)):
        prefix = name.removesuffix(SPEECH)
        for metric, score in metrics.items():
            value = score(clip[name][:samples], clip["wave"][:samples])
            if np.isfinite(value):
                scores[prefix + metric] = value, 1.0
    return scores
