"""Forced alignment: find when each phoneme of a text is spoken in a recording.

A network gives the probability of each phoneme in each mel frame, 80 a second. A
Viterbi search for the most likely path through the text's alignment graph gives the
start and end of each phoneme.
"""

import dataclasses
import functools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from avjax.algorithms.viterbi import (
    mel_frame_start,
    viterbi_blocks,
    viterbi_padded,
)
from avjax.audio.loudness import is_silent
from avjax.audio.mel import standardized_log_mel
from avjax.compilation import cached_jit
from avjax.config.arguments import checked_arguments
from avjax.constants import NEG_INF, SAMPLE_RATE
from avjax.errors import InputError
from avjax.models.aligner import Aligner, AlignerConfig, receptive_context
from avjax.models.registry import load_system
from avjax.pipelines.alignment import MISMATCH_THRESHOLD, Alignment
from avjax.pipelines.formatting import format_seconds
from avjax.pipelines.recording import read_waveform
from avjax.text.alignment_graph import (
    AlignmentGraph,
    AlignmentWord,
    allowed_by_word_times,
    build_alignment_graph,
)
from avjax.text.intervals import Interval
from avjax.text.phonemes import PHONEMES
from avjax.text.tts import DEFAULT_LANGUAGE, pronounce_text
from avjax.typing import PathLike
from avjax.weights import full_name

WEIGHTS_PREFIX = "aligner"  # names of bundled weights start with it
WINDOW_SIZES = 100, 200, 400, 800  # mel frames that the network processes at once
MAX_SEARCH_SIZE = 2**25  # mel frames times graph states that are searched at once
MAX_WORD_OVERRUN = 0.0  # seconds by which phonemes may leave a word of known time


@checked_arguments
def align(
    audio: PathLike | np.ndarray,
    text: str,
    *,
    lang: str = DEFAULT_LANGUAGE,
    weights: PathLike = "aligner-grid-s1",
) -> Alignment:
    """Find when each word and phoneme of a text is spoken in a recording.

    Args:
        audio: A file with an audio track, or a waveform f32 [n] at 16 kHz.
        text: The words that are spoken in the recording.
        lang: Language of the text, as an eSpeak code.
        weights: Bundled name, or folder, of weights of an aligner.

    Returns:
        The times of phonemes and words. If the text does not seem to be spoken in the
        recording, there is a warning.

    Raises:
        InputError: The text is empty, or the recording cannot be read, is silent or is
            too short for the text.
    """
    if not text.strip():
        raise InputError("the text is empty: give the words that are spoken")
    aligner = load_aligner(weights)
    wave = read_waveform(audio)
    if is_silent(wave):
        raise InputError("the recording is silent: there is nothing to align")
    alignment = aligner.align_text(wave, text, lang)
    alignment = alignment._replace(weights=full_name(weights, WEIGHTS_PREFIX))
    if alignment.nll_gap > MISMATCH_THRESHOLD:
        warnings.warn(
            "the text does not seem to be spoken in the recording: its phonemes are "
            "less probable than the best ones by a factor of "
            f"exp({alignment.nll_gap:.1f}) per mel frame (nll_gap, in nats; texts that "
            f"fit have less than {MISMATCH_THRESHOLD})",
            stacklevel=3,
        )
    return alignment


@dataclasses.dataclass(frozen=True)
class ForcedAligner:
    """A trained aligner.

    Attributes:
        config: Config of the network.
        variables: Variables of the network, as Flax takes them.
    """

    config: AlignerConfig
    variables: Any

    def log_probs(self, wave: np.ndarray) -> np.ndarray:
        """Compute the log-probability of each phoneme in each mel frame.

        A long recording is processed in overlapping windows.

        Args:
            wave: Waveform f32 [n] at 16 kHz.

        Returns:
            Log-probabilities f32 [f v].
        """
        mel, context = standardized_log_mel(wave), receptive_context(self.config)
        fitting = (size for size in WINDOW_SIZES if size >= len(mel))
        size = next(fitting, WINDOW_SIZES[-1])
        missing = -(-len(mel) // size) * size - len(mel)
        padded = np.pad(mel, ((context, missing + context), (0, 0)))
        mask = np.pad(np.ones(len(mel), np.float32), (context, missing + context))
        log_probs = []
        for start in range(0, len(mel), size):
            window = slice(start, start + size + 2 * context)
            output = jit_log_probs(self.config)(
                self.variables, padded[None, window], mask[None, window]
            )
            log_probs.append(np.asarray(output[0, context : context + size]))
        return np.concatenate(log_probs)[: len(mel)]

    def align(self, wave: np.ndarray, words: Sequence[AlignmentWord]) -> Alignment:
        """Find when words are spoken in a recording.

        Args:
            wave: Waveform f32 [n] at 16 kHz.
            words: Words with their phonemes. A word with known times is searched
                between them.

        Returns:
            The times of phonemes and words.

        Raises:
            InputError: The words do not fit the recording.
        """
        graph = build_alignment_graph(words)
        if len(graph.phoneme_ids) == 1:
            return Alignment((), ())
        log_probs = self.log_probs(wave)
        path = find_path(log_probs, graph, words)
        if path is None:
            raise InputError(
                f"{len(words)} words do not fit into "
                f"{format_seconds(len(wave) / SAMPLE_RATE)} of audio, or not at the "
                "given times"
            )
        in_word = graph.word[path] >= 0
        chosen = log_probs[np.arange(len(path)), graph.phoneme_ids[path]]
        gap = log_probs.max(axis=1) - chosen
        nll_gap = float(gap[in_word].mean()) if in_word.any() else 0.0
        return path_to_intervals(path, graph, words)._replace(nll_gap=nll_gap)

    def align_text(
        self, wave: np.ndarray, text: str, language: str = DEFAULT_LANGUAGE
    ) -> Alignment:
        """Find when a text is spoken, with the pronunciation that eSpeak gives.

        Args:
            wave: Waveform f32 [n] at 16 kHz.
            text: The words that are spoken in the recording.
            language: Language of the text, as an eSpeak code.

        Returns:
            The times of phonemes and words.

        Raises:
            InputError: The text does not fit the recording.
        """
        tokens = pronounce_text(text, language)
        return self.align(
            wave, [AlignmentWord(*token) for token in tokens if token.phones]
        )


@functools.cache
def load_aligner(weights: PathLike = "aligner-puppet") -> ForcedAligner:
    """Load a trained aligner.

    Args:
        weights: Bundled name, or folder, of weights of an aligner.

    Returns:
        The aligner.

    Raises:
        InputError: The weights are missing, damaged or of another phoneme set.
    """
    name = full_name(weights, WEIGHTS_PREFIX)
    config, parts = load_system(name, AlignerConfig.system)
    if config.phonemes != PHONEMES:
        raise InputError(
            f"the aligner {name} has another phoneme set than this version of "
            "avjax: train it again"
        )
    return ForcedAligner(config, parts["aligner"])


@cached_jit
def jit_log_probs(config: AlignerConfig):
    """Compile the network.

    Args:
        config: The config of the aligner.

    Returns:
        (variables, mel f32 [b f k=80], mel_mask f32 [b f]) -> log-probabilities f32
        [b f v].
    """
    return Aligner(config).apply


def find_path(
    log_probs: np.ndarray, graph: AlignmentGraph, words: Sequence[AlignmentWord]
) -> np.ndarray | None:
    """Find the most likely path through an alignment graph.

    Args:
        log_probs: Log-probability of each phoneme in each mel frame, f32 [f v].
        graph: The alignment graph of the words.
        words: The words. A word with known times is searched between them.

    Returns:
        State of each mel frame, i32 [f]; None if the words do not fit.
    """

    def log_likelihood(start: int, stop: int) -> np.ndarray:
        allowed = allowed_by_word_times(
            graph, words, stop - start, MAX_WORD_OVERRUN, start
        )
        return np.where(allowed, log_probs[start:stop, graph.phoneme_ids], NEG_INF)

    count, optional = len(log_probs), graph.word < 0
    if count * len(optional) > MAX_SEARCH_SIZE:
        path, score = viterbi_blocks(log_likelihood, count, optional)
    else:
        path, score = viterbi_padded(log_likelihood(0, count), optional)
    return None if score < NEG_INF / 2 else path


def path_to_intervals(
    path: np.ndarray, graph: AlignmentGraph, words: Sequence[AlignmentWord]
) -> Alignment:
    """Convert a path through an alignment graph to times.

    Args:
        path: State of each mel frame, i32 [f].
        graph: The alignment graph of the words.
        words: The words. Times are clipped to a word's known times.

    Returns:
        The times of phonemes and words.
    """
    states = np.arange(len(graph.phoneme_ids))
    starts = mel_frame_start(np.searchsorted(path, states, "left"))
    ends = mel_frame_start(np.searchsorted(path, states, "right"))
    phone_intervals, word_intervals = [], []
    for number, (word, phones, start, end) in enumerate(words):
        in_word = graph.word == number
        if not in_word.any():
            continue
        low, high = np.nan_to_num(start, nan=0.0), np.nan_to_num(end, nan=np.inf)
        state_starts, state_ends = np.clip(np.stack([starts, ends]), low, high)
        for index, phone in enumerate(phones):
            in_phone = in_word & (graph.phone == index)
            if in_phone.any():
                phone_intervals.append(
                    _interval(phone, state_starts[in_phone], state_ends[in_phone])
                )
        word_intervals.append(
            _interval(word, state_starts[in_word], state_ends[in_word])
        )
    return Alignment(tuple(phone_intervals), tuple(word_intervals))


def _interval(label: str, starts: np.ndarray, ends: np.ndarray) -> Interval:
    """Make the interval from the first start to the last end."""
    return Interval(label, float(starts.min()), float(ends.max()))
