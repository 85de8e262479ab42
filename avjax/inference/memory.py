"""What a talker's memory holds: the mouth that each slot draws when it is alone.

Source  the one-hot addresses of SyncTalkFace (Park et al., AAAI 2022)
"""

import jax
import jax.numpy as jnp
import numpy as np

from avjax.errors import InputError
from avjax.inference.talk import Model
from avjax.models import synctalkface
from avjax.models.synctalkface import SyncTalkFace
from avjax.nn.conv import cpu_options
from avjax.typing import Array


def draw_slots(model: Model, crop: np.ndarray, mel: np.ndarray) -> np.ndarray:
    """Recalls every slot by itself for one face and one sound.

    crop u8 [h w 3], a face crop as large as the network's; mel f32 [16 80], 0.2 s of it
    -> u8 [slots h w 3].  InputError where the weights have no memory.
    """
    config = model.config
    if not config.slots:
        raise InputError("these weights have no memory")
    network = SyncTalkFace(config)

    def draw(variables, crop, mel) -> Array:
        picture = synctalkface.from_pixels(crop, config.signed)[None, None]
        face = synctalkface.face_input(picture, picture)

        def alone(bound: SyncTalkFace, slot: Array) -> Array:
            heard = bound.hear(mel[None, None])
            recalled = bound.memory.read(slot[None, None])
            code = bound.fusion(heard, recalled, False)
            return bound.draw(code, bound.look(face), False)[0, 0]

        def one(slot: Array) -> Array:
            return network.apply(variables, slot, method=alone)

        frames = jax.lax.map(one, jnp.eye(config.slots))
        return synctalkface.to_pixels(frames, config.signed)

    drawn = jax.jit(draw, compiler_options=cpu_options())(model.variables, crop, mel)
    return np.asarray(drawn)
