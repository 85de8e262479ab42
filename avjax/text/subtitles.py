"""SubRip subtitles (.srt): write timed words as subtitles, and read subtitle files."""

import html
import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from avjax.errors import InputError
from avjax.media.files import check_readable, wrap_os_errors, write_text
from avjax.text.intervals import Interval, TimedWord
from avjax.typing import PathLike

MAX_PAUSE_SECONDS = 0.6  # a longer pause starts a new cue
MAX_CUE_CHARACTERS = 42  # unless one word is longer
MAX_CUE_SECONDS = 5.0  # unless one word is longer
MIN_CUE_SECONDS = 1.0  # time on screen, if the next cue permits
MAX_HOURS = 6.0  # longest subtitle file

_TIME = r"(\d+):([0-5]?\d):([0-5]?\d)[,.](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(\s.*)?")
_MARKUP = re.compile(r"</?(?:[biu]|font|c|v)\b[^<>]*>|\{[^{}]*\}", re.I)  # {\an8}


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


def read_srt(path: PathLike) -> list[Cue]:
    """Read the subtitles of a file.

    Cues without a letter or digit are left out. A cue may contain empty lines.

    Args:
        path: A .srt file in UTF-8.

    Returns:
        Cues in the order of their start times.

    Raises:
        InputError: The file is not readable, not a valid subtitle file, longer than
            six hours, or has no words.
    """
    check_readable(path)
    with wrap_os_errors(path, "read"):
        raw = pathlib.Path(path).read_bytes()
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {path}: it is not UTF-8 text") from error
    blocks = _merge_blocks(_split_blocks(lines))
    cues = [_parse_cue(path, number, block) for number, block in blocks]
    if not cues:
        raise InputError(f"{path} contains no subtitles")
    cues = [cue for cue in cues if any(map(str.isalnum, cue.text))]
    if not cues:
        raise InputError(f"there is nothing to say in the subtitles of {path}")
    if max(cue.end for cue in cues) > MAX_HOURS * 3600:
        message = f"the subtitles of {path} last more than {MAX_HOURS:g} hours"
        raise InputError(message)
    return sorted(cues, key=lambda cue: cue.start)


def _split_blocks(lines: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Split lines at empty lines: -> (number of the first line from 1, lines)."""
    blocks: list[tuple[int, list[str]]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if not blocks or not lines[number - 2].strip():
            blocks.append((number, []))
        blocks[-1][1].append(line)
    return blocks


def _merge_blocks(
    blocks: Sequence[tuple[int, list[str]]],
) -> list[tuple[int, list[str]]]:
    """Append blocks of text only to the block before."""
    merged: list[tuple[int, list[str]]] = []
    for number, block in blocks:
        starts_cue = "-->" in "".join(block) or block[0].strip().isdigit()
        if not merged or starts_cue:
            merged.append((number, block))
        else:
            merged[-1][1].extend(block)
    return merged


def _parse_cue(path: PathLike, number: int, block: Sequence[str]) -> Cue:
    """Parse a block: an optional number, the times, and the text."""
    numbered = block[0].strip().isdigit()
    times = _TIMES.fullmatch(block[numbered]) if len(block) > numbered else None
    if times is None:
        message = f"line {number} of {path} is not the start of a subtitle"
        raise InputError(f"{message}: it has no times")
    start, end = (_to_seconds(times.groups()[at : at + 4]) for at in (0, 4))
    if end < start:
        message = f"the subtitle at line {number} of {path} ends before it begins"
        raise InputError(message)
    text = _MARKUP.sub("", " ".join(block[1 + numbered :]))
    return Cue(start, end, html.unescape(text).strip())


def _to_seconds(clock: Sequence[str]) -> float:
    """Convert ("01", "01", "01", "500") to 3661.5."""
    hours, minutes, seconds, fraction = clock
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
