"""Measurements of the memory of SyncTalkFace: is it used, and what does it add?"""

from typing import Any

import jax.numpy as jnp
from einops import repeat

from avjax.metrics.base import Mean
from avjax.metrics.memory import effective_slots
from avjax.metrics.talking_face import EvaluationNetworks, talking_metrics_no_baselines
from avjax.models.synctalkface import SyncTalkFace
from avjax.nn.pixels import denormalize
from avjax.train.tasks.talking_face import masked_faces
from avjax.typing import Array, Batch


def memory_metrics(
    network: Any, networks: EvaluationNetworks, batch: Batch
) -> dict[str, Mean]:
    """Measure what the memory adds to clips.

    Args:
        network: The `SyncTalkFace`, bound to its variables.
        networks: The networks to measure with.
        batch: A batch of `avjax.data.examples.talking_eval.TalkEvalClip`.

    Returns:
        `mean_recall_NAME`: the metrics of clips whose recalled features are replaced by
        their mean; `slots_by_audio`: effective number of slots, `effective_slots`;
        `slot_spread`: of the mouths that the slots draw, `slot_spread`.
    """
    pixel_range, mels = network.config.pixel_range, batch["mels"]
    faces, middle = masked_faces(batch, pixel_range), mels.shape[1] // 2
    frames = denormalize(mean_recall(network, mels, faces), pixel_range)
    slots = draw_slots(network, mels[0, middle], faces[0, middle])
    weight = batch["weight"]
    values = {
        "slots_by_audio": effective_slots(
            network.memory.address(network.encode_audio(mels)),
            weight[:, None] * batch["frame_mask"],
        ),
        "slot_spread": slot_spread(denormalize(slots, pixel_range)),
    }
    once = jnp.any(weight > 0)[None]
    means = {name: Mean.from_values(x[None], once) for name, x in values.items()}
    without = talking_metrics_no_baselines(networks, frames, batch)
    return means | {f"mean_recall_{name}": mean for name, mean in without.items()}


def mean_recall(network: SyncTalkFace, mels: Array, faces: Array) -> Array:
    """Generate clips whose recalled features are all the same: their mean.

    Args:
        network: The network, bound to its variables.
        mels: Log-mel windows, f32 [b t f k].
        faces: Masked target and reference, [b t h w c=6].

    Returns:
        Frames in the pixel range of the model, [b t h w c=3].
    """
    audio = network.encode_audio(mels)
    recalled = network.memory.read(network.memory.address(audio))
    recalled = jnp.broadcast_to(jnp.mean(recalled, (0, 1)), recalled.shape)
    codes = network.fusion(audio, recalled, False)
    return network.decode_frames(codes, network.encode_identity(faces), False)


def draw_slots(network: SyncTalkFace, mel: Array, face: Array) -> Array:
    """Generate one face with each slot alone.

    Args:
        network: The network, bound to its variables.
        mel: Log-mel window, f32 [f k].
        face: Masked target and reference, [h w c=6].

    Returns:
        One frame a slot in the pixel range of the model, [m h w c=3].
    """
    num_slots = network.config.num_slots
    recalled = network.memory.read(jnp.eye(num_slots)[None])
    audio = repeat(network.encode_audio(mel[None, None]), "1 1 d -> 1 m d", m=num_slots)
    maps = tuple(
        repeat(level, "1 ... -> m ...", m=num_slots)
        for level in network.encode_identity(face[None, None])
    )
    codes = network.fusion(audio, recalled, False)
    return network.decode_frames(codes, maps, False)[0]


def slot_spread(faces: Array) -> Array:
    """Compute how much the mouths of the slots differ.

    Args:
        faces: One face a slot in [0, 1], [m h w c=3].

    Returns:
        Standard deviation over the slots, mean of the pixels of the lower half, in grey
        levels of 255, [].
    """
    mouths = faces[:, faces.shape[1] // 2 :]
    return 255 * jnp.mean(jnp.std(mouths, axis=0))
