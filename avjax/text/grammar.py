"""Sentence grammars, compiled to automata over symbols.

A grammar is a text file:

    bin lay place set   a line is a slot of the sentence, filled by one of its words
    very *              a line that ends in * occurs any number of times, or never
                        an empty line starts another form of sentence
    # words             the rest of a line after # is a comment

A plain word list is thus a single line that ends in *.
"""

import collections
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from avjax.errors import InputError, suggest
from avjax.text.normalization import normalize_text, read_text
from avjax.text.tokenizer import BLANK, CHARACTERS, SPACE, to_ids
from avjax.typing import PathLike

GRAMMAR_FOLDER = pathlib.Path(__file__).parent / "grammars"
UNREACHABLE = 2**30  # more frames than any recording has


class Slot(NamedTuple):
    """A slot of a sentence, filled by one of its words.

    Attributes:
        words: Words as strings, or as sequences of symbols.
        repeats: True if the slot may occur any number of times, or never.
    """

    words: Sequence[str | Sequence[str]]
    repeats: bool = False


class State(NamedTuple):
    """The symbols that may follow in a state of the automaton.

    Attributes:
        targets: State that each symbol leads to, i32 [v]; -1 if it may not follow.
        frames_needed: CTC frames that the symbol and the shortest ending after it
            take, i32 [v]; UNREACHABLE if it may not follow. A symbol takes one frame,
            and equal neighbours are separated by a blank.
        can_end: True if the sentence may end here.
    """

    targets: np.ndarray
    frames_needed: np.ndarray
    can_end: bool | np.ndarray  # an array if several states are stacked


def load_grammar(
    name: PathLike, symbols: Sequence[str] = CHARACTERS, repeat: bool = False
) -> "Grammar":
    """Load a grammar from a file, or a bundled one by its name.

    Args:
        name: Path of a grammar file, or a name from `list_grammars`.
        symbols: Alphabet that the words are spelled in.
        repeat: If True, several sentences may follow each other.

    Returns:
        The grammar as an automaton.

    Raises:
        InputError: There is no such file, it is not a valid grammar, or the alphabet
            lacks one of its characters.
    """
    text = read_text(find_grammar(name))
    try:
        return Grammar(parse_grammar(text), symbols, repeat)
    except InputError as error:
        raise InputError(f"cannot use the grammar {name}: {error}") from error


def find_grammar(name: PathLike) -> pathlib.Path:
    """Return the file of a grammar, which may not exist.

    Args:
        name: Path of a grammar file, or a name from `list_grammars`.

    Raises:
        InputError: It looks like a name, and there is no such grammar.
    """
    file = pathlib.Path(name)
    if not file.is_file() and str(name) in list_grammars():
        return GRAMMAR_FOLDER / f"{name}.txt"
    if not file.exists() and not file.suffix and str(name) == file.name:
        raise InputError(
            f"there is no grammar {name}, and no such file; "
            f"{suggest(str(name), list_grammars())}"
        )
    return file


def list_grammars() -> list[str]:
    """List the bundled grammars.

    Returns:
        Names for `load_grammar`, in alphabetical order.
    """
    return sorted(file.stem for file in GRAMMAR_FOLDER.glob("*.txt"))


def parse_grammar(text: str) -> list[list[Slot]]:
    """Parse the text of a grammar.

    Args:
        text: The text; see the module docstring for its format.

    Returns:
        The forms of sentence, each a list of slots.

    Raises:
        InputError: There are no words, or a line consists of a * only.
    """
    forms: list[list[Slot]] = [[]]
    text = normalize_text(text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if words:
            slot = Slot(words.removesuffix("*").split(), words.endswith("*"))
            if not slot.words:
                raise InputError(f"line {number} has a * without words")
            forms[-1].append(slot)
        elif not line.strip():
            forms.append([])
    forms = [form for form in forms if form]
    if not forms:
        raise InputError("it has no words")
    return forms


class Grammar:
    """An automaton that accepts the sentences of a grammar, spelled in an alphabet.

    Words are separated by a space if the alphabet has one.

    Each slot is a prefix tree of its words; node 0 precedes the sentence. A state is
    the set of nodes that the symbols so far may have led to, so the automaton is
    deterministic. States are numbered from 0, the initial state, in the order in which
    they are visited; only visited states are computed.

    Attributes:
        symbols: The alphabet.
    """

    def __init__(
        self,
        forms: Iterable[Sequence[Slot]],
        symbols: Sequence[str] = CHARACTERS,
        repeat: bool = False,
    ):
        """Compile a grammar.

        Args:
            forms: Forms of sentence, each a sequence of slots.
            symbols: Alphabet that the words are spelled in.
            repeat: If True, several sentences may follow each other.

        Raises:
            InputError: The alphabet lacks a character of a word.
        """
        self.symbols = tuple(symbols)
        self._space = self.symbols.index(SPACE) if SPACE in self.symbols else BLANK
        self._symbol = [BLANK]  # the symbol that leads to each node
        self._children: list[dict[int, int]] = [{}]  # {symbol: node} in the same word
        self._next_roots: list[list[int]] = [[]]  # after a word: the trees that follow
        self._can_end = [False]
        for form in forms:
            self._add_form(form)
        if repeat:
            initial = self._next_roots[0]
            for node in range(1, len(self._can_end)):
                if self._can_end[node]:
                    roots = self._next_roots[node]
                    roots += [root for root in initial if root not in roots]
        self._frames_needed = self._shortest_endings()
        self._node_sets = [frozenset([0])]
        self._state_numbers = {self._node_sets[0]: 0}
        self._states: dict[int, State] = {}

    def transitions(self, state: int) -> State:
        """Look up which symbols may follow in a state.

        Args:
            state: Number of the state; 0 is the initial state.

        Returns:
            The transitions of the state.
        """
        if state not in self._states:
            self._states[state] = self._expand(self._node_sets[state])
        return self._states[state]

    def accepts(self, text: str | Sequence[str]) -> bool:
        """Test whether a text is a complete sentence.

        Args:
            text: A string or a sequence of symbols.

        Returns:
            True if the grammar accepts the text.
        """
        state = 0
        for symbol in to_ids(text, self.symbols):
            state = int(self.transitions(state).targets[symbol])
            if state < 0:
                return False
        return bool(self.transitions(state).can_end)

    def _add_form(self, form: Sequence[Slot]) -> None:
        """Add the trees of a form's slots, and link the words to the next slots."""
        trees = [self._add_tree(slot) for slot in form]
        roots = [root for root, _ in trees]
        leaves = [{0}, *(leaves for _, leaves in trees)]
        for slot, nodes in enumerate(leaves, -1):
            following = _following_slots(form, slot)
            for node in nodes:
                self._next_roots[node] += [roots[s] for s in following if s < len(form)]
                self._can_end[node] |= len(form) in following

    def _add_tree(self, slot: Slot) -> tuple[int, set[int]]:
        """Add the words of a slot: -> root, nodes at which the words end."""
        root, leaves = self._add_node(self._space), set()
        for word in slot.words:
            node = root
            for symbol in map(int, to_ids(word, self.symbols)):
                if symbol not in self._children[node]:
                    self._children[node][symbol] = self._add_node(symbol)
                node = self._children[node][symbol]
            leaves.add(node)
        return root, leaves

    def _add_node(self, symbol: int) -> int:
        self._symbol.append(symbol)
        self._children.append({})
        self._next_roots.append([])
        self._can_end.append(False)
        return len(self._symbol) - 1

    def _edges(self, node: int) -> Iterator[tuple[int, int]]:
        """Iterate over (symbol, target node) of every symbol that may follow."""
        yield from self._children[node].items()
        for root in self._next_roots[node]:
            if node and self._space:
                yield self._space, root
            else:
                yield from self._children[root].items()

    def _shortest_endings(self) -> list[int]:
        """Compute the frames that the shortest path from each node to an end takes.

        Nodes are visited in reverse. No shortest path leads back, because repeating a
        slot takes more frames than it can save.
        """
        needed = [0] * len(self._symbol)
        for node in reversed(range(len(needed))):
            paths = [
                1 + (symbol == self._symbol[node]) + needed[target]
                for symbol, target in self._edges(node)
                if target > node
            ]
            needed[node] = 0 if self._can_end[node] else min(paths)
        return needed

    def _expand(self, nodes: frozenset[int]) -> State:
        """Compute the transitions of a set of nodes."""
        reached = collections.defaultdict(set)
        for node in nodes:
            for symbol, target in self._edges(node):
                reached[symbol].add(target)
        targets = np.full(len(self.symbols), -1, np.int32)
        needed = np.full(len(self.symbols), UNREACHABLE, np.int32)
        for symbol, target_nodes in reached.items():
            targets[symbol] = self._state_number(frozenset(target_nodes))
            needed[symbol] = 1 + min(self._frames_needed[node] for node in target_nodes)
        return State(targets, needed, any(self._can_end[node] for node in nodes))

    def _state_number(self, nodes: frozenset[int]) -> int:
        if nodes not in self._state_numbers:
            self._state_numbers[nodes] = len(self._node_sets)
            self._node_sets.append(nodes)
        return self._state_numbers[nodes]


def _following_slots(form: Sequence[Slot], slot: int) -> list[int]:
    """List the slots that may follow a slot; -1 is the start, len(form) the end."""
    following = [slot] if slot >= 0 and form[slot].repeats else []
    for after in range(slot + 1, len(form) + 1):
        following.append(after)
        if after < len(form) and not form[after].repeats:
            break
    return following
