"""The text that was read from lips, with the times of its words."""

from typing import Any, NamedTuple

from avjax.constants import FPS
from avjax.pipelines.formatting import describe_found, describe_scope, frame_ranges
from avjax.text import subtitles
from avjax.text.intervals import TimedWord


class Transcript(NamedTuple):
    """The text that was read in a video.

    Attributes:
        clip: Path of the video, or "array".
        text: The words, with spaces between them.
        words: The words with their times and confidence.
        missed_frames: Frames in which no face was found, at 25 frames a second.
        num_frames: Number of all frames, at 25 frames a second.
        weights: Name or folder of the weights.
        box_given: True if the box of the face was given, and not detected.
        min_confidence: Mean confidence of the words, 0 to 1, below which most words are
            wrong.
    """

    clip: str
    text: str
    words: list[TimedWord]
    missed_frames: list[int]
    num_frames: int
    weights: str
    box_given: bool = False
    min_confidence: float = 0.0

    @property
    def confidence(self) -> float | None:
        """Mean confidence of the words, 0 to 1; None without words."""
        confidences = [word.confidence for word in self.words]
        return sum(confidences) / len(confidences) if confidences else None

    @property
    def is_reliable(self) -> bool:
        """False if the confidence is so low that most words are probably wrong."""
        return self.confidence is None or self.confidence >= self.min_confidence

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts.

        Returns:
            {"clip", "weights", "scope" (whom the weights know, or None), "text",
            "confidence", "reliable", "words": [{"word", "start", "end", "confidence"}],
            "num_frames", "missed_frames": [[first, last]]}, times in seconds.
        """
        words = [
            {
                "word": word.word,
                "start": round(word.start, 3),
                "end": round(word.end, 3),
                "confidence": round(word.confidence, 4),
            }
            for word in self.words
        ]
        return {
            "clip": self.clip,
            "weights": self.weights,
            "scope": "".join(describe_scope(self.weights)) or None,
            "text": self.text,
            "confidence": None
            if self.confidence is None
            else round(self.confidence, 4),
            "reliable": self.is_reliable,
            "words": words,
            "num_frames": self.num_frames,
            "missed_frames": frame_ranges(self.missed_frames),
        }

    def to_srt(self) -> str:
        """Convert to subtitles in SubRip format.

        Returns:
            The content of an .srt file.
        """
        return subtitles.to_srt(self.words)

    def format_words(self) -> str:
        """Format as one line of text, and one line for each word."""
        lines = [f"{self.clip}: {self.text or '(no words)'}"]
        for word in self.words:
            times = f"{word.start:7.2f} - {word.end:6.2f} s"
            lines += [f"{times}  {100 * word.confidence:3.0f} %  {word.word}"]
        return "\n".join(lines)

    def format_report(self) -> str:
        """Format what was done, and how far the words can be trusted."""
        lines = []
        if self.confidence is not None and not self.is_reliable:
            lines.append(
                "warning: the mean confidence of the words is "
                f"{100 * self.confidence:.0f} %; below {100 * self.min_confidence:.0f} "
                "%, most words are wrong: the weights probably do not know this "
                "speaker, or sentences of this kind"
            )
        lines.append(f"read at {FPS} frames a second, with the weights {self.weights}")
        lines += describe_scope(self.weights)
        frames = self.missed_frames, self.num_frames
        lines.append(describe_found(*frames, "have no words", self.box_given))
        return "\n".join(lines)

    def __str__(self) -> str:
        """Format the words, and the report."""
        return f"{self.format_words()}\n{self.format_report()}"
