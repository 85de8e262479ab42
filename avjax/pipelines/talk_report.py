"""The summary of a generated talking-face video."""

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np

from avjax.pipelines.formatting import (
    describe_found,
    describe_scope,
    format_frames,
    format_seconds,
    frame_ranges,
)


@dataclasses.dataclass
class TalkReport:
    """Summary of a generated video. `str(report)` gives it as sentences.

    Attributes:
        num_frames: Number of frames of the video.
        fps: Frames per second.
        weights: Name or folder of the weights.
        face_size: Width and height of the generated face in pixels.
        composited: True if the face is pasted into the original frames, False if the
            frames are the generated face alone.
        edits: True if the mouth is edited in the original frames, which are not
            replaced.
        box_given: True if the box of the face was given, and not detected.
        is_silent: True if the audio that drives the lips is silent.
        is_speech: False if the audio that drives the lips does not look like speech.
        remarks: Sentences about the face and the speech.
        missed_frames: Numbers of the frames in which no face was found.
        face_widths: Width of the face in the original frame in pixels, for each frame
            with a face.
        mouth_motion: `[sum, count]` of the mean absolute change of the mouth between
            consecutive frames, in pixel values, during speech and during silence,
            float64 [4].
    """

    num_frames: int
    fps: Fraction
    weights: str
    face_size: int
    composited: bool = True
    edits: bool = False
    box_given: bool = False
    is_silent: bool = False
    is_speech: bool = True
    remarks: tuple[str, ...] = ()
    missed_frames: list[int] = dataclasses.field(default_factory=list)
    face_widths: list[float] = dataclasses.field(default_factory=list)
    mouth_motion: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(4))
    _last_mouth: np.ndarray | None = None

    def add_frame(
        self, number: int, patch: np.ndarray | None, box: np.ndarray, silent: bool
    ) -> None:
        """Record one frame.

        Args:
            number: Number of the frame.
            patch: The generated face u8 [h w 3]; None if there is no face.
            box: Edges of the face in the original frame, in pixels, f32 [4].
            silent: True if there is no speech around this frame.
        """
        if patch is None:
            self.missed_frames.append(number)
            self._last_mouth = None
            return
        self.face_widths.append(float(box[2] - box[0]))
        mouth = patch[len(patch) // 2 :].astype(np.float32)
        if self._last_mouth is not None:
            change = float(np.abs(mouth - self._last_mouth).mean())
            self.mouth_motion[2 * silent : 2 * silent + 2] += change, 1
        self._last_mouth = mouth

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts.

        Returns:
            {"weights", "scope" (whom the weights know, or None), "num_frames", "fps",
            "seconds", "face_size", "face_width" (the median, in pixels of the original
            frames; None: no face), "composited",
            "edits", "box_given", "is_silent", "is_speech", "missed_frames": [[first,
            last]], "mouth_motion": {"speech", "silence"} (see `details`)}.
        """
        widths = self.face_widths
        means = zip(("speech", "silence"), self.mouth_motion.reshape(2, 2), strict=True)
        return {
            "weights": self.weights,
            "scope": "".join(describe_scope(self.weights)) or None,
            "num_frames": self.num_frames,
            "fps": round(float(self.fps), 3),
            "seconds": round(float(self.num_frames / self.fps), 3),
            "face_size": self.face_size,
            "face_width": float(np.median(widths)) if widths else None,
            "composited": self.composited,
            "edits": self.edits,
            "box_given": self.box_given,
            "is_silent": self.is_silent,
            "is_speech": self.is_speech,
            "missed_frames": frame_ranges(self.missed_frames),
            "mouth_motion": {
                period: round(float(change / count), 3) if count else None
                for period, (change, count) in means
            },
        }

    def details(self) -> str:
        """Return the summary and how much the mouth moves, as sentences."""
        lines = [str(self)]
        means = self.mouth_motion.reshape(2, 2)
        for period, (change, count) in zip(("speech", "silence"), means, strict=True):
            if count:
                lines.append(
                    f"in {period} the mouth changes by {change / count:.2f} of 255 "
                    "pixel values from frame to frame"
                )
        return "\n".join(lines)

    def __str__(self) -> str:
        """Return the summary as sentences, one per line."""
        seconds, rate = float(self.num_frames / self.fps), f"{float(self.fps):.6g} fps"
        lines = [
            f"{format_frames(self.num_frames)} at {rate}, {format_seconds(seconds)}, "
            f"with the weights {self.weights}",
            *describe_scope(self.weights),
            *self.remarks,
        ]
        total = len(self.face_widths) + len(self.missed_frames)
        result = "were copied unchanged" if self.composited else "are black"
        if total:
            lines.append(
                describe_found(self.missed_frames, total, result, self.box_given)
            )
        if self.face_widths:
            lines.append(self._describe_sizes())
        if self.is_silent:
            lines.append("warning: the audio is silent")
        elif not self.is_speech:
            lines.append(
                "warning: the audio does not seem to be speech; the lips follow it"
            )
        return "\n".join(lines)

    def _describe_sizes(self) -> str:
        """Say at which resolution the face was made, and how large it is."""
        width = f"{np.median(self.face_widths):.0f} pixels wide"
        if self.edits:
            size = f"the edit of the mouth was computed at {self.face_size} pixels"
            return size + f" and applied to a face {width}" * self.composited
        size = f"the face was generated {self.face_size} pixels wide"
        return size + f" and pasted {width}" * self.composited
