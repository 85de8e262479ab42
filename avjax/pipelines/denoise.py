"""Photographs and clips without their noise, by a network that adapts to each.

Several pictures do not adapt at once: on two cores that gains nothing, for one alone
keeps both at work (docs/figures.md).
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from avjax.algorithms import denoiser_adaptation as restore
from avjax.algorithms import tiling as tiles
from avjax.algorithms.denoiser_adaptation import PUBLISHED_TEST, Plan
from avjax.algorithms.meta_sgd import Judged
from avjax.compilation import cpu_options
from avjax.errors import InputError
from avjax.media.photo_io import Photo, as_levels, as_shares, read_photo
from avjax.models.denoiser import DenoiserConfig
from avjax.typing import Array, Params
from avjax.weights import open_parts

PREFIX = "denoiser"
LEAST = 16  # pixels of the shorter side
MOST = 100  # steps

Path = str | os.PathLike


class Cleaned(NamedTuple):
    """A photo without its noise, and how the network had adapted to it.

    losses  the error on the squares that were adapted to, before each step [i]
    held    that on the others, before the first step and after each [i+1]
    kept    how many steps did good
    """

    photo: Photo
    losses: np.ndarray
    held: np.ndarray
    kept: int

    def __str__(self) -> str:
        size = self.photo.levels[..., 0].size / 1e6
        said = f"{size:.2f} megapixels, {self.kept} of {len(self.losses)} steps kept"
        if self.kept:
            gain = 1 - self.held[self.kept] / self.held[0]
            said += f": where it did not adapt, pixels are foretold {gain:.1%} better"
        return said


def denoise(
    picture: Path,
    *,
    weights: str = "polyu",
    steps: int | None = None,
    strength: float = 1.0,
) -> Cleaned:
    """Takes the noise off one picture.  Options as those of open_denoiser, and clean.

    Raises InputError, one clear sentence, for what cannot be used.
    """
    return open_denoiser(weights, steps, strength).clean(read_photo(picture), picture)


def open_denoiser(
    weights: str = "polyu", steps: int | None = None, strength: float = 1.0
) -> "Denoiser":
    """What cleans picture after picture.

    weights   a bundled name, or a folder of weights
    steps     of adaptation to each picture; None: 5, or the 4 of the published recipe
    strength  how much of the noise is taken, 0 to 1
    """
    if not 0 <= strength <= 1:
        raise InputError(f"a strength of {strength} is not in 0 to 1")
    if steps is not None and not 0 <= steps <= MOST:
        raise InputError(f"{steps} steps are not 0 to {MOST}")
    config, params, rates = load(weights)
    plan = Plan() if rates else PUBLISHED_TEST
    if steps is not None:
        adaptation = dataclasses.replace(plan.adaptation, steps=steps)
        plan = dataclasses.replace(plan, adaptation=adaptation)
    rates = rates or restore.first_rates(config, plan, params["restorer"])
    return Denoiser(config, params, rates, plan, strength)


@dataclasses.dataclass(frozen=True)
class Denoiser:
    """Weights, which stay as they are, and how they adapt to a picture."""

    config: DenoiserConfig
    params: Params  # of the parts restorer and masker
    rates: Params  # of what moves
    plan: Plan
    strength: float

    def stored(self) -> Params:
        """What moves, as it was trained."""
        return restore.moved(self.config, self.plan, self.params["restorer"])[0]

    def clean(
        self, photo: Photo, name: Path, tick: Callable[[], None] = lambda: None
    ) -> Cleaned:
        """The photo at its own depth; opacity and what is told of it stay.

        name  what an InputError calls it
        tick  is called after each tile
        """
        require_size(photo.levels, name)
        found = self.adapt(photo.levels, self.stored())
        levels = self.redrawn(photo.levels, found.params, tick)
        return cleaned(photo._replace(levels=levels), found)

    def frames(self, frames: Iterator[np.ndarray], name: Path) -> Iterator[Cleaned]:
        """The frames of a clip u8 [h w 3]; each goes on from what fitted the last."""
        begun = self.stored()
        for frame in frames:
            require_size(frame, name)
            found = self.adapt(frame, begun)
            begun = found.params
            yield cleaned(Photo(self.redrawn(frame, begun, lambda: None)), found)

    def adapt(self, levels: np.ndarray, begun: Params) -> Judged:
        """What moves, adapted to a picture [h w c] by a few squares of it."""
        squares = as_colours(as_shares(tiles.cells(levels)))
        given = squares[~tiles.HELD], squares[tiles.HELD]
        run = adapting(self.config, self.plan)
        return run(self.params, self.rates, *given, begun)

    def redrawn(
        self, levels: np.ndarray, moving: Params, tick: Callable[[], None]
    ) -> np.ndarray:
        """Levels [h w c] -> the same without noise, tile by tile."""
        restorer = {**self.params["restorer"], **moving}
        run, made = cleaning(self.config), np.empty_like(levels)
        for place, tile in tiles.tiles(levels):
            clean = np.asarray(run(restorer, as_colours(as_shares(tile))))
            noisy = as_shares(levels[place])
            clean = clean[: noisy.shape[0], : noisy.shape[1]]
            if levels.shape[-1] == 1:
                clean = clean.mean(axis=-1, keepdims=True)
            mixed = noisy + np.float32(self.strength) * (clean - noisy)
            made[place] = as_levels(mixed, levels.dtype)
            tick()
        return made


def cleaned(photo: Photo, found: Judged) -> Cleaned:
    """A photo that is clean, and what is to be told of how it became so."""
    losses, scores, kept = jax.device_get((found.losses, found.scores, found.kept))
    return Cleaned(photo, losses, scores, int(kept))


def require_size(levels: np.ndarray, name: Path) -> None:
    """Raises InputError for what has too few pixels to adapt to.  [h w c]"""
    height, width = levels.shape[:2]
    if min(height, width) < LEAST:
        raise InputError(
            f"{name} is {width}x{height} pixels: both sides should be {LEAST} at least"
        )


def as_colours(shares: np.ndarray) -> np.ndarray:
    """[... c] of one channel or three -> [... 3]."""
    return np.broadcast_to(shares, (*shares.shape[:-1], 3))


@functools.cache
def adapting(config: DenoiserConfig, plan: Plan) -> Callable[..., Judged]:
    """The compiled adaptation, one for pictures of all sizes."""

    def run(params: Params, rates: Params, crops: Array, held: Array, begun: Params):
        given = params, rates, crops, held, jax.random.key(0), begun
        return restore.guarded(config, plan, *given)

    return jax.jit(run, compiler_options=cpu_options())


@functools.cache
def cleaning(config: DenoiserConfig) -> Callable[[Params, Array], Array]:
    """The compiled function of one tile [s s 3] -> its core [CORE CORE 3]."""
    core = slice(tiles.reach(), tiles.reach() + tiles.CORE)

    def run(restorer: Params, tile: Array) -> Array:
        return restore.restore(config, restorer, tile[None]).clean[0, core, core]

    return jax.jit(run, compiler_options=cpu_options())


def load(name: str) -> tuple[DenoiserConfig, Params, Params]:
    """Config, params and rates of weights, by a bundled name or by folder.

    Weights of the published recipe have learnt no rates: then they are empty.
    """
    config, parts = open_parts(name, PREFIX, DenoiserConfig, blank, spare="rates")
    params = {part: variables["params"] for part, variables in parts.items()}
    rates = params.pop("rates", {})
    return config, params, restore.learnt_rates(rates)


def blank(config: DenoiserConfig) -> Params:
    """{part: variables} of networks that have learnt nothing."""
    parts = restore.blank(config)
    rates = restore.first_rates(config, Plan(), parts["restorer"]["params"])
    return {**parts, "rates": {"params": restore.kept_rates(rates)}}
