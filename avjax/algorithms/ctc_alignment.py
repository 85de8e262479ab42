"""CTC alignment: the frames of each symbol of a sentence, and times of its words.

`log_probs` is always f32 [t v], in numpy on the host: the log-probability of each
symbol in each frame; symbol 0 is the blank. `ids` are symbol numbers i32 [l] without
blanks.

Source  Graves et al., "Connectionist Temporal Classification", ICML 2006
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from avjax.algorithms.viterbi import viterbi_padded
from avjax.constants import FPS, NEG_INF
from avjax.errors import InputError
from avjax.text.intervals import TimedWord
from avjax.text.tokenizer import BLANK, SPACE, to_text

# Seconds by which words start earlier and end later than their symbols; tuned on
# puppets and on GRID.
WORD_LEAD_SECONDS, WORD_TRAIL_SECONDS = 0.04, 0.08


class FrameSpan(NamedTuple):
    """The frames of one symbol.

    Attributes:
        first: First frame.
        last: Last frame, included.
        log_prob: Log-probability of the symbol, summed over these frames.
    """

    first: int
    last: int
    log_prob: float


def align(log_probs: np.ndarray, ids: Sequence[int] | np.ndarray) -> list[FrameSpan]:
    """Find the most likely frames of each symbol of a sentence.

    Blank frames belong to no symbol.

    Args:
        log_probs: Log-probabilities, [t v].
        ids: Symbols of the sentence, [l].

    Returns:
        l spans, in order.

    Raises:
        InputError: The symbols do not fit: each needs a frame, and equal neighbours
            need a blank between them.
    """
    ids = np.asarray(ids, np.int64)
    if not len(ids):
        return []
    states = np.full(2 * len(ids) + 1, BLANK)  # the symbols, with blanks around each
    states[1::2] = ids
    state_log_probs = np.asarray(log_probs, np.float64)[:, states]
    # A blank may be skipped, except between equal symbols.
    optional = states == BLANK
    optional[2:-1:2] &= ids[1:] != ids[:-1]
    path, score = viterbi_padded(state_log_probs, optional)
    if score < NEG_INF / 2:
        raise InputError(
            f"{len(ids)} symbols do not fit into {len(log_probs)} video frames"
        )
    symbol_states = np.arange(1, len(states), 2)
    first, end = (
        np.searchsorted(path, symbol_states, side=side) for side in ("left", "right")
    )
    sums = [
        state_log_probs[i:j, state].sum()
        for i, j, state in zip(first, end, symbol_states, strict=True)
    ]
    return list(map(FrameSpan, first.tolist(), (end - 1).tolist(), map(float, sums)))


def to_timed_words(
    log_probs: np.ndarray,
    ids: Sequence[int] | np.ndarray,
    symbols: Sequence[str],
    fps: float = FPS,
    offset: float = 0.0,
) -> list[TimedWord]:
    """Compute the words of a decoded sentence with times and confidences.

    A word lasts from the start of its first symbol to the end of its last one, and a
    little longer: CTC emits a symbol once, in the middle of its sound. The confidence
    is the geometric mean over its symbols of their highest probability.

    Args:
        log_probs: Log-probabilities, [t v].
        ids: Symbols of the sentence, [l].
        symbols: The alphabet. If it has no space, each symbol is a word.
        fps: Video frames per second.
        offset: Time of the first frame in seconds.

    Returns:
        The words in order.

    Raises:
        InputError: The symbols do not fit into the frames.
    """
    groups: list[list[tuple[int, FrameSpan]]] = []
    starts_word = True
    for number, span in zip(ids, align(log_probs, ids), strict=True):
        if symbols[number] == SPACE:
            starts_word = True
            continue
        if starts_word or SPACE not in symbols:
            groups.append([])
            starts_word = False
        groups[-1].append((number, span))
    words = [_timed_word(log_probs, group, symbols, fps, offset) for group in groups]
    return _extend_words(words, offset, offset + len(log_probs) / fps)


def _timed_word(
    log_probs: np.ndarray,
    group: list[tuple[int, FrameSpan]],
    symbols: Sequence[str],
    fps: float,
    offset: float,
) -> TimedWord:
    """Make a word of its symbols and their frames."""
    first, last = group[0][1].first, group[-1][1].last
    peaks = [log_probs[s.first : s.last + 1, number].max() for number, s in group]
    confidence = min(1.0, float(np.exp(np.mean(peaks))))
    text = to_text([number for number, _ in group], symbols)
    return TimedWord(text, offset + first / fps, offset + (last + 1) / fps, confidence)


def _extend_words(words: list[TimedWord], start: float, end: float) -> list[TimedWord]:
    """Start words earlier and end them later where neighbouring words permit it."""
    borders = [_border(word.end, later.start) for word, later in pairwise(words)]
    starts = [max(start, word.start - WORD_LEAD_SECONDS) for word in words[:1]]
    starts += [next_start for _, next_start in borders]
    ends = [word_end for word_end, _ in borders]
    ends += [min(end, word.end + WORD_TRAIL_SECONDS) for word in words[-1:]]
    times = zip(words, starts, ends, strict=True)
    return [word._replace(start=start, end=end) for word, start, end in times]


def _border(end: float, start: float) -> tuple[float, float]:
    """Compute the extended end of a word and the extended start of the next."""
    if start - end > WORD_LEAD_SECONDS + WORD_TRAIL_SECONDS:
        return end + WORD_TRAIL_SECONDS, start - WORD_LEAD_SECONDS
    margins = WORD_LEAD_SECONDS + WORD_TRAIL_SECONDS
    border = end + (start - end) * WORD_TRAIL_SECONDS / margins
    return border, border
