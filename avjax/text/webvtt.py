"""WebVTT subtitles (.vtt): read subtitles, and the times of single words if given."""

import html
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from avjax.errors import InputError
from avjax.media.files import check_readable, wrap_os_errors
from avjax.text.subtitles import Cue
from avjax.typing import PathLike

_CLOCK = r"(?:(\d+):)?([0-5]?\d):([0-5]?\d)[.,](\d{1,3})"
_TIMES = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?")
_WORD_TIME = re.compile(rf"<{_CLOCK}>")
_MARKUP = re.compile(r"<[^<>]*>")
_NO_CUES = ("WEBVTT", "NOTE", "STYLE", "REGION")


def read_vtt(path: PathLike) -> list[Cue]:
    """Read the subtitles of a .vtt file.

    Automatic captions that roll show each line twice; the second time is left out.

    Args:
        path: A .vtt file in UTF-8.

    Returns:
        The subtitles that have a letter or digit, in the order of their start times.
        Where the file gives times inside of a subtitle, each timed part is one.

    Raises:
        InputError: If the file is not readable, is not a WebVTT file, or has no words.
    """
    check_readable(path)
    with wrap_os_errors(path, "read"):
        raw = pathlib.Path(path).read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read {path}: it is not UTF-8 text") from error
    blocks = [block.strip() for block in re.split(r"\n\n+", _join_lines(text))]
    if not blocks[0].startswith("WEBVTT"):
        raise InputError(f"cannot read {path}: its first line is not WEBVTT")
    is_rolling = bool(_WORD_TIME.search(text))
    cues: list[Cue] = []
    shown: list[str] = []
    for block in blocks:
        if "-->" not in block or block.startswith(_NO_CUES):
            continue
        start, end, lines = _parse_block(path, block.splitlines())
        if is_rolling:
            seen, shown = shown, [_plain(line) for line in lines]
            lines = [line for line in lines if _plain(line) not in seen]
        cues += _split_parts("\n".join(lines), start, end)
    cues = [cue for cue in cues if any(map(str.isalnum, cue.text))]
    if not cues:
        raise InputError(f"{path} contains no subtitles")
    return sorted(cues, key=lambda cue: cue.start)


def _join_lines(text: str) -> str:
    """Use one kind of line break."""
    return "\n".join(text.splitlines())


def _parse_block(path: PathLike, lines: list[str]) -> tuple[float, float, list[str]]:
    """Parse a block of an optional name, times and text: -> start, end, lines."""
    for number, line in enumerate(lines[:2]):
        times = _TIMES.fullmatch(line)
        if times is None:
            continue
        start, end = (_to_seconds(times.groups()[at : at + 4]) for at in (0, 4))
        if end < start:
            raise InputError(f"a subtitle of {path} ends before it begins: {line!r}")
        return start, end, lines[number + 1 :]
    raise InputError(f"{path} has a subtitle without times: {lines[0]!r}")


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
    return html.unescape(" ".join(_MARKUP.sub("", text).split()))


def _to_seconds(clock: Sequence[str | Any]) -> float:
    """Convert (None, "01", "01", "5") to 61.5."""
    hours, minutes, seconds, fraction = clock
    total = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return total + float(f".{fraction}")
