"""Losses of the memory of SyncTalkFace."""

from collections.abc import Mapping
from typing import Any

import jax
from einops import rearrange

from avjax.losses.base import masked_mean
from avjax.losses.memory import address_kl, memory_reconstruction_loss
from avjax.metrics.memory import effective_slots, within_clip_variance
from avjax.models.synctalkface import SyncTalkFace, TrainOutputs
from avjax.nn.apply import apply_network
from avjax.typing import Array


def memory_loss(outputs: TrainOutputs, weight: Array) -> Array:
    """Compute the two losses of the memory.

    Args:
        outputs: Outputs of `forward_train`.
        weight: Weights of the examples, [b].

    Returns:
        The loss, a scalar.

    Source:
        SyncTalkFace (3) + (4).
    """
    stored = memory_reconstruction_loss(outputs.stored, outputs.target)
    aligned = address_kl(outputs.audio_address, outputs.lip_address)
    return masked_mean(stored + aligned, weight)


def memory_stats(outputs: TrainOutputs) -> dict[str, Array]:
    """Measure the use of the memory.

    Args:
        outputs: Outputs of `forward_train`.

    Returns:
        The effective number of slots in use by both addresses (near 1: not used); and
        the fraction of the lips' variance that lies within clips (near 0: not used).
    """
    return {
        "slots_by_audio": effective_slots(outputs.audio_address),
        "slots_by_lips": effective_slots(outputs.lip_address),
        "motion": within_clip_variance(outputs.lips),
    }


def encode_generated_lips(
    network: SyncTalkFace, variables: Mapping[str, Any], frames: Array
) -> Array:
    """Encode the lips of generated clips; see `SyncTalkFace.encode_lips`.

    The encoder is frozen, so that it does not learn to map generated to real lips.

    Args:
        network: The network.
        variables: Its variables.
        frames: Generated clips, [b paths t=5 h w c=3].

    Returns:
        One embedding a clip, [b paths d].
    """
    frozen = jax.lax.stop_gradient(variables)
    clips = rearrange(frames, "b p ... -> (b p) ...")
    mode = {"method": "encode_lips", "train": True, "mutable": ["batch_stats"]}
    codes, _ = apply_network(network, frozen, clips, **mode)
    return rearrange(codes, "(b p) 1 d -> b p d", p=frames.shape[1])
