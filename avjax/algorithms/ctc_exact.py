"""Exact CTC decoding with a small grammar: a best-first search of its sentences.

Exact means the most likely sentence, summed over its alignments, which is what the beam
search of `avjax.algorithms.ctc` looks for. It is not the sentence of the most likely
path, which the Viterbi algorithm finds.

A prefix of a sentence is extended in the order of an upper bound of the probability of
its sentences. Let e(t) be the probability of the prefix and the first t frames, without
frame t, in which the next symbol k begins. The sentences that begin with both have at
most the probability sum_t e(t) p(t, k) U(t), where U(t) is that of the frames after t,
if in every frame the next symbol may be chosen freely. U is computed backwards in time
for all states of the grammar at once. The first complete sentence that is at least as
likely as every bound is the best one (A* search).

Source  Graves et al., "Connectionist Temporal Classification", ICML 2006 (search);
        Hart et al., "A Formal Basis for the Heuristic Determination of Minimum Cost
        Paths", 1968 (A*)
"""

import functools
import heapq
import itertools
from typing import NamedTuple

import numpy as np

from avjax.algorithms.ctc import beam_search
from avjax.text.grammar import Grammar
from avjax.text.tokenizer import BLANK

MAX_STATES = 4096  # of a grammar that is searched exactly; GRID's has 128
FALLBACK_BEAM = 16  # width of the beam search, where the search cannot be exact
MAX_PREFIXES = 5000  # to be extended; a video of GRID needs 20 to 30
IMPOSSIBLE = -1e6  # log-probability; a finite one can be subtracted


class _States(NamedTuple):
    """All states of a grammar.

    Attributes:
        targets: State that each symbol leads to, i32 [s v]; -1 if it may not follow.
        symbol: Symbol that leads to each state, i32 [s]; the blank for the first.
        can_end: Whether the sentence may end, bool [s].
    """

    targets: np.ndarray
    symbol: np.ndarray
    can_end: np.ndarray


class _Prefix(NamedTuple):
    """The start of a sentence, in the first frames: none, one, ... all t of them.

    Attributes:
        ids: Symbols of the prefix.
        state: State of the grammar.
        blank: Log-probability of the alignments that end in a blank, f64 [t+1].
        symbol: Log-probability of those that end in the last symbol, f64 [t+1].
    """

    ids: tuple[int, ...]
    state: int
    blank: np.ndarray
    symbol: np.ndarray


def search_grammar(log_probs: np.ndarray, grammar: Grammar) -> np.ndarray:
    """Decode the most likely sentence of a grammar, exactly if that is possible.

    Args:
        log_probs: Log-probabilities, [t v].
        grammar: The allowed sentences.

    Returns:
        Symbols, i32 [l]: the result of `exact_search`, or else of a beam search.
    """
    ids = exact_search(log_probs, grammar)
    return beam_search(log_probs, FALLBACK_BEAM, grammar) if ids is None else ids


def exact_search(log_probs: np.ndarray, grammar: Grammar) -> np.ndarray | None:
    """Decode the most likely sentence of a grammar, summed over its alignments.

    Args:
        log_probs: Log-probabilities, [t v].
        grammar: The allowed sentences.

    Returns:
        Symbols, i32 [l]; empty if no sentence is short enough for the frames, or none
        has a probability. None: the grammar has too many states, or the frames are so
        uncertain that too many sentences have to be compared.
    """
    states = _list_states(grammar)
    if states is None:
        return None
    frames = np.maximum(np.asarray(log_probs, np.float64), IMPOSSIBLE)
    if not len(frames):
        return np.zeros(0, np.int32)
    ending, continuing = _bound_rest(frames, states)
    prefix = _empty_prefix(frames)
    best = (prefix.blank[-1] if states.can_end[0] else IMPOSSIBLE / 2, ())
    queue, numbers = [], itertools.count()
    for _ in range(MAX_PREFIXES):
        symbols = np.flatnonzero(states.targets[prefix.state] >= 0)
        targets = states.targets[prefix.state, symbols]
        starts = _starts_of_next(prefix, symbols, states) + frames[:, symbols].T
        finished = _log_sum_exp(starts + ending[:, targets].T)
        bounds = _log_sum_exp(starts + continuing[:, targets].T)
        for symbol, target, score, bound in zip(
            symbols.tolist(), targets.tolist(), finished, bounds, strict=True
        ):
            best = max(best, (score, (*prefix.ids, symbol)))
            entry = (-bound, next(numbers), prefix, symbol, target)
            heapq.heappush(queue, entry)
        if not queue or -queue[0][0] <= best[0]:
            return np.array(best[1], np.int32)
        _, _, prefix, symbol, target = heapq.heappop(queue)
        prefix = _extend(prefix, symbol, target, frames, states)
    return None


@functools.lru_cache(maxsize=1)
def _list_states(grammar: Grammar) -> _States | None:
    """List the states of a grammar; None if there are too many."""
    listed, count = [], 1
    while len(listed) < count:
        listed.append(grammar.transitions(len(listed)))
        count = max(count, 1 + int(listed[-1].targets.max()))
        if count > MAX_STATES:
            return None
    targets = np.stack([state.targets for state in listed])
    symbol = np.full(count, BLANK)
    _, symbols = np.nonzero(targets >= 0)
    symbol[targets[targets >= 0]] = symbols
    return _States(targets, symbol, np.array([state.can_end for state in listed]))


def _bound_rest(frames: np.ndarray, states: _States) -> tuple[np.ndarray, np.ndarray]:
    """Compute the log-probability of the frames after each one, from the last one on.

    Args:
        frames: Log-probabilities, [t v].
        states: The states.

    Returns:
        - ending: If the frame has the symbol that leads to the state, and the sentence
          ends in this state, [t s].
        - continuing: An upper bound, if it does not end in this state, [t s].
    """
    count = len(states.symbol)
    ending = np.full((len(frames), count), -np.inf)
    ending[-1, states.can_end] = 0
    continuing = np.full((len(frames), count), -np.inf)
    ending_blank, continuing_blank = ending[-1], continuing[-1]
    forbidden = states.targets < 0
    same_symbol = np.arange(count), states.symbol
    for t in reversed(range(len(frames) - 1)):
        row = frames[t + 1]
        stay, blank = row[states.symbol], row[BLANK]
        after = np.maximum(ending[t + 1], continuing[t + 1])
        following = np.where(forbidden, -np.inf, row + after[states.targets])
        follows_blank = following.max(axis=1)
        following[same_symbol] = -np.inf  # equal symbols need a blank between them
        ending[t] = np.logaddexp(stay + ending[t + 1], blank + ending_blank)
        continuing[t] = np.logaddexp(
            np.logaddexp(stay + continuing[t + 1], blank + continuing_blank),
            following.max(axis=1),
        )
        ending_blank = blank + ending_blank
        continuing_blank = np.logaddexp(blank + continuing_blank, follows_blank)
    return ending, continuing


def _empty_prefix(frames: np.ndarray) -> _Prefix:
    """Return the prefix without symbols: all frames are blank."""
    blank = np.append(0.0, np.cumsum(frames[:, BLANK]))
    return _Prefix((), 0, blank, np.full(len(blank), -np.inf))


def _starts_of_next(
    prefix: _Prefix, symbols: np.ndarray, states: _States
) -> np.ndarray:
    """Compute the log-probability that each next symbol starts in each frame, [k t].

    The frame itself is not included.
    """
    blank, symbol = prefix.blank[:-1], prefix.symbol[:-1]
    is_same = symbols[:, None] == states.symbol[prefix.state]
    return np.where(is_same, blank, np.logaddexp(blank, symbol))


def _extend(
    prefix: _Prefix, symbol: int, target: int, frames: np.ndarray, states: _States
) -> _Prefix:
    """Extend a prefix by a symbol that leads to a state."""
    (starts,) = _starts_of_next(prefix, np.array([symbol]), states)
    in_symbol = _run(starts, frames[:, symbol])
    in_blank = _run(in_symbol[:-1], frames[:, BLANK])
    return _Prefix((*prefix.ids, symbol), target, in_blank, in_symbol)


def _run(starts: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Sum over the starts of a run of equal symbols, for each of its ends.

    Args:
        starts: Log-probability that the run starts in each frame, [t].
        row: Log-probability of the symbol in each frame, [t].

    Returns:
        Log-probability that the run has lasted until each frame, and before the first
        frame, [t+1].
    """
    before = np.append(0.0, np.cumsum(row))
    runs = before[1:] + np.logaddexp.accumulate(starts - before[:-1])
    return np.append(-np.inf, runs)


def _log_sum_exp(values: np.ndarray) -> np.ndarray:
    """Sum probabilities over the last axis."""
    return np.logaddexp.reduce(values, axis=-1)
