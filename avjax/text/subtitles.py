"""Subtitles: read SubRip (.srt) and WebVTT (.vtt), and write timed words as .srt.

A line of times starts a subtitle, wherever it stands, as in players. What is not text
is left out: numbers, names, comments, styles and markup.

Source  WebVTT: The Web Video Text Tracks Format, W3C; SubRip has no specification
"""

import html
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from avjax.errors import InputError
from avjax.media.files import write_text
from avjax.text.intervals import Interval, TimedWord
from avjax.text.normalization import normalize_text, read_text
from avjax.typing import PathLike

MAX_PAUSE_SECONDS = 0.6  # a longer pause starts a new cue
MAX_CUE_CHARACTERS = 42  # unless one word is longer
MAX_CUE_SECONDS = 5.0  # unless one word is longer
MIN_CUE_SECONDS = 1.0  # time on screen, if the next cue permits
MAX_HOURS = 6.0  # longest subtitle file

_CLOCK = r"(?:(\d+):)?([0-5]?\d):([0-5]\d)(?:[.,](\d{1,9}))?"
_TIMES = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?")
_INVALID_TIMES = re.compile(r"\s*\d+:\d.*-->|.*-->\s*\d+:\d")
_WORD_TIME = re.compile(rf"<{_CLOCK}>")
_NOT_SHOWN = re.compile(r"(WEBVTT|NOTE|STYLE|REGION)(\s|$)")  # first line of a block
_BREAK = re.compile(r"</?(?:br|p|div)\b[^<>]*>|\\[Nnh]", re.I)
_READING = re.compile(r"<(rt|rp)>[^<]*</\1>", re.I)  # how the text before it is read
_ATTRIBUTE = r"""\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s<>"']+)"""
_MARKUP = re.compile(
    rf"</?[a-z]\w*(?:\.[\w.-]+)*(?:{_ATTRIBUTE})*\s*/?>"  # x<y and y>z is none
    r"|<(?:v|c|lang|font)\b[^<>]*>|\{[^{}]*\}",  # {\an8}
    re.I,
)


class Cue(NamedTuple):
    """One subtitle.

    Attributes:
        start: Start in seconds.
        end: End in seconds.
        text: The text, without markup and line breaks.
    """

    start: float
    end: float
    text: str


def read_subtitles(path: PathLike, split_words: bool = False) -> list[Cue]:
    """Read the subtitles of a file.

    Cues without a letter or digit are left out. Automatic captions that roll show each
    line twice; the second time is left out.

    Args:
        path: A .srt or .vtt file, as `avjax.text.normalization.read_text` takes it.
        split_words: If True, and the file gives times inside of a subtitle, each timed
            part is a cue.

    Returns:
        Cues in the order of their start times.

    Raises:
        InputError: The file is not readable, not a valid subtitle file, longer than
            six hours, or has no words.
    """
    lines = read_text(path).splitlines()
    is_rolling = any(map(_WORD_TIME.search, lines))
    blocks = list(_split_at_times(path, lines))
    cues: list[Cue] = []
    shown: list[str] = []
    for start, end, texts in blocks:
        seen, shown = shown, list(map(_plain, texts))
        if is_rolling:
            texts = [text for text in texts if _plain(text) not in seen]
        text = " ".join(texts)
        parts = [Cue(start, end, _plain(text))]
        if split_words:
            parts = _split_parts(text, start, end)
        cues += [part for part in parts if any(map(str.isalnum, part.text))]
    if not blocks:
        raise InputError(f"{path} contains no subtitles")
    if not cues:
        raise InputError(f"there is nothing to say in the subtitles of {path}")
    if max(cue.end for cue in cues) > MAX_HOURS * 3600:
        message = f"the subtitles of {path} last more than {MAX_HOURS:g} hours"
        raise InputError(message)
    return sorted(cues, key=lambda cue: cue.start)


def _split_at_times(
    path: PathLike, lines: list[str]
) -> Iterator[tuple[float, float, list[str]]]:
    """Split a file at its lines of times: -> start, end, lines of text."""
    is_vtt = bool(lines) and lines[0].startswith("WEBVTT")
    lines = _hide_comments(lines) if is_vtt else lines
    at = [number for number, line in enumerate(lines) if _TIMES.fullmatch(line)]
    for number, line in enumerate(lines):
        if _INVALID_TIMES.match(line) and not _TIMES.fullmatch(line):
            raise _not_a_start(path, number, "its times are not valid")
    bounds = pairwise([-1, *at, len(lines)])
    head, *texts = [lines[before + 1 : end] for before, end in bounds]
    is_numbered = any(line.strip().isdigit() for line in head)
    head = _without_name(head, is_numbered, is_vtt) if at else head
    for number, line in enumerate(head):
        if line.strip():
            raise _not_a_start(path, number, "it has no times")
    cut_off = ["", str(len(at) + 1)]  # at the end, with or without a line after it
    for number in (len(lines) - 1, len(lines) - 2):
        if is_numbered and texts and lines[number - 1 : number + 1] == cut_off:
            raise _not_a_start(path, number, "it has no times")
    texts[:-1] = [_without_name(text, is_numbered, is_vtt) for text in texts[:-1]]
    for number, text in zip(at, texts, strict=True):
        start, end = _parse_times(lines[number])
        if end < start:
            message = f"the subtitle at line {number + 1} of {path}"
            raise InputError(f"{message} ends before it begins")
        yield start, end, text


def _not_a_start(path: PathLike, number: int, problem: str) -> InputError:
    message = f"line {number + 1} of {path} is not the start of a subtitle"
    return InputError(f"{message}: {problem}")


def _hide_comments(lines: list[str]) -> list[str]:
    """Replace the blocks of a .vtt file that are not shown by empty lines."""
    shown, is_hidden = [], False
    for number, line in enumerate(lines):
        if not line.strip():
            is_hidden = False
        elif number == 0 or not lines[number - 1].strip():
            is_hidden = bool(_NOT_SHOWN.match(line))
        shown.append("" if is_hidden else line)
    return shown


def _without_name(lines: list[str], is_numbered: bool, is_vtt: bool) -> list[str]:
    """Remove the number or the name of the next subtitle from the end of a text."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    if not filled:
        return lines
    last = filled[-1]
    is_number = is_numbered and lines[last].strip().isdigit()
    is_directly_above = 0 < last == len(lines) - 1 and not lines[last - 1].strip()
    return lines[:last] if is_number or (is_vtt and is_directly_above) else lines


def _parse_times(line: str) -> tuple[float, float]:
    """Parse a line of times: -> start, end in seconds."""
    clocks = re.findall(_CLOCK, line)[:2]
    start, end = map(_to_seconds, clocks)
    return start, end


def _split_parts(text: str, start: float, end: float) -> list[Cue]:
    """Split the text of a subtitle at the times inside of it."""
    cues = []
    parts = _WORD_TIME.split(text)  # text, 4 groups of a time, text, ...
    for at in range(0, len(parts), 5):
        following = parts[at + 1 : at + 5]
        stop = _to_seconds(following) if following else end
        cues.append(Cue(start, max(start, stop), _plain(parts[at])))
        start = stop
    return cues


def _plain(text: str) -> str:
    """Remove markup and line breaks."""
    text = _READING.sub("", _BREAK.sub(" ", _WORD_TIME.sub("", text)))
    text = _MARKUP.sub("", text)
    return " ".join(normalize_text(html.unescape(text)).split())


def _to_seconds(clock: Sequence[str | None]) -> float:
    """Convert ("", "01", "01", "5") to 61.5."""
    hours, minutes, seconds, fraction = (part or "0" for part in clock)
    total = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    return total + float(f".{fraction}")


def to_srt(words: Sequence[TimedWord | Interval]) -> str:
    """Convert timed words to the text of a .srt file.

    A cue lasts from the start of its first word to the end of its last word, and never
    overlaps the next cue.

    Args:
        words: Words in the order of their times.

    Returns:
        Text in SubRip format; empty without words.
    """
    cues = _group_words(words)
    starts = [cue[0].start for cue in cues]
    blocks = []
    for number, cue in enumerate(cues, 1):
        start = starts[number - 1]
        end = max(cue[-1].end, start + MIN_CUE_SECONDS)
        end = min([end, *starts[number : number + 1]])
        times = f"{_to_clock(start)} --> {_to_clock(end)}"
        blocks.append(f"{number}\n{times}\n{_join(cue)}\n")
    return "\n".join(blocks)


def write_srt(path: PathLike, words: Sequence[TimedWord | Interval]) -> None:
    """Write timed words as a .srt file.

    Args:
        path: The file to write.
        words: Words in the order of their times.

    Raises:
        InputError: The file cannot be written.
    """
    write_text(path, to_srt(words))


def _group_words(
    words: Sequence[TimedWord | Interval],
) -> list[list[TimedWord | Interval]]:
    """Group words into cues."""
    cues: list[list[TimedWord | Interval]] = []
    for word in words:
        if not cues or not _fits(cues[-1], word):
            cues.append([])
        cues[-1].append(word)
    return cues


def _fits(cue: list[TimedWord | Interval], word: TimedWord | Interval) -> bool:
    """Test whether a word can be added to a cue."""
    return (
        word.start - cue[-1].end <= MAX_PAUSE_SECONDS
        and word.end - cue[0].start <= MAX_CUE_SECONDS
        and len(_join([*cue, word])) <= MAX_CUE_CHARACTERS
    )


def _join(cue: list[TimedWord | Interval]) -> str:
    return " ".join(word[0] for word in cue)


def _to_clock(seconds: float) -> str:
    """Convert 3661.5 to 01:01:01,500."""
    total_seconds, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(total_seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02},{milliseconds:03}"
