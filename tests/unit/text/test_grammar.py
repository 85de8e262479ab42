"""Tests of sentence grammars and their automata."""

import itertools

import pytest

from avjax.data.puppet import sentences
from avjax.errors import InputError
from avjax.text.grammar import (
    GRAMMAR_FOLDER,
    UNREACHABLE,
    Grammar,
    Slot,
    list_grammars,
    load_grammar,
    parse_grammar,
)
from avjax.text.tokenizer import CHARACTERS

SPACED = ("", " ", "a", "b")
UNSPACED = ("", "a", "b")
FORMS = {
    "one slot": [[Slot(["a", "ab", "ba"])]],
    "two slots": [[Slot(["a", "ab"]), Slot(["b", "ba", "bb"])]],
    "a word list": [[Slot(["ab", "b"], True)]],
    "an optional slot": [[Slot(["a"]), Slot(["b", "ab"], True), Slot(["a", "ba"])]],
    "an optional end": [[Slot(["b"]), Slot(["a"], True), Slot(["bb"], True)]],
    "an optional form": [[Slot(["aa"], True)], [Slot(["b"]), Slot(["a"])]],
    "two forms": [[Slot(["a"]), Slot(["b"])], [Slot(["a", "b"], True)]],
}
CASES = [(name, symbols) for name in FORMS for symbols in (SPACED, UNSPACED)]


def word_sequences(form: list[Slot], letters: int) -> set[tuple[str, ...]]:
    """List all word sequences of a form with at most this number of letters."""
    if not form:
        return {()}
    first, *rest = form
    sequences = set() if not first.repeats else word_sequences(rest, letters)
    for word in first.words:
        if len(word) <= letters:
            after = form if first.repeats else rest
            follow = word_sequences(after, letters - len(word))
            follow |= word_sequences(rest, letters - len(word))
            sequences |= {(word, *words) for words in follow}
    return sequences


def all_sentences(forms: list[list[Slot]], symbols, letters: int) -> set[str]:
    """List all sentences by enumeration."""
    separator = " " if " " in symbols else ""
    return {
        separator.join(words)
        for form in forms
        for words in word_sequences(form, letters)
    }


def count_frames(text: str) -> int:
    """Count the CTC frames of a sentence: a blank separates equal neighbours."""
    return len(text) + sum(a == b for a, b in itertools.pairwise(text))


def is_repeated(text: str, allowed: set[str]) -> bool:
    """Test whether a text is one or more sentences separated by spaces."""
    if text in allowed:
        return True
    cuts = (i for i, letter in enumerate(text) if letter == " ")
    return any(
        text[:i] in allowed and is_repeated(text[i + 1 :], allowed) for i in cuts
    )


@pytest.mark.parametrize("name", FORMS)
def test_repeated_sentences_are_accepted_if_requested(name):
    automaton = Grammar(FORMS[name], SPACED, repeat=True)
    allowed = all_sentences(FORMS[name], SPACED, letters=7)
    for length in range(8):
        for letters in itertools.product(SPACED[1:], repeat=length):
            text = "".join(letters)
            expected = is_repeated(text, allowed - {""}) or text in allowed
            assert automaton.accepts(text) == expected, text


@pytest.mark.parametrize(("name", "symbols"), CASES)
def test_exactly_the_sentences_of_the_grammar_are_accepted(name, symbols):
    automaton = Grammar(FORMS[name], symbols)
    allowed = all_sentences(FORMS[name], symbols, letters=6)
    for length in range(7):
        for letters in itertools.product(symbols[1:], repeat=length):
            text = "".join(letters)
            assert automaton.accepts(text) == (text in allowed), text


@pytest.mark.parametrize(("name", "symbols"), CASES)
def test_frames_needed_are_those_of_the_shortest_ending(name, symbols):
    automaton = Grammar(FORMS[name], symbols)
    allowed = all_sentences(FORMS[name], symbols, letters=7)
    for length in range(3):
        for letters in itertools.product(range(1, len(symbols)), repeat=length):
            prefix = "".join(symbols[letter] for letter in letters)
            state = 0
            for letter in letters:
                state = (
                    automaton.transitions(state).targets[letter] if state >= 0 else -1
                )
            if state < 0:
                continue
            for letter, symbol in enumerate(symbols[1:], 1):
                needed = [
                    count_frames(text[length:])
                    for text in allowed
                    if text.startswith(prefix + symbol)
                ]
                assert automaton.transitions(state).frames_needed[letter] == min(
                    needed, default=UNREACHABLE
                )


def test_words_share_common_prefixes():
    automaton = Grammar([[Slot(["seven", "several", "sever", "six"])]])
    s = automaton.transitions(0).targets[CHARACTERS.index("s")]
    targets = automaton.transitions(s).targets
    follow = [CHARACTERS[i] for i, target in enumerate(targets) if target >= 0]
    assert follow == ["e", "i"]
    assert automaton.transitions(s) is automaton.transitions(s), "states are cached"


def test_words_may_be_sequences_of_phones():
    phones = ("", "tS", "eI", "p")
    automaton = Grammar([[Slot([["tS", "eI"], ["p"]]), Slot([["p"]])]], phones)
    assert automaton.accepts(["tS", "eI", "p"]) and automaton.accepts(["p", "p"])
    assert not automaton.accepts(["tS", "p"])


def test_parse_slots_repeats_forms_and_comments():
    text = "# one\nbin Lay\n  # still the form\nvery *  # often\n\n\n\nyes no*\n"
    assert parse_grammar(text) == [
        [Slot(["bin", "Lay"], False), Slot(["very"], True)],
        [Slot(["yes", "no"], True)],
    ]


def test_bundled_grammar_is_that_of_the_puppets():
    text = (GRAMMAR_FOLDER / "grid.txt").read_text()
    [form] = parse_grammar(text)
    assert [tuple(slot.words) for slot in form] == list(sentences.GRID_SLOTS)
    assert not any(slot.repeats for slot in form)


def test_bundled_grammar_is_loaded_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid").mkdir()  # for example a corpus
    grid = load_grammar("grid")
    assert grid.accepts("place blue in u eight now")
    assert not grid.accepts("place blue in w eight now")
    assert not grid.accepts("place blue in u eight")
    assert "grid" in list_grammars()


def test_grammar_file_is_loaded_by_path(tmp_path):
    file = tmp_path / "grammar.txt"
    file.write_bytes(b"\xef\xbb\xbfYes no*\r\n")  # byte order mark and CRLF
    grammar = load_grammar(file)
    assert grammar.accepts("yes no no yes") and grammar.accepts("")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"\n# nothing but this\n", "it has no words"),
        (b"one two\n*\n", "line 2 has a \\* without words"),
        (b"one\xff two", "not UTF-8 or UTF-16"),
        ("one zwölf".encode(), "'ö' in 'zwölf' is not in the alphabet"),
        (b"one* two", "'\\*' in 'one\\*' is not in the alphabet"),
    ],
)
def test_invalid_grammar_raises_a_one_line_error(tmp_path, content, message):
    file = tmp_path / "grammar.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        load_grammar(file)
    assert str(file) in str(error.value) and "\n" not in str(error.value)


def test_name_that_is_neither_a_grammar_nor_a_file_is_explained():
    message = "there is no grammar gird, and no such file; did you mean grid"
    with pytest.raises(InputError, match=message):
        load_grammar("gird")
    with pytest.raises(InputError, match="no such file; choose from grid"):
        load_grammar("sentences")
    for path in ("gird.txt", "folder/gird"):
        with pytest.raises(InputError, match=f"cannot read {path}: it does not exist"):
            load_grammar(path)


def test_folder_is_not_a_grammar(tmp_path):
    with pytest.raises(InputError, match="folder"):
        load_grammar(tmp_path)
