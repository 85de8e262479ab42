"""What is reported about the synchronisation of the faces in a video."""

from typing import Any, Literal, NamedTuple

import numpy as np

from avjax.constants import FPS
from avjax.pipelines.formatting import format_frame_ranges, format_seconds, frame_ranges

MAX_IN_SYNC_OFFSET = 1  # frames of offset that cannot be seen


class FaceSync(NamedTuple):
    """Synchronisation of one face.

    Attributes:
        face_index: Number of the face; 0 is the largest.
        offset: Frames by which the audio is ahead of the lips, at 25 frames a second.
        distance: LSE-D at this offset; lower is better. None: the model has none.
        confidence: LSE-C; higher is better. Of `sync_people`: the probability that the
            offset is right to one frame.
        reason: Why the offset is unknown and has no meaning; empty if it is known.
        frames: Frames in which the face was found, int [t].
    """

    face_index: int
    offset: int
    distance: float | None
    confidence: float
    reason: str
    frames: np.ndarray

    @property
    def reliable(self) -> bool:
        """True if the offset has a meaning."""
        return not self.reason

    @property
    def verdict(self) -> Literal["in step", "out of step", "cannot tell"]:
        """The answer in two words."""
        if self.reason:
            return "cannot tell"
        in_step = abs(self.offset) <= MAX_IN_SYNC_OFFSET
        return "in step" if in_step else "out of step"

    def __str__(self) -> str:
        """Format as one sentence."""
        if self.reason:
            return f"cannot tell: {self.reason}"
        if self.verdict == "in step":
            return f"lips and audio are in step (offset {self.offset:+d})"
        direction = "ahead of" if self.offset > 0 else "behind"
        delay = f"{abs(self.offset)} frames ({format_seconds(abs(self.offset) / FPS)})"
        return f"the audio is {delay} {direction} the lips"


class SyncReport(NamedTuple):
    """Synchronisation of the faces in a video.

    Attributes:
        clip: Path of the video, or "array".
        weights: Name or folder of the weights of the sync model.
        system: System of the sync model.
        published: True if the figures are comparable with published LSE-D and LSE-C.
        faces: The faces that were measured.
        too_short: Numbers of the faces that were visible for too short a time.
    """

    clip: str
    weights: str
    system: str
    published: bool
    faces: list[FaceSync]
    too_short: list[int]

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

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts.

        Returns:
            {"clip", "weights", "system", "faces": [{"face", "verdict", "reason",
            "offset" (frames), "offset_seconds", metrics, "reliable",
            "frames": [[first, last]]}], "too_short"}.
        """
        faces = [
            {
                "face": face.face_index,
                "verdict": face.verdict,
                "reason": face.reason,
                "offset": face.offset,
                "offset_seconds": round(face.offset / FPS, 3),
                **{name: round(x, 4) for name, x in self.metrics(face).items()},
                "reliable": face.reliable,
                "frames": frame_ranges(face.frames.tolist()),
            }
            for face in self.faces
        ]
        return {
            "clip": self.clip,
            "weights": self.weights,
            "system": self.system,
            "faces": faces,
            "too_short": self.too_short,
        }

    def __str__(self) -> str:
        """Format as one line about the video and one line for each face."""
        scale = "on the scale of published figures"
        if not self.published:
            scale = "not on the scale of published LSE-D and LSE-C"
        lines = [f"{self.clip}, measured by {self.weights} ({scale})"]
        for face in self.faces:
            metrics = self.metrics(face).items()
            values = ", ".join(f"{name} {value:.3f}" for name, value in metrics)
            frames = ", ".join(format_frame_ranges(face.frames.tolist()))
            lines += [f"face {face.face_index}, frames {frames}: {face}; {values}"]
        for index in self.too_short:
            lines += [f"face {index} is visible for too short a time to be measured"]
        return "\n".join(lines)
