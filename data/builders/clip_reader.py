"""Read a video file as the faces, the mouth and the audio of a record.

All crops are those of `avjax.faces`, cut from the original frame.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from avjax.constants import FPS, SAMPLE_RATE, SYNC_FRAMES
from avjax.data.builders.source import Aligner, Tracker
from avjax.data.reel import Reel, encode_jpeg
from avjax.errors import InputError
from avjax.faces.alignment import face_boxes
from avjax.faces.crop import crop_box, crop_mouth
from avjax.faces.editing import AlignedFrame, crop_lower_face_aligned, relative_pose
from avjax.media.audio_io import read_audio
from avjax.media.video_reader import read_at_rate
from avjax.text.intervals import Interval, Intervals
from avjax.typing import PathLike

MIN_FRAMES = SYNC_FRAMES  # number of targets of a training example


class SpeakerClip(NamedTuple):
    """Faces, mouth and audio of one speaker, as a record has them.

    Attributes:
        face: Face crops, u8 [t s s 3].
        mouth: Mouth crops, u8 [t 96 96 1].
        lower_face: Aligned lower faces, u8 [t 128 128 3].
        pose: Eyes and nose, see `avjax.faces.editing.relative_pose`, f32 [t 6].
        wave: Audio, f32 [n] at 16 kHz.
    """

    face: Reel
    mouth: Reel
    lower_face: Reel
    pose: np.ndarray
    wave: np.ndarray


def read_speaker_clip(path: PathLike, face_size: int, tracker: Tracker) -> SpeakerClip:
    """Read the largest face of a video at 25 frames per second, and its audio.

    The video is read twice, once to track the face; one frame is in memory at a time.

    Args:
        path: The video file.
        face_size: Side of the face crops in pixels.
        tracker: Tracks the face through the frames.

    Returns:
        The clip.

    Raises:
        InputError: There is no audio, there are too few frames, or a stretch of the
            video shows no face.
    """
    wave = read_audio(path, SAMPLE_RATE)
    return crop_speaker(
        lambda: read_at_rate(path, FPS), wave, face_size, tracker, name=path
    )


def crop_speaker(
    open_frames: Callable[[], Iterable[np.ndarray]],
    wave: np.ndarray,
    face_size: int,
    tracker: Tracker,
    *,
    name: PathLike,
) -> SpeakerClip:
    """Track and crop the largest face of a sequence of frames.

    Args:
        open_frames: Returns the frames u8 [h w 3], 25 per second; it is called twice.
        wave: Audio, f32 [n] at 16 kHz.
        face_size: Side of the face crops in pixels.
        tracker: Tracks the face through the frames.
        name: Name of the clip in error messages.

    Returns:
        The clip.

    Raises:
        InputError: There are too few frames, or a stretch of them shows no face.
    """
    track = tracker(open_frames())
    similarities = track.similarities
    count = len(similarities)
    if count < MIN_FRAMES:
        raise InputError(f"{name} has {count} frames; at least {MIN_FRAMES} are needed")
    missing = int(np.isnan(similarities).any(axis=-1).sum())
    if missing:
        raise InputError(f"{name}: no face was found in {missing} of {count} frames")
    reels = crop_frames(open_frames(), similarities, face_size)
    return SpeakerClip(*reels, relative_pose(track.landmarks, similarities), wave)


def crop_frames(
    frames: Iterable[np.ndarray], similarities: np.ndarray, face_size: int
) -> tuple[Reel, Reel, Reel]:
    """Cut the face, the mouth and the lower face out of every frame.

    Args:
        frames: Frames, u8 [t h w 3].
        similarities: See `avjax.faces.alignment`, f64 [t 4].
        face_size: Side of the face crops in pixels, s.

    Returns:
        Face crops [t s s 3], mouth crops [t 96 96 1] and aligned lower faces
        [t 128 128 3].
    """
    faces, mouths, lower_faces = [], [], []
    boxes = face_boxes(similarities)
    for frame, box, similarity in zip(frames, boxes, similarities, strict=True):
        faces.append(encode_jpeg(crop_box(frame, box, face_size)))
        mouths.append(encode_jpeg(crop_mouth(frame, box)))
        aligned = crop_lower_face_aligned(AlignedFrame(frame, similarity))
        lower_faces.append(encode_jpeg(aligned))
    return Reel(faces, 3), Reel(mouths, 1), Reel(lower_faces, 3)


def find_phones(
    wave: np.ndarray, words: Intervals, aligner: Aligner | None
) -> Intervals:
    """Find the phones of words in a recording.

    Args:
        wave: Audio, f32 [n] at 16 kHz.
        words: The words; times that are not a number are unknown.
        aligner: Finds the phones; None: there is none.

    Returns:
        The phones; empty if there is no aligner, or it cannot align the words.
    """
    if aligner is None:
        return ()
    try:
        return aligner(wave, words)
    except InputError:
        return ()


def untimed_words(words: Iterable[str]) -> Intervals:
    """Make words whose times are unknown.

    Args:
        words: The words.

    Returns:
        One interval for each word; its times are NaN.
    """
    return tuple(Interval(word, math.nan, math.nan) for word in words)
