"""What came of making a face talk, said in sentences."""

import dataclasses
from fractions import Fraction

import numpy as np


@dataclasses.dataclass
class Report:
    """What came of it; str() says it in sentences.

    remarks  on what is said, and who says it
    missed   frames without a face, which passed through unchanged
    motion   how much the drawn mouth changes from frame to frame, in grey levels:
             [sum while speaking, frames, sum in silence, frames]
    """

    frames: int
    fps: Fraction
    native: int
    pasted: bool = True
    speech: bool = True
    remarks: tuple[str, ...] = ()
    missed: list[int] = dataclasses.field(default_factory=list)
    sides: list[float] = dataclasses.field(default_factory=list)
    motion: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(4))
    last: np.ndarray | None = None  # the mouth before

    def count(self, frame: int, patch, box: np.ndarray, quiet: bool) -> None:
        if patch is None:
            self.missed.append(frame)
            self.last = None
            return
        self.sides.append(float(box[2] - box[0]))
        mouth = patch[len(patch) // 2 :].astype(np.float32)
        if self.last is not None:
            change = float(np.abs(mouth - self.last).mean())
            self.motion[2 * quiet : 2 * quiet + 2] += change, 1
        self.last = mouth

    def __str__(self) -> str:
        seconds = float(self.frames / self.fps)
        lines = [f"{self.frames} frames at {float(self.fps):.6g} fps, {seconds:.2f} s"]
        lines += self.remarks
        if self.sides:
            drawn = f"the face was drawn {self.native} pixels wide"
            side = f" and pasted {np.median(self.sides):.0f} pixels wide"
            lines += [drawn + side * self.pasted]
        if self.missed:
            fate = "passed through unchanged" if self.pasted else "are black"
            where = ", ".join(spans(self.missed))
            lines += [f"{len(self.missed)} frames showed no face and {fate}: {where}"]
        if not self.speech:
            lines += ["the sound does not seem to be speech; the lips follow it anyway"]
        for when, (change, count) in zip(
            ("speech", "silence"), self.motion.reshape(2, 2), strict=True
        ):
            if count:
                lines += [
                    f"in {when} the mouth changed by {change / count:.2f} grey levels "
                    "from frame to frame"
                ]
        return "\n".join(lines)


def spans(frames: list[int]) -> list[str]:
    """[3, 4, 5, 9] -> ["3-5", "9"]"""
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
