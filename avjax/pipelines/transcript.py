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
    """

    clip: str
    text: str
    words: list[TimedWord]
    missed_frames: list[int]
    num_frames: int
    weights: str
    box_given: bool = False

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts.

        Returns:
            {"clip", "weights", "text", "words": [{"word", "start", "end",
            "confidence"}], "num_frames", "missed_frames": [[first, last]]}, times in
            seconds.
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
            "text": self.text,
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

    def __str__(self) -> str:
        """Format as one line of text, one line for each word, and a report."""
        lines = [f"{self.clip}: {self.text or '(no words)'}"]
        for word in self.words:
            times = f"{word.start:7.2f} - {word.end:6.2f} s"
            lines += [f"{times}  {100 * word.confidence:3.0f} %  {word.word}"]
        lines.append(f"read at {FPS} frames a second, with the weights {self.weights}")
        lines += describe_scope(self.weights)
        frames = self.missed_frames, self.num_frames
        lines.append(describe_found(*frames, "have no words", self.box_given))
        return "\n".join(lines)
