"""What a CTC network has read: sentences from its probabilities, and their times.

log_probs is always f32 [t v], on the host: the logarithm of how likely each symbol is
in each frame, symbol 0 the blank.  ids are i32 [l], without blanks.

Source  Graves et al., "Connectionist Temporal Classification", ICML 2006;
        Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using
        Bi-Directional Recurrent DNNs", 2014 (the search over beginnings)
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from avjax.errors import InputError
from avjax.losses.sequence import LOST
from avjax.pipelines.align import way_through
from avjax.text.grammar import NEVER, Grammar, State
from avjax.text.tokenizer import BLANK, SPACE, to_text

EARLIER, LATER = 0.04, 0.08  # seconds; the same for puppets and for GRID


class Span(NamedTuple):
    """The frames of one symbol."""

    first: int
    last: int  # included
    log_prob: float  # of the symbol, summed over these frames


class Word(NamedTuple):
    """A word that was read.

    confidence  0..1: each symbol of the word counts with its highest probability among
                the frames of its span; of these, the geometric mean
    """

    word: str
    start: float  # seconds
    end: float
    confidence: float


class _Front(NamedTuple):
    """The beginnings of sentences that a search holds; every field is [n].

    blank, symbol  log-probability of all alignments so far that end in a blank, and of
                   those that end in the beginning's last symbol
    """

    prefix: np.ndarray  # number in the tree
    last: np.ndarray  # symbol, 0 of the empty beginning
    state: np.ndarray  # of the grammar
    blank: np.ndarray
    symbol: np.ndarray


class _Tree:
    """All beginnings ever held: each is another and one symbol more; 0 is empty."""

    def __init__(self):
        self.parent, self.letter = [-1], [BLANK]
        self.children: dict[tuple[int, int], int] = {}

    def child(self, parent: int, letter: int) -> int:
        new = self.children.setdefault((parent, letter), len(self.parent))
        if new == len(self.parent):
            self.parent.append(parent)
            self.letter.append(letter)
        return new

    def spell(self, prefix: int) -> np.ndarray:
        letters = []
        while prefix:
            letters.append(self.letter[prefix])
            prefix = self.parent[prefix]
        return np.array(letters[::-1], np.int32)


def greedy(log_probs: np.ndarray) -> np.ndarray:
    """The likeliest symbol of every frame, told once where it lasts: [t v] -> ids."""
    path = np.argmax(log_probs, axis=-1)
    begins = np.diff(path, prepend=BLANK) != 0
    return path[begins & (path != BLANK)].astype(np.int32)


def beam_search(
    log_probs: np.ndarray, beam: int, grammar: Grammar | None = None
) -> np.ndarray:
    """The likeliest sentence, summed over its alignments: [t v] -> ids.

    beam     how many beginnings are held from frame to frame
    grammar  the result is one of its whole sentences; empty where none is short enough
             for these frames, or none has a probability
    """
    if beam < 1:
        raise InputError(f"a beam of {beam} holds no sentence")
    frames = np.asarray(log_probs, np.float64)
    look = grammar.look if grammar else _anything(frames.shape[1])
    tree, zero = _Tree(), np.zeros(1, np.int64)
    front = _Front(zero, zero, zero, blank=np.zeros(1), symbol=np.full(1, -np.inf))
    for left, row in zip(reversed(range(len(frames))), frames, strict=True):
        states = State(*map(np.stack, zip(*map(look, front.state), strict=True)))
        heard = _hear(front, row, tree)
        front = _best(front, _in_time(front, *heard, states, left), states, tree, beam)
        if not len(front.prefix):
            return np.zeros(0, np.int32)
    return tree.spell(front.prefix[np.argmax(np.logaddexp(front.blank, front.symbol))])


def align(log_probs: np.ndarray, ids: Sequence[int]) -> list[Span]:
    """The likeliest frames of every symbol, in order: [t v], [l] -> l spans.

    Frames of blanks belong to none of them.  InputError where no path through the
    frames says these symbols: each takes a frame, and a blank must part equal ones.
    """
    ids = np.asarray(ids, np.int64)
    if not len(ids):
        return []
    chain = np.full(2 * len(ids) + 1, BLANK)  # the symbols, with blanks around
    chain[1::2] = ids
    heard = np.asarray(log_probs, np.float64)[:, chain]
    # A blank may be left out, but between equal symbols.
    optional = chain == BLANK
    optional[2:-1:2] &= ids[1:] != ids[:-1]
    places, score = way_through(heard, optional)
    if score < LOST / 2:
        told = f"{len(ids)} symbols cannot be said in {len(log_probs)} frames"
        raise InputError(told)
    own = np.arange(1, len(chain), 2)  # the symbols' places
    firsts, ends = (np.searchsorted(places, own, side) for side in ("left", "right"))
    sums = [heard[i:j, p].sum() for i, j, p in zip(firsts, ends, own, strict=True)]
    return list(map(Span, firsts.tolist(), (ends - 1).tolist(), map(float, sums)))


def words(
    log_probs: np.ndarray,
    ids: Sequence[int],
    symbols: Sequence[str],
    fps: float = 25.0,
    offset: float = 0.0,
) -> list[Word]:
    """The words of a sentence with their times: [t v], [l] -> in order.

    offset is when the first frame begins, in seconds.  A word lasts from the beginning
    of its first symbol's span to the end of its last one's, and a little longer: a CTC
    network names a symbol once, in the middle of its sound.  Where the alphabet has no
    space, every symbol is a word.
    """
    found, word = [], []
    for number, span in zip(ids, align(log_probs, ids), strict=True):
        if symbols[number] == SPACE:
            word = []
            continue
        if not word or SPACE not in symbols:
            word = []
            found.append(word)
        word.append((number, span))
    named = [_word(log_probs, word, symbols, fps, offset) for word in found]
    return _widened(named, offset, offset + len(log_probs) / fps)


def _word(log_probs, word, symbols, fps, offset) -> Word:
    """word is a list of (id, span)."""
    first, last = word[0][1].first, word[-1][1].last
    peaks = [log_probs[s.first : s.last + 1, number].max() for number, s in word]
    confidence = min(1.0, float(np.exp(np.mean(peaks))))
    text = to_text([number for number, _ in word], symbols)
    return Word(text, offset + first / fps, offset + (last + 1) / fps, confidence)


def _widened(named: list[Word], begin: float, end: float) -> list[Word]:
    """Words that begin EARLIER and end LATER, as far as there is room."""
    borders = [_between(one.end, other.start) for one, other in pairwise(named)]
    starts = [max(begin, word.start - EARLIER) for word in named[:1]]
    starts += [start for _, start in borders]
    ends = [stop for stop, _ in borders]
    ends += [min(end, word.end + LATER) for word in named[-1:]]
    times = zip(named, starts, ends, strict=True)
    return [word._replace(start=start, end=stop) for word, start, stop in times]


def _between(end: float, start: float) -> tuple[float, float]:
    """Where one word ends, and the next begins: too near, they share what is there."""
    if start - end > EARLIER + LATER:
        return end + LATER, start - EARLIER
    border = end + (start - end) * LATER / (EARLIER + LATER)
    return border, border


def _anything(size: int) -> Callable[[int], State]:
    """An automaton with one state, in which every symbol may follow and the end too."""
    to, needs = np.zeros(size, np.int32), np.ones(size, np.int32)
    needs[BLANK] = NEVER
    return lambda state: State(to, needs, True)


def _hear(front: _Front, row: np.ndarray, tree: _Tree):
    """One frame more: row [v] -> blank [n], symbol [n], longer [n v].

    blank and symbol are those of the same beginnings; longer is what each beginning
    with one symbol more has.  Where such a one is held already, it is added to that.
    """
    whole = np.logaddexp(front.blank, front.symbol)
    blank, symbol = whole + row[BLANK], front.symbol + row[front.last]
    longer = whole[:, None] + row
    longer[np.arange(len(whole)), front.last] = front.blank + row[front.last]
    held = {prefix: i for i, prefix in enumerate(front.prefix.tolist())}
    for prefix, i in held.items():
        shorter, letter = held.get(tree.parent[prefix]), tree.letter[prefix]
        if shorter is not None:
            symbol[i] = np.logaddexp(symbol[i], longer[shorter, letter])
            longer[shorter, letter] = -np.inf
    return blank, symbol, longer


def _in_time(front: _Front, blank, symbol, longer, states: State, left: int):
    """Gives up what cannot become a whole sentence in the frames that are left.

    This alone is what a grammar forbids: a symbol that may not follow takes for ever.
    """
    after_symbol = states.needs.copy()
    after_symbol[np.arange(len(blank)), front.last] += 1  # a blank must part the two
    late_blank = ~states.ends & (states.needs.min(1) > left)
    late_symbol = ~states.ends & (after_symbol.min(1) > left)
    return (
        np.where(late_blank, -np.inf, blank),
        np.where(late_symbol, -np.inf, symbol),
        np.where(states.needs > left + 1, -np.inf, longer),
    )


def _best(front: _Front, heard, states: State, tree: _Tree, beam: int) -> _Front:
    """The likeliest beginnings, as many as the beam is wide."""
    blank, symbol, longer = heard
    scores = longer.copy()
    scores[:, BLANK] = np.logaddexp(blank, symbol)  # of those that stay as they are
    flat = scores.ravel()
    chosen = np.argpartition(-flat, min(beam, len(flat)) - 1)[:beam]
    i, letter = np.divmod(chosen[flat[chosen] > -np.inf], scores.shape[1])
    stays = letter == BLANK
    grown = zip(front.prefix[i].tolist(), letter.tolist(), strict=True)
    return _Front(
        prefix=np.array([tree.child(*one) if one[1] else one[0] for one in grown]),
        last=np.where(stays, front.last[i], letter),
        state=np.where(stays, front.state[i], states.to[i, letter]),
        blank=np.where(stays, blank[i], -np.inf),
        symbol=np.where(stays, symbol[i], longer[i, letter]),
    )
