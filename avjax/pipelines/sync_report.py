"""What is reported about the synchronisation of the faces in a video."""

from typing import Any, Literal, NamedTuple

import numpy as np

from avjax.constants import FPS
from avjax.pipelines.formatting import (
    describe_scope,
    format_frame_ranges,
    format_seconds,
    frame_ranges,
)

MAX_IN_SYNC_OFFSET = 1  # frames of offset that cannot be seen


class FaceSync(NamedTuple):
    """Synchronisation of one face.

    Attributes:
        face_index: Number of the face; 0 is the most important.
        offset: Frames by which the audio is ahead of the lips, at 25 frames a second.
            None: it cannot be determined.
        distance: LSE-D at the best offset; lower is better. None: the model has none,
            as `sync_people`.
        confidence: LSE-C; higher is better. Of `sync_people`: the probability that the
            most probable offset is right to one frame.
        reason: Why the offset cannot be determined; empty if it is known.
        frames: Frames in which the face was found, int [t].
    """

    face_index: int
    offset: int | None
    distance: float | None
    confidence: float
    reason: str
    frames: np.ndarray

    @property
    def reliable(self) -> bool:
        """True if there is an offset."""
        return self.offset is not None

    @property
    def verdict(self) -> Literal["in step", "out of step", "cannot tell"]:
        """The answer in two words."""
        if self.offset is None:
            return "cannot tell"
        in_step = abs(self.offset) <= MAX_IN_SYNC_OFFSET
        return "in step" if in_step else "out of step"

    def __str__(self) -> str:
        """Format as one sentence."""
        if self.offset is None:
            return f"cannot tell: {self.reason}"
        if self.verdict == "in step":
            return f"lips and audio are in step (offset {self.offset:+d})"
        direction = "ahead of" if self.offset > 0 else "behind"
        delay = f"{abs(self.offset)} frames ({format_seconds(abs(self.offset) / FPS)})"
        return f"the audio is {delay} {direction} the lips"

    def __repr__(self) -> str:
        """Format in one line, with ranges of frames."""
        frames = ", ".join(format_frame_ranges(self.frames.tolist()))
        return f"<face {self.face_index}, frames {frames}: {self}>"


class SyncReport(NamedTuple):
    """Synchronisation of the faces in a video.

    Attributes:
        clip: Path of the video, or "array".
        weights: Name or folder of the weights of the sync model.
        system: System of the sync model.
        published: True if the figures are comparable with published LSE-D and LSE-C.
        faces: The faces that were measured.
        too_short: Numbers of the faces that were visible for too short a time.
        min_confidence: LSE-C from which an offset is stated; 0 if there is no LSE-C.
    """

    clip: str
    weights: str
    system: str
    published: bool
    faces: list[FaceSync]
    too_short: list[int]
    min_confidence: float = 0.0

    def metrics(self, face: FaceSync) -> dict[str, float]:
        """Return distance and confidence by their names.

        Only the network of the published figures gives `lse_d` and `lse_c`; for the
        sync expert the names end in `_expert`; `sync_people` gives a probability.

        Args:
            face: One of the faces.

        Returns:
            {name: value}.
        """
        if face.distance is None:
            return {"confidence": face.confidence}
        suffix = "" if self.published else "_expert"
        return {f"lse_d{suffix}": face.distance, f"lse_c{suffix}": face.confidence}

    def describe(self, face: FaceSync) -> str:
        """Format the answer about one face, and what was measured, as one sentence.

        Args:
            face: One of the faces.

        Returns:
            The sentence.
        """
        if face.distance is None and face.offset is None:
            return str(face)  # a probability of no offset would say nothing
        if face.distance is None:
            return f"{face}; probability that this is right: {face.confidence:.3f}"
        meanings = "lower is better", f"an offset needs {self.min_confidence:g} or more"
        metrics = [
            f"{name} {value:.3f} ({meaning})"
            for (name, value), meaning in zip(
                self.metrics(face).items(), meanings, strict=True
            )
        ]
        return "; ".join([str(face), *metrics])

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts.

        Returns:
            {"clip", "weights", "scope" (whom the weights know, or None), "system",
            "faces": [{"face", "verdict", "reason",
            "offset" (frames; None: it cannot be determined), "offset_seconds", metrics,
            "reliable", "frames": [[first, last]]}], "too_short"}.
        """
        faces = [
            {
                "face": face.face_index,
                "verdict": face.verdict,
                "reason": face.reason,
                "offset": face.offset,
                "offset_seconds": None
                if face.offset is None
                else round(face.offset / FPS, 3),
                **{name: round(x, 4) for name, x in self.metrics(face).items()},
                "reliable": face.reliable,
                "frames": frame_ranges(face.frames.tolist()),
            }
            for face in self.faces
        ]
        return {
            "clip": self.clip,
            "weights": self.weights,
            "scope": "".join(describe_scope(self.weights)) or None,
            "system": self.system,
            "faces": faces,
            "too_short": self.too_short,
        }

    def __str__(self) -> str:
        """Format as one line about the video and one line for each face."""
        scale = ""  # of distances, which `sync_people` does not have
        if any(face.distance is not None for face in self.faces):
            scale = f" ({'' if self.published else 'not '}on the scale of published "
            scale += "LSE-D and LSE-C)"
        lines = [f"{self.clip}, measured by {self.weights}{scale}"]
        for face in self.faces:
            frames = ", ".join(format_frame_ranges(face.frames.tolist()))
            lines += [f"face {face.face_index}, frames {frames}: {self.describe(face)}"]
        for index in self.too_short:
            lines += [f"face {index} is visible for too short a time to be measured"]
        lines += describe_scope(self.weights)
        return "\n".join(lines)
