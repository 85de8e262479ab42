"""SubRip subtitles (.srt): timed words made into them, and those of a file."""

import html
import os
import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from avjax.algorithms.ctc import Word
from avjax.errors import InputError
from avjax.media.files import refusing, require_file

PAUSE = 0.6  # seconds of silence that part two cues
LONGEST_TEXT = 42  # characters of a cue, unless one word is longer
LONGEST = 5.0  # seconds of a cue, unless one word is longer
SHORTEST = 1.0  # seconds that a cue stays on the screen, if the next one lets it
LATEST = 6.0  # hours that subtitles may last

TIME = r"(\d+):([0-5]?\d):([0-5]?\d)[,.](\d{1,3})"
TIMES = re.compile(rf"\s*{TIME}\s*-->\s*{TIME}(\s.*)?")
MARKUP = re.compile(r"</?(?:[biu]|font|c|v)\b[^<>]*>|\{[^{}]*\}", re.I)  # {\an8}


class Cue(NamedTuple):
    """What is said from a moment to another, in seconds."""

    start: float
    end: float
    text: str


def read_srt(path: str | os.PathLike) -> list[Cue]:
    """The subtitles of a file that have words in them, in the order of their times.

    A cue may hold empty lines.  InputError for a file that is none, or torn.
    """
    require_file(path)
    with refusing(path, "read"):
        raw = pathlib.Path(path).read_bytes()
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8") from error
    cues = [_cue(path, number, block) for number, block in _whole(_blocks(lines))]
    if not cues:
        raise InputError(f"{path} has no subtitles in it")
    said = [cue for cue in cues if any(map(str.isalnum, cue.text))]
    if not said:
        raise InputError(f"there is nothing to say in the subtitles of {path}")
    if max(cue.end for cue in said) > LATEST * 3600:
        raise InputError(f"the subtitles of {path} last more than {LATEST:g} hours")
    return sorted(said, key=lambda cue: cue.start)


def _blocks(lines: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Lines without an empty one between, and the number of the first, from 1 on."""
    blocks = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if not blocks or not lines[number - 2].strip():
            blocks.append((number, []))
        blocks[-1][1].append(line)
    return blocks


def _whole(blocks: Sequence[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Blocks, with those that are text alone as more of the one before."""
    whole = []
    for number, block in blocks:
        torn = "-->" in "".join(block) or block[0].strip().isdigit()
        if not whole or torn:
            whole.append((number, block))
        else:
            whole[-1][1].extend(block)
    return whole


def _cue(path: str | os.PathLike, number: int, block: Sequence[str]) -> Cue:
    """A block of a file: perhaps a number, the times, and what is said."""
    counted = block[0].strip().isdigit()
    times = TIMES.fullmatch(block[counted]) if len(block) > counted else None
    if times is None:
        raise InputError(f"line {number} of {path} begins no subtitle: it has no times")
    start, end = (_seconds(times.groups()[at : at + 4]) for at in (0, 4))
    if end < start:
        told = f"the subtitle at line {number} of {path} ends before it begins"
        raise InputError(told)
    text = MARKUP.sub("", " ".join(block[1 + counted :]))
    return Cue(start, end, html.unescape(text).strip())


def _seconds(clock: Sequence[str]) -> float:
    """("01", "01", "01", "500") -> 3661.5"""
    hours, minutes, seconds, part = clock
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f".{part}")


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
