"""Shapes of the batches of every named experiment, as its transform documents them."""

import jax
import jax.numpy as jnp

from avjax.data.examples.alignment import AlignmentClip
from avjax.data.examples.articulation import ArticulationExample
from avjax.data.examples.cals import CalsTrainExample, CalsUnitExample
from avjax.data.examples.image_pairs import ImagePairCrop
from avjax.data.examples.lip_codes import LipCodeExample
from avjax.data.examples.lip_editing import LipEditClip, LipEditExample
from avjax.data.examples.lipreading import LipreadClip, LipToSpeechClip
from avjax.data.examples.talking import SyncExample
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.examples.text_to_lip import TextEvalClip, TextToLipExample
from avjax.train.tasks.lipwarp.code_loader import CodeLoader


def encoded(loader):
    """Return what makes the arrays: a loader that encodes, or a transform."""
    return loader if isinstance(loader, CodeLoader) else loader.transform


def training_shapes(transform, batch: int, size: int) -> dict:
    """Return the shapes of a batch, as the transform documents them."""
    u8, f32 = jnp.uint8, jnp.float32
    if isinstance(transform, ImagePairCrop):
        square = (transform.size, transform.size, 3), f32
        arrays = {"noisy": square, "clean": square, "weight": ((), f32)}
    elif isinstance(transform, LipreadClip | LipToSpeechClip):
        arrays = lipreading_shapes(transform)
    elif isinstance(transform, AlignmentClip):
        arrays = alignment_shapes(transform)
    elif isinstance(transform, SyncExample):
        m = transform.num_moments
        arrays = {"lips": ((m, 5, size, size, 3), u8)}
        arrays |= {"mels": ((m, 16, 80), f32), "start": ((m,), jnp.int32)}
        arrays |= {"weight": ((), f32)}
    elif isinstance(transform, CalsUnitExample):
        t = transform.num_frames
        arrays = {"faces": ((t + 4, size, size, 3), u8)}
        arrays |= {"mels": ((t, 16, 80), f32), "frame_mask": ((t,), f32)}
        arrays |= {"weight": ((), f32)}
    elif isinstance(transform, LipEditExample | LipEditClip):
        arrays = lip_editing_shapes(transform)
    elif isinstance(transform, CodeLoader):
        t = transform.transform.num_frames
        arrays = {"codes": ((t, 12), f32), "features": ((t, 192), f32)}
        arrays |= {"frame_mask": ((t,), f32), "weight": ((), f32)}
    elif isinstance(transform, ArticulationExample):
        t = transform.num_frames
        arrays = {"mels": ((t, 16, 80), f32), "articulation": ((t, 7), f32)}
        arrays |= {"frame_mask": ((t,), f32), "weight": ((), f32)}
    elif isinstance(transform, LipCodeExample):
        t, m = transform.num_frames, transform.num_mouths
        arrays = {"mels": ((t, 16, 80), f32), "mouths": ((m, 40, 56), u8)}
        arrays |= {"positions": ((t,), f32), "frame_mask": ((t,), f32)}
        arrays |= {"weight": ((), f32)}
    elif isinstance(transform, TextToLipExample):
        t = transform.num_frames
        arrays = {"portrait": ((size, size, 3), u8), "mels": ((t, 16, 80), f32)}
        arrays |= {"frame_mask": ((t,), f32), "loss_mask": ((t,), f32)}
        arrays |= {"weight": ((), f32)} | phoneme_shapes(transform)
    else:
        arrays = {
            "frames": ((9, size, size, 3), u8),
            "reference": ((5, size, size, 3), u8),
            "mels": ((5, 16, 80), f32),
            "mel": ((16, 80), f32),
            "landmarks": ((5, 20, 2), f32),
            "weight": ((), f32),
        }
    if isinstance(transform, CalsTrainExample):
        t, margin = 5 + 2 * transform.context_frames, transform.max_offset
        arrays |= {"mels": ((t, 16, 80), f32), "frame_mask": ((t,), f32)}
        arrays |= {"frames": ((5 + 2 * margin, size, size, 3), u8)}
        arrays |= {"candidate_mask": ((1 + 2 * margin,), f32)}
    return {
        key: jax.ShapeDtypeStruct((batch, *shape), dtype)
        for key, (shape, dtype) in arrays.items()
    }


def lip_editing_shapes(transform) -> dict:
    clip = isinstance(transform, LipEditClip)
    leading, side = ((transform.num_frames,) if clip else ()), transform.size
    names = "frame", "target", "reference"
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(names, (side, side, 3))
    shapes["mouth"] = (40, 56)
    arrays = {key: ((*leading, *shape), jnp.float32) for key, shape in shapes.items()}
    return arrays | {"weight": ((), jnp.float32)}


def lipreading_shapes(transform) -> dict:
    t, size, f32 = transform.num_frames, transform.size, jnp.float32
    arrays = {"lips": ((t, size, size, 1), jnp.uint8), "mel": ((4 * t, 80), f32)}
    arrays |= {"frame_mask": ((t,), f32), "weight": ((), f32)}
    if isinstance(transform, LipToSpeechClip):
        target = {"voice": ((4 * t, 80), f32), "wave": ((640 * t,), f32)}
        return arrays | target
    length = 1 if transform.label_unit == "words" else transform.max_labels
    if transform.label_unit != "words":
        arrays |= {"allowed": ((t, len(transform.vocabulary)), jnp.uint8)}
    return arrays | {"labels": ((length,), jnp.int32), "label_mask": ((length,), f32)}


def phoneme_shapes(transform: TextToLipExample | TextEvalClip) -> dict:
    length = transform.max_phonemes
    return {
        "phoneme_ids": ((length,), jnp.int32),
        "phoneme_edges": ((length + 1,), jnp.float32),
    }


def alignment_shapes(transform: AlignmentClip) -> dict:
    f, length, f32 = (
        transform.num_frames * 80 // 25,
        transform.max_phonemes,
        jnp.float32,
    )
    arrays = {"mel": ((f, 80), f32), "frame_mask": ((f,), f32)}
    arrays |= {
        "allowed": ((f, length), jnp.uint8),
        "phoneme_ids": ((length,), jnp.int32),
    }
    arrays |= {"length": ((), jnp.int32), "weight": ((), f32)}
    names = "optional", "start", "end", "word_start", "word_end"
    return arrays | {name: ((length,), f32) for name in names}


def clip_shapes(clip: TalkEvalClip | TextEvalClip, batch: int, size: int) -> dict:
    faces, mels = (clip.num_frames, size, size, 3), (clip.num_frames, 16, 80)
    arrays = {
        "faces": (faces, jnp.uint8),
        "reference": (faces[1:], jnp.uint8),
        "mels": (mels, jnp.float32),
        "sync_mels": (mels, jnp.float32),
        "landmarks": ((clip.num_frames, 20, 2), jnp.float32),
        "phoneme_class": ((clip.num_frames,), jnp.int32),
        "frame_mask": ((clip.num_frames,), jnp.float32),
        "weight": ((), jnp.float32),
    }
    if isinstance(clip, TextEvalClip):
        arrays |= {
            "portrait": (faces[1:], jnp.uint8),
            "cascade_mels": (mels, jnp.float32),
        }
        arrays |= phoneme_shapes(clip)
    return {
        key: jax.ShapeDtypeStruct((batch, *shape), dtype)
        for key, (shape, dtype) in arrays.items()
    }
