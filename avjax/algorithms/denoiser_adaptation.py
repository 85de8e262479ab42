"""Networks that adapt to a picture by what it says itself, and then clean it."""

import dataclasses
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp

from avjax.algorithms.meta_sgd import (
    Adaptation,
    Adapted,
    Judged,
    adapt,
    adapt_judged,
    even_rates,
    split,
)
from avjax.losses.restoration import masked_error
from avjax.models.denoiser import (
    WHOLE,
    DenoiserConfig,
    MaskNet,
    RestorationNet,
    Restored,
)
from avjax.typing import Array, Key, Params

PACE = 50.0  # at a rate of 1e-4 Adam changes a rate by 0.5 % in a step
SINGLE = ("primary",)
HEADS = {"rebuilt": ("primary", "auxiliary"), "renoised": SINGLE, "neighbours": SINGLE}


@dataclasses.dataclass(frozen=True)
class Plan:
    """What of a network adapts to a picture, and how.

    moves        its heads, or all of it.  With heads the body looks once
    hard         the mask is 0 or 1; no gradient reaches it then
    first_rests  the first tensor of the first head stays as it is
    """

    adaptation: Adaptation = Adaptation()
    moves: Literal["heads", "all"] = "heads"
    hard: bool = False
    first_rests: bool = False


# As the authors' code trains: five steps are written there, but each begins anew, so
# that one counts; its loss is ten times ours.  And as it tests: the picture is made
# before the fifth step.
PUBLISHED_TRAINING = Plan(Adaptation(steps=1, rate=10 * 5e-5))
PUBLISHED_TEST = Plan(
    Adaptation(steps=4, rate=1e-5, optimizer="adam", second_order=False),
    hard=True,
    first_rests=True,
)


def restore(config: DenoiserConfig, restorer: Params, noisy: Array) -> Restored:
    """Pictures [b h w c=3], sides multiples of 4, without their noise."""
    return RestorationNet(config).apply({"params": restorer}, noisy)


def blank(config: DenoiserConfig) -> dict[str, Params]:
    """Variables of a denoiser that has learnt nothing, by its parts."""
    networks = {"restorer": RestorationNet(config), "masker": MaskNet(config)}
    given = jax.random.key(0), jnp.zeros((1, WHOLE, WHOLE, 3))
    return {part: network.init(*given) for part, network in networks.items()}


def first_rates(config: DenoiserConfig, plan: Plan, restorer: Params) -> Params:
    """A rate for each tensor that moves, before any was learnt."""
    moving, _ = moved(config, plan, restorer)
    rates = even_rates(moving, plan.adaptation)
    if plan.first_rests:
        first = rates["primary"]["blocks"]["conv_0_0"]
        first["kernel"] = jnp.zeros_like(first["kernel"])
    return rates


def kept_rates(rates: Params) -> Params:
    """Rates as what learns them: their logarithms, divided by PACE."""
    return jax.tree.map(lambda rate: jnp.log(rate) / PACE, rates)


def learnt_rates(kept: Params) -> Params:
    """The way back: numbers of any sign -> rates above zero."""
    return jax.tree.map(lambda number: jnp.exp(PACE * number), kept)


def moved(
    config: DenoiserConfig, plan: Plan, restorer: Params
) -> tuple[Params, Params]:
    """What a plan moves of a network, and the rest."""
    names = HEADS[config.auxiliary] if plan.moves == "heads" else tuple(restorer)
    return split(restorer, names)


def adapted(
    config: DenoiserConfig,
    plan: Plan,
    params: Params,
    rates: Params,
    noisy: Array,
    key: Key,
) -> Adapted:
    """The restorer, adapted to one picture or to crops of it, and the loss before each
    step.

    params  of the parts restorer and masker, which stay as they are
    noisy   [b h w c=3], sides multiples of 4
    """
    moving, fixed = moved(config, plan, params["restorer"])
    loss = loss_of(config, plan, params, noisy, key)
    found = adapt(loss, moving, rates, plan.adaptation)
    return found._replace(params={**fixed, **found.params})


def guarded(
    config: DenoiserConfig,
    plan: Plan,
    params: Params,
    rates: Params,
    crops: Array,
    held: Array,
    key: Key,
    begun: Params,
) -> Judged:
    """What moves of the restorer, after as many steps as do it good.

    crops  of a picture, for the steps; held: others of it, for the judge.  [b h w c=3],
           sides multiples of 8
    begun  what moves, as it was left by the picture before; it is begun anew where the
           judge likes better what was stored

    No truth is needed to judge: of what is held, every second pixel, once cleaned,
    should be like those beside it.  Their noise is another, so that no network can
    foretell it, and one that is less wrong is nearer to the truth.  It is less sure
    where noise is like that beside it, as after heavy compression.
    """
    restorer = params["restorer"]
    stored, _ = moved(config, plan, restorer)
    everywhere = jnp.ones((*held.shape[:3], 1), held.dtype)
    beside = dataclasses.replace(config, auxiliary="neighbours")
    given = restorer, everywhere, held, key, "body" in stored
    judge = auxiliary_loss(beside, *given)
    further = judge(begun) < judge(stored)
    start = jax.tree.map(lambda x, y: jnp.where(further, x, y), begun, stored)
    loss = loss_of(config, plan, params, crops, key)
    return adapt_judged(loss, judge, start, rates, plan.adaptation)


def loss_of(
    config: DenoiserConfig, plan: Plan, params: Params, noisy: Array, key: Key
) -> Callable[[Params], Array]:
    """The loss that a plan goes down, where the mask is open."""
    mask = MaskNet(config).apply({"params": params["masker"]}, noisy)
    if plan.hard:
        mask = (mask > 0.5).astype(mask.dtype)
    moving, _ = moved(config, plan, params["restorer"])
    given = params["restorer"], mask, noisy, key, "body" in moving
    return auxiliary_loss(config, *given)


def auxiliary_loss(
    config: DenoiserConfig,
    restorer: Params,
    mask: Array,
    noisy: Array,
    key: Key,
    body_moves: bool,
) -> Callable[[Params], Array]:
    """What pictures alone say of a network: a loss of what moves of it.

    rebuilt     the second head makes noisy of what the first one made of noisy
    renoised    what the network as it was took for noise, put elsewhere on what it
                took for clean, has to come off again
    neighbours  every second pixel, cleaned, is like those beside them; sides are
                multiples of 8

    mask [b h w 1] and noisy [b h w c=3] are of the same pictures.
    """
    network = RestorationNet(config)
    given = goal = noisy
    if config.auxiliary == "renoised":
        given, goal = renoised(config, restorer, noisy, key)
    elif config.auxiliary == "neighbours":
        given, goal = neighbours(noisy), neighbours(noisy, turned=True)
        mask = neighbours(mask, turned=True)

    def look(params: Params) -> Array:
        return network.apply({"params": params}, given, method="look")

    features = None if body_moves else look(restorer)

    def loss(moving: Params) -> Array:
        params = {**restorer, **moving}
        seen = look(params) if features is None else features
        made = network.apply({"params": params}, seen, given, method="restore")
        if config.auxiliary == "rebuilt":
            again = network.apply({"params": params}, made, method="rebuild")
        else:
            again = made.clean
        return jnp.mean(masked_error(again, goal, mask))

    return loss


def renoised(
    config: DenoiserConfig, restorer: Params, noisy: Array, key: Key
) -> tuple[Array, Array]:
    """What was taken for clean, with the noise of another place; and without.

    [b h w c] -> two of them.  Both are taken as given.
    """
    first = jax.lax.stop_gradient(restore(config, restorer, noisy))
    sides = jnp.array(noisy.shape[1:3])
    shift = jax.random.randint(key, (2,), sides // 4, 3 * sides // 4 + 1)
    noise = -jnp.roll(first.residual, shift, (1, 2))
    return jnp.clip(first.clean + noise, 0, 1), first.clean


def neighbours(picture: Array, turned: bool = False) -> Array:
    """Every second pixel, and those diagonally beside; turned, these come first.

    [b h w c] -> [2b h/2 w/2 c].

    Source  after Huang et al., 2021, "Neighbor2Neighbor", with fixed places
    """
    first, second = picture[:, ::2, ::2], picture[:, 1::2, 1::2]
    return jnp.concatenate([second, first] if turned else [first, second])
