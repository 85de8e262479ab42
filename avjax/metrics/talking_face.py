"""What a talking face is worth: one row of figures for it, for the truth, for a floor.

Names without a prefix are of frames that were made by a clip's own sound, `swapped_`
of those made by the sound of another.  `truth_` is the same judge over the real frames.
Two floors are real frames with one mouth for all: that of the reference (`pasted_`),
and that of the frame in which the lips are nearest to each other (`closed_`).

    psnr, ssim      of the whole face
    lmd             to the true lips, in pixels of the crop
    offset, near, lse_d_expert, lse_c_expert     as metrics.sync and timing tell them
and what metrics.mouth tells.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange

from avjax.metrics.base import Mean
from avjax.metrics.image import psnr, ssim
from avjax.metrics.landmarks import gap, landmark_distance
from avjax.metrics.lip_motion import distance_by_class, movement
from avjax.metrics.sync import synchrony
from avjax.typing import Array, Batch

SEEN = 5  # frames that an expert looks at together
SHUT = 0.015  # of the side of a face: a gap of the lips that is none


class Judges(NamedTuple):
    """Networks to measure by; frames are in [0, 1]."""

    watch: Callable[[Array], Array]  # clips [b t=5 h w c] -> codes [b d]
    hear: Callable[[Array], Array]  # log-mel [b f k] -> codes [b d]
    find: Callable[[Array], Array]  # faces [b h w c] -> lip points [b p 2], shares


def judge(
    judges: Judges, made: Array, batch: Batch, classes: Sequence[str]
) -> Mapping[str, Mean]:
    """All figures of clips that were said again by their own sound.

    made [b t h w c] in [0, 1]; batch as data.whole.TalkClip gives it, in which number 1
    is the first of the classes.  The true lips are those that are known, else those
    that the same network finds in the real frames.
    """
    real = batch["faces"].astype(jnp.float32) / 255
    half = real.shape[2] // 2
    lips = true_lips(judges, real, batch["landmarks"])

    def with_mouth_of(face: Array) -> Array:
        mouth = jnp.broadcast_to(face[:, None, half:], real[:, :, half:].shape)
        return jnp.concatenate([real[:, :, :half], mouth], axis=2)

    closed = jnp.argmin(jnp.where(batch["mask"] > 0, gap(lips), jnp.inf), axis=1)
    shut = jnp.take_along_axis(real, closed[:, None, None, None, None], axis=1)[:, 0]
    rows = {
        "": made,
        "truth_": real,
        "pasted_": with_mouth_of(batch["reference"].astype(jnp.float32) / 255),
        "closed_": with_mouth_of(shut),
    }
    figures = {}
    for prefix, frames in rows.items():
        found = against(judges, frames, real, lips, batch)
        figures |= {prefix + name: value for name, value in found.items()}
    for name in ("truth_psnr", "truth_ssim"):
        del figures[name]
    found = landmarks(judges, made)
    return figures | distance_by_class(found, lips, batch, classes)


def judge_besides(judges: Judges, made: Array, batch: Batch) -> Mapping[str, Mean]:
    """Figures of frames alone, without those of the truth and floors; see judge."""
    real = batch["faces"].astype(jnp.float32) / 255
    lips = true_lips(judges, real, batch["landmarks"])
    return against(judges, made, real, lips, batch)


def judge_timing(judges: Judges, made: Array, other: Batch) -> Mapping[str, Mean]:
    """How clips keep time with the sound they were given; other: with_other_sound."""
    found = timing(judges, made, other)
    return means_of({f"swapped_{name}": value for name, value in found.items()}, other)


def with_other_sound(batch: Batch) -> Batch:
    """Each clip with the sound of the next, as far as both of them last."""
    swapped = {name: jnp.roll(batch[name], 1, axis=0) for name in ("mels", "heard")}
    mask = batch["mask"] * jnp.roll(batch["mask"], 1, axis=0)
    weight = batch["weight"] * jnp.roll(batch["weight"], 1)
    return {**batch, **swapped, "mask": mask, "weight": weight}


def means_of(figures: Mapping[str, Array], batch: Batch) -> dict[str, Mean]:
    """Figures per frame [b t] or per clip [b] -> means over what exists."""
    weight = batch["weight"]
    by_frame = weight[:, None] * batch["mask"]
    return {
        name: Mean.of(value, weight if value.ndim == 1 else by_frame)
        for name, value in figures.items()
    }


def against(
    judges: Judges, frames: Array, real: Array, lips: Array, batch: Batch
) -> dict[str, Mean]:
    """Figures of some frames."""
    found = landmarks(judges, frames)
    figures = {
        "psnr": psnr(frames, real),
        "ssim": ssim(frames, real),
        "lmd": landmark_distance(found, lips),
        **timing(judges, frames, batch),
    }
    least = SHUT * frames.shape[2]
    return means_of(figures, batch) | movement(found, lips, batch, least)


def timing(judges: Judges, frames: Array, batch: Batch) -> dict[str, Array]:
    """Synchrony by the expert, per clip [b]; near is 1 where offset is 0 +- 1 frame."""
    starts = frames.shape[1] - SEEN + 1
    clips = jnp.stack([frames[:, i : i + starts] for i in range(SEEN)], axis=2)
    seen = judges.watch(rearrange(clips, "b t five h w c -> (b t) five h w c"))
    heard = judges.hear(rearrange(batch["heard"][:, :starts], "b t f k -> (b t) f k"))
    codes = [rearrange(x, "(b t) d -> b t d", t=starts) for x in (seen, heard)]
    exists = batch["mask"][:, SEEN - 1 :]
    found = jax.vmap(synchrony)(*codes, exists)
    return {
        "lse_d_expert": found.distance,
        "lse_c_expert": found.confidence,
        "offset": found.offset.astype(jnp.float32),
        "near": (jnp.abs(found.offset) <= 1).astype(jnp.float32),
    }


def landmarks(judges: Judges, frames: Array) -> Array:
    """[b t h w c] -> lip points in pixels [b t p 2]."""
    points = judges.find(rearrange(frames, "b t h w c -> (b t) h w c"))
    points = rearrange(points, "(b t) p two -> b t p two", t=frames.shape[1])
    return points * frames.shape[2]


def true_lips(judges: Judges, real: Array, known: Array) -> Array:
    """The landmarks that came along, or those that are found; [b t p 2] in pixels."""
    comes_along = jnp.any(known != 0, axis=(1, 2, 3), keepdims=True)
    return jnp.where(comes_along, known, landmarks(judges, real))
