"""Sentences of the puppets: GRID's grammar, homophenes and free sentences."""

import zlib
from collections.abc import Sequence
from typing import TypeVar

from avjax.data.puppet.identity import Uniform
from avjax.text.intervals import Interval, Intervals

_T = TypeVar("_T")

COMMANDS = ("bin", "lay", "place", "set")
COLOURS = ("blue", "green", "red", "white")
PREPOSITIONS = ("at", "by", "in", "with")
LETTERS = tuple("abcdefghijklmnopqrstuvxyz")  # no w, which has three syllables
DIGITS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
)
ADVERBS = ("again", "now", "please", "soon")
GRID_SLOTS = (COMMANDS, COLOURS, PREPOSITIONS, LETTERS, DIGITS, ADVERBS)

# Groups of words that look nearly alike on the lips and differ in the voice.
HOMOPHENES = tuple(
    tuple(group.split())
    for group in (
        "pat bat mat",
        "pan ban man",
        "pine mine",
        "pole bowl mole",
        "pie buy my",
        "peat beat meat",
        "pail bail mail",
        "fan van",
        "fine vine",
        "fail veil",
        "tip dip nip",
        "tie die",
        "ten den",
        "tame dame name",
        "sip zip",
        "sue zoo",
        "cap gap",
        "cold gold",
        "coat goat",
        "shop chop",
        "cheap jeep",
        "rope robe",
        "moon boon",
        "lamp lamb",
        "thick",
        "water",
        "window",
        "yellow",
        "orange",
        "summer",
    )
)
WORDS = tuple(word for group in HOMOPHENES for word in group)

_SUBJECTS = (
    "my brother",
    "your mother",
    "the old doctor",
    "a young painter",
    "the baker",
    "our teacher",
    "the farmer",
    "her uncle",
    "a quiet boy",
    "the tall girl",
    "the captain",
    "our neighbour",
)
_PREDICATES = (
    "found",
    "bought",
    "painted",
    "carried",
    "wanted",
    "opened",
    "forgot",
    "borrowed",
    "showed me",
    "fixed",
    "broke",
    "remembered",
)
_OBJECTS = (
    "a blue umbrella",
    "the wooden boat",
    "five fresh peaches",
    "a small piano",
    "the garden gate",
    "some warm bread",
    "a paper moon",
    "the silver watch",
    "two white mice",
    "a heavy book",
    "the kitchen clock",
    "a purple scarf",
    "my favourite mug",
    "the broken lamp",
)
_ADVERBIALS = (
    "this morning",
    "yesterday",
    "before lunch",
    "after the show",
    "in the rain",
    "by the river",
    "on Monday",
    "at home",
    "for fun",
    "over there",
)
_QUESTIONS = (
    "could you",
    "would you please",
    "why did they",
    "when shall we",
    "how do you",
)
_ACTIONS = (
    "move the table",
    "feed the puppy",
    "wash the window",
    "bring a bottle",
    "make more tea",
    "push the button",
    "fold the map",
    "whisper that name",
    "choose a movie",
    "solve the puzzle",
)
_PHRASES = (
    "nice to meet you",
    "what a beautiful view",
    "we are almost there",
    "thank you very much",
    "the weather is fine",
    "do you have the time",
    "people love to talk",
    "both of them are wrong",
    "I never saw such a show",
    "leave the rest for me",
)


def sample_grid_sentence(uniform: Uniform) -> str:
    """Sample a sentence: command, colour, preposition, letter, digit, adverb.

    Args:
        uniform: Sampler of numbers in [0, 1).

    Returns:
        Six words.
    """
    return " ".join(_pick(part, uniform) for part in GRID_SLOTS)


def sample_word(uniform: Uniform) -> str:
    """Sample a word of WORDS, first a group of homophenes, then a word of it.

    Args:
        uniform: Sampler of numbers in [0, 1).

    Returns:
        The word.
    """
    return _pick(_pick(HOMOPHENES, uniform), uniform)


def sample_free_sentence(uniform: Uniform) -> str:
    """Sample a short sentence of everyday words.

    Args:
        uniform: Sampler of numbers in [0, 1).

    Returns:
        The sentence.
    """
    form = uniform()
    if form < 0.15:
        return _pick(_PHRASES, uniform)
    if form < 0.45:
        return f"{_pick(_QUESTIONS, uniform)} {_pick(_ACTIONS, uniform)}"
    parts = [_pick(part, uniform) for part in (_SUBJECTS, _PREDICATES, _OBJECTS)]
    return " ".join(parts if form < 0.7 else [*parts, _pick(_ADVERBIALS, uniform)])


_LETTER_A = "eigh"  # eSpeak pronounces "a" as an article

SAMPLERS = {
    "grid": sample_grid_sentence,
    "word": sample_word,
    "free": sample_free_sentence,
}


def is_held_out(text: str) -> bool:
    """Tell by its checksum whether a sentence is kept from the split train.

    Args:
        text: The sentence.

    Returns:
        True for one sentence in five.
    """
    return zlib.crc32(text.encode()) % 5 == 0


def sample_sentence(kind: str, held_out: bool, uniform: Uniform) -> str:
    """Sample a sentence that is held out, or one that is trained on.

    Single words are a closed vocabulary, as in LRW: all splits have all of them, and
    only the speakers differ.

    Args:
        kind: "grid", "word" or "free".
        held_out: For the splits val and test, and not for train.
        uniform: Sampler of numbers in [0, 1).

    Returns:
        The sentence.
    """
    while True:
        text = SAMPLERS[kind](uniform)
        if kind == "word" or is_held_out(text) == held_out:
            return text


def spell_for_espeak(kind: str, text: str) -> str:
    """Respell GRID's letter a, which eSpeak would pronounce as an article.

    Args:
        kind: Kind of the sentence.
        text: The sentence.

    Returns:
        The text for eSpeak.
    """
    words = text.split()
    if kind == "grid" and words[3] == "a":
        words[3] = _LETTER_A
    return " ".join(words)


def restore_spelling(words: Intervals) -> Intervals:
    """Undo `spell_for_espeak` in timed words.

    Args:
        words: Words with their times.

    Returns:
        Words as they are written, with their times.
    """
    return tuple(
        Interval("a" if word == _LETTER_A else word, start, end)
        for word, start, end in words
    )


def _pick(choices: Sequence[_T], uniform: Uniform) -> _T:
    """Sample one of the choices."""
    return choices[int(uniform() * len(choices))]
