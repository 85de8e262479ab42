"""Grammars that people write, as automata."""

import itertools

import pytest

from avjax.data.puppet import sentences
from avjax.errors import InputError
from avjax.text import grammar
from avjax.text.grammar import NEVER, Grammar, Place
from avjax.text.tokenizer import CHARACTERS

SPACED = ("", " ", "a", "b")
TOUCHING = ("", "a", "b")
FORMS = {
    "one place": [[Place(["a", "ab", "ba"])]],
    "two places": [[Place(["a", "ab"]), Place(["b", "ba", "bb"])]],
    "a lexicon": [[Place(["ab", "b"], True)]],
    "a place to skip": [[Place(["a"]), Place(["b", "ab"], True), Place(["a", "ba"])]],
    "an end to skip": [[Place(["b"]), Place(["a"], True), Place(["bb"], True)]],
    "a form to skip": [[Place(["aa"], True)], [Place(["b"]), Place(["a"])]],
    "two forms": [[Place(["a"]), Place(["b"])], [Place(["a", "b"], True)]],
}
CASES = [(name, symbols) for name in FORMS for symbols in (SPACED, TOUCHING)]


def spoken(form: list[Place], letters: int) -> set[tuple[str, ...]]:
    """Every list of words that a form allows, of so many letters at most."""
    if not form:
        return {()}
    first, *rest = form
    found = set() if not first.repeats else spoken(rest, letters)
    for word in first.words:
        if len(word) <= letters:
            after = form if first.repeats else rest
            follow = spoken(after, letters - len(word))
            follow |= spoken(rest, letters - len(word))
            found |= {(word, *words) for words in follow}
    return found


def written(forms: list[list[Place]], symbols, letters: int) -> set[str]:
    """Every sentence, by going through all of them."""
    joint = " " if " " in symbols else ""
    return {joint.join(words) for form in forms for words in spoken(form, letters)}


def frames_of(text: str) -> int:
    """Frames that a sentence takes at least: a blank parts equal neighbours."""
    return len(text) + sum(a == b for a, b in itertools.pairwise(text))


def in_a_row(text: str, allowed: set[str]) -> bool:
    """Whether a text is one sentence or several, a space between two."""
    if text in allowed:
        return True
    cuts = (i for i, letter in enumerate(text) if letter == " ")
    return any(text[:i] in allowed and in_a_row(text[i + 1 :], allowed) for i in cuts)


@pytest.mark.parametrize("name", FORMS)
def test_several_sentences_follow_each_other_where_they_may(name):
    automaton = Grammar(FORMS[name], SPACED, again=True)
    allowed = written(FORMS[name], SPACED, letters=7)
    for length in range(8):
        for letters in itertools.product(SPACED[1:], repeat=length):
            text = "".join(letters)
            expected = in_a_row(text, allowed - {""}) or text in allowed
            assert automaton.accepts(text) == expected, text


@pytest.mark.parametrize(("name", "symbols"), CASES)
def test_exactly_the_sentences_of_the_grammar_are_accepted(name, symbols):
    automaton = Grammar(FORMS[name], symbols)
    allowed = written(FORMS[name], symbols, letters=6)
    for length in range(7):
        for letters in itertools.product(symbols[1:], repeat=length):
            text = "".join(letters)
            assert automaton.accepts(text) == (text in allowed), text


@pytest.mark.parametrize(("name", "symbols"), CASES)
def test_a_symbol_needs_the_frames_of_the_shortest_ending(name, symbols):
    automaton = Grammar(FORMS[name], symbols)
    allowed = written(FORMS[name], symbols, letters=7)
    for length in range(3):
        for letters in itertools.product(range(1, len(symbols)), repeat=length):
            begun = "".join(symbols[letter] for letter in letters)
            state = 0
            for letter in letters:
                state = automaton.look(state).to[letter] if state >= 0 else -1
            if state < 0:
                continue
            for letter, symbol in enumerate(symbols[1:], 1):
                ways = [
                    frames_of(text[length:])
                    for text in allowed
                    if text.startswith(begun + symbol)
                ]
                assert automaton.look(state).needs[letter] == min(ways, default=NEVER)


def test_words_that_begin_alike_share_their_beginning():
    automaton = Grammar([[Place(["seven", "several", "sever", "six"])]])
    s = automaton.look(0).to[CHARACTERS.index("s")]
    follow = [CHARACTERS[i] for i, to in enumerate(automaton.look(s).to) if to >= 0]
    assert follow == ["e", "i"]
    assert automaton.look(s) is automaton.look(s), "states are made once"


def test_words_may_be_lists_of_phones():
    phones = ("", "tS", "eI", "p")
    automaton = Grammar([[Place([["tS", "eI"], ["p"]]), Place([["p"]])]], phones)
    assert automaton.accepts(["tS", "eI", "p"]) and automaton.accepts(["p", "p"])
    assert not automaton.accepts(["tS", "p"])


def test_the_file_says_places_repeats_forms_and_comments():
    text = "# one\nbin Lay\n  # still the form\nvery *  # often\n\n\n\nyes no*\n"
    assert grammar.parse(text) == [
        [Place(["bin", "Lay"], False), Place(["very"], True)],
        [Place(["yes", "no"], True)],
    ]


def test_the_shipped_grammar_is_that_of_the_puppets():
    text = (grammar.SHIPPED / "grid.txt").read_text()
    [form] = grammar.parse(text)
    assert [tuple(place.words) for place in form] == list(sentences.GRID)
    assert not any(place.repeats for place in form)


def test_the_shipped_grammar_is_found_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid").mkdir()  # a corpus, perhaps
    grid = grammar.load("grid")
    assert grid.accepts("place blue in u eight now")
    assert not grid.accepts("place blue in w eight now")
    assert not grid.accepts("place blue in u eight")
    assert "grid" in grammar.shipped()


def test_a_grammar_of_ones_own_is_found_by_its_path(tmp_path):
    file = tmp_path / "own.txt"
    file.write_bytes(b"\xef\xbb\xbfYes no*\r\n")  # as some editors write it
    own = grammar.load(file)
    assert own.accepts("yes no no yes") and own.accepts("")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"\n# nothing but this\n", "it has no words"),
        (b"one two\n*\n", "line 2 has a \\* without words"),
        (b"one\xff two", "not UTF-8"),
        ("one zwölf".encode(), "'ö' of 'zwölf' is not in the alphabet"),
        (b"one* two", "'\\*' of 'one\\*' is not in the alphabet"),
    ],
)
def test_what_is_no_grammar_is_refused_in_one_sentence(tmp_path, content, sentence):
    file = tmp_path / "own.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as error:
        grammar.load(file)
    assert str(file) in str(error.value) and "\n" not in str(error.value)


def test_a_folder_is_no_grammar(tmp_path):
    with pytest.raises(InputError, match="folder"):
        grammar.load(tmp_path)
