"""How well a denoiser chooses the gains of its residual on a photo.

    python -m avjax.train.ablations.studies.noise_gains PAIRS WORDS VAL NAME=WEIGHTS...
        [--fitted FOLDER] [--json PATH]

PAIRS holds photos with clean ones (NAME_real, NAME_mean). Those with one of WORDS (one
argument, separated by spaces) in their names are tested, of the others those with one
of VAL validate; the model of the noise is fitted to the rest. Weights with the same
NAME differ by their seed. With --fitted, the first weights are written with a model
that was fitted to all photos but the tested ones.

A row has, for 16 patches of 64 pixels of each photo, as many as denoising adapts to:
PSNR without adaptation; the gain in dB by the chosen gains, and its lowest value of a
photo; by gains that are the same for all photos, the mean of the fitted ones; by the
best gains (oracle); and the correlation over photos of the chosen and the best
strength, which is the mean of both gains weighted by the residual's energy.

For noise that is known, the error of a photo is a quadratic function of the gains, so
that the best gains, and the PSNR with any others, follow from a few statistics.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from avjax import weights
from avjax.algorithms import tiling
from avjax.algorithms.adaptation_plan import GAIN_PLAN
from avjax.algorithms.denoiser_adaptation import restore
from avjax.algorithms.noise_model import (
    ResidualStatistics,
    best_gains,
    class_means,
    fit_noise_model,
    measure_residual,
    true_gains,
)
from avjax.compilation import cpu_options
from avjax.media.photo_io import read_photo
from avjax.media.pixels import to_float01
from avjax.models.denoiser import DenoiserConfig
from avjax.nn.apply import to_log_lrs
from avjax.pipelines.denoise import load_network
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.typing import Array, Params

COLUMNS = (
    "network and photos",
    "K = 0, dB",
    "gain, dB",
    "worst photo",
    "same for all",
    "oracle",
    "correlation",
)
DIGITS, SIGNS = (2, 2, 2, 2, 2, 2), ("", "+", "+", "+", "+", "")


class PhotoMeasurements(NamedTuple):
    """What is known of some photos and of a denoiser's residual on them.

    Attributes:
        statistics: Statistics without knowledge of the noise, [n ...].
        target: The best gains of luma and of chroma, [n 2].
        noise: Energy of the noise in luma and in chroma, [n 2].
    """

    statistics: ResidualStatistics
    target: Array
    noise: Array

    def select(self, chosen: np.ndarray) -> "PhotoMeasurements":
        """Return the measurements of some of the photos; chosen: bool [n]."""
        return jax.tree.map(lambda x: x[chosen], self)

    def psnr(self, gains: Array) -> np.ndarray:
        """Compute the PSNR in dB of photos with gains [n 2], not clipped, [n]."""
        energy = self.statistics.energy
        errors = self.noise + energy * (gains**2 - 2 * gains * self.target)
        return np.asarray(-10 * jnp.log10(jnp.sum(errors, axis=-1) / 3))


def measure_photos(
    config: DenoiserConfig,
    restorer: Params,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
) -> PhotoMeasurements:
    """Measure a denoiser on the patches of photos that it would adapt to.

    Args:
        config: Config of the denoiser.
        restorer: Parameters of the part `restorer`.
        pairs: Noisy and clean pixel values of each photo, [h w c=3].

    Returns:
        The measurements.
    """
    measure = jit_measure(config)
    patches = (
        [to_float01(tiling.sample_patches(x)) for x in (noisy, clean)]
        for noisy, clean in pairs
    )
    rows = [measure(restorer, noisy, clean) for noisy, clean in patches]
    return jax.tree.map(lambda *x: jnp.stack(x), *rows)


@functools.cache
def jit_measure(config: DenoiserConfig) -> Callable[..., PhotoMeasurements]:
    """Compile the measurement of one photo."""

    def measure(restorer: Params, noisy: Array, clean: Array) -> PhotoMeasurements:
        def residual_of(images: Array) -> Array:
            return restore(config, restorer, images).residual

        noise = noisy - clean
        return PhotoMeasurements(
            measure_residual(residual_of, noisy, jax.random.key(0)),
            true_gains(residual_of(noisy), noise),
            class_means(noise, noise),
        )

    return jax.jit(measure, compiler_options=cpu_options())


def summarise(fitted: PhotoMeasurements, photos: PhotoMeasurements) -> np.ndarray:
    """Summarise how good chosen gains are.

    Args:
        fitted: Measurements of the photos that the noise model is fitted to.
        photos: Measurements of other photos.

    Returns:
        A value for each of `COLUMNS` but the first, [6].
    """
    noise_model = fit_noise_model(fitted.statistics, fitted.target)
    chosen = jax.vmap(functools.partial(best_gains, noise_model))(photos.statistics)
    shared = jnp.broadcast_to(jnp.mean(fitted.target, axis=0), chosen.shape)
    plain = photos.psnr(jnp.ones_like(chosen))
    change = photos.psnr(chosen) - plain
    energy = np.asarray(photos.statistics.energy)
    strengths = [np.average(x, 1, energy) for x in (chosen, photos.target)]
    return np.array(
        [
            plain.mean(),
            change.mean(),
            change.min(),
            (photos.psnr(shared) - plain).mean(),
            (photos.psnr(photos.target) - plain).mean(),
            np.corrcoef(strengths)[0, 1],
        ]
    )


def read_pairs(folder: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read the noisy and the clean pixel values of photos, by their names."""
    pairs = {}
    for file in sorted(pathlib.Path(folder).glob("*_real.*")):
        clean = file.with_name(file.name.replace("_real", "_mean"))
        pairs[file.name] = read_photo(file).image, read_photo(clean).image
    return pairs


def with_words(names: Iterable[str], words: str) -> np.ndarray:
    """Tell which names contain one of some words, which spaces separate, bool [n]."""
    return np.array([any(word in name for word in words.split()) for name in names])


def write_fitted(source: str, photos: PhotoMeasurements, folder: str) -> None:
    """Write weights whose noise model is fitted to photos.

    Args:
        source: The weights of a denoiser; those without gains get them.
        photos: Measurements of the photos.
        folder: Folder to write.
    """
    config, params, _ = load_network(source)
    rate = jnp.float32(GAIN_PLAN.adaptation.learning_rate)
    parts = {
        "restorer": params["restorer"] | {"gains": jnp.zeros(2)},
        "noise_model": fit_noise_model(photos.statistics, photos.target),
        "inner_lrs": to_log_lrs({"gains": rate}),
    }
    config = dataclasses.replace(config, auxiliary="sure")
    weights.save(pathlib.Path(folder), parts, {}, config, system=config.system, card="")


def format_column(values: np.ndarray, digits: int, sign: str) -> str:
    """Format the mean over seeds, and their deviation if there are several."""
    text = f"{values.mean():{sign}.{digits}f}"
    return text + (f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else "")


def main() -> None:
    """Measure weights, print the table, and write fitted weights."""
    parser = make_parser(__doc__)
    for name in ("pairs", "words", "val"):
        parser.add_argument(name, metavar=name.upper())
    parser.add_argument("weights", metavar="NAME=WEIGHTS", nargs="+")
    parser.add_argument("--fitted", metavar="FOLDER", help="folder of weights to write")
    options = parser.parse_args()
    pairs = read_pairs(options.pairs)
    tested, val = (with_words(pairs, x) for x in (options.words, options.val))
    splits = {"val": val & ~tested, "test": tested}
    rows: dict[str, list[np.ndarray]] = {}
    for number, argument in enumerate(options.weights):
        name, _, source = argument.partition("=")
        config, params, _ = load_network(source)
        photos = measure_photos(config, params["restorer"], list(pairs.values()))
        fitted = photos.select(~tested & ~val)
        for split, chosen in splits.items():
            row = summarise(fitted, photos.select(chosen))
            rows.setdefault(f"{name}, {split}", []).append(row)
        if options.fitted and not number:
            write_fitted(source, photos.select(~tested), options.fitted)
    table = ResultTable("Gains of the residual that are chosen by SURE", *COLUMNS)
    for name, seeds in rows.items():
        columns = zip(np.stack(seeds).T, DIGITS, SIGNS, strict=True)
        table.add(name, *(format_column(*column) for column in columns))
    counts = (f"{split}: {int(x.sum())} photos" for split, x in splits.items())
    data = f"PolyU; {', '.join(counts)}"
    table.write(options.json, data=data, seeds=str(max(map(len, rows.values()))))


if __name__ == "__main__":
    main()
