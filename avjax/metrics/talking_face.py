"""Metrics of generated faces, of real frames and of two baselines.

Names of the metrics:

    psnr, ssim      of the whole face
    lmd             landmark distance to the true lips, in pixels of the crop
    lse_d_expert, lse_c_expert, offset
                    synchronisation by the sync expert; see `avjax.metrics.sync`
    in_sync         fraction of the clips with an offset of at most one frame
    and those of `avjax.metrics.lip_motion`

Prefixes:

    (none)          frames generated from a clip's own audio
    swapped_audio_  frames generated from the audio of another clip
    reference_      the real frames
    static_mouth_   baseline: real frames, all with the mouth of the reference image
    closed_mouth_   baseline: real frames, all with the mouth of the frame in which the
                    lips are closest to each other
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange

from avjax.constants import SYNC_FRAMES
from avjax.metrics.base import Mean
from avjax.metrics.image import psnr, ssim
from avjax.metrics.landmarks import landmark_distance, lip_gap
from avjax.metrics.lip_motion import lip_motion_metrics, lmd_by_class
from avjax.metrics.sync import clip_sync_score
from avjax.typing import Array, Batch

MAX_CLOSED_GAP = 0.015  # gap up to which lips count as closed, in sides of the crop
MAX_SYNC_OFFSET = 1  # frames up to which a clip counts as in sync


class EvaluationNetworks(NamedTuple):
    """The networks that metrics of talking faces need. Frames are in [0, 1].

    Attributes:
        encode_video: Clips [b t=5 h w c=3] -> embeddings [b d].
        encode_audio: Log-mel windows [b f k] -> embeddings [b d].
        find_landmarks: Faces [b h w c=3] -> lip points [b p 2] in sides of the crop.
    """

    encode_video: Callable[[Array], Array]
    encode_audio: Callable[[Array], Array]
    find_landmarks: Callable[[Array], Array]


def talking_metrics(
    networks: EvaluationNetworks, frames: Array, batch: Batch, classes: Sequence[str]
) -> dict[str, Mean]:
    """Compute all metrics of clips that were generated from their own audio.

    The true lips are the landmarks of the batch. Where the data have none, they are
    detected in the real frames.

    Args:
        networks: The networks to measure with.
        frames: Generated frames in [0, 1], [b t h w c=3].
        batch: A batch of `avjax.data.examples.talking_eval.TalkEvalClip`.
        classes: Names of the phoneme classes; the first has number 1.

    Returns:
        {prefix and name: mean}, as listed above, and lmd_CLASS.
    """
    real = batch["faces"].astype(jnp.float32) / 255
    lips = target_lips(networks, real, batch["landmarks"])
    variants = {
        "": frames,
        "reference_": real,
        "static_mouth_": _paste_mouth(
            batch["reference"].astype(jnp.float32) / 255, real
        ),
        "closed_mouth_": _paste_mouth(
            _closed_frame(real, lips, batch["frame_mask"]), real
        ),
    }
    metrics = {}
    for prefix, images in variants.items():
        values = frame_metrics(networks, images, real, lips, batch)
        metrics |= {prefix + name: value for name, value in values.items()}
    for name in ("reference_psnr", "reference_ssim"):
        del metrics[name]
    pred_lips = predict_landmarks(networks, frames)
    return metrics | lmd_by_class(pred_lips, lips, batch, classes)


def _closed_frame(real: Array, lips: Array, frame_mask: Array) -> Array:
    """Select the frame with the smallest lip gap, [b t h w c] -> [b h w c]."""
    closed = jnp.argmin(jnp.where(frame_mask > 0, lip_gap(lips), jnp.inf), axis=1)
    return jnp.take_along_axis(real, closed[:, None, None, None, None], axis=1)[:, 0]


def _paste_mouth(face: Array, real: Array) -> Array:
    """Put the lower half of one face [b h w c] into all frames [b t h w c]."""
    half = real.shape[2] // 2
    mouth = jnp.broadcast_to(face[:, None, half:], real[:, :, half:].shape)
    return jnp.concatenate([real[:, :, :half], mouth], axis=2)


def talking_metrics_no_baselines(
    networks: EvaluationNetworks, frames: Array, batch: Batch
) -> dict[str, Mean]:
    """Compute the metrics of generated frames alone.

    Args:
        networks: The networks to measure with.
        frames: Generated frames in [0, 1], [b t h w c=3].
        batch: A batch of `avjax.data.examples.talking_eval.TalkEvalClip`.

    Returns:
        {name: mean}, without prefixes.
    """
    real = batch["faces"].astype(jnp.float32) / 255
    lips = target_lips(networks, real, batch["landmarks"])
    return frame_metrics(networks, frames, real, lips, batch)


def swapped_audio_metrics(
    networks: EvaluationNetworks, frames: Array, swapped: Batch
) -> dict[str, Mean]:
    """Compute the synchronisation of clips with the audio of another clip.

    Args:
        networks: The networks to measure with.
        frames: Frames generated from the swapped audio, in [0, 1], [b t h w c=3].
        swapped: The result of `roll_audio`.

    Returns:
        {swapped_audio_NAME: mean}.
    """
    values = sync_metrics(networks, frames, swapped)
    prefixed = {f"swapped_audio_{name}": value for name, value in values.items()}
    return to_means(prefixed, swapped)


def roll_audio(batch: Batch) -> Batch:
    """Replace the audio of each clip by that of the next clip.

    A frame counts only if it exists in both clips, and no frame of a batch of one clip.

    Args:
        batch: A batch of `avjax.data.examples.talking_eval.TalkEvalClip`.

    Returns:
        The batch with changed mels, frame masks and weights.
    """
    swapped = {name: jnp.roll(batch[name], 1, axis=0) for name in ("mels", "sync_mels")}
    frame_mask = batch["frame_mask"] * jnp.roll(batch["frame_mask"], 1, axis=0)
    weight = batch["weight"] * jnp.roll(batch["weight"], 1)
    weight = weight * (len(weight) > 1)  # a single clip has no other
    return {**batch, **swapped, "frame_mask": frame_mask, "weight": weight}


def to_means(values: Mapping[str, Array], batch: Batch) -> dict[str, Mean]:
    """Average values over the frames and clips that exist.

    Args:
        values: Values per frame [b t] or per clip [b].
        batch: `weight` [b] and `frame_mask` [b t].

    Returns:
        {name: mean}.
    """
    weight = batch["weight"]
    frame_weight = weight[:, None] * batch["frame_mask"]
    return {
        name: Mean.from_values(value, weight if value.ndim == 1 else frame_weight)
        for name, value in values.items()
    }


def frame_metrics(
    networks: EvaluationNetworks, frames: Array, real: Array, lips: Array, batch: Batch
) -> dict[str, Mean]:
    """Compute the metrics of frames against the real ones.

    Args:
        networks: The networks to measure with.
        frames: Frames in [0, 1], [b t h w c=3].
        real: Real frames in [0, 1], [b t h w c=3].
        lips: True lip points in pixels, [b t p 2].
        batch: `weight`, `frame_mask`, `sync_mels` and `phoneme_class`.

    Returns:
        {name: mean}.
    """
    pred_lips = predict_landmarks(networks, frames)
    values = {
        "psnr": psnr(frames, real),
        "ssim": ssim(frames, real),
        "lmd": landmark_distance(pred_lips, lips),
        **sync_metrics(networks, frames, batch),
    }
    max_gap = MAX_CLOSED_GAP * frames.shape[2]
    motion = lip_motion_metrics(pred_lips, lips, batch, max_gap)
    return to_means(values, batch) | motion


def sync_metrics(
    networks: EvaluationNetworks, frames: Array, batch: Batch
) -> dict[str, Array]:
    """Compute the synchronisation of clips by the sync expert.

    Args:
        networks: The networks to measure with.
        frames: Frames in [0, 1], [b t h w c=3].
        batch: `frame_mask` [b t] and `sync_mels` [b t f k].

    Returns:
        {name: one value per clip [b]}; in_sync is 1 or 0.
    """
    starts = frames.shape[1] - SYNC_FRAMES + 1
    clips = jnp.stack([frames[:, i : i + starts] for i in range(SYNC_FRAMES)], axis=2)
    visual = networks.encode_video(
        rearrange(clips, "b t five h w c -> (b t) five h w c")
    )
    audio = networks.encode_audio(
        rearrange(batch["sync_mels"][:, :starts], "b t f k -> (b t) f k")
    )
    visual, audio = (
        rearrange(x, "(b t) d -> b t d", t=starts) for x in (visual, audio)
    )
    frame_mask = batch["frame_mask"][:, SYNC_FRAMES - 1 :]
    score = jax.vmap(clip_sync_score)(visual, audio, frame_mask)
    in_sync = jnp.abs(score.offset) <= MAX_SYNC_OFFSET
    return {
        "lse_d_expert": score.distance,
        "lse_c_expert": score.confidence,
        "offset": score.offset.astype(jnp.float32),
        "in_sync": in_sync.astype(jnp.float32),
    }


def predict_landmarks(networks: EvaluationNetworks, frames: Array) -> Array:
    """Find the lips in frames.

    Args:
        networks: The networks to measure with.
        frames: Frames in [0, 1], [b t h w c=3].

    Returns:
        Lip points in pixels, [b t p 2].
    """
    points = networks.find_landmarks(rearrange(frames, "b t h w c -> (b t) h w c"))
    points = rearrange(points, "(b t) p two -> b t p two", t=frames.shape[1])
    return points * frames.shape[2]


def target_lips(networks: EvaluationNetworks, real: Array, landmarks: Array) -> Array:
    """Return the true lips, or those found in the real frames where the data have none.

    Args:
        networks: The networks to measure with.
        real: Real frames in [0, 1], [b t h w c=3].
        landmarks: Lip points of the data in pixels, all zero if unknown, [b t p 2].

    Returns:
        Lip points in pixels, [b t p 2].
    """
    is_known = jnp.any(landmarks != 0, axis=(1, 2, 3), keepdims=True)
    return jnp.where(is_known, landmarks, predict_landmarks(networks, real))
