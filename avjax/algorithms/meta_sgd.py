"""A few steps of gradient descent on what is at hand, and through them.

The same function adapts a network to one picture at test time, and inside of the loss
that teaches networks to be adapted.

Source  Finn et al., 2017, "Model-Agnostic Meta-Learning"; a rate for each tensor: Li et
        al., 2017, "Meta-SGD"
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
    """How some parameters move, and what a loss behind them may know of it.

    second_order  a gradient through the steps is the exact one; else each step counts
                  as a shift that depends on nothing: cheaper, but no gradient reaches
                  what acts through the steps alone, such as a mask

    The first step of Adam is as long whatever the gradient is, and next to nothing
    comes through it.
    """

    steps: int = 5  # K
    rate: float = 1e-2  # of every tensor, before rates are learnt
    optimizer: Literal["sgd", "adam"] = "sgd"
    second_order: bool = True


class Adapted(NamedTuple):
    """Parameters after the last step, and the loss before each of them [i]."""

    params: Params
    losses: Array


class Judged(NamedTuple):
    """Parameters after the best of the steps, and how that was known.

    losses  before each step [i];  scores  before the first and after each [i+1]
    kept    how many steps that are
    """

    params: Params
    losses: Array
    scores: Array
    kept: Array


def adapt(
    loss: Callable[[Params], Array],
    params: Params,
    rates: Params,
    adaptation: Adaptation,
) -> Adapted:
    """The parameters after some steps down the loss; those given stay as they are.

    loss    params -> a scalar.  What it holds besides may be differentiated as well
    rates   a scalar for each tensor of params, as even_rates gives them

    Of each step only the parameters are kept; the rest is computed again on the way
    back, so that memory hardly grows with the steps; on a CPU, where these are written
    out, it does.
    """
    step, written_out = one_step(loss, rates, adaptation), writes_out()
    kept = jax.checkpoint(step, prevent_cse=written_out)
    start = params, direction(adaptation).init(params)
    count = adaptation.steps
    (params, _), losses = jax.lax.scan(kept, start, length=count, unroll=written_out)
    return Adapted(params, losses)


def adapt_judged(
    loss: Callable[[Params], Array],
    judge: Callable[[Params], Array],
    params: Params,
    rates: Params,
    adaptation: Adaptation,
) -> Judged:
    """The same steps, of which none is kept behind the one that the judge finds best.

    judge  params -> a scalar: less is better, and what is no number is worse than all
    """
    step = one_step(loss, rates, adaptation)
    first = judge(params)

    def judged(carry: Any, number: Array) -> tuple[Any, tuple[Array, Array]]:
        state, best = carry
        state, value = step(state, None)
        found = state[0], judge(state[0]), number
        better = found[1] < best[1]
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), found, best)
        return (state, best), (value, found[1])

    state = params, direction(adaptation).init(params)
    best = params, first, jnp.zeros((), int)
    numbers, start = jnp.arange(1, adaptation.steps + 1), (state, best)
    found = jax.lax.scan(judged, start, numbers, unroll=writes_out())
    (_, best), (losses, scores) = found
    return Judged(best[0], losses, jnp.concatenate([first[None], scores]), best[2])


def writes_out() -> bool:
    """Whether loops are written out, so that each turn is a part of the program.

    XLA on a CPU takes the gradient of a convolution's kernel seven times as long inside
    of a loop.
    """
    return jax.default_backend() == "cpu"


def one_step(
    loss: Callable[[Params], Array], rates: Params, adaptation: Adaptation
) -> Callable[[Any, None], tuple[Any, Array]]:
    """(params, state of the direction) -> those after a step, and the loss before."""
    directions = direction(adaptation)

    def step(carry: Any, _: None) -> tuple[Any, Array]:
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params)
        if not adaptation.second_order:
            grads = jax.lax.stop_gradient(grads)
        ways, state = directions.update(grads, state)
        # denoiser (6)
        params = jax.tree.map(lambda p, rate, way: p - rate * way, params, rates, ways)
        return (params, state), value

    return step


def direction(adaptation: Adaptation) -> optax.GradientTransformation:
    """From gradient to direction, before the rate."""
    if adaptation.optimizer == "sgd":
        return optax.identity()
    # The root is of more than zero: at zero it has no derivative.
    return optax.scale_by_adam(eps=1e-8, eps_root=1e-16)


def even_rates(params: Params, adaptation: Adaptation) -> Params:
    """The same rate for each tensor."""
    return jax.tree.map(lambda p: jnp.full((), adaptation.rate, p.dtype), params)


def split(params: Params, names: Iterable[str]) -> tuple[Params, Params]:
    """The modules of these names, and all others."""
    names = tuple(names)
    moving = {name: params[name] for name in names}
    return moving, {name: part for name, part in params.items() if name not in names}
