"""What puppets say: GRID's grammar, single words that look alike, and free text."""

import zlib

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
GRID = (COMMANDS, COLOURS, PREPOSITIONS, LETTERS, DIGITS, ADVERBS)

# Groups of words that lips alone can hardly tell apart: the voice makes the difference.
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

_WHO = (
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
_DOES = (
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
_WHAT = (
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
_WHEN = (
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
_ASKS = ("could you", "would you please", "why did they", "when shall we", "how do you")
_ACTS = (
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
_PLAIN = (
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


def grid_sentence(draw) -> str:
    """Command, colour, preposition, letter, digit, adverb."""
    return " ".join(_pick(part, draw) for part in GRID)


def single_word(draw) -> str:
    """One word of WORDS, groups of homophenes and their words alike likely."""
    return _pick(_pick(HOMOPHENES, draw), draw)


def free_sentence(draw) -> str:
    """A short sentence of everyday words."""
    form = draw()
    if form < 0.15:
        return _pick(_PLAIN, draw)
    if form < 0.45:
        return f"{_pick(_ASKS, draw)} {_pick(_ACTS, draw)}"
    parts = [_pick(part, draw) for part in (_WHO, _DOES, _WHAT)]
    return " ".join(parts if form < 0.7 else [*parts, _pick(_WHEN, draw)])


_LETTER_A = "eigh"

KINDS = {"grid": grid_sentence, "word": single_word, "free": free_sentence}


def sentence_split(text: str) -> str:
    """'test' for one sentence in five, by its checksum alone; else 'train'."""
    return "test" if zlib.crc32(text.encode()) % 5 == 0 else "train"


def draw_sentence(kind: str, split: str, draw) -> str:
    """A sentence of a kind that belongs to a split.

    Single words are a closed vocabulary, as in LRW: both splits say all of them, and
    only the speakers differ.
    """
    while True:
        text = KINDS[kind](draw)
        if kind == "word" or sentence_split(text) == split:
            return text


def spell(kind: str, text: str) -> str:
    """The text as espeak must see it: GRID's letter a is a name, not an article."""
    words = text.split()
    if kind == "grid" and words[3] == "a":
        words[3] = _LETTER_A
    return " ".join(words)


def unspell(words: tuple) -> tuple:
    """Spans of spoken words -> the same with the words as they are written."""
    return tuple(("a" if word == _LETTER_A else word, *times) for word, *times in words)


def _pick(choices, draw):
    return choices[int(draw() * len(choices))]
