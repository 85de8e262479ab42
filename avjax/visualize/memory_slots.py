"""The contents of the SyncTalkFace memory: the mouth that each slot generates alone.

Source: the one-hot addresses of Park et al., AAAI 2022.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from einops import repeat

from avjax.compilation import cached_jit
from avjax.errors import InputError
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig
from avjax.models.talker import Variables
from avjax.nn.pixels import mask_lower_face, normalize_pixels, to_uint8
from avjax.typing import Array


def generate_slots(
    config: SyncTalkFaceConfig, variables: Variables, crop: np.ndarray, mel: np.ndarray
) -> np.ndarray:
    """Generate the same face and audio with each slot of the memory alone.

    Args:
        config: Configuration of the network.
        variables: {part: variables} of the network, as `models.load_system` gives them.
        crop: A face crop of the size of the network, u8 [h w 3].
        mel: A 0.2 s log-mel window, f32 [16 80].

    Returns:
        One face per slot, u8 [m h w 3].

    Raises:
        InputError: The network has no memory.
    """
    if not config.num_slots:
        raise InputError("these weights have no memory")
    return np.asarray(jit_generate_slots(config)(variables["generator"], crop, mel))


@cached_jit
def jit_generate_slots(config: SyncTalkFaceConfig) -> Callable[..., Any]:
    """Compile the function that generates one face per memory slot.

    The audio and the identity are encoded once; the slots are decoded one by one.

    Args:
        config: The config of a network with a memory.

    Returns:
        (variables, crop u8 [h w c=3], mel f32 [f=16 k=80]) -> faces u8 [m h w c=3].
    """
    network = SyncTalkFace(config)
    num_slots = config.num_slots

    def encode(bound: SyncTalkFace, mel: Array, face: Array):
        audio = repeat(bound.encode_audio(mel), "1 1 d -> 1 m d", m=num_slots)
        recalled = bound.memory.read(jnp.eye(num_slots)[None])
        return bound.fusion(audio, recalled, False)[0], bound.encode_identity(face)

    def generate(variables, crop: Array, mel: Array) -> Array:
        target = normalize_pixels(crop, config.pixel_range)[None, None]
        face = mask_lower_face(target, target)
        codes, maps = network.apply(variables, mel[None, None], face, method=encode)

        def decode(code: Array) -> Array:
            frames = network.apply(
                variables, code[None, None], maps, False, method="decode_frames"
            )
            return jnp.asarray(frames)[0, 0]

        return to_uint8(jax.lax.map(decode, codes), config.pixel_range)

    return generate
