"""CTC decoding: sentences from symbol probabilities.

`log_probs` is always f32 [t v], in numpy on the host: the log-probability of each
symbol in each frame; symbol 0 is the blank. `ids` are symbol numbers i32 [l] without
blanks.

Source  Graves et al., "Connectionist Temporal Classification", ICML 2006;
        Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using
        Bi-Directional Recurrent DNNs", 2014 (prefix beam search)
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from avjax.errors import InputError
from avjax.text.grammar import UNREACHABLE, Grammar, State
from avjax.text.tokenizer import BLANK


class _Beam(NamedTuple):
    """The prefixes that a search holds; every field is [n].

    Attributes:
        prefix: Number of the prefix in the tree.
        last: Last symbol; 0 for the empty prefix.
        state: State of the grammar.
        blank: Log-probability of all alignments that end in a blank.
        symbol: Log-probability of all alignments that end in the last symbol.
    """

    prefix: np.ndarray
    last: np.ndarray
    state: np.ndarray
    blank: np.ndarray
    symbol: np.ndarray


class _PrefixTree:
    """All prefixes of a search: each extends another by one symbol; 0 is empty."""

    def __init__(self):
        self.parent, self.symbol = [-1], [BLANK]
        self.children: dict[tuple[int, int], int] = {}

    def child(self, parent: int, symbol: int) -> int:
        """Return the number of a prefix extended by a symbol."""
        new = self.children.setdefault((parent, symbol), len(self.parent))
        if new == len(self.parent):
            self.parent.append(parent)
            self.symbol.append(symbol)
        return new

    def to_ids(self, prefix: int) -> np.ndarray:
        """Return the symbols of a prefix."""
        ids = []
        while prefix:
            ids.append(self.symbol[prefix])
            prefix = self.parent[prefix]
        return np.array(ids[::-1], np.int32)


def greedy(log_probs: np.ndarray) -> np.ndarray:
    """Decode the most likely symbol of each frame; repetitions are merged.

    Args:
        log_probs: Log-probabilities, [t v].

    Returns:
        Symbols, i32 [l].
    """
    path = np.argmax(log_probs, axis=-1)
    is_start = np.diff(path, prepend=BLANK) != 0
    return path[is_start & (path != BLANK)].astype(np.int32)


def beam_search(
    log_probs: np.ndarray, beam: int, grammar: Grammar | None = None
) -> np.ndarray:
    """Decode the most likely sentence, summed over its alignments.

    Args:
        log_probs: Log-probabilities, [t v].
        beam: Number of prefixes that are kept from frame to frame.
        grammar: If given, the result is one of its complete sentences. It is empty if
            none is short enough for the frames, or if none has a probability.

    Returns:
        Symbols, i32 [l].

    Raises:
        InputError: The beam is smaller than one.
    """
    if beam < 1:
        raise InputError(f"the beam is {beam}, but must be at least 1")
    frames = np.asarray(log_probs, np.float64)
    transitions = grammar.transitions if grammar else _any_symbol(frames.shape[1])
    tree, zero = _PrefixTree(), np.zeros(1, np.int64)
    front = _Beam(zero, zero, zero, blank=np.zeros(1), symbol=np.full(1, -np.inf))
    for frames_left, row in zip(reversed(range(len(frames))), frames, strict=True):
        stacked = zip(*map(transitions, front.state), strict=True)
        states = State(*map(np.stack, stacked))
        scores = _extend(front, row, tree)
        scores = _prune_infeasible(front, scores, states, frames_left)
        front = _top_k(front, scores, states, tree, beam)
        if not len(front.prefix):
            return np.zeros(0, np.int32)
    best = np.argmax(np.logaddexp(front.blank, front.symbol))
    return tree.to_ids(int(front.prefix[best]))


def _any_symbol(size: int) -> Callable[[int], State]:
    """Create an automaton in which any symbol may follow and any sentence may end."""
    targets, frames_needed = np.zeros(size, np.int32), np.ones(size, np.int32)
    frames_needed[BLANK] = UNREACHABLE
    return lambda state: State(targets, frames_needed, True)


class _Scores(NamedTuple):
    """Log-probabilities after one more frame.

    Attributes:
        blank: Of the same prefixes, ending in a blank, [n].
        symbol: Of the same prefixes, ending in their last symbol, [n].
        extended: Of each prefix extended by each symbol, [n v].
    """

    blank: np.ndarray
    symbol: np.ndarray
    extended: np.ndarray


def _extend(front: _Beam, row: np.ndarray, tree: _PrefixTree) -> _Scores:
    """Add a frame, row [v]. An extension that is in the beam already is added to it."""
    total = np.logaddexp(front.blank, front.symbol)
    blank, symbol = total + row[BLANK], front.symbol + row[front.last]
    extended = total[:, None] + row
    extended[np.arange(len(total)), front.last] = front.blank + row[front.last]
    index = {prefix: i for i, prefix in enumerate(front.prefix.tolist())}
    for prefix, i in index.items():
        parent, last = index.get(tree.parent[prefix]), tree.symbol[prefix]
        if parent is not None:
            symbol[i] = np.logaddexp(symbol[i], extended[parent, last])
            extended[parent, last] = -np.inf
    return _Scores(blank, symbol, extended)


def _prune_infeasible(
    front: _Beam, scores: _Scores, states: State, frames_left: int
) -> _Scores:
    """Drop what cannot become a complete sentence in the remaining frames.

    This alone enforces the grammar: a forbidden symbol needs an infinite time.
    """
    after_symbol = states.frames_needed.copy()
    # A blank must separate equal symbols.
    after_symbol[np.arange(len(scores.blank)), front.last] += 1
    can_end = np.asarray(states.can_end)
    blank_late = ~can_end & (states.frames_needed.min(1) > frames_left)
    symbol_late = ~can_end & (after_symbol.min(1) > frames_left)
    extended_late = states.frames_needed > frames_left + 1
    return _Scores(
        np.where(blank_late, -np.inf, scores.blank),
        np.where(symbol_late, -np.inf, scores.symbol),
        np.where(extended_late, -np.inf, scores.extended),
    )


def _top_k(
    front: _Beam, scores: _Scores, states: State, tree: _PrefixTree, beam: int
) -> _Beam:
    """Keep the most likely prefixes."""
    blank, symbol, extended = scores
    candidates = extended.copy()
    candidates[:, BLANK] = np.logaddexp(blank, symbol)  # scores of unchanged prefixes
    flat = candidates.ravel()
    chosen = np.argpartition(-flat, min(beam, len(flat)) - 1)[:beam]
    i, next_symbol = np.divmod(chosen[flat[chosen] > -np.inf], candidates.shape[1])
    unchanged = next_symbol == BLANK
    pairs = zip(front.prefix[i].tolist(), next_symbol.tolist(), strict=True)
    return _Beam(
        prefix=np.array([tree.child(*pair) if pair[1] else pair[0] for pair in pairs]),
        last=np.where(unchanged, front.last[i], next_symbol),
        state=np.where(unchanged, front.state[i], states.targets[i, next_symbol]),
        blank=np.where(unchanged, blank[i], -np.inf),
        symbol=np.where(unchanged, symbol[i], extended[i, next_symbol]),
    )
