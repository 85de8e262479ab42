"""Prepare the output of a CTC network for the search: mask it, trim it and split it."""

from collections.abc import Iterator

import numpy as np

from avjax.text.tokenizer import BLANK

EXCLUDED_LOG_PROB = -30.0  # log-probability of symbols that are excluded from a frame


def blank_missing_faces(log_probs: np.ndarray, face_found: np.ndarray) -> np.ndarray:
    """Allow only the blank symbol in frames without a face.

    Args:
        log_probs: Log-probabilities of the symbols, f32 [t v].
        face_found: True where there is a face, bool [t].

    Returns:
        The changed log-probabilities, f32 [t v].
    """
    blank = np.full_like(log_probs[0], EXCLUDED_LOG_PROB)
    blank[BLANK] = 0
    return np.where(face_found[:, None], log_probs, blank)


def trim_spaces(log_probs: np.ndarray, space: int) -> np.ndarray:
    """Turn spaces before the first and after the last symbol into blanks.

    A grammar would take a space for the beginning of another sentence.

    Args:
        log_probs: Log-probabilities of the symbols, f32 [t v].
        space: Number of the space, or `BLANK` if there is none.

    Returns:
        The changed log-probabilities, f32 [t v].
    """
    best = np.argmax(log_probs, axis=-1)
    symbol_frames = np.flatnonzero((best != BLANK) & (best != space))
    outside = np.ones(len(log_probs), bool)
    if len(symbol_frames):
        outside[symbol_frames[0] : symbol_frames[-1] + 1] = False
    trimmed = log_probs.copy()
    if space != BLANK:
        trimmed[outside, BLANK] = np.logaddexp(*trimmed[outside][:, [BLANK, space]].T)
        trimmed[outside, space] = EXCLUDED_LOG_PROB
    return trimmed


def split_at_pauses(
    log_probs: np.ndarray, max_length: int, space: int
) -> Iterator[slice]:
    """Split a long video into parts, so that a search stays small.

    Each part ends in the longest pause between words in its second half, if any.

    Args:
        log_probs: Log-probabilities of the symbols, f32 [t v].
        max_length: Maximum number of frames of a part.
        space: Number of the space, or `BLANK` if there is none.

    Yields:
        The frames of each part.
    """
    best, start = np.argmax(log_probs, axis=-1), 0
    while len(best) - start > max_length:
        half = start + max_length // 2
        symbols = best[half : start + max_length]
        silent = (symbols == BLANK) | (symbols == space)
        changes = np.diff(np.pad(silent, 1).astype(int))
        runs = zip(
            np.flatnonzero(changes > 0), np.flatnonzero(changes < 0), strict=True
        )
        pauses = [((symbols[i:j] == space).any(), j - i, i + j) for i, j in runs]
        cut = half + int(max(pauses)[2]) // 2 if pauses else start + max_length
        yield slice(start, cut)
        start = cut
    yield slice(start, len(best))
