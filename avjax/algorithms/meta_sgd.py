"""Inner loop of meta-learning: a few gradient steps that can be differentiated.

The same function adapts a network to one image at test time, and runs inside of the
loss that trains networks to be adapted.

Source  Finn et al., 2017, "Model-Agnostic Meta-Learning"; a learning rate per tensor:
        Li et al., 2017, "Meta-SGD"
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from avjax.typing import Array, Params


@dataclasses.dataclass(frozen=True)
class Adaptation:
    """Settings of the inner loop.

    The first step of Adam has the same length for any gradient, and nearly no gradient
    passes through it.

    Attributes:
        steps: Number of steps, K.
        learning_rate: Learning rate of all tensors before learning rates are learned.
        optimizer: Optimiser of the inner loop.
        second_order: Differentiate exactly through the steps. Otherwise each step is
            a constant shift, which is cheaper, but no gradient reaches what acts only
            through the steps, such as a mask.
    """

    steps: int = 5
    learning_rate: float = 1e-2
    optimizer: Literal["sgd", "adam"] = "sgd"
    second_order: bool = True


class AdaptationResult(NamedTuple):
    """Adapted parameters.

    Attributes:
        params: Parameters after the last step.
        losses: Loss before each step, [i].
    """

    params: Params
    losses: Array


class SelectedAdaptation(NamedTuple):
    """Adapted parameters after the step with the lowest validation loss.

    Attributes:
        params: Parameters after that step.
        losses: Loss before each step, [i].
        validation_losses: Validation loss before the first step and after each, [i+1].
        num_steps: Number of steps that were kept, [].
    """

    params: Params
    losses: Array
    validation_losses: Array
    num_steps: Array


def adapt(
    loss: Callable[[Params], Array],
    params: Params,
    lrs: Params,
    adaptation: Adaptation,
) -> AdaptationResult:
    """Take a fixed number of gradient steps.

    Of each step only the parameters are stored; the rest is recomputed in the backward
    pass, so that memory hardly grows with the number of steps. On a CPU, where the loop
    is unrolled, it does grow.

    Args:
        loss: Maps params to a scalar. It may depend on other values, with respect to
            which the result can be differentiated as well.
        params: Initial parameters.
        lrs: A scalar learning rate for each tensor of params; see `constant_lrs`.
        adaptation: Settings.

    Returns:
        The adapted parameters and the losses.

    Source:
        Denoiser (6).
    """
    step, unroll = inner_step(loss, lrs, adaptation), unroll_on_cpu()
    rematerialized = jax.checkpoint(step, prevent_cse=unroll)
    initial = params, inner_transform(adaptation).init(params)
    (params, _), losses = jax.lax.scan(
        rematerialized, initial, length=adaptation.steps, unroll=unroll
    )
    return AdaptationResult(params, losses)


def adapt_with_early_stopping(
    loss: Callable[[Params], Array],
    validation_loss: Callable[[Params], Array],
    params: Params,
    lrs: Params,
    adaptation: Adaptation,
) -> SelectedAdaptation:
    """Take gradient steps and keep the parameters with the lowest validation loss.

    Args:
        loss: Maps params to a scalar.
        validation_loss: Maps params to a scalar. NaN counts as worse than any number.
        params: Initial parameters.
        lrs: A scalar learning rate for each tensor of params.
        adaptation: Settings.

    Returns:
        The best parameters and all losses.
    """
    step = inner_step(loss, lrs, adaptation)
    initial_loss = validation_loss(params)

    def validated_step(carry: Any, number: Array) -> tuple[Any, tuple[Array, Array]]:
        state, best = carry
        state, value = step(state, None)
        current = state[0], validation_loss(state[0]), number
        is_better = current[1] < best[1]
        best = jax.tree.map(
            lambda new, old: jnp.where(is_better, new, old), current, best
        )
        return (state, best), (value, current[1])

    state = params, inner_transform(adaptation).init(params)
    best = params, initial_loss, jnp.zeros((), int)
    (_, best), (losses, validation_losses) = jax.lax.scan(
        validated_step,
        (state, best),
        jnp.arange(1, adaptation.steps + 1),
        unroll=unroll_on_cpu(),
    )
    validation_losses = jnp.concatenate([initial_loss[None], validation_losses])
    return SelectedAdaptation(best[0], losses, validation_losses, best[2])


def unroll_on_cpu() -> bool:
    """Return whether loops are unrolled, so that each step is part of the program.

    XLA on a CPU takes seven times as long for the gradient of a convolution's kernel
    inside of a loop.
    """
    return jax.default_backend() == "cpu"


def map_images(function: Callable[..., Any], *arrays: Array) -> Any:
    """Apply a function of one image to a batch.

    On a CPU, images are processed one by one: convolutions with different kernels for
    each image are slower in a batch.

    Args:
        function: Function of one image (and of other arrays).
        *arrays: [b ...].

    Returns:
        The results, stacked.
    """
    if not unroll_on_cpu():
        return jax.vmap(function)(*arrays)
    results = [function(*inputs) for inputs in zip(*arrays, strict=True)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *results)


def inner_step(
    loss: Callable[[Params], Array], lrs: Params, adaptation: Adaptation
) -> Callable[[Any, None], tuple[Any, Array]]:
    """Create the function of one gradient step, for `jax.lax.scan`.

    Args:
        loss: Maps params to a scalar.
        lrs: A scalar learning rate for each tensor of params.
        adaptation: Settings.

    Returns:
        A function of (params, optimiser state) and None that returns the updated pair
        and the loss before the step.
    """
    transform = inner_transform(adaptation)

    def step(carry: Any, _: None) -> tuple[Any, Array]:
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params)
        if not adaptation.second_order:
            grads = jax.lax.stop_gradient(grads)
        updates, state = transform.update(grads, state)
        # denoiser (6)
        params = jax.tree.map(
            lambda p, lr, update: p - lr * update, params, lrs, updates
        )
        return (params, state), value

    return step


def inner_transform(adaptation: Adaptation) -> optax.GradientTransformation:
    """Create the transformation from gradients to updates, before the learning rate.

    Args:
        adaptation: Settings.

    Returns:
        The gradient transformation.
    """
    if adaptation.optimizer == "sgd":
        return optax.identity()
    # eps_root keeps the root away from zero, where it has no derivative.
    return optax.scale_by_adam(eps=1e-8, eps_root=1e-16)


def constant_lrs(params: Params, adaptation: Adaptation) -> Params:
    """Create the same learning rate for each tensor.

    Args:
        params: Parameters.
        adaptation: Settings.

    Returns:
        A tree of scalars with the structure of params.
    """
    return jax.tree.map(
        lambda p: jnp.full((), adaptation.learning_rate, p.dtype), params
    )


def split_by_name(params: Params, names: Iterable[str]) -> tuple[Params, Params]:
    """Split parameters by the names of their top-level modules.

    Args:
        params: Parameters.
        names: Names of modules.

    Returns:
        - selected: The modules of these names, in their order.
        - rest: All other modules.
    """
    names = tuple(names)
    selected = {name: params[name] for name in names}
    return selected, {name: part for name, part in params.items() if name not in names}
