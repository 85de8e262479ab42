"""How long sounds last: told from what is made of them, and laid out in time.

Edges f32 [b l + 1] are the seconds at which one sound gives way to the next; those of
sounds that are none repeat the last.

Source   the predictor: Ren et al., ICLR 2021 (FastSpeech 2)
"""

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from avjax.typing import Array

FPS = 25  # frames a second
NEAR = 2  # sounds to either side that tell how long one lasts
USUAL = 2.2  # what is told at first: of 0.08 s, at 100 steps a second


class Durations(nn.Module):
    """How long sounds last, from what is made of them.  [b l d] -> [b l]."""

    dropout: float = 0.5  # that of FastSpeech 2

    @nn.compact
    def __call__(self, codes: Array, exists: Array, train: bool) -> Array:
        forget = nn.Dropout(self.dropout, deterministic=not train)
        for layer in range(NEAR):
            near = beside(codes * exists[..., None])
            near = nn.relu(nn.Dense(codes.shape[-1], name=f"hear_{layer}")(near))
            codes = forget(nn.LayerNorm(name=f"rest_{layer}")(near))
        usual = nn.initializers.constant(USUAL)
        return nn.Dense(1, bias_init=usual, name="last")(codes)[..., 0]


class Steps(NamedTuple):
    codes: Array  # [b n d], of the sound of each step
    places: Array  # [b n 3], where in it: the share that is over, seconds since, until


def laid_out(codes: Array, edges: Array, frames: int, rate: int) -> Steps:
    """Each sound for as long as it lasts: codes [b l d], edges [b l + 1].

    rate steps a second; one before the first edge is of the first sound, one behind
    the last edge of the last.
    """
    middle = ((jnp.arange(frames * rate // FPS) + 0.5) / rate)[None]
    over = edges[:, None, 1:] <= middle[..., None]
    which = jnp.minimum(jnp.sum(over, axis=-1), codes.shape[1] - 1)
    begin, end = (
        jnp.take_along_axis(edges[:, at:], which, axis=1) for at in (0, 1)
    )  # [b n]
    since, until = middle - begin, end - middle
    share = since / jnp.maximum(end - begin, 1e-3)
    places = jnp.clip(jnp.stack([share, since, until], axis=-1), 0, 1)
    return Steps(jnp.take_along_axis(codes, which[..., None], axis=1), places)


def durations_of(edges: Array, rate: int) -> Array:
    """How long sounds last, as it is predicted.  [b l + 1] -> log(1 + r d) [b l]."""
    return jnp.log1p(rate * jnp.diff(edges, axis=1))


def seconds_of(durations: Array, rate: int) -> Array:
    """The other way round, 0 at least."""
    return jnp.expm1(jnp.maximum(durations, 0)) / rate


def beside(codes: Array) -> Array:
    """Each with its neighbours to either side, zeros at the ends.  [b l d] -> 3 d."""
    around = jnp.pad(codes, ((0, 0), (1, 1), (0, 0)))
    return jnp.concatenate([around[:, :-2], codes, around[:, 2:]], axis=-1)
