"""Talkers driven by text: TAEM turns timed phonemes into latents of its talker.

A long text is processed in chunks with the context that the network needs, so that
chunks join without a seam and one compiled function serves texts of any length.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from avjax import weights
from avjax.compilation import cached_jit
from avjax.constants import FPS
from avjax.errors import InputError
from avjax.models.registry import load_system
from avjax.models.taem import TEXT_PART, Taem, TaemConfig
from avjax.models.talker import Variables
from avjax.nn.duration import PREDICTOR_LAYERS as CONTEXT_PHONEMES
from avjax.pipelines.talking.audio_talkers import (
    Talker,
    make_talker,
)
from avjax.pipelines.talking.talker_functions import CHUNK_FRAMES, resample_latents
from avjax.text.intervals import PhonemeTier
from avjax.text.phonemes import BLANK, PHONEMES
from avjax.typing import PathLike

MAX_PHONEMES = 192  # phonemes that pass through the network together


@dataclasses.dataclass(frozen=True)
class TextTalker:
    """TAEM with the talker whose latents it predicts.

    A latent depends on the phonemes within `config.context_frames` frames and on
    `config.context_phonemes` more on either side. Where phonemes last less than 10 ms
    each, some of these may be left out.

    Attributes:
        config: Configuration of TAEM.
        variables: {part: variables} of TAEM and of its talker.
    """

    config: TaemConfig
    variables: Variables

    @property
    def talker(self) -> Talker:
        """The talker that decodes the latents. It can also be driven by audio."""
        variables = {
            part: tree for part, tree in self.variables.items() if part != TEXT_PART
        }
        return make_talker(self.config.talker, variables)

    def predict_tier(
        self, phoneme_ids: np.ndarray, portrait: np.ndarray
    ) -> PhonemeTier:
        """Predict how long a person takes for each phoneme.

        Args:
            phoneme_ids: Indices into `avjax.text.phonemes.PHONEMES`, i32 [l].
            portrait: Face crop of the person, u8 [h w 3].

        Returns:
            The phonemes with their times. Each lasts at least one step of the network.
        """
        context = self.config.context_phonemes + CONTEXT_PHONEMES
        chunk_size, durations = MAX_PHONEMES - 2 * context, []
        for first in range(0, len(phoneme_ids), chunk_size):
            start = max(first - context, 0)
            ids = _pad_phonemes(phoneme_ids[start : first + chunk_size + context])
            edges = jit_predict_edges(self.config)(
                self.variables[TEXT_PART], ids[None], portrait[None]
            )
            durations.append(np.diff(edges[0])[first - start :][:chunk_size])
        seconds = np.concatenate(durations)[: len(phoneme_ids)].astype(np.float64)
        seconds = np.maximum(seconds, 1 / self.config.steps_per_second)
        edges = np.concatenate([[0.0], np.cumsum(seconds)])
        return PhonemeTier(phoneme_ids, edges.astype(np.float32))

    def iter_latents(
        self,
        tier: PhonemeTier,
        portrait: np.ndarray,
        num_frames: int,
        fps: Fraction,
    ) -> Iterator[np.ndarray]:
        """Compute the latents of a video.

        Args:
            tier: The phonemes with their times.
            portrait: Face crop of the person, u8 [h w 3].
            num_frames: Number of video frames.
            fps: Video frames per second.

        Yields:
            f32 [t d] for consecutive frames.
        """
        last = max(0, int(np.ceil(tier.edges[-1] * FPS - 0.5)) - 1)
        compute = functools.partial(self.predict_latents, tier, portrait)
        return resample_latents(compute, num_frames, fps, last)

    def predict_latents(
        self, tier: PhonemeTier, portrait: np.ndarray, first: int, stop: int
    ) -> np.ndarray:
        """Predict latents at 25 per second.

        Args:
            tier: The phonemes with their times.
            portrait: Face crop of the person, u8 [h w 3].
            first: First frame to compute, at 25 fps.
            stop: One after the last frame to compute.

        Returns:
            f32 [stop - first, d].
        """
        context, parts = self.config.context_frames, []
        for chunk in range(first, stop, CHUNK_FRAMES):
            ids, edges = phonemes_around(
                tier, chunk - context, chunk_length(self.config), self.config
            )
            latents = jit_predict_latents(self.config)(
                self.variables[TEXT_PART], ids[None], edges[None], portrait[None]
            )
            parts.append(np.asarray(latents[0, context : context + CHUNK_FRAMES]))
        return np.concatenate(parts)[: stop - first]


def chunk_length(config: TaemConfig) -> int:
    """Return the frames of a chunk, including the context on either side.

    Args:
        config: Configuration of TAEM.

    Returns:
        A number of frames at 25 per second.
    """
    return CHUNK_FRAMES + 2 * config.context_frames


def phonemes_around(
    tier: PhonemeTier, first: int, num_frames: int, config: TaemConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Select the phonemes of some frames and their context, at most `MAX_PHONEMES`.

    Args:
        tier: The phonemes with their times.
        first: First frame, at 25 fps; may be negative.
        num_frames: Number of frames.
        config: Configuration of TAEM.

    Returns:
        Phoneme ids i32 [MAX_PHONEMES], padded with BLANK, and their edges in seconds
        after the first frame, f32 [MAX_PHONEMES + 1].
    """
    times = tier.edges.astype(np.float64) - first / FPS
    context = config.context_phonemes
    start = np.searchsorted(times[1:-1], 0, "right") - context
    end = np.searchsorted(times[1:-1], num_frames / FPS, "right") + 1 + context
    start, end = max(start, 0), min(end, len(tier.ids))
    excess = max(end - start - MAX_PHONEMES, 0)
    start, end = start + excess // 2, end - (excess - excess // 2)
    edges = np.full(MAX_PHONEMES + 1, times[end], np.float32)
    edges[: end - start + 1] = times[start : end + 1]
    return _pad_phonemes(tier.ids[start:end]), edges


def _pad_phonemes(ids: np.ndarray) -> np.ndarray:
    """Pad phoneme ids [l] with BLANK to [MAX_PHONEMES]."""
    return np.pad(ids, (0, MAX_PHONEMES - len(ids)), constant_values=BLANK)


@cached_jit
def jit_predict_edges(config: TaemConfig) -> Callable[..., Any]:
    """Compile `Taem.predict_edges`.

    Args:
        config: Configuration of TAEM.

    Returns:
        (variables, phoneme_ids i32 [b l], portrait u8 [b h w c=3]) -> edges in seconds,
        f32 [b l+1].
    """
    network = Taem(config)

    def predict(variables, phoneme_ids, portrait):
        return network.apply(variables, phoneme_ids, portrait, method="predict_edges")

    return predict


@cached_jit
def jit_predict_latents(config: TaemConfig) -> Callable[..., Any]:
    """Return (variables, ids, edges, portrait) -> latents; see `jit_predict_edges`."""
    network, num_frames = Taem(config), chunk_length(config)

    def predict(variables, *inputs):
        return network.apply(variables, *inputs, num_frames, method="predict_latents")

    return predict


def load_text_talker(name: PathLike) -> TextTalker:
    """Load a talker that is driven by text.

    Args:
        name: Name of bundled TAEM weights, or a folder of weights.

    Returns:
        The talker.

    Raises:
        InputError: There are no such weights, they belong to another system, or they
            were trained with other phonemes.
    """
    name = weights.full_name(name, TaemConfig.system)
    config, variables = load_system(name, TaemConfig.system)
    if config.num_phonemes != len(PHONEMES):
        raise InputError(
            f"the weights {name} know {config.num_phonemes} phonemes; this version of "
            f"avjax uses {len(PHONEMES)}"
        )
    return TextTalker(config, variables)
