"""What a talker's memory holds: the mouth that each slot draws when it is alone.

Source  the one-hot addresses of SyncTalkFace (Park et al., AAAI 2022)
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from einops import repeat

from avjax.compilation import cpu_options
from avjax.errors import InputError
from avjax.models import synctalkface
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig
from avjax.pipelines.audio_talkers import Talker
from avjax.typing import Array


def draw_slots(model: Talker, crop: np.ndarray, mel: np.ndarray) -> np.ndarray:
    """Recalls every slot by itself for one face and one sound.

    crop u8 [h w 3], a face crop as large as the network's; mel f32 [16 80], 0.2 s of it
    -> u8 [slots h w 3].  InputError where the weights have no memory.
    """
    if not model.config.slots:
        raise InputError("these weights have no memory")
    return np.asarray(program(model.config)(model.variables, crop, mel))


@functools.cache
def program(config: SyncTalkFaceConfig) -> Callable[..., Array]:
    """The compiled function; it hears and looks once, and draws slot by slot."""
    network = SyncTalkFace(config)

    def prepare(bound: SyncTalkFace, mel: Array, face: Array):
        heard = repeat(bound.hear(mel), "1 1 d -> 1 m d", m=config.slots)
        recalled = bound.memory.read(jnp.eye(config.slots)[None])
        return bound.fusion(heard, recalled, False)[0], bound.look(face)

    def draw(variables, crop, mel) -> Array:
        picture = synctalkface.from_pixels(crop, config.signed)[None, None]
        face = synctalkface.face_input(picture, picture)
        given = mel[None, None], face
        codes, maps = network.apply(variables, *given, method=prepare)

        def one(code: Array) -> Array:
            asked = code[None, None], maps, False
            return network.apply(variables, *asked, method="draw")[0, 0]

        return synctalkface.to_pixels(jax.lax.map(one, codes), config.signed)

    return jax.jit(draw, compiler_options=cpu_options())
