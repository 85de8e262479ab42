"""How much faster a training step is with our convolutions than with plain ones.

    python tests/benchmarks/conv.py [batch]

One step is the gradient of the mean square of what the full Wav2Lip generator draws (96
pixels, batch 8).  Both sides have the same parameters and run in turns in one process.
The plain side is the same network with Linen's Conv and ConvTranspose and with default
compiler options.  Ours should take a quarter of its time or less.

That value and gradient are equal is shown in double precision: in single, the gradient
of so deep a network is 7e-4 from itself when compiled with other options.
"""

import dataclasses
import statistics
import sys
import time
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from avjax.compilation import cpu_options
from avjax.models.synctalkface import WAV2LIP, SyncTalkFace, SyncTalkFaceConfig
from avjax.nn import layers as block


class PlainConv(block.Conv):
    """Linen's own, with parameters of the same names."""

    @nn.compact
    def __call__(self, x, bias_learns=True):
        around = [(side, side) for side in block.pair(self.padding)]
        kernel, stride = block.pair(self.kernel), block.pair(self.stride)
        plain = nn.Conv(self.features, kernel, stride, around)
        return nn.share_scope(self, plain) or plain(x)


class PlainTransposedConv(block.TransposedConv):
    @nn.compact
    def __call__(self, x, bias_learns=True):
        low = self.kernel - 1 - self.padding
        around = [(low, low + self.extra)] * 2
        window, stride = (self.kernel,) * 2, (self.stride,) * 2
        plain = nn.ConvTranspose(self.features, window, stride, around)
        return nn.share_scope(self, plain) or plain(x)


def both_sides(config: SyncTalkFaceConfig, batch: int):
    """Compiled steps, params -> (value, gradient), ours and plain; the parameters."""
    model, dtype = SyncTalkFace(config), config.dtype
    key = jax.random.key(0)
    mels = 4 * jax.random.normal(key, (batch, 1, 16, 80), dtype)
    faces = jax.random.uniform(key, (batch, 1, 96, 96, 6), dtype)
    variables = jax.jit(lambda key: model.init(key, mels, faces, method="speak"))(key)
    variables = jax.tree.map(lambda array: array.astype(dtype), variables)
    params, stats = variables["params"], variables["batch_stats"]

    def loss(params):
        given = {"params": params, "batch_stats": stats}, mels, faces
        spoken, _ = model.apply(*given, True, method="speak", mutable=["batch_stats"])
        return jnp.mean(jnp.square(spoken.frames))

    ours = jax.jit(jax.value_and_grad(loss), compiler_options=cpu_options())
    ours = ours.lower(params).compile()
    with (
        mock.patch.object(block, "Conv", PlainConv),
        mock.patch.object(block, "TransposedConv", PlainTransposedConv),
    ):
        plain = jax.jit(jax.value_and_grad(loss)).lower(params).compile()
    return {"ours": ours, "plain": plain}, params


def differences(config: SyncTalkFaceConfig, batch: int) -> tuple[float, float]:
    """Of the value, and of the whole gradient, in units of their own length."""
    sides, params = both_sides(config, batch)
    value, grads = zip(*(side(params) for side in sides.values()), strict=True)
    apart = jax.tree.map(jnp.subtract, *grads)
    of_grads = optax.tree.norm(apart) / optax.tree.norm(grads[1])
    return float(abs(value[0] / value[1] - 1)), float(of_grads)


def seconds(step, params) -> float:
    start = time.perf_counter()
    jax.block_until_ready(step(params))
    return time.perf_counter() - start


def main(batch: int) -> None:
    with jax.enable_x64(True):
        double = dataclasses.replace(WAV2LIP, dtype="float64")
        of_value, of_grads = differences(double, batch)
    print(f"in double precision: value {of_value:.1e} apart, gradient {of_grads:.1e}")
    sides, params = both_sides(WAV2LIP, batch)
    times = {name: [] for name in sides}
    for side in sides.values():
        seconds(side, params)
    for _ in range(3):
        for name, side in sides.items():
            times[name].append(seconds(side, params))
    middle = {name: statistics.median(found) for name, found in times.items()}
    for name, found in middle.items():
        print(f"{name}: {1e3 * found:.0f} ms per step")
    print(f"{middle['plain'] / middle['ours']:.1f} times as fast")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
