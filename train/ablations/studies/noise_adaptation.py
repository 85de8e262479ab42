"""Scores of a denoiser after some adaptation steps to each image."""

import functools
import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from avjax.algorithms import adaptation_plan, denoiser_adaptation
from avjax.algorithms.adaptation_plan import LEVEL_PLAN, AdaptationPlan
from avjax.algorithms.meta_sgd import Adaptation, adapt
from avjax.compilation import cpu_options
from avjax.losses.restoration import restoration_l1
from avjax.media.pixels import to_rgb
from avjax.models.denoiser import DenoiserConfig
from avjax.pipelines.denoise import load_network
from avjax.train.ablations.studies.noise_baselines import NoisyPair, image_scores
from avjax.typing import Array, Params

PHOTO_STEPS, WHITE_STEPS = (0, 1, 2, 5, 10, 20), (0, 5)
CHOICE_STEPS = 0, 5  # the factor of the rates is chosen by the last of them
RATE_FACTORS = 0.1, 0.3, 1.0, 3.0, 10.0

Scores = dict[str, np.ndarray]  # {row: PSNR and ssim2d, [images 2]}


@functools.cache
def jit_scores_by_step(config: DenoiserConfig, oracle: bool, steps: tuple[int, ...]):
    """Compile `scores_by_step`."""
    function = functools.partial(scores_by_step, config, oracle, steps)
    return jax.jit(function, compiler_options=cpu_options())


def scores_by_step(
    config: DenoiserConfig,
    oracle: bool,
    steps: tuple[int, ...],
    params: Params,
    rates: Params,
    noisy: Array,
    clean: Array,
) -> Array:
    """Adapt to an image and score it after some of the steps.

    Args:
        config: Config of the denoiser.
        oracle: The steps minimise the true error instead of the auxiliary loss.
        steps: Numbers of steps, from 0 on.
        params: Parameters of the denoiser.
        rates: Learning rates of the adaptation.
        noisy: The image, [h w c=3].
        clean: The clean image, [h w c].

    Returns:
        PSNR and ssim2d, [k 2].
    """
    plan, is_grey = AdaptationPlan(), clean.shape[-1] == 1
    trainable, fixed = adaptation_plan.split_trainable(config, plan, params["restorer"])
    auxiliary = denoiser_adaptation.inner_loss(
        config, plan, params, noisy[None], jax.random.key(0)
    )

    def denoise(trainable: Params) -> Array:
        restorer = {**fixed, **trainable}
        pred = denoiser_adaptation.restore(config, restorer, noisy[None]).clean[0]
        return jnp.mean(pred, axis=-1, keepdims=True) if is_grey else pred

    def true_error(trainable: Params) -> Array:
        return jnp.mean(restoration_l1(denoise(trainable)[None], clean[None]))

    loss = true_error if oracle else auxiliary
    scores = [image_scores(denoise(trainable), clean)]
    for before, after in itertools.pairwise(steps):
        adaptation = Adaptation(after - before, second_order=False)
        trainable = adapt(loss, trainable, rates, adaptation).params
        scores.append(image_scores(denoise(trainable), clean))
    return jnp.stack(scores)


def score_weights(
    weights: str, choice: Sequence[NoisyPair], tested: Sequence[NoisyPair]
) -> Scores:
    """Score weights of a denoiser after each number of steps.

    Args:
        weights: The weights.
        choice: Images on which the factor of the rates is chosen. Empty: the factor is
            1, and there is no oracle.
        tested: Images to test.

    Returns:
        Scores of the rows "K 0", "K 1", ..., "oracle K 1", ... A network with
        the level of the noise as an input has the rows "K 0", the first guess of the
        level, and "K 2", the estimated one.
    """
    config, params, learned_rates = load_network(weights)

    def run(
        pairs: Sequence[NoisyPair], factor: float, oracle: bool, steps: tuple[int, ...]
    ) -> np.ndarray:
        rates = jax.tree.map(lambda rate: factor * rate, learned_rates)
        compiled = jit_scores_by_step(config, oracle, steps)
        noisy = [to_rgb(np.clip(pair.noisy, 0, 1)) for pair in pairs]
        return np.array(
            [
                compiled(params, rates, image, pair.clean)
                for image, pair in zip(noisy, pairs, strict=True)
            ]
        )

    steps, kinds = (PHOTO_STEPS, ("K", "oracle K")) if choice else (WHITE_STEPS, ("K",))
    if config.auxiliary == "level":  # a step of another length makes no sense
        choice, steps, kinds = (), (0, LEVEL_PLAN.adaptation.steps), ("K",)
    rows = {}
    for kind in kinds:
        oracle, factor = kind == "oracle K", 1.0
        if choice:
            means = [
                run(choice, x, oracle, CHOICE_STEPS)[:, -1, 0].mean()
                for x in RATE_FACTORS
            ]
            factor = RATE_FACTORS[int(np.argmax(means))]
        scores = run(tested, factor, oracle, steps)
        scores = stop_at_best(scores) if oracle else scores
        print(f"{weights}: {kind}, rates times {factor}", flush=True)
        rows |= {f"{kind} {k}": scores[:, i] for i, k in enumerate(steps)}
    return {name: scores for name, scores in rows.items() if name != "oracle K 0"}


def stop_at_best(scores: np.ndarray) -> np.ndarray:
    """Replace the scores of steps that lower the PSNR by the best before, [i k 2]."""
    scores = scores.copy()
    for before, after in itertools.pairwise(range(scores.shape[1])):
        worse = ~(scores[:, after, 0] > scores[:, before, 0])
        scores[worse, after] = scores[worse, before]
    return scores
