"""What was said, from codes in a row: recurrent, or by convolution in time.

Frames that do not exist (exists [b t] is 0) change nothing of those that do.

Source   recurrent: Cho et al., EMNLP 2014, with the reset gate behind the product;
         by convolution: Martinez et al., ICASSP 2020, "Lipreading using Temporal
         Convolutional Networks"
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.nn.layers import Norm, PRelu, fan_in_uniform
from avjax.nn.wav2lip import scaled
from avjax.typing import Array


class Gru(nn.Module):
    """Gated recurrent units over time.  codes [b t d], exists [b t] -> [b t e].

    reverse  from the last frame to the first
    """

    features: int
    reverse: bool = False

    @nn.compact
    def __call__(self, codes: Array, exists: Array) -> Array:
        gates = 3 * self.features  # reset, update, new: of all frames at once
        given = nn.Dense(gates, kernel_init=self.small, name="given")(codes)
        kernel = self.param("kernel", self.small, (self.features, gates))
        bias = self.param("bias", nn.initializers.zeros, (gates,))

        def step(state: Array, frame: tuple[Array, Array]):
            x, there = frame
            x_reset, x_update, x_new = jnp.split(x, 3, axis=-1)
            h_reset, h_update, h_new = jnp.split(state @ kernel + bias[None], 3, -1)
            reset = jax.nn.sigmoid(x_reset + h_reset)
            update = jax.nn.sigmoid(x_update + h_update)
            new = jnp.tanh(x_new + reset * h_new)
            after = update * state + (1 - update) * new
            state = jnp.where(there[:, None] > 0, after, state)
            return state, state

        start = jnp.zeros((codes.shape[0], self.features), given.dtype)
        frames = rearrange(given, "b t d -> t b d"), rearrange(exists, "b t -> t b")
        _, states = jax.lax.scan(step, start, frames, reverse=self.reverse)
        return rearrange(states, "t b d -> b t d")

    def small(self, key, shape, dtype=jnp.float32) -> Array:
        """Uniform within 1 / sqrt(features), all kernels alike."""
        edge = self.features**-0.5
        return jax.random.uniform(key, shape, dtype, -edge, edge)


class BiGru(nn.Module):
    """Two layers of Gru in both directions.  codes [b t d], exists [b t] -> [b t 2e].

    Needs a `dropout` key where train is true.
    """

    features: int
    layers: int = 2
    dropout: float = 0.3

    @nn.compact
    def __call__(self, codes: Array, exists: Array, train: bool) -> Array:
        for layer in range(self.layers):
            if layer:
                codes = nn.Dropout(self.dropout, deterministic=not train)(codes)
            ways = [
                Gru(self.features, way == "back", name=f"{way}_{layer}")(codes, exists)
                for way in ("forth", "back")
            ]
            codes = jnp.concatenate(ways, axis=-1)
        return codes


class MsTcn(nn.Module):
    """Four blocks of convolutions over 3, 5 and 7 frames, each reaching twice as far.

    codes [b t d], exists [b t] -> [b t e], e = 768 width.  Needs a `dropout` key where
    train is true.

    published  the statistics of training also see the frames around a clip
    """

    width: float = 1.0
    dropout: float = 0.2
    published: bool = False

    @nn.compact
    def __call__(self, codes: Array, exists: Array, train: bool) -> Array:
        features = 3 * scaled(256, self.width)
        forget = nn.Dropout(self.dropout, deterministic=not train)
        for block in range(4):
            y, reach = codes, 2**block
            for half in range(2):
                scales = [
                    Scale(
                        features // 3,
                        taps,
                        reach,
                        self.published,
                        name=f"block_{block}_{half}_{taps}",
                    )(y, exists, train)
                    for taps in (3, 5, 7)
                ]
                y = forget(jnp.concatenate(scales, axis=-1))
            shortcut = nn.Dense(features, name=f"shortcut_{block}")(codes)
            codes = PRelu(name=f"bend_{block}")(y + shortcut)
        return codes


class Scale(nn.Module):
    """One convolution in time, norm, PReLU.  codes [b t d], exists [b t] -> [b t e]."""

    features: int
    taps: int
    reach: int  # frames from tap to tap
    published: bool = False

    @nn.compact
    def __call__(self, codes: Array, exists: Array, train: bool) -> Array:
        shape = (self.taps, codes.shape[-1], self.features)
        kernel = self.param("kernel", fan_in_uniform, shape)
        bias = self.param("bias", nn.initializers.zeros, shape[-1:])
        codes, border = codes * exists[..., None], (self.taps - 1) * self.reach // 2
        padding = 2 * border if self.published and train else border
        y = conv1d(codes, kernel, self.reach, padding) + bias[None, None]
        y = Norm(name="norm")(y, train)
        extra = padding - border
        return PRelu(name="bend")(y[:, extra : y.shape[1] - extra])


def conv1d(x: Array, kernel: Array, reach: int, padding: int) -> Array:
    """Convolution in time with `padding` zeros on either side.

    x [b t d], kernel [k d e] -> [b t e]: one product per tap, `reach` frames apart.
    """
    taps = kernel.shape[0]
    x = jnp.pad(x, ((0, 0), (padding, padding), (0, 0)))
    count = x.shape[1] - (taps - 1) * reach
    shifted = [x[:, tap * reach : tap * reach + count] for tap in range(taps)]
    return einsum(jnp.stack(shifted), kernel, "k b t d, k d e -> b t e")
