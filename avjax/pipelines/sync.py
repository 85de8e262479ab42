"""Lip synchronisation: measure the offset between the lips and the audio of a video."""

import os
from typing import Any, Literal, NamedTuple

import numpy as np

from avjax import console
from avjax.audio.loudness import is_silent
from avjax.config.arguments import checked_arguments
from avjax.constants import FPS, SYNC_FRAMES
from avjax.errors import InputError
from avjax.faces.mouth_video import (
    MouthVideo,
    check_video,
    open_all_faces,
    open_mouth_video,
)
from avjax.metrics.sync import MAX_OFFSET_FRAMES
from avjax.models.sync_model import SYNCNET
from avjax.pipelines.formatting import format_frame_ranges, format_seconds, frame_ranges
from avjax.pipelines.recording import read_waveform
from avjax.pipelines.sync_models import SyncModel, load_sync_model
from avjax.pipelines.sync_scoring import (
    CHUNK_FRAMES,
    iter_audio_embeddings,
    iter_visual_embeddings,
    score_chunks,
    valid_starts,
)
from avjax.typing import PathLike

# Frames that a face needs: at each offset, half of them have audio.
MIN_FRAMES = 2 * MAX_OFFSET_FRAMES + 1
MAX_IN_SYNC_OFFSET = 1  # frames of offset that cannot be seen


class FaceSync(NamedTuple):
    """Synchronisation of one face.

    Attributes:
        face_index: Number of the face; 0 is the largest.
        offset: Frames by which the audio is ahead of the lips, at 25 frames a second.
        distance: LSE-D at this offset; lower is better.
        confidence: LSE-C; higher is better.
        reliable: True if the confidence is as high as for lips and audio that belong
            together. If False, the offset has no meaning.
        frames: Frames in which the face was found, int [t].
    """

    face_index: int
    offset: int
    distance: float
    confidence: float
    reliable: bool
    frames: np.ndarray

    def __str__(self) -> str:
        """Format as one sentence."""
        if not self.reliable:
            return "out of sync, or not measurable: no offset stands out"
        if abs(self.offset) <= MAX_IN_SYNC_OFFSET:
            return f"lips and audio are in sync (offset {self.offset:+d})"
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

        Only the network of the published figures gives `lse_d` and `lse_c`; for other
        networks the names end in `_expert`.

        Args:
            face: One of the faces.

        Returns:
            {name: value}.
        """
        suffix = "" if self.published else "_expert"
        return {f"lse_d{suffix}": face.distance, f"lse_c{suffix}": face.confidence}

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts.

        Returns:
            {"clip", "weights", "system", "faces": [{"face", "offset" (frames),
            "offset_seconds", metrics, "reliable", "frames": [[first, last]]}],
            "too_short"}.
        """
        faces = [
            {
                "face": face.face_index,
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


@checked_arguments
def sync(
    clip: PathLike | np.ndarray,
    *,
    audio: PathLike | np.ndarray | None = None,
    weights: PathLike = "sync-grid-s1",
    box: tuple[float, float, float, float] | None = None,
    face_index: int | Literal["all"] = "all",
    progress: bool = False,
) -> SyncReport:
    """Measure the synchronisation of lips and audio.

    Args:
        clip: A video file, or frames u8 [t h w 3] at 25 frames a second.
        audio: A file with an audio track, or a waveform f32 [n] at 16 kHz. None: the
            audio of the video file.
        weights: Bundled name, or folder, of weights of a sync model: `sync_expert` or
            `syncnet_v2`.
        box: x, y, width and height of the one face in pixels. None: found by face
            detection.
        face_index: Number of the face; 0 is the largest. "all": every face.
        progress: True to show a progress bar.

    Returns:
        Offset, distance and confidence of each face.

    Raises:
        InputError: A file or the weights cannot be used, or no face is visible for
            long enough.
    """
    model = load_sync_model(weights)
    check_video(clip)  # before its audio is read, which a photo does not have
    wave = load_audio(clip, audio)
    if box is None and face_index == "all":
        videos = dict(enumerate(open_all_faces(clip, progress)))
    else:
        index = 0 if face_index == "all" else face_index
        videos = {index: open_mouth_video(clip, box, index, progress)}
    name = "array" if isinstance(clip, np.ndarray) else os.fspath(clip)
    faces, too_short = [], []
    for index, video in videos.items():
        starts = valid_starts(video, wave)
        if np.sum(starts) < MIN_FRAMES:
            too_short.append(index)
        else:
            faces.append(score_face(model, video, wave, starts, index, progress))
    if not faces:
        raise InputError(
            f"{name} is too short: a face with audio must be visible for "
            f"{MIN_FRAMES + SYNC_FRAMES} frames of {FPS} a second"
        )
    return SyncReport(
        clip=name,
        weights=model.name,
        system=model.system,
        published=model.system == SYNCNET,
        faces=faces,
        too_short=too_short,
    )


def load_audio(
    clip: PathLike | np.ndarray, audio: PathLike | np.ndarray | None
) -> np.ndarray:
    """Load the audio that belongs to a video.

    Args:
        clip: The video, as for `sync`.
        audio: The audio, as for `sync`.

    Returns:
        Waveform f32 [n] at 16 kHz.

    Raises:
        InputError: There is no audio, or only silence.
    """
    if audio is None and isinstance(clip, np.ndarray):
        raise InputError("frames have no audio: give a file or a waveform as audio=…")
    source = clip if audio is None else audio
    wave = read_waveform(source)
    is_array = isinstance(source, np.ndarray)
    name = "the waveform" if is_array else f"the audio of {os.fspath(source)}"
    if is_silent(wave):
        raise InputError(f"{name} is silent: synchronisation cannot be measured")
    return wave


def score_face(
    model: SyncModel,
    video: MouthVideo,
    wave: np.ndarray,
    starts: np.ndarray,
    face_index: int,
    progress: bool = False,
) -> FaceSync:
    """Measure the synchronisation of one face.

    Args:
        model: The sync model.
        video: The video of the face.
        wave: Waveform f32 [n] at 16 kHz.
        starts: Frames at which windows begin, from `valid_starts`, bool [t].
        face_index: Number of the face.
        progress: True to show a progress bar.

    Returns:
        Offset, distance and confidence.
    """
    visual_chunks = console.track(
        iter_visual_embeddings(model, video, starts),
        "watching the lips",
        total=-(-len(starts) // CHUNK_FRAMES),
        progress=progress,
    )
    score = score_chunks(visual_chunks, iter_audio_embeddings(model, wave, len(starts)))
    return FaceSync(
        face_index=face_index,
        offset=int(score.offset),
        distance=float(score.distance),
        confidence=float(score.confidence),
        reliable=bool(score.confidence >= model.spec.confidence_threshold),
        frames=np.flatnonzero(video.face_found),
    )
