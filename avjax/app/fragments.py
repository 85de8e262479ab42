"""Pieces of HTML for the web page: reports, words on a timeline, offsets, progress."""

import html
from collections.abc import Sequence

from avjax.pipelines.sync_report import SyncReport
from avjax.pipelines.transcript import Transcript
from avjax.typing import PathLike
from avjax.weights_folders import describe_weights

FACE_NOTES = {
    False: "nothing shows that it is outside of what the weights know",
    True: "it may be outside of what the weights know: see the report",
}
# Attributes of what may be wider or higher than its place: the keyboard can scroll it.
SCROLLS = 'tabindex="0" role="region" aria-label="{}"'


def show_sentences(text: str) -> str:
    """Show the lines of a text as a list; warnings stand out."""
    items = [
        f'<li class="{"warning" if line.startswith("warning") else ""}">'
        f"{html.escape(line)}</li>"
        for line in text.splitlines()
    ]
    return f'<ul class="report">{"".join(items)}</ul>'


def show_error(message: str) -> str:
    """Show why there is no result; screen readers say it at once."""
    return f'<p class="error" role="alert">{html.escape(message)}</p>'


def show_status(sentence: str, fraction: float | None = None, busy: bool = True) -> str:
    """Show what is going on.

    Args:
        sentence: A sentence.
        fraction: Fraction that is done, from 0 to 1; None: unknown.
        busy: True to show a progress bar.

    Returns:
        HTML.
    """
    value = "" if fraction is None else f' value="{fraction:.3f}"'
    bar = f'<progress max="1"{value} aria-label="Progress"></progress>' * busy
    return f'<p class="status" role="status">{html.escape(sentence)}</p>{bar}'


def show_weights(
    name: PathLike, shown_name: str = "", is_outside: bool | None = None
) -> str:
    """Show which weights were used, for whom they are, and their licence.

    Args:
        name: Bundled name, or folder.
        shown_name: Name to show. Empty: `name`.
        is_outside: True if the face may be outside of what they know. None: it was not
            examined.

    Returns:
        HTML.
    """
    info = describe_weights(name)
    facts = {
        "Weights": shown_name or info.name,
        "Licence": info.licence or "that of the weights they were made from",
        "Trained on": info.trained_on or info.card.partition("\n")[0],
        "Score": info.score,
        "This face": "" if is_outside is None else FACE_NOTES[is_outside],
    }
    rows = [
        f"<dt>{key}</dt><dd>{html.escape(value)}</dd>"
        for key, value in facts.items()
        if value
    ]
    return f'<dl class="facts">{"".join(rows)}</dl>'


def show_timeline(transcript: Transcript, seconds: float) -> str:
    """Show the words of a transcript at their times.

    Args:
        transcript: The transcript.
        seconds: Duration of the clip.

    Returns:
        HTML: the text, and a row with a bar for each word.
    """
    words = []
    for word in transcript.words:
        left, width = (
            100 * word.start / seconds,
            100 * (word.end - word.start) / seconds,
        )
        words.append(
            f"<li><b>{html.escape(word.word)}</b>"
            f'<span class="track"><i style="left:{left:.1f}%;width:{width:.1f}%"></i>'
            f"</span><small>{word.start:.2f} to {word.end:.2f} s, "
            f"{100 * word.confidence:.0f} %</small></li>"
        )
    text = html.escape(transcript.text or "(no words)")
    strip = f'<ol aria-label="Words with their times">{"".join(words)}</ol>'
    strip = f'<div class="timeline" {SCROLLS.format("Timeline")}>{strip}</div>'
    return f'<p class="words">{text}</p>{strip * bool(words)}'


def show_sync(report: SyncReport) -> str:
    """Show the offset of each face as a table, and on a scale."""
    rows = []
    for face in report.to_json()["faces"]:
        offset = face["offset"]
        known = offset is not None
        shown = f"{offset:+d} frames ({face['offset_seconds']:+.2f} s)" if known else ""
        frames = ", ".join(f"{first} to {last}" for first, last in face["frames"])
        cells = [str(face["face"]), face["verdict"], shown or "unknown", frames]
        rows.append(_table_row("td", cells))
    head = _table_row("th", ["Face", "Lips and audio", "Audio ahead by", "Frames"])
    table = f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="scroll" {SCROLLS.format("Offsets of the faces")}>{table}</div>'


def _table_row(tag: str, cells: Sequence[str]) -> str:
    scope = ' scope="col"' * (tag == "th")
    joined = "".join(f"<{tag}{scope}>{html.escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{joined}</tr>"
