"""Denoisers beside each other: what training through steps is worth, and adaptation.

    python -m avjax.train.ablations.noise photographs PAIRS PEER WORDS [NAME=WEIGHTS...]
    python -m avjax.train.ablations.noise white PICTURES PEER SIDE [NAME=WEIGHTS...]

photographs  PAIRS has NAME_real and NAME_mean; those with one of WORDS (one argument,
             words apart by spaces) in their names are tested, the others are what
             settings are chosen on.  Rows: as given; OpenCV's and scikit-image's
             non-local means and total variation, each at its best setting; the peer
white        clean PICTURES with white noise of deviation 15, 25 and 50.  Rows: as
             given; the peer.  The noise is neither clipped nor rounded, as tables have
             it; ours gets it clipped, as it learnt it

PEER is a DnCNN of grey pictures as PyTorch stores it, white noise of deviation 25: the
channels of a colour picture go through it one by one.  WEIGHTS are folders that runs
wrote; those of one NAME differ by their seed.  Each gives rows for K steps without a
guard, and for as many by the true error, which stops where it is best (oracle).  How
far both steps reach, as a factor to the rates, is chosen on the training part (white:
left as it is learnt, for few steps and no oracle).

Of each picture the square in its middle is taken, of 192 or SIDE pixels.  A row: mean
PSNR and ssim2d over the pictures, of several seeds with their standard deviation, and
what adaptation is worth.
"""

import functools
import itertools
import pathlib
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

from avjax.algorithms import adaptation_plan, denoiser_adaptation
from avjax.algorithms.adaptation_plan import AdaptationPlan
from avjax.algorithms.meta_sgd import Adaptation, adapt
from avjax.compilation import cpu_options
from avjax.convert import open_tensors
from avjax.losses.restoration import restoration_l1
from avjax.media.photo_io import from_float01, to_float01, read_photo
from avjax.metrics.image import psnr
from avjax.metrics.restoration import ssim2d
from avjax.pipelines.denoise import load_network
from avjax.media.photo_io import to_rgb

SIDE, CHOSEN = 192, 8  # pixels; training pictures that settings are chosen on
STEPS, FEW = (0, 1, 2, 5, 10, 20), (0, 5)
JUDGED = 0, 5  # by the last of which factors are chosen
FACTORS = 0.1, 0.3, 1.0, 3.0, 10.0
fast = functools.partial(jax.jit, compiler_options=cpu_options())

Table = dict[str, np.ndarray]  # {row: [pictures, (PSNR, ssim2d)]}


class Pair(NamedTuple):
    """A picture with noise and its truth, f32 [h w c]."""

    noisy: np.ndarray
    clean: np.ndarray


def scores(made, clean):
    """[h w c] -> PSNR and ssim2d; what is made is clipped."""
    made = jnp.clip(made, 0, 1)
    return jnp.stack([psnr(made, clean), ssim2d(made, clean)])


def middle(picture: np.ndarray, side: int) -> np.ndarray:
    """The square in the middle, or what there is of it in multiples of 8."""
    sides = [min(side, length) // 8 * 8 for length in picture.shape[:2]]
    top, left = ((x - y) // 2 for x, y in zip(picture.shape, sides, strict=False))
    return picture[top : top + sides[0], left : left + sides[1]]


def photographs_of(folder: str, words: list[str]) -> tuple[list[Pair], list[Pair]]:
    """Those to choose settings on, and those to test."""
    parts = [], []
    for file in sorted(pathlib.Path(folder).glob("*_real.*")):
        names = file, file.with_name(file.name.replace("_real", "_mean"))
        pair = Pair(*(middle(to_float01(read_photo(x).image), SIDE) for x in names))
        parts[any(word in file.name for word in words)].append(pair)
    known, tested = parts
    places = np.linspace(0, len(known) - 1, CHOSEN).round().astype(int)
    return [known[place] for place in places], tested


def deviation(noisy: np.ndarray) -> float:
    """Of white noise, from the differences of 2 x 2 pixels, mean over channels."""
    corners = noisy[::2, ::2], noisy[1::2, 1::2], noisy[1::2, ::2], noisy[::2, 1::2]
    detail = (corners[0] + corners[1] - corners[2] - corners[3]) / 2
    return float(np.median(np.abs(detail), axis=(0, 1)).mean() / 0.6745)


def opencv(noisy: np.ndarray, strength: float) -> np.ndarray:
    levels = from_float01(noisy, np.dtype(np.uint8))
    made = cv2.fastNlMeansDenoisingColored(levels, None, strength, strength)
    return to_float01(made)


def non_local(noisy: np.ndarray, factor: float) -> np.ndarray:
    sigma = factor * deviation(noisy)
    shape = {"patch_size": 5, "patch_distance": 6, "channel_axis": -1}
    return denoise_nl_means(noisy, h=0.8 * sigma, sigma=sigma, **shape)


def variation(noisy: np.ndarray, weight: float) -> np.ndarray:
    return denoise_tv_chambolle(noisy, weight, channel_axis=-1)


CLASSICAL = {
    "OpenCV non-local means": (opencv, (2, 3, 4, 5, 6, 8, 10)),
    "skimage non-local means": (non_local, (1, 2, 3, 4, 6, 8)),
    "skimage total variation": (variation, (0.01, 0.015, 0.02, 0.03, 0.05, 0.08)),
}


def table_of(run: Callable, pairs: list[Pair]) -> np.ndarray:
    judged = fast(scores)
    return np.array([judged(run(pair.noisy), pair.clean) for pair in pairs])


def best(run: Callable, settings: tuple, known: list[Pair]) -> float:
    """The setting with the best mean PSNR."""
    found = [
        table_of(lambda noisy, x=x: run(noisy, x), known)[:, 0].mean() for x in settings
    ]
    return settings[int(np.argmax(found))]


def peer(path: str) -> Callable[[np.ndarray], np.ndarray]:
    """A plain chain of convolutions that foretells the noise, in float32."""
    read = {key: tensor.read() for key, tensor in open_tensors(path).items()}
    numbers = sorted({int(key.split(".")[1]) for key in read})
    kernels = [
        (read[f"model.{n}.weight"].transpose(2, 3, 1, 0), read[f"model.{n}.bias"])
        for n in numbers
    ]

    @fast
    def run(kernels, noisy):
        x = noisy
        for number, (kernel, bias) in enumerate(kernels):
            x = jax.nn.relu(x) if number else x
            axes = "NHWC", "HWIO", "NHWC"
            x = jax.lax.conv_general_dilated(
                x, kernel, (1, 1), "SAME", dimension_numbers=axes
            )
            x = x + bias[None, None, None]
        return noisy - x

    def clean(noisy: np.ndarray) -> np.ndarray:
        channels = rearrange(noisy, "h w c -> c h w 1")
        return rearrange(np.asarray(run(kernels, channels)), "c h w 1 -> h w c")

    return clean


@functools.partial(fast, static_argnames=("config", "true", "steps"))
def walked(config, params, rates, noisy, clean, true, steps):
    """Scores after each of these numbers of steps.  [h w c=3], [h w c] -> [k 2].

    true  the steps go down the true error, not what the picture says of itself
    """
    plan, grey = AdaptationPlan(), clean.shape[-1] == 1
    moving, fixed = adaptation_plan.split_trainable(config, plan, params["restorer"])
    loss = denoiser_adaptation.inner_loss(config, plan, params, noisy[None], jax.random.key(0))

    def made(moving):
        both = {**fixed, **moving}
        found = denoiser_adaptation.restore(config, both, noisy[None]).clean[0]
        return jnp.mean(found, axis=-1, keepdims=True) if grey else found

    def error(moving):
        return jnp.mean(restoration_l1(made(moving)[None], clean[None]))

    found = [scores(made(moving), clean)]
    for before, after in itertools.pairwise(steps):
        more = Adaptation(after - before, second_order=False)
        moving = adapt(error if true else loss, moving, rates, more).params
        found.append(scores(made(moving), clean))
    return jnp.stack(found)


def ours(weights: str, known: list[Pair], tested: list[Pair]) -> Table:
    """Rows of one folder of weights."""
    config, params, learnt = load_network(weights)

    def tried(pairs: list[Pair], factor: float, true: bool, steps: tuple) -> np.ndarray:
        rates = jax.tree.map(lambda rate: factor * rate, learnt)
        noisy = [to_rgb(np.clip(pair.noisy, 0, 1)) for pair in pairs]
        given = zip(noisy, pairs, strict=True)
        rows = [
            walked(config, params, rates, x, pair.clean, true, steps)
            for x, pair in given
        ]
        return np.array(rows)

    steps, kinds = (STEPS, ("K", "oracle K")) if known else (FEW, ("K",))
    table = {}
    for name in kinds:
        true, factor = name != "K", 1.0
        if known:
            means = [tried(known, x, true, JUDGED)[:, -1, 0].mean() for x in FACTORS]
            factor = FACTORS[int(np.argmax(means))]
        found = tried(tested, factor, true, steps)
        found = stopped_at_best(found) if true else found
        print(f"{weights}: {name}, rates times {factor}", flush=True)
        table |= {f"{name} {k}": found[:, i] for i, k in enumerate(steps)}
    return {name: rows for name, rows in table.items() if name != "oracle K 0"}


def stopped_at_best(rows: np.ndarray) -> np.ndarray:
    """What an oracle keeps of steps, some of which lead astray.  [pictures, k, 2]."""
    rows = rows.copy()
    for before, after in itertools.pairwise(range(rows.shape[1])):
        worse = ~(rows[:, after, 0] > rows[:, before, 0])
        rows[worse, after] = rows[worse, before]
    return rows


def told(name: str, rows: list[np.ndarray], plain: list[np.ndarray] | None) -> None:
    """One line: means over pictures, then over seeds, with their deviation."""

    def of(tables: list[np.ndarray], sign: str = "") -> str:
        means = np.array([table.mean(0) for table in tables])
        spread = means.std(0, ddof=1) if len(means) > 1 else [np.nan] * 2
        cells = zip(means.mean(0), spread, (2, 4), strict=True)
        texts = [
            f"{mean:{sign}.{digits}f}" + ("" if np.isnan(by) else f" ± {by:.{digits}f}")
            for mean, by, digits in cells
        ]
        return " | ".join(texts)

    gain = ""
    if plain:
        gain = of([row - base for row, base in zip(rows, plain, strict=True)], "+")
    print(f"| {name} | {of(rows)} | {gain or ' | '} |", flush=True)


def tell(known: list[Pair], tested: list[Pair], given: tuple[str, ...]) -> None:
    """Rows of weights, by their names: NAME=WEIGHTS of each."""
    names = {}
    for one in given:
        name, _, weights = one.partition("=")
        names.setdefault(name, []).append(ours(weights, known, tested))
    for name, tables in names.items():
        for row in tables[0]:
            plain = None if row == "K 0" else [table["K 0"] for table in tables]
            told(f"{name}, {row}", [table[row] for table in tables], plain)


def photographs(folder: str, peer_file: str, words: str, *given: str) -> None:
    begun = time.perf_counter()
    known, tested = photographs_of(folder, words.split())
    print(f"{len(tested)} photographs, squares of {SIDE}; settings chosen on {CHOSEN}")
    told("as given", [table_of(lambda noisy: noisy, tested)], None)
    for name, (run, settings) in CLASSICAL.items():
        setting = best(run, settings, known)
        made = functools.partial(lambda run, x, noisy: run(noisy, x), run, setting)
        told(f"{name}, {setting}", [table_of(made, tested)], None)
    told("peer", [table_of(peer(peer_file), tested)], None)
    tell(known, tested, given)
    print(f"{time.perf_counter() - begun:.0f} s")


def white(folder: str, peer_file: str, side: str, *given: str) -> None:
    begun, run = time.perf_counter(), peer(peer_file)
    paths = sorted(pathlib.Path(folder).glob("*.png"))
    pictures = [middle(to_float01(read_photo(path).image), int(side)) for path in paths]
    for sigma in (15, 25, 50):
        rng = np.random.default_rng(sigma)
        noise = [rng.standard_normal(x.shape, np.float32) for x in pictures]
        tested = [
            Pair(x + np.float32(sigma / 255) * added, x)
            for x, added in zip(pictures, noise, strict=True)
        ]
        print(f"{len(tested)} pictures, white noise of deviation {sigma}")
        # Not clipped, as the noise is: scores would clip it.
        errors = [np.mean((pair.noisy - pair.clean) ** 2) for pair in tested]
        print(f"as given {np.mean(-10 * np.log10(errors)):.2f} dB")
        told("peer", [table_of(run, tested)], None)
        tell([], tested, given)
    print(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    {f.__name__: f for f in (photographs, white)}[sys.argv[1]](*sys.argv[2:])
