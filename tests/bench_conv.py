"""How much faster a training step is with our convolutions than with plain ones.

    python -P tests/bench_conv.py [batch]

One step is the gradient of the mean square of what the full Wav2Lip generator draws (96
pixels, batch 8).  Both sides have the same parameters and run in turns in one process.
The plain side is the same network with Linen's Conv and ConvTranspose and with default
compiler options.  Ours should take a quarter of its time or less, with equal values and
gradients.  How far two gradients may be apart by rounding alone is told by the plain
side, compiled with other options.
"""

import statistics
import sys
import time
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from avjax.models.synctalkface import WAV2LIP, SyncTalkFace
from avjax.nn import block
from avjax.nn.conv import cpu_options


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


def make_step(model, stats, mels, faces):
    def loss(params):
        variables = {"params": params, "batch_stats": stats}
        spoken, _ = model.apply(
            variables, mels, faces, train=True, method="speak", mutable=["batch_stats"]
        )
        return jnp.mean(jnp.square(spoken.frames))

    return jax.value_and_grad(loss)


def seconds(step, params) -> float:
    start = time.perf_counter()
    jax.block_until_ready(step(params))
    return time.perf_counter() - start


def difference(a, b) -> float:
    """Largest difference in units of the largest number."""
    return float(jnp.abs(a - b).max() / jnp.maximum(jnp.abs(b).max(), 1e-30))


def worst(a, b) -> float:
    """Largest distance of two arrays, by the length of the whole gradient."""
    whole = optax.global_norm(b)
    apart = jax.tree.map(lambda a, b: float(jnp.linalg.norm(a - b) / whole), a, b)
    return max(jax.tree.leaves(apart))


def main(batch: int) -> None:
    model = SyncTalkFace(WAV2LIP)
    key = jax.random.key(0)
    mels = 4 * jax.random.normal(key, (batch, 1, 16, 80))
    faces = jax.random.uniform(key, (batch, 1, 96, 96, 6))
    init = jax.jit(lambda key: model.init(key, mels, faces, method="speak"))
    variables = init(key)
    params = variables["params"]
    step = make_step(model, variables["batch_stats"], mels, faces)
    ours = jax.jit(step, compiler_options=cpu_options()).lower(params).compile()
    with (
        mock.patch.object(block, "Conv", PlainConv),
        mock.patch.object(block, "TransposedConv", PlainTransposedConv),
    ):
        plain = jax.jit(lambda params: step(params)).lower(params).compile()
        again = jax.jit(lambda params: step(params), compiler_options=cpu_options())
        rounded = again(params)
    sides = {"ours": ours, "plain": plain}
    results = {name: side(params) for name, side in sides.items()}
    value, grads = zip(results["ours"], results["plain"], strict=True)
    print(f"value: {difference(*value):.1e} apart")
    yardstick = worst(rounded[1], grads[1])
    print(f"gradient: {worst(*grads):.1e} apart; {yardstick:.1e} is rounding alone")
    times = {name: [] for name in sides}
    for _ in range(3):
        for name, side in sides.items():
            times[name].append(seconds(side, params))
    middle = {name: statistics.median(found) for name, found in times.items()}
    for name, found in middle.items():
        print(f"{name}: {1e3 * found:.0f} ms per step")
    print(f"{middle['plain'] / middle['ours']:.1f} times as fast")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
