"""Measure how much faster a training step is with our convolutions than with Flax's.

    python tests/benchmarks/conv.py [BATCH] [--json PATH]

One step is the gradient of the mean square of the frames that the full Wav2Lip
generator produces (96 pixels, batch 8). Both variants have the same parameters and run
in turns in one process. The plain variant is the same network with `flax.linen.Conv`
and `ConvTranspose` and with default compiler options. Ours should take at most a
quarter of its time.

Values and gradients are compared in double precision: in single precision, the gradient
of such a deep network changes by 7e-4 with the compiler options.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from avjax.compilation import cpu_options
from avjax.models.synctalkface import WAV2LIP, SyncTalkFace, SyncTalkFaceConfig
from avjax.nn import layers, wav2lip
from avjax.nn.conv import as_pair
from avjax.train.ablations.results import ResultTable, make_parser

ROUNDS = 3


class PlainConv(layers.Conv):
    """Flax's convolution, with parameters of the same names."""

    @nn.compact
    def __call__(self, x, train_bias=True):
        padding = [(side, side) for side in as_pair(self.padding)]
        kernel, stride = as_pair(self.kernel), as_pair(self.stride)
        plain = nn.Conv(self.features, kernel, stride, padding)
        return nn.share_scope(self, plain) or plain(x)


class PlainTransposedConv(layers.TransposedConv):
    """Flax's transposed convolution, with parameters of the same names."""

    @nn.compact
    def __call__(self, x, train_bias=True):
        low = self.kernel - 1 - self.padding
        padding = [(low, low + self.output_padding)] * 2
        kernel, stride = (self.kernel,) * 2, (self.stride,) * 2
        plain = nn.ConvTranspose(self.features, kernel, stride, padding)
        return nn.share_scope(self, plain) or plain(x)


def compile_steps(
    config: SyncTalkFaceConfig, batch: int
) -> tuple[dict[str, Callable], dict]:
    """Compile both variants of a step, params -> (value, gradient).

    Returns:
        {"ours": step, "plain": step} and the parameters.
    """
    model, dtype = SyncTalkFace(config), config.dtype
    key = jax.random.key(0)
    mels = 4 * jax.random.normal(key, (batch, 1, 16, 80), dtype)
    faces = jax.random.uniform(key, (batch, 1, 96, 96, 6), dtype)

    @jax.jit
    def init(key):
        return model.init(key, mels, faces, method="generate")

    variables = jax.tree.map(lambda array: array.astype(dtype), init(key))
    params, stats = variables["params"], variables["batch_stats"]

    def loss(params):
        outputs, _ = model.apply(
            {"params": params, "batch_stats": stats},
            mels,
            faces,
            True,
            method="generate",
            mutable=["batch_stats"],
        )
        return jnp.mean(jnp.square(outputs.frames))

    ours = jax.jit(jax.value_and_grad(loss), compiler_options=cpu_options())
    ours = ours.lower(params).compile()
    with (
        mock.patch.object(layers, "Conv", PlainConv),
        mock.patch.object(wav2lip, "Conv", PlainConv),
        mock.patch.object(layers, "TransposedConv", PlainTransposedConv),
    ):
        plain = jax.jit(jax.value_and_grad(loss)).lower(params).compile()
    return {"ours": ours, "plain": plain}, params


def differences(config: SyncTalkFaceConfig, batch: int) -> tuple[float, float]:
    """Compute the relative difference of the value and of the gradient."""
    steps, params = compile_steps(config, batch)
    value, grads = zip(*(step(params) for step in steps.values()), strict=True)
    difference = jax.tree.map(jnp.subtract, *grads)
    gradient_error = optax.tree.norm(difference) / optax.tree.norm(grads[1])
    return float(abs(value[0] / value[1] - 1)), float(gradient_error)


def seconds(step: Callable, params: dict) -> float:
    """Measure the time of one step."""
    start = time.perf_counter()
    jax.block_until_ready(step(params))
    return time.perf_counter() - start


def main() -> None:
    """Print the differences and the times."""
    parser = make_parser(__doc__)
    parser.add_argument("batch", metavar="BATCH", nargs="?", type=int, default=8)
    options = parser.parse_args()
    table = ResultTable("Convolutions of a training step", "measurement", "value")
    with jax.enable_x64(True):
        double = dataclasses.replace(WAV2LIP, dtype="float64")
        value_error, gradient_error = differences(double, options.batch)
    table.add("relative difference of the value, double precision", value_error)
    table.add("relative difference of the gradient, double precision", gradient_error)
    steps, params = compile_steps(WAV2LIP, options.batch)
    times = {name: [] for name in steps}
    for step in steps.values():
        seconds(step, params)
    for _ in range(ROUNDS):
        for name, step in steps.items():
            times[name].append(seconds(step, params))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        table.add(f"{name}, ms per step", 1e3 * median)
    table.add("ratio", medians["plain"] / medians["ours"])
    data = f"Wav2Lip generator, 96 pixels, batch {options.batch}, random inputs"
    table.write(options.json, data=data)


if __name__ == "__main__":
    main()
