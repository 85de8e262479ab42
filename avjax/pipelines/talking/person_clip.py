"""One person in a clip: lower faces, lip codes, and the audio that moves the lips."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from avjax.algorithms.lip_adaptation import jit_audio_features
from avjax.audio.loudness import is_silent, is_speech_like
from avjax.audio.mel import log_mel, mel_window_starts, mel_windows
from avjax.audio.streaming import num_video_frames
from avjax.constants import FPS, HOP_LENGTH, SAMPLE_RATE
from avjax.errors import InputError
from avjax.faces.editing import (
    POSE_SIZE,
    AlignedFrame,
    crop_encoder_mouth,
    crop_lower_face_aligned,
    relative_pose,
)
from avjax.faces.source import FaceSource
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.talker import Variables
from avjax.pipelines.talking.audio_talkers import make_talker
from avjax.pipelines.talking.talker_functions import (
    CHUNK_FRAMES,
    interpolate_latents,
    jit_encode_mouths,
)

MAX_SECONDS = 120.0  # of a clip that are used
MIN_SECONDS = 2.0  # in which a face is seen from the front
PAD_FRAMES = 250  # audio is padded to a multiple, so that few lengths are compiled
NUM_FOLDS = 5  # one of which is held out
FOLD_SECONDS = 2.0  # longest stretch of consecutive frames of one fold
GAP_SECONDS = 0.2  # on either side of a held-out stretch, which is not used at all


class PersonClip(NamedTuple):
    """The frames of a clip in which a person is seen from the front.

    Attributes:
        faces: Aligned lower faces, u8 [t 128 128 3].
        pose: See `avjax.faces.editing.relative_pose`, f32 [t 6]; zeros if the user gave
            the box.
        codes: Lip codes, means of a mouth and its mirror image, f32 [t d].
        seconds: Times of the frames, f64 [t].
        features: Inputs of the last layer of the audio network, 25 per second,
            f32 [n c]. None: the clip has no speech.
    """

    faces: np.ndarray
    pose: np.ndarray
    codes: np.ndarray
    seconds: np.ndarray
    features: np.ndarray | None

    def features_at(self, frames: np.ndarray, offset: float = 0.0) -> np.ndarray:
        """Interpolate the features at the times of frames.

        Args:
            frames: Numbers of frames, or a mask, [...].
            offset: What is added to the times, in frames of 1/25 s.

        Returns:
            f32 [... c].
        """
        assert self.features is not None
        positions = self.seconds[frames] * FPS + offset
        positions = np.clip(positions, 0, len(self.features) - 1)
        return interpolate_latents(self.features, positions)

    def folds(self) -> np.ndarray:
        """Assign every frame to a fold of consecutive stretches, int [t]."""
        seconds = self.seconds - self.seconds[0]
        length = seconds[-1] + 1e-3
        count = NUM_FOLDS * int(np.ceil(length / (NUM_FOLDS * FOLD_SECONDS)))
        return (seconds / length * count).astype(int) % NUM_FOLDS

    def far_from(self, held_out: np.ndarray) -> np.ndarray:
        """Mark the frames that are not near a held-out frame, bool [t].

        Args:
            held_out: Mask of the held-out frames, bool [t].
        """
        near = self.seconds[held_out]
        places = np.searchsorted(near, self.seconds)
        gaps = [
            np.abs(near[np.clip(places - shift, 0, len(near) - 1)] - self.seconds)
            for shift in (0, 1)
        ]
        return np.minimum(*gaps).round(6) > GAP_SECONDS


def read_person(
    source: FaceSource,
    wave: np.ndarray | None,
    config: LipWarpConfig,
    variables: Variables,
) -> PersonClip:
    """Read what `adapt` must know of a clip.

    Args:
        source: The clip with its face.
        wave: Its audio, f32 [n] at 16 kHz. None: there is none.
        config: Config of the talker.
        variables: Variables of the talker.

    Returns:
        The frames of the first two minutes.

    Raises:
        InputError: It is a photo, or too short.
    """
    if len(source.boxes) == 1:
        raise InputError("a photo does not show how a person speaks; give a video")
    similarities, count = source.similarities, len(source.boxes)
    usable = np.isfinite(similarities[:, 0]) & ~source.profile
    usable[round(MAX_SECONDS * source.fps) :] = False
    if usable.sum() < MIN_SECONDS * source.fps:
        seconds = float(usable.sum() / source.fps)
        raise InputError(
            f"a face is seen from the front in {seconds:.1f} s of the video; to adapt "
            f"to a person needs at least {MIN_SECONDS:g} s"
        )
    frames = zip(source.play(count), similarities, usable, strict=True)
    faces = np.stack(
        [
            crop_lower_face_aligned(AlignedFrame(image, similarity))
            for image, similarity, is_usable in frames
            if is_usable
        ]
    )
    pose = np.zeros((len(faces), POSE_SIZE), np.float32)
    if source.track is not None:
        pose = relative_pose(source.track.landmarks, similarities)[usable]
    return PersonClip(
        faces,
        pose,
        encode_faces(faces, config, variables),
        np.flatnonzero(usable) / float(source.fps),
        audio_features(wave, count / source.fps, config, variables),
    )


def widest_mouth(codes: np.ndarray) -> int:
    """Find the frame whose mouth differs most from the median one.

    Args:
        codes: Lip codes, f32 [t d].

    Returns:
        Its number.
    """
    distance = np.linalg.norm(codes - np.median(codes, axis=0), axis=1)
    return int(np.argmax(distance))


def encode_faces(
    faces: np.ndarray, config: LipWarpConfig, variables: Variables
) -> np.ndarray:
    """Encode the mouths of lower faces and their mirror images.

    Args:
        faces: u8 [t 128 128 3].
        config: Config of the talker.
        variables: Variables of the talker.

    Returns:
        The mean lip codes, f32 [t d].
    """
    encode, codes = jit_encode_mouths(config), []
    for first in range(0, len(faces), CHUNK_FRAMES):
        chunk = faces[first : first + CHUNK_FRAMES]
        mouths = np.stack([crop_encoder_mouth(face) / 255 for face in chunk])
        padding = ((0, CHUNK_FRAMES - len(chunk)), (0, 0), (0, 0))
        mouths = np.pad(mouths, padding)[..., None]
        both = encode(variables, mouths), encode(variables, mouths[:, :, ::-1])
        codes.append(np.mean(both, axis=0)[: len(chunk)])
    return np.concatenate(codes)


def audio_features(
    wave: np.ndarray | None,
    duration: Fraction,
    config: LipWarpConfig,
    variables: Variables,
) -> np.ndarray | None:
    """Compute the inputs of the last layer of the audio network.

    Args:
        wave: Audio, f32 [n] at 16 kHz, or None.
        duration: Of the video in seconds; audio after it is not used.
        config: Config of the talker.
        variables: Variables of the talker.

    Returns:
        f32 [n c], 25 per second; None if nobody speaks.
    """
    if wave is None or is_silent(wave) or not is_speech_like(wave):
        return None
    wave = wave[: round(min(float(duration), MAX_SECONDS) * SAMPLE_RATE)]
    mel = log_mel(make_talker(config, variables).preprocess_audio(wave))
    count = num_video_frames((len(mel) - 1) * HOP_LENGTH)
    padded = -(-count // PAD_FRAMES) * PAD_FRAMES
    windows = mel_windows(mel, mel_window_starts(padded, FPS))
    exists = (np.arange(padded) < count).astype(np.float32)
    compute = jit_audio_features(config)
    return np.asarray(compute(variables["audio_to_code"], windows, exists))[:count]
