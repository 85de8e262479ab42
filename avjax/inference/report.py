"""What came of making a face talk, said in sentences."""

import dataclasses
from fractions import Fraction

import numpy as np


@dataclasses.dataclass
class Report:
    """What came of it; str() says it in sentences.

    missed   frames without a face, which passed through unchanged
    motion   how much the drawn mouth changes from frame to frame, in grey levels:
             [sum while speaking, frames, sum in silence, frames]
    """

    frames: int
    fps: Fraction
    native: int
    speech: bool = True

    def begin(self) -> None:
        self.missed: list[int] = []
        self.sides: list[float] = []
        self.motion = np.zeros(4)
        self._last: np.ndarray | None = None

    def count(self, frame: int, patch, box: np.ndarray, quiet: bool) -> None:
        if patch is None:
            self.missed.append(frame)
            self._last = None
            return
        self.sides.append(float(box[2] - box[0]))
        mouth = patch[len(patch) // 2 :].astype(np.float32)
        if self._last is not None:
            change = float(np.abs(mouth - self._last).mean())
            self.motion[2 * quiet : 2 * quiet + 2] += change, 1
        self._last = mouth

    def __str__(self) -> str:
        seconds = float(self.frames / self.fps)
        lines = [f"{self.frames} frames at {float(self.fps):.6g} fps, {seconds:.2f} s"]
        if self.sides:
            lines += [
                f"the face was drawn {self.native} pixels wide "
                f"and pasted {np.median(self.sides):.0f} pixels wide"
            ]
        if self.missed:
            lines += [
                f"{len(self.missed)} frames showed no face and passed through "
                f"unchanged: {', '.join(spans(self.missed))}"
            ]
        if not self.speech:
            lines += ["the sound does not seem to be speech; the lips follow it anyway"]
        speaking, silent = self.motion[:2], self.motion[2:]
        if silent[1]:
            lines += [
                f"from frame to frame the mouth changed by {silent[0] / silent[1]:.2f} "
                f"grey levels in silence, "
                f"{speaking[0] / max(speaking[1], 1):.2f} in speech"
            ]
        return "\n".join(lines)


def spans(frames: list[int]) -> list[str]:
    """[3, 4, 5, 9] -> ["3-5", "9"]"""
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
