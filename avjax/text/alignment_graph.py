"""Alignment graph of a text: its phonemes in order, with optional pauses between words.

Forced alignment finds the best path through this graph.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from avjax.constants import MELS_PER_SECOND
from avjax.text.phonemes import PAUSE, to_phoneme_ids

UNKNOWN_TIME = float("nan")
WORD_MARGIN_SECONDS = 0.04  # phonemes may lie this far outside the times of their word
EVEN_MARGIN_SECONDS = 0.3  # tolerance around evenly spaced phonemes
SPEECH_MARGINS_SECONDS = 0.1, 0.2  # quiet speech before and after the speech span


class AlignmentWord(NamedTuple):
    """A word to be aligned.

    Attributes:
        word: The word as text.
        phones: Its phones in IPA.
        start: Start in seconds, or UNKNOWN_TIME.
        end: End in seconds, or UNKNOWN_TIME.
    """

    word: str
    phones: tuple[str, ...]
    start: float = UNKNOWN_TIME
    end: float = UNKNOWN_TIME


class AlignmentGraph(NamedTuple):
    """The states of a text in order; the first and the last are pauses.

    Attributes:
        phoneme_ids: Phoneme of each state, i32 [l]; see `text.phonemes.PHONEMES`.
        word: Index of the word of each state, i32 [l]; -1 for a pause, which a path may
            skip.
        phone: Index of the phone in its word, i32 [l]; -1 for a pause.
    """

    phoneme_ids: np.ndarray
    word: np.ndarray
    phone: np.ndarray


def build_alignment_graph(words: Sequence[AlignmentWord]) -> AlignmentGraph:
    """Build the graph of some words, with a pause before, between and after them.

    Args:
        words: The words in order. A word without phonemes has no state.

    Returns:
        The graph.
    """
    states = [(PAUSE, -1, -1)]
    for index, word in enumerate(words):
        word_states = [
            (phoneme, index, position)
            for position, phone in enumerate(word.phones)
            for phoneme in to_phoneme_ids(phone)
        ]
        states += [*word_states, (PAUSE, -1, -1)] if word_states else []
    return AlignmentGraph(*np.array(states, np.int32).T)


def allowed_by_word_times(
    graph: AlignmentGraph,
    words: Sequence[AlignmentWord],
    mel_frames: int,
    margin: float = WORD_MARGIN_SECONDS,
    first: int = 0,
) -> np.ndarray:
    """Compute which states are allowed at each mel frame, from the times of the words.

    The phonemes of a word are allowed during the word, and a pause outside all words,
    with a margin at both ends. A word of unknown time is allowed everywhere.

    Args:
        graph: Graph of the words.
        words: The words with their times.
        mel_frames: Number of mel frames.
        margin: Margin in seconds.
        first: Number of the first one of these frames in the recording.

    Returns:
        1 where a state is allowed, else 0, u8 [f l].
    """
    times = [(word.start, word.end) for word in words]
    starts, ends = np.array([*times, (UNKNOWN_TIME, UNKNOWN_TIME)]).T
    seconds = (first + np.arange(mel_frames)[:, None]) / MELS_PER_SECOND
    outside = (seconds < starts - margin) | (seconds > ends + margin)
    inside = (starts + margin < seconds) & (seconds < ends - margin)
    pause = ~inside.any(axis=1, keepdims=True)
    return np.where(graph.word < 0, pause, ~outside[:, graph.word]).astype(np.uint8)


def allowed_by_even_spacing(
    graph: AlignmentGraph, span: tuple[float, float], mel_frames: int
) -> np.ndarray:
    """Compute which states are allowed at each mel frame, from the span of the speech.

    Each phoneme is allowed around the time that it would have if all phonemes were of
    equal duration. Without this limit, training from scratch does not converge.

    Args:
        graph: Graph of the words.
        span: Start and end of the speech in seconds.
        mel_frames: Number of mel frames.

    Returns:
        1 where a state is allowed, else 0, u8 [f l].
    """
    is_phoneme = graph.word >= 0
    preceding = np.cumsum(is_phoneme) - is_phoneme  # phonemes before each state
    start, end = span
    duration = (end - start) / max(is_phoneme.sum(), 1)
    seconds = np.arange(mel_frames)[:, None] / MELS_PER_SECOND
    first = start + duration * preceding
    last = start + duration * (preceding + 1)
    in_span = (first - EVEN_MARGIN_SECONDS <= seconds) & (
        seconds <= last + EVEN_MARGIN_SECONDS
    )
    before, after = SPEECH_MARGINS_SECONDS
    in_speech = (start - before <= seconds) & (seconds <= end + after)
    return ((in_span & in_speech) | ~is_phoneme).astype(np.uint8)
