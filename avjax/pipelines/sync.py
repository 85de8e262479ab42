"""Lip synchronisation: measure the offset between the lips and the audio of a video."""

import os
from typing import Literal

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
from avjax.models.sync_people import SyncPeopleConfig
from avjax.pipelines.recording import read_waveform
from avjax.pipelines.sync_models import SYNCNET, SyncModel, load_sync_model
from avjax.pipelines.sync_people import encode_lips, find_offset, iter_mouths
from avjax.pipelines.sync_report import FaceSync, SyncReport
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
PEOPLE = SyncPeopleConfig.system
NO_OFFSET = (
    f"no offset stands out: lips and audio may be more than {MAX_OFFSET_FRAMES} frames "
    "apart, or unrelated, or the model does not know such faces"
)


@checked_arguments
def sync(
    clip: PathLike | np.ndarray,
    *,
    audio: PathLike | np.ndarray | None = None,
    weights: PathLike = "sync-people",
    box: tuple[float, float, float, float] | None = None,
    face_index: int | Literal["all"] = "all",
    progress: bool = False,
) -> SyncReport:
    """Measure the synchronisation of lips and audio.

    Args:
        clip: A video file, or frames u8 [t h w 3] at 25 frames a second.
        audio: A file with an audio track, or a waveform f32 [n] at 16 kHz. None: the
            audio of the video file.
        weights: Bundled name, or folder, of weights of a sync model: `sync_people`,
            `sync_expert` or `syncnet_v2`.
        box: x, y, width and height of the one face in pixels. None: found by face
            detection.
        face_index: Number of the face; 0 is the most important. "all": every face.
        progress: True to show a progress bar.

    Returns:
        Offset, distance and confidence of each face.

    Raises:
        InputError: A file or the weights cannot be used, or no face is visible for
            long enough.
    """
    model = load_sync_model(weights)
    check_video(clip)  # before its audio is read, which a photo does not have
    wave = load_audio(clip, audio, may_be_silent=model.system == PEOPLE)
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
        elif model.system == PEOPLE:
            faces.append(score_person(model, video, wave, index, progress))
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
        min_confidence=0.0
        if model.system == PEOPLE
        else model.spec.confidence_threshold,
        faces=faces,
        too_short=too_short,
    )


def load_audio(
    clip: PathLike | np.ndarray,
    audio: PathLike | np.ndarray | None,
    may_be_silent: bool = False,
) -> np.ndarray:
    """Load the audio that belongs to a video.

    Args:
        clip: The video, as for `sync`.
        audio: The audio, as for `sync`.
        may_be_silent: Accept silence.

    Returns:
        Waveform f32 [n] at 16 kHz.

    Raises:
        InputError: There is no audio, or only silence where it is not accepted.
    """
    if audio is None and isinstance(clip, np.ndarray):
        raise InputError("frames have no audio: give a file or a waveform as audio=…")
    source = clip if audio is None else audio
    wave = read_waveform(source)
    is_array = isinstance(source, np.ndarray)
    name = "the waveform" if is_array else f"the audio of {os.fspath(source)}"
    if is_silent(wave) and not may_be_silent:
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
    """Measure the synchronisation of one face with a network for windows of frames.

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
    reliable = score.confidence >= model.spec.confidence_threshold
    return FaceSync(
        face_index=face_index,
        offset=int(score.offset) if reliable else None,
        distance=float(score.distance),
        confidence=float(score.confidence),
        reason="" if reliable else NO_OFFSET,
        frames=np.flatnonzero(video.face_found),
    )


def score_person(
    model: SyncModel,
    video: MouthVideo,
    wave: np.ndarray,
    face_index: int,
    progress: bool = False,
) -> FaceSync:
    """Measure the synchronisation of one face with the model for people never seen.

    Args:
        model: The sync model.
        video: The video of the face.
        wave: Waveform f32 [n] at 16 kHz.
        face_index: Number of the face.
        progress: True to show a progress bar.

    Returns:
        Offset and confidence, or the reason why there is none.
    """
    mouths = console.track(
        iter_mouths(video), "watching the lips", total=len(video), progress=progress
    )
    mask = video.face_found & ~video.profile
    codes = encode_lips(model, mouths, mask)
    finding = find_offset(model, codes, wave)
    return FaceSync(
        face_index=face_index,
        offset=None if finding.reason else finding.offset,
        distance=None,
        confidence=finding.confidence,
        reason=finding.reason,
        frames=np.flatnonzero(video.face_found),
    )
