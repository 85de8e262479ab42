"""Optimizers as plain data: Adam (AdamW with weight decay), Muon, SGD; schedules."""

import abc
import dataclasses
import functools
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import jax
import optax
import optax.contrib

Schedule = Literal["constant", "cosine"]


@dataclasses.dataclass(frozen=True)
class OptimizerConfig(abc.ABC):
    """Base class of the configs of optimizers.

    A subclass is a frozen dataclass that defines `transform`.

    Attributes:
        elementwise: Each number is updated by its own gradient alone (class variable).
        batch_exponent: A batch that is n times as large has n to this power times the
            learning rate (class variable): square root for Adam (Malladi et al., 2022,
            "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms") and for
            Muon, whose steps have the length of Adam's; linear for SGD (Goyal et al.,
            2017, "Accurate, Large Minibatch SGD").
        learning_rate: Peak learning rate.
        weight_decay: Decoupled weight decay, of arrays with two axes or more.
        warmup: Steps of linear warm-up from 0 to the peak.
        schedule: After the warm-up: constant, or a cosine that ends at 0 in the last
            step.
        max_grad_norm: The whole gradient is clipped to this norm. None: no clipping.
    """

    elementwise: ClassVar[bool] = True
    batch_exponent: ClassVar[float] = 0.5
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup: int = 0
    schedule: Schedule = "constant"
    max_grad_norm: float | None = None

    @abc.abstractmethod
    def transform(self) -> optax.GradientTransformation:
        """Make the transformation from gradient to direction.

        Returns:
            The transformation, before weight decay and learning rate.
        """


@dataclasses.dataclass(frozen=True)
class Adam(OptimizerConfig):
    """Adam; with weight decay, AdamW.

    Attributes:
        learning_rate: Peak learning rate.
        betas: Decay rates of the two moments.
        eps: Term added to the denominator.
    """

    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def transform(self) -> optax.GradientTransformation:
        """Make Adam's transformation. See `OptimizerConfig.transform`."""
        first, second = self.betas
        return optax.scale_by_adam(b1=first, b2=second, eps=self.eps)


@dataclasses.dataclass(frozen=True)
class Muon(OptimizerConfig):
    """Muon for kernels with any number of axes, Adam for arrays with one axis.

    Its steps are as long as those of Adam at a fifth of the learning rate. It is meant
    for short runs of small networks; none of the papers used it.

    Source: Jordan et al., 2024; the length of a step: Liu et al., 2025 (Moonlight).

    Attributes:
        learning_rate: Peak learning rate.
        momentum: Momentum of Muon.
        betas: Decay rates of Adam's two moments.
        adam_params: Names of arrays with several axes that Adam updates as well, since
            they are no kernels, for instance the slots of a memory: Muon moves all
            slots together, and a single slot takes thousands of steps to change.
    """

    elementwise: ClassVar[bool] = False
    learning_rate: float = 1e-2
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    adam_params: tuple[str, ...] = ()

    def transform(self) -> optax.GradientTransformation:
        """Make Muon's transformation. See `OptimizerConfig.transform`."""
        first, second = self.betas
        return optax.contrib.muon(
            learning_rate=-1.0,  # cancels the sign change inside optax.contrib.muon
            beta=self.momentum,
            adam_b1=first,
            adam_b2=second,
            consistent_rms=0.2,
            muon_weight_dimension_numbers=muon_dims(self.adam_params),
        )


@dataclasses.dataclass(frozen=True)
class Sgd(OptimizerConfig):
    """Stochastic gradient descent.

    Attributes:
        learning_rate: Peak learning rate.
        momentum: Momentum; 0: none.
        nesterov: Use Nesterov's momentum.
    """

    batch_exponent: ClassVar[float] = 1.0
    learning_rate: float = 1e-2
    momentum: float = 0.0
    nesterov: bool = False

    def transform(self) -> optax.GradientTransformation:
        """Make the transformation of SGD. See `OptimizerConfig.transform`."""
        if self.momentum:
            return optax.trace(self.momentum, self.nesterov)
        return optax.identity()


Optimizer = Adam | Muon | Sgd | OptimizerConfig


def make_optimizer(
    optimizer: OptimizerConfig, steps: int
) -> optax.GradientTransformation:
    """Make the optax transformation of a config.

    Args:
        optimizer: The config.
        steps: Number of steps of the run.

    Returns:
        Clipping, the optimizer, weight decay and the schedule, chained.
    """
    chain = [optimizer.transform()]
    if optimizer.max_grad_norm is not None:
        chain.insert(0, optax.clip_by_global_norm(optimizer.max_grad_norm))
    if optimizer.weight_decay:
        chain.append(optax.add_decayed_weights(optimizer.weight_decay, mask=decay_mask))
    schedule = make_schedule(optimizer, steps)
    return optax.chain(*chain, optax.scale_by_learning_rate(schedule))


def make_schedule(optimizer: OptimizerConfig, steps: int) -> optax.Schedule:
    """Make the learning rate schedule of a config.

    Args:
        optimizer: The config.
        steps: Number of steps of the run.

    Returns:
        A function from step to learning rate.
    """
    if optimizer.schedule == "cosine":
        main = optax.cosine_decay_schedule(
            optimizer.learning_rate, max(1, steps - optimizer.warmup)
        )
    else:
        main = optax.constant_schedule(optimizer.learning_rate)
    if not optimizer.warmup:
        return main
    warmup = optax.linear_schedule(0.0, optimizer.learning_rate, optimizer.warmup)
    return optax.join_schedules([warmup, main], [optimizer.warmup])


def decay_mask(params: Any) -> Any:
    """Mark the arrays that decay: kernels, but not biases and scales.

    Args:
        params: A tree of arrays.

    Returns:
        A tree of booleans.
    """
    return jax.tree.map(lambda array: array.ndim > 1, params)


def muon_dims(adam_params: tuple[str, ...]) -> Callable[[Any], Any]:
    """Make the function that gives Muon the matrix axes of each kernel.

    Args:
        adam_params: Names of arrays that Adam updates.

    Returns:
        A function from a tree of arrays to a tree of dimension numbers: the last axis
        of a kernel is its output axis. None marks arrays that Adam updates.
    """

    def dims(path, array):
        last = array.ndim - 1
        kernel = optax.contrib.MuonDimensionNumbers(tuple(range(last)), (last,))
        by_adam = path and getattr(path[-1], "key", None) in adam_params
        return kernel if last > 0 and not by_adam else None

    return functools.partial(jax.tree_util.tree_map_with_path, dims)
