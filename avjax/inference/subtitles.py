"""Timed words as SubRip subtitles (.srt)."""

from collections.abc import Sequence

from avjax.inference.decode import Word

PAUSE = 0.6  # seconds of silence that part two cues
LONGEST_TEXT = 42  # characters of a cue, unless one word is longer
LONGEST = 5.0  # seconds of a cue, unless one word is longer
SHORTEST = 1.0  # seconds that a cue stays on the screen, if the next one lets it


def to_srt(words: Sequence[Word]) -> str:
    """Words in the order of their times -> the text of a .srt file, empty for none.

    A cue is shown from its first word's start to its last one's end, and never
    overlaps the next.
    """
    cues = _cues(words)
    begins = [cue[0].start for cue in cues]
    blocks = []
    for number, cue in enumerate(cues, 1):
        end = max(cue[-1].end, begins[number - 1] + SHORTEST)
        end = min([end, *begins[number : number + 1]])
        times = f"{_clock(begins[number - 1])} --> {_clock(end)}"
        blocks.append(f"{number}\n{times}\n{_text(cue)}\n")
    return "\n".join(blocks)


def _cues(words: Sequence[Word]) -> list[list[Word]]:
    """The words that are shown together."""
    cues = []
    for word in words:
        if not cues or not _fits(cues[-1], word):
            cues.append([])
        cues[-1].append(word)
    return cues


def _fits(cue: list[Word], word: Word) -> bool:
    """Whether a word belongs to the cue before it."""
    return (
        word.start - cue[-1].end <= PAUSE
        and word.end - cue[0].start <= LONGEST
        and len(_text([*cue, word])) <= LONGEST_TEXT
    )


def _text(cue: list[Word]) -> str:
    return " ".join(word.word for word in cue)


def _clock(seconds: float) -> str:
    """3661.5 -> 01:01:01,500"""
    rest, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(rest, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02},{milliseconds:03}"
