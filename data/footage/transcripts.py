"""Transcripts beside a video (.srt, .vtt, .txt), and the words of its stretches.

The times of words come from subtitles, or from forced alignment of a text.
"""

import pathlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError
from avjax.media.audio_io import read_audio
from avjax.text.intervals import Interval, Intervals
from avjax.text.normalization import normalize_text, read_text
from avjax.text.subtitles import Cue, read_subtitles

SUFFIXES = (".vtt", ".srt", ".txt")  # the first one that exists is used
MAX_ALIGNED_SECONDS = 3600  # of a video whose text is aligned: its sound is in memory
TOLERANCE = 0.2  # seconds by which a subtitle may reach beyond a stretch
_NOT_SPOKEN = re.compile(r"\[[^\]]*\]|\([^)]*\)|♪")  # [music], (laughs)


class VideoTranscript(NamedTuple):
    """What is said in a video.

    Attributes:
        cues: Subtitles, or single words, with their times in seconds; empty: unknown.
        has_words: Each of `cues` is one word.
        text: The whole text.
    """

    cues: tuple[Cue, ...]
    has_words: bool
    text: str


NO_TRANSCRIPT = VideoTranscript((), False, "")


def read_transcript(path: pathlib.Path) -> VideoTranscript:
    """Read a transcript.

    Args:
        path: A .txt file, or subtitles as .srt or .vtt, in UTF-8 or UTF-16.

    Returns:
        The transcript; its words are normalised by `spoken_words`.

    Raises:
        InputError: If the file cannot be read, or has no words.
    """
    if path.suffix.lower() == ".txt":
        words = spoken_words(read_text(path))
        if not words:
            raise InputError(f"{path} has no words")
        return VideoTranscript((), False, " ".join(words))
    cues = read_subtitles(path, split_words=True)
    spoken = [cue._replace(text=" ".join(spoken_words(cue.text))) for cue in cues]
    spoken = tuple(cue for cue in spoken if cue.text)
    if not spoken:
        raise InputError(f"{path} has no words")
    timed = all(" " not in cue.text for cue in spoken)
    return VideoTranscript(spoken, timed, " ".join(cue.text for cue in spoken))


def align_transcript(
    transcript: VideoTranscript,
    path: pathlib.Path,
    seconds: float,
    aligner: Callable[[np.ndarray, str], Intervals] | None,
) -> tuple[VideoTranscript, str]:
    """Find the times of the words of a text without times, if it fits the sound.

    Args:
        transcript: The transcript.
        path: The video.
        seconds: Duration of the video.
        aligner: (wave f32 [n] at 16 kHz, text) -> words. None: nothing is aligned.

    Returns:
        The transcript, with the times of its words if they were found, and the reason
        if they were looked for and not found.
    """
    if transcript.cues or not transcript.text or aligner is None:
        return transcript, ""
    if seconds > MAX_ALIGNED_SECONDS:
        return transcript, f"the video is longer than {MAX_ALIGNED_SECONDS} s"
    try:
        words = aligner(read_audio(path, SAMPLE_RATE), transcript.text)
    except InputError as error:
        return transcript, str(error)
    cues = tuple(Cue(start, end, word) for word, start, end in words)
    return transcript._replace(cues=cues, has_words=True), ""


def spoken_words(text: str) -> list[str]:
    """Split a text into words in lower case, without punctuation.

    Args:
        text: The text; what stands in brackets, such as [music], is left out.

    Returns:
        The words: letters, digits and apostrophes.
    """
    text = _NOT_SPOKEN.sub(" ", normalize_text(text)).lower()
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    kept = "".join(_keep(character) for character in text)
    return [word for word in (word.strip("'") for word in kept.split()) if word]


def _keep(character: str) -> str:
    """Keep a character of a word (also a combining mark); others become spaces."""
    is_part = character == "'" or unicodedata.category(character)[0] in "LMN"
    return character if is_part else " "


def words_of_stretch(cues: Sequence[Cue], start: float, end: float) -> list[Cue] | None:
    """Select the subtitles that are spoken in a stretch of a video.

    Args:
        cues: Subtitles of the video.
        start: Start of the stretch in seconds.
        end: End of the stretch in seconds.

    Returns:
        The subtitles inside the stretch, and those whose middle is, if they hardly
        reach beyond it; None if one reaches further, because its words may be said
        outside.
    """
    inside = []
    for cue in cues:
        if cue.start >= start - TOLERANCE and cue.end <= end + TOLERANCE:
            if start <= (cue.start + cue.end) / 2 < end:
                inside.append(cue)
        elif min(cue.end, end) - max(cue.start, start) > TOLERANCE:
            return None
    return inside


def timed_words(cues: Sequence[Cue], start: float, end: float) -> Intervals:
    """Convert subtitles of one word each to words with times within a stretch.

    Args:
        cues: The subtitles.
        start: Start of the stretch in seconds.
        end: End of the stretch in seconds.

    Returns:
        The words.
    """
    return tuple(
        Interval(cue.text, max(cue.start - start, 0.0), min(cue.end, end) - start)
        for cue in cues
    )
