"""Adapt the talker of any face to one person, from a clip of that person."""

import dataclasses
import os
from typing import Any

import numpy as np

from avjax import weights as weights_io
from avjax.config.arguments import checked_arguments
from avjax.console import format_count, status
from avjax.errors import InputError
from avjax.faces.source import open_face_source
from avjax.media.audio_io import read_audio
from avjax.media.image_io import is_image
from avjax.media.video_reader import probe
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.registry import load_system
from avjax.models.talker import Variables
from avjax.pipelines.talking.audio_talkers import CONTEXT_WEIGHTS, Talker, make_talker
from avjax.pipelines.talking.fit_audio import OVERSHOOT, AudioFit, fit_audio
from avjax.pipelines.talking.fit_editor import EditorFit, fit_editor
from avjax.pipelines.talking.person_clip import read_person
from avjax.typing import PathLike
from avjax.weights_folders import describe_bases

MAX_STEPS, FRAMES_PER_STEP = 100, 2  # of the default number of steps


@dataclasses.dataclass(frozen=True)
class AdaptReport:
    """What an adaptation kept, and how much it helped on held-out frames.

    Attributes:
        seconds: Duration of the frames that were used.
        steps: Gradient steps that were taken.
        editor: The adapted editor.
        audio: The adapted audio network; None: the clip has no speech.
        base: Name of the weights that were adapted.
    """

    seconds: float
    steps: int
    editor: EditorFit
    audio: AudioFit | None
    base: str

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts.

        Returns:
            {"weights" (those that were adapted), "seconds", "steps", "editor":
            {"kept_steps", "error_before", "error"}, "audio": None, or {"corrected",
            "offset", "correlation_before", "correlation"}}.
        """
        editor, audio = self.editor, self.audio
        return {
            "weights": self.base,
            "seconds": round(self.seconds, 3),
            "steps": self.steps,
            "editor": {
                "kept_steps": editor.num_steps,
                "error_before": float(editor.error_before),
                "error": float(editor.error),
            },
            "audio": audio
            and {
                "corrected": audio.is_corrected,
                "offset": int(audio.offset),
                "correlation_before": float(audio.correlations[0]),
                "correlation": float(audio.correlations[1]),
            },
        }

    def __str__(self) -> str:
        return "\n".join([f"adapted to {self.seconds:.1f} s of video", *self.sentences])

    @property
    def sentences(self) -> list[str]:
        """What of each network was kept."""
        return [self._describe_editor(), self._describe_audio()]

    def _describe_editor(self) -> str:
        """Say what of the editor was kept."""
        before, after = 100 * self.editor.error_before, 100 * self.editor.error
        if not self.steps:
            return f"lips: no steps were taken, the editor of {self.base} was kept"
        if not self.editor.num_steps:
            return (
                f"lips: none of {format_count(self.steps, 'step')} made the error in "
                f"held-out frames ({before:.2f} %) smaller, so the editor of "
                f"{self.base} was kept; this is normal with few steps"
            )
        return (
            f"lips: error in held-out frames {before:.2f} -> {after:.2f} %, "
            f"{self.editor.num_steps} of {self.steps} steps kept"
        )

    def _describe_audio(self) -> str:
        """Say what of the audio network was kept."""
        if self.audio is None:
            return f"audio: there is no speech, the network of {self.base} was kept"
        before, after = self.audio.correlations
        if not self.audio.is_corrected:
            return (
                "audio: no correction made the error in held-out frames smaller "
                f"(correlation with the lips {before:.2f}), so the network of "
                f"{self.base} was kept"
            )
        sound = f", sound {self.audio.offset} frames late" if self.audio.offset else ""
        return (
            "audio: correlation with the lips in held-out frames "
            f"{before:.2f} -> {after:.2f}{sound}"
        )


@dataclasses.dataclass(frozen=True)
class AdaptedTalker:
    """A talker for one person.

    Attributes:
        config: Config of the talker.
        variables: {part: variables}.
        report: What was kept.
    """

    config: LipWarpConfig
    variables: Variables
    report: AdaptReport

    def talker(self, lookahead: int | None = None) -> Talker:
        """Return the talker as `talk` uses it."""
        return make_talker(self.config, self.variables, lookahead)

    def save(self, folder: PathLike) -> None:
        """Write a folder of weights for `talk(weights=folder)`.

        Args:
            folder: The folder.

        Raises:
            InputError: The folder holds other files, or cannot be written.
        """
        seconds = f"{self.report.seconds:.1f} s"
        lines = [
            f"LipWarp, adapted to one person from {seconds} of video.",
            *(f"{sentence}." for sentence in self.report.sentences),
            *describe_bases([self.report.base]),
        ]
        card = "\n".join(lines) + "\n"
        params = {part: tree["params"] for part, tree in self.variables.items()}
        weights_io.save(
            folder, params, {}, self.config, system=self.config.system, card=card
        )


@checked_arguments
def adapt(
    clip: PathLike | np.ndarray,
    *,
    weights: PathLike = CONTEXT_WEIGHTS,
    steps: int | None = None,
    box: tuple[float, float, float, float] | None = None,
    face_index: int = 0,
    progress: bool = False,
) -> AdaptedTalker:
    """Adapt a talker to one person.

    Args:
        clip: A video of the person who speaks, or frames u8 [t h w 3] at 25 frames per
            second. At least 2 s; the first two minutes are used.
        weights: Name of bundled weights, or a folder of weights, of LipWarp.
        steps: Gradient steps of the editor. None: one for every two frames, at most
            100: more steps learn the frames of a short clip by heart.
        box: x, y, width and height of the face in pixels. None: it is detected.
        face_index: Which face; 0 is the most important.
        progress: Show a progress display.

    Returns:
        The adapted talker. Save it: `adapt("me.mp4").save("me")`.

    Raises:
        InputError: An argument cannot be used.
    """
    if steps is not None and steps < 0:
        raise InputError(f"the number of steps must be at least 0, not {steps}")
    config, variables = load_system(weights, LipWarpConfig.system)
    with status("finding the face", progress=progress):
        source = open_face_source(clip, box, face_index)
        person = read_person(source, _read_sound(clip), config, variables)
    if steps is None:
        steps = min(MAX_STEPS, len(person.faces) // FRAMES_PER_STEP)
    editor = fit_editor(config, variables, person, steps, progress=progress)
    audio = fit_audio(config, variables, person)
    adapted: dict[str, Any] = {**variables, "editor": {"params": editor.params}}
    if audio is not None and audio.is_corrected:
        adapted["audio_to_code"] = {"params": audio.params}
        config = dataclasses.replace(
            config, speech_code=audio.speech_code, overshoot=OVERSHOOT
        )
    seconds = float(len(person.faces) / source.fps)
    report = AdaptReport(seconds, steps, editor, audio, str(weights))
    return AdaptedTalker(config, adapted, report)


def _read_sound(clip: PathLike | np.ndarray) -> np.ndarray | None:
    """Read the audio of a video that has some."""
    is_file = isinstance(clip, (str, os.PathLike))
    if not is_file or is_image(clip) or not probe(clip).has_audio:
        return None
    return read_audio(clip)
