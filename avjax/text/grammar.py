"""What may be said: a grammar that people can write, as an automaton over symbols.

A grammar is a text file.

    bin lay place set       a line is a place in the sentence: one of its words is said
    very *                  a line that ends in * is said any number of times, or never
                            after an empty line comes another form of sentence
    # words                 from here to the end of the line is a comment

So a plain lexicon is one line that ends in *.
"""

import collections
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from avjax.errors import InputError
from avjax.media.files import refusing, require_file
from avjax.text.tokenizer import BLANK, CHARACTERS, SPACE, to_ids

SHIPPED = pathlib.Path(__file__).parent / "grammars"
NEVER = 2**30  # so many frames would be needed: it is impossible


class Place(NamedTuple):
    """A place in a sentence, where one of its words is said."""

    words: Sequence[str | Sequence[str]]  # as characters, or as lists of symbols
    repeats: bool = False  # any number of times, also none


class State(NamedTuple):
    """What may come after the symbols that led here.

    to     i32 [v], the state that each symbol leads to, -1 where it may not follow
    needs  i32 [v], frames that this symbol and the shortest ending after it take in
           CTC, where a symbol takes a frame, and a blank must part equal neighbours;
           NEVER where it may not follow
    ends   whether the sentence may end here
    """

    to: np.ndarray
    needs: np.ndarray
    ends: bool


def load(
    name: str | os.PathLike, symbols: Sequence[str] = CHARACTERS, again: bool = False
) -> "Grammar":
    """The grammar of a file, or one that comes with the package, by its name alone.

    again  whether several sentences may follow each other

    InputError where there is none, it cannot be understood, or the alphabet lacks a
    character of it.
    """
    file = pathlib.Path(name)
    if not file.is_file() and str(name) in shipped():
        file = SHIPPED / f"{name}.txt"
    require_file(file)
    try:
        with refusing(file, "read"):
            text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {name}: it is not UTF-8 text") from error
    try:
        return Grammar(parse(text), symbols, again)
    except InputError as error:
        raise InputError(f"cannot use the grammar {name}: {error}") from error


def shipped() -> list[str]:
    """Names of the grammars that come with the package."""
    return sorted(file.stem for file in SHIPPED.glob("*.txt"))


def parse(text: str) -> list[list[Place]]:
    """A grammar's text -> its forms of sentence, each a list of places."""
    forms = [[]]
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if words:
            place = Place(words.removesuffix("*").split(), words.endswith("*"))
            if not place.words:
                raise InputError(f"line {number} has a * without words")
            forms[-1].append(place)
        elif not line.strip():
            forms.append([])
    forms = [form for form in forms if form]
    if not forms:
        raise InputError("it has no words")
    return forms


class Grammar:
    """An automaton that accepts the sentences of some forms, spelled in an alphabet.

    Where the alphabet has a space, it stands between words; else they touch.

    Each place has a tree of its words, so words that begin alike share nodes; node 0
    is before the sentence.  A state is the set of nodes that the symbols so far may
    have led to, so a state and a symbol give one state.  States are numbered as they
    are met, from 0, the beginning: only those that a search visits are ever made.
    """

    def __init__(
        self,
        forms: Iterable[Sequence[Place]],
        symbols: Sequence[str] = CHARACTERS,
        again: bool = False,
    ):
        """again: after a sentence another one may begin."""
        self.symbols = tuple(symbols)
        self._space = self.symbols.index(SPACE) if SPACE in self.symbols else BLANK
        self._letter = [BLANK]  # the symbol that leads to each node
        self._longer: list[dict[int, int]] = [{}]  # {symbol: node} of the same word
        self._next: list[list[int]] = [[]]  # after a word: the trees that may follow
        self._ends = [False]
        for form in forms:
            self._plant(form)
        if again:
            begin = self._next[0]
            for node in range(1, len(self._ends)):
                if self._ends[node]:
                    new = [root for root in begin if root not in self._next[node]]
                    self._next[node] += new
        self._needs = self._shortest_endings()
        self._sets = [frozenset([0])]
        self._numbers = {self._sets[0]: 0}
        self._states: dict[int, State] = {}

    def look(self, state: int) -> State:
        """What may follow in a state; 0 is the beginning."""
        if state not in self._states:
            self._states[state] = self._meet(self._sets[state])
        return self._states[state]

    def accepts(self, text: str | Sequence[str]) -> bool:
        """Whether this is a whole sentence."""
        state = 0
        for symbol in to_ids(text, self.symbols):
            state = int(self.look(state).to[symbol])
            if state < 0:
                return False
        return self.look(state).ends

    def _plant(self, form: Sequence[Place]) -> None:
        """Adds the trees of a form's places, and what follows each of its words."""
        trees = [self._tree(place) for place in form]
        roots = [root for root, _ in trees]
        leaves = [{0}, *(leaves for _, leaves in trees)]
        for here, nodes in enumerate(leaves, -1):
            after = _after(form, here)
            for node in nodes:
                self._next[node] += [roots[p] for p in after if p < len(form)]
                self._ends[node] |= len(form) in after

    def _tree(self, place: Place) -> tuple[int, set[int]]:
        """-> the root of a place's words, and the nodes at which they end."""
        root, leaves = self._node(self._space), set()
        for word in place.words:
            node = root
            for symbol in map(int, to_ids(word, self.symbols)):
                if symbol not in self._longer[node]:
                    self._longer[node][symbol] = self._node(symbol)
                node = self._longer[node][symbol]
            leaves.add(node)
        return root, leaves

    def _node(self, letter: int) -> int:
        self._letter.append(letter)
        self._longer.append({})
        self._next.append([])
        self._ends.append(False)
        return len(self._letter) - 1

    def _edges(self, node: int) -> Iterator[tuple[int, int]]:
        """(symbol, node that it leads to), of every symbol that may follow."""
        yield from self._longer[node].items()
        for root in self._next[node]:
            if node and self._space:
                yield self._space, root
            else:
                yield from self._longer[root].items()

    def _shortest_endings(self) -> list[int]:
        """Frames that the shortest way from each node to an end takes, after its own.

        Nodes are visited from the last.  No shortest way leads back: to say a place
        again takes more than it can save.
        """
        needs = [0] * len(self._letter)
        for node in reversed(range(len(needs))):
            ways = [
                1 + (letter == self._letter[node]) + needs[target]
                for letter, target in self._edges(node)
                if target > node
            ]
            needs[node] = 0 if self._ends[node] else min(ways)
        return needs

    def _meet(self, nodes: frozenset[int]) -> State:
        targets = collections.defaultdict(set)
        for node in nodes:
            for letter, target in self._edges(node):
                targets[letter].add(target)
        to = np.full(len(self.symbols), -1, np.int32)
        needs = np.full(len(self.symbols), NEVER, np.int32)
        for letter, met in targets.items():
            to[letter] = self._number(frozenset(met))
            needs[letter] = 1 + min(self._needs[node] for node in met)
        return State(to, needs, any(self._ends[node] for node in nodes))

    def _number(self, nodes: frozenset[int]) -> int:
        if nodes not in self._numbers:
            self._numbers[nodes] = len(self._sets)
            self._sets.append(nodes)
        return self._numbers[nodes]


def _after(form: Sequence[Place], here: int) -> list[int]:
    """The places that may follow place `here`, -1 the beginning, len(form) the end."""
    after = [here] if here >= 0 and form[here].repeats else []
    for place in range(here + 1, len(form) + 1):
        after.append(place)
        if place < len(form) and not form[place].repeats:
            break
    return after
