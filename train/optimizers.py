"""Optimizers as plain data: Adam (AdamW where it decays), Muon, SGD; schedules."""

import dataclasses
import functools
from typing import Literal

import jax
import optax
import optax.contrib

Schedule = Literal["constant", "cosine"]


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam; with `decay`, AdamW."""

    rate: float = 1e-4  # peak, per step
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    decay: float = 0.0  # decoupled; only arrays of two axes or more decay
    warmup: int = 0  # steps from 0 to the peak
    schedule: Schedule = (
        "constant"  # after the warm-up; cosine ends at 0 in the last step
    )
    clip: float | None = None  # largest norm of the whole gradient


@dataclasses.dataclass(frozen=True)
class Muon:
    """Muon for kernels of any number of axes, Adam for all that has one axis.

    Its steps are as long as those of Adam at a fifth of the rate.  For short runs of
    small networks; no system of ours was published with it.

    Source   Jordan et al., 2024; the length of a step: Liu et al., 2025 (Moonlight)
    """

    rate: float = 1e-2  # peak, per step
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)  # of Adam
    # Names of arrays that are no kernels, and Adam's too: the slots of a memory.  At
    # Muon's pace, that of a whole bank, one takes thousands of steps to its place.
    apart: tuple[str, ...] = ()
    decay: float = 0.0
    warmup: int = 0
    schedule: Schedule = "constant"
    clip: float | None = None


@dataclasses.dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent, with momentum."""

    rate: float = 1e-2
    momentum: float = 0.0
    nesterov: bool = False
    decay: float = 0.0
    warmup: int = 0
    schedule: Schedule = "constant"
    clip: float | None = None


Optimizer = Adam | Muon | Sgd


def make_optimizer(optimizer: Optimizer, steps: int) -> optax.GradientTransformation:
    """What optax makes of a config, for a run of so many steps."""
    chain = [direction(optimizer)]
    if optimizer.clip is not None:
        chain.insert(0, optax.clip_by_global_norm(optimizer.clip))
    if optimizer.decay:
        chain.append(optax.add_decayed_weights(optimizer.decay, mask=matrices))
    rate = make_schedule(optimizer, steps)
    return optax.chain(*chain, optax.scale_by_learning_rate(rate))


def direction(optimizer: Optimizer) -> optax.GradientTransformation:
    """From gradient to direction, before the rate."""
    if isinstance(optimizer, Adam):
        first, second = optimizer.betas
        return optax.scale_by_adam(b1=first, b2=second, eps=optimizer.eps)
    if isinstance(optimizer, Muon):
        first, second = optimizer.betas
        return optax.contrib.muon(
            learning_rate=-1.0,  # it would turn the direction round
            beta=optimizer.momentum,
            adam_b1=first,
            adam_b2=second,
            consistent_rms=0.2,
            muon_weight_dimension_numbers=in_and_out(optimizer.apart),
        )
    if optimizer.momentum:
        return optax.trace(optimizer.momentum, optimizer.nesterov)
    return optax.identity()


def make_schedule(optimizer: Optimizer, steps: int) -> optax.Schedule:
    """step -> rate."""
    if optimizer.schedule == "cosine":
        rest = optax.cosine_decay_schedule(
            optimizer.rate, max(1, steps - optimizer.warmup)
        )
    else:
        rest = optax.constant_schedule(optimizer.rate)
    if not optimizer.warmup:
        return rest
    rise = optax.linear_schedule(0.0, optimizer.rate, optimizer.warmup)
    return optax.join_schedules([rise, rest], [optimizer.warmup])


def matrices(params):
    """Which arrays decay: kernels, not biases and scales."""
    return jax.tree.map(lambda array: array.ndim > 1, params)


def in_and_out(apart: tuple[str, ...]):
    """How Muon reads a kernel as a matrix: only its last axis goes out."""

    def axes(path, array):
        last = array.ndim - 1
        kernel = optax.contrib.MuonDimensionNumbers(tuple(range(last)), (last,))
        named = path and getattr(path[-1], "key", None) in apart
        return kernel if last > 0 and not named else None

    return functools.partial(jax.tree_util.tree_map_with_path, axes)
