"""Sequence models over frames: GRU, multi-scale temporal convolution, mel head.

Frames that do not exist (mask [b t] is 0) do not change the output of other frames.

Source   Cho et al., EMNLP 2014, with the reset gate after the product; Martinez et al.,
         ICASSP 2020, "Lipreading using Temporal Convolutional Networks"
"""

import functools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.constants import NUM_MELS
from avjax.nn.batch_renorm import BatchRenorm
from avjax.nn.layers import PReLU, fan_in_uniform, scale_width
from avjax.nn.precision import as_factors, dense_type, to_full_precision
from avjax.nn.temporal_conv import conv1d
from avjax.typing import Array, Key

TCN_BLOCKS = 4
TCN_KERNELS = 3, 5, 7  # frames


class Gru(nn.Module):
    """Gated recurrent unit over time, [b t d] -> [b t e].

    Attributes:
        features: Size of the state, e.
        reverse: Run from the last frame to the first.
        dtype: Type of the products.
    """

    features: int
    reverse: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, mask: Array) -> Array:
        """Compute the state after each frame. x [b t d], mask [b t] -> [b t e]."""
        gates = 3 * self.features  # reset, update, new
        project = nn.Dense(
            gates,
            True,
            dense_type(self.dtype),
            kernel_init=self._init,
            name="input_proj",
        )
        projected = to_full_precision(project(x))
        kernel = self.param("kernel", self._init, (self.features, gates))
        (factor,) = as_factors(self.dtype, kernel)
        bias = self.param("bias", nn.initializers.zeros, (gates,))

        initial = jnp.zeros((x.shape[0], self.features), projected.dtype)
        frames = rearrange(projected, "b t d -> t b d"), rearrange(mask, "b t -> t b")
        states: Any = gru_states(self.reverse, initial, factor, bias, *frames)
        return rearrange(states, "t b d -> b t d")

    def _init(
        self, key: Key, shape: Sequence[int], dtype: jnp.dtype = jnp.float32
    ) -> Array:
        """Initialise kernels uniformly in +-1 / sqrt(features)."""
        limit = self.features**-0.5
        return jax.random.uniform(key, shape, dtype, -limit, limit)


def gru_step(
    state: Array, product: Array, bias: Array, inputs: Array, exists: Array
) -> Array:
    """Compute the next states [b e] from the product of the states with the kernel.

    Args:
        state: States, [b e].
        product: [b 3e].
        bias: Bias of the product, [3e].
        inputs: Projected inputs, [b 3e].
        exists: 1 for frames that exist, [b].
    """
    x_reset, x_update, x_new = jnp.split(inputs, 3, axis=-1)
    h_reset, h_update, h_new = jnp.split(product + bias[None], 3, axis=-1)
    reset = jax.nn.sigmoid(x_reset + h_reset)
    update = jax.nn.sigmoid(x_update + h_update)
    new = jnp.tanh(x_new + reset * h_new)
    updated = update * state + (1 - update) * new
    return jnp.where(exists[:, None] > 0, updated, state)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def gru_states(reverse: bool, *arrays: Array) -> Array:
    """Compute the state after each frame.

    The gradient of the kernel is one product of all frames, and the kernel is
    transposed once, not in each step of a loop.

    Args:
        reverse: Run from the last frame to the first.
        *arrays: State before the first frame, [b e]; kernel of the state, in the type
            of the products, [e 3e]; its bias, [3e]; projected inputs, [t b 3e]; 1 for
            frames that exist, [t b].

    Returns:
        States, [t b e].
    """
    return _gru_forward(reverse, *arrays)[0]


def _gru_forward(reverse: bool, *arrays: Array) -> tuple[Array, Any]:
    """Compute the states, and what their gradient needs."""
    initial, kernel, bias, *frames = arrays

    def step(state: Array, frame: Any) -> tuple[Array, Any]:
        product = to_full_precision(state.astype(kernel.dtype) @ kernel)
        after = gru_step(state, product, bias, *frame)
        return after, (after, state, product)

    _, (states, *saved) = jax.lax.scan(step, initial, frames, reverse=reverse)
    return states, (kernel, bias, *frames, *saved)


def _gru_backward(reverse: bool, saved: Any, grads: Array) -> tuple[Array, ...]:
    """Compute the gradients of `gru_states` from that of the states, [t b e]."""
    kernel, bias, inputs, exists, before, products = saved
    transposed = jax.lax.optimization_barrier(kernel.T)

    def step(later: Array, frame: Any) -> tuple[Array, Any]:
        grad, state, product, frame_inputs, frame_exists = frame
        _, pull = jax.vjp(
            lambda *args: gru_step(args[0], args[1], bias, args[2], frame_exists),
            *(state, product, frame_inputs),
        )
        of_state, of_product, of_inputs = pull(grad + later)
        through = to_full_precision(of_product.astype(kernel.dtype) @ transposed)
        return of_state + through, (of_product, of_inputs)

    frames = grads, before, products, inputs, exists
    of_initial, (of_products, of_inputs) = jax.lax.scan(
        step, jnp.zeros_like(before[0]), frames, reverse=not reverse
    )
    left, right = (array.astype(kernel.dtype) for array in (before, of_products))
    of_kernel = einsum(left, right, "t b d, t b e -> d e")
    of_bias = jnp.sum(of_products, axis=(0, 1))
    return of_initial, of_kernel, of_bias, of_inputs, jnp.zeros_like(exists)


gru_states.defvjp(_gru_forward, _gru_backward)


class BiGru(nn.Module):
    """Layers of bidirectional GRUs, [b t d] -> [b t 2e].

    Attributes:
        features: Size of the state of one direction, e.
        layers: Number of layers.
        dropout: Dropout rate between the layers.
        dtype: Type of the products.
    """

    features: int
    layers: int = 2
    dropout: float = 0.3
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, mask: Array, train: bool) -> Array:
        """Apply the layers. Training needs a `dropout` key.

        Args:
            x: Features, [b t d].
            mask: 1 for frames that exist, [b t].
            train: Whether dropout is active.

        Returns:
            States of both directions, [b t 2e].
        """
        for layer in range(self.layers):
            if layer:
                x = nn.Dropout(self.dropout, deterministic=not train)(x)
            states = [
                Gru(self.features, reverse, self.dtype, name=f"{name}_{layer}")(x, mask)
                for name, reverse in (("forward", False), ("backward", True))
            ]
            x = jnp.concatenate(states, axis=-1)
        return x


class MsTcn(nn.Module):
    """Multi-scale temporal convolutional network, [b t d] -> [b t e], e = 768 width.

    Four blocks of convolutions over 3, 5 and 7 frames; the dilation doubles from block
    to block.

    Attributes:
        width: Factor of all channels.
        dropout: Dropout rate after each convolution.
        reference_compat: In training, include the frames around a clip in the batch
            statistics, as the published code does.
        dtype: Type of the products.
    """

    width: float = 1.0
    dropout: float = 0.2
    reference_compat: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, mask: Array, train: bool) -> Array:
        """Apply the network. Training needs a `dropout` key.

        Args:
            x: Features, [b t d].
            mask: 1 for frames that exist, [b t].
            train: Whether dropout is active and statistics are updated.

        Returns:
            Features, [b t e].
        """
        features = 3 * scale_width(256, self.width)
        dropout = nn.Dropout(self.dropout, deterministic=not train)
        for block in range(TCN_BLOCKS):
            y = x
            for half in range(2):
                branches = [
                    TcnBranch(
                        features // 3,
                        kernel_size,
                        dilation=2**block,
                        reference_compat=self.reference_compat,
                        dtype=self.dtype,
                        name=f"block_{block}_{half}_{kernel_size}",
                    )(y, mask, train)
                    for kernel_size in TCN_KERNELS
                ]
                y = dropout(jnp.concatenate(branches, axis=-1))
            shortcut = nn.Dense(
                features, dtype=dense_type(self.dtype), name=f"shortcut_{block}"
            )(x)
            x = PReLU(name=f"prelu_{block}")(y + shortcut)
        return to_full_precision(x)


class TcnBranch(nn.Module):
    """Temporal convolution, batch renormalisation, PReLU, [b t d] -> [b t e].

    Attributes:
        features: Output channels, e.
        kernel_size: Taps of the convolution.
        dilation: Frames from one tap to the next.
        reference_compat: See `MsTcn`.
        dtype: Type of the products.
    """

    features: int
    kernel_size: int
    dilation: int
    reference_compat: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, mask: Array, train: bool) -> Array:
        """Apply the branch to x [b t d], mask [b t]."""
        shape = (self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", fan_in_uniform, shape)
        bias = self.param("bias", nn.initializers.zeros, shape[-1:])
        x, kernel, bias = as_factors(self.dtype, x * mask[..., None], kernel, bias)
        same_padding = (self.kernel_size - 1) * self.dilation // 2
        extra = same_padding if self.reference_compat and train else 0
        y = conv1d(x, kernel, self.dilation, same_padding + extra) + bias[None, None]
        y = BatchRenorm(dtype=self.dtype, name="norm")(y, train)
        return PReLU(name="prelu")(y[:, extra : y.shape[1] - extra])


class MelHead(nn.Module):
    """Residual convolutions over time -> log-mel, [b f d] -> [b f k=80].

    Values are mostly in [-1, 1].

    Attributes:
        features: Channels of the convolutions, d.
        dtype: Type of the products.
    """

    features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, codes: Array, train: bool) -> Array:
        """Predict log-mel values from codes [b f d]."""
        for layer in range(3):
            shape = (5, codes.shape[-1], self.features)
            init = nn.initializers.lecun_normal(in_axis=(0, 1))
            kernel = self.param(f"kernel_{layer}", init, shape)
            y = conv1d(*as_factors(self.dtype, codes, kernel), 1, 2)
            y = BatchRenorm(dtype=self.dtype, name=f"norm_{layer}")(y, train)
            codes = codes + nn.relu(y)
        out = nn.Dense(NUM_MELS, dtype=dense_type(self.dtype), name="mel")
        return to_full_precision(out(codes))
