"""Talkers of `avjax.models.talker`: audio to latents, latents and crops to faces."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Protocol

import numpy as np

from avjax import weights
from avjax.audio.loudness import normalize_speech
from avjax.audio.mel import mel_window_starts, mel_windows
from avjax.audio.streaming import num_video_frames
from avjax.constants import FPS, HOP_LENGTH
from avjax.errors import InputError
from avjax.faces.crop import tight_face_box
from avjax.models.registry import load_system
from avjax.models.talker import TalkerConfig, Variables, latent_space, list_talkers
from avjax.pipelines.talking import talker_functions
from avjax.pipelines.talking.talker_functions import (
    decode_padded,
    jit_encode_audio,
    jit_encode_context,
    resample_latents,
)
from avjax.typing import PathLike

CONTEXT_WEIGHTS = "lipwarp-people"  # bundled weights of a system with audio context
BARE_NAME_SYSTEMS = "synctalkface", "cals"  # what a bare name such as grid-s1 may mean


class Talker(Protocol):
    """A loaded talker, as the pipeline uses it; see `load_talker`."""

    @property
    def config(self) -> TalkerConfig:
        """Configuration; `config.size` is the side of a face crop in pixels."""
        ...

    @property
    def variables(self) -> Variables:
        """Variables of the network, {part: variables}."""
        ...

    @property
    def lookahead(self) -> int | None:
        """Future frames (1/25 s) that latents may depend on; None: no limit."""
        ...

    def preprocess_audio(self, wave: np.ndarray) -> np.ndarray:
        """Bring audio to the level that the network was trained with.

        Args:
            wave: f32 [n] at 16 kHz.

        Returns:
            f32 [n].
        """
        ...

    def crop_boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Turn detected face boxes into the boxes that the network was trained with.

        Args:
            boxes: Edges in pixels, f32 [t 4]; NaN where there is no face.

        Returns:
            f32 [t 4].
        """
        ...

    def iter_latents(
        self, mel: np.ndarray, num_frames: int, fps: Fraction
    ) -> Iterator[np.ndarray]:
        """Compute the latents of a recording.

        Args:
            mel: Log-mel of the whole recording, f32 [f k].
            num_frames: Number of video frames.
            fps: Video frames per second.

        Yields:
            f32 [t d] for `CHUNK_FRAMES` consecutive frames; the last may be shorter.
        """
        ...

    def decode_frames(
        self, latents: np.ndarray, crops: np.ndarray, reference: np.ndarray | None
    ) -> np.ndarray:
        """Generate faces.

        Args:
            latents: f32 [t d], with t at most `CHUNK_FRAMES`.
            crops: Face crops, u8 [t h w 3], or u8 [1 h w 3] for all frames.
            reference: A crop of the same person, u8 [h w 3]. None: `crops` are
                returned unchanged.

        Returns:
            u8 [t h w 3].
        """
        ...


@dataclasses.dataclass(frozen=True)
class _BaseTalker:
    """Common parts of all talkers."""

    config: TalkerConfig
    variables: Variables

    def preprocess_audio(self, wave: np.ndarray) -> np.ndarray:
        """Normalise unless `reference_compat`; see `Talker.preprocess_audio`."""
        return wave if self._reference_compat else normalize_speech(wave)

    def crop_boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Narrow boxes if `reference_compat`; see `Talker.crop_boxes`."""
        return tight_face_box(boxes) if self._reference_compat else boxes

    def decode_frames(
        self, latents: np.ndarray, crops: np.ndarray, reference: np.ndarray | None
    ) -> np.ndarray:
        """Generate faces; with `reference_compat`, each frame is its own reference."""
        if reference is None:
            return crops
        variables = self._decoder_variables
        if variables is self.variables:
            crops = np.broadcast_to(crops, (len(latents), *crops.shape[1:]))
        reference = crops if self._reference_compat else reference
        return decode_padded(self.config, variables, latents, crops, reference)

    @functools.cached_property
    def _decoder_variables(self) -> Variables:
        """The variables of `LatentSpace.decode_frames` for inference."""
        return latent_space(self.config).fold(self.variables)

    @property
    def _reference_compat(self) -> bool:
        return latent_space(self.config).reference_compat


@dataclasses.dataclass(frozen=True)
class WindowTalker(_BaseTalker):
    """A talker whose latents depend on the 0.2 s audio window of their frame alone.

    Attributes:
        config: Configuration of the network.
        variables: {part: variables} of the network.
    """

    @property
    def lookahead(self) -> int | None:
        """None: latents use no future frames."""
        return None

    def iter_latents(
        self, mel: np.ndarray, num_frames: int, fps: Fraction
    ) -> Iterator[np.ndarray]:
        """Return latents at the exact frame times; see `Talker.iter_latents`."""
        size = talker_functions.CHUNK_FRAMES
        starts = mel_window_starts(num_frames + size, float(fps))
        for first in range(0, num_frames, size):
            mels = mel_windows(mel, starts[first : first + size])
            latents = jit_encode_audio(self.config)(self.variables, mels)
            yield np.asarray(latents)[: num_frames - first]


@dataclasses.dataclass(frozen=True)
class ContextTalker(_BaseTalker):
    """A talker whose latents depend on the audio of several frames on either side.

    Attributes:
        config: Configuration of the network.
        variables: {part: variables} of the network.
        lookahead: Future frames (1/25 s) that latents may depend on. None: as many as
            the network can use.
    """

    lookahead: int | None = None

    @property
    def context_frames(self) -> int:
        """Frames of audio context on either side."""
        return latent_space(self.config).context_frames

    @property
    def lookahead_frames(self) -> int:
        """Number of future frames that latents depend on."""
        context = self.context_frames
        return context if self.lookahead is None else min(self.lookahead, context)

    def iter_latents(
        self, mel: np.ndarray, num_frames: int, fps: Fraction
    ) -> Iterator[np.ndarray]:
        """Return latents, 25 per second or interpolated; see `Talker.iter_latents`."""
        # The length of a mel gives the length of its audio only to within one hop.
        num_latents = (
            num_frames if fps == FPS else num_video_frames((len(mel) - 1) * HOP_LENGTH)
        )
        compute = functools.partial(self.compute_latents, mel, num_latents - 1)
        return resample_latents(compute, num_frames, fps, num_latents - 1)

    def compute_latents(
        self, mel: np.ndarray, last: int, first: int, stop: int
    ) -> np.ndarray:
        """Compute latents at 25 per second.

        Args:
            mel: Log-mel of the whole recording, f32 [f k].
            last: Number of the last frame of the recording, at 25 fps.
            first: First frame to compute.
            stop: One after the last frame to compute.

        Returns:
            f32 [stop - first, d].
        """
        context, size = self.context_frames, talker_functions.CHUNK_FRAMES
        parts = []
        for chunk in range(first, stop, size):
            frames = chunk + np.arange(-context, size + context)
            starts = mel_window_starts(1, FPS)[0] + frames / FPS
            frame_mask = ((frames >= 0) & (frames <= last)).astype(np.float32)
            latents = jit_encode_context(self.config)(
                self.variables,
                mel_windows(mel, starts),
                frame_mask,
                self.lookahead_frames,
            )
            parts.append(np.asarray(latents))
        return np.concatenate(parts)[: stop - first]


def load_talker(
    name: PathLike, system: str | None = None, lookahead: int | None = None
) -> Talker:
    """Load a talker that is driven by audio.

    Args:
        name: Name of bundled weights, or a folder of weights.
        system: System id that the weights must have. None: any talker.
        lookahead: Future frames (1/25 s) that latents may depend on. None: as many as
            the network can use.

    Returns:
        The talker.

    Raises:
        InputError: There are no such weights, they belong to another system, or the
            talker takes no lookahead.
    """
    if lookahead is not None and lookahead < 0:
        raise InputError(f"the lookahead must be at least 0 frames, not {lookahead}")
    name = weights.full_name(name, *([system] if system else BARE_NAME_SYSTEMS))
    config, variables = load_system(name, *([system] if system else list_talkers()))
    talker = make_talker(config, variables, lookahead)
    if lookahead is not None and talker.lookahead is None:
        raise InputError(
            f"the weights {name} belong to {config.system}, which takes no lookahead; "
            f"weights of a system with audio context do, such as {CONTEXT_WEIGHTS}"
        )
    return talker


def make_talker(
    config: TalkerConfig, variables: Variables, lookahead: int | None = None
) -> Talker:
    """Make a talker of a registered system.

    Args:
        config: Configuration of the network.
        variables: {part: variables} of the network.
        lookahead: Future frames (1/25 s) that latents may depend on, for a system with
            audio context. None: as many as the network can use.

    Returns:
        A `ContextTalker` if the system uses the audio of other frames, else a
        `WindowTalker`.
    """
    if latent_space(config).context_frames:
        return ContextTalker(config, variables, lookahead)
    return WindowTalker(config, variables)


def resolve_system(name: PathLike, bare_name_systems: Sequence[str]) -> str:
    """Find the system id of weights without loading them.

    Args:
        name: Name of bundled weights, or a folder of weights.
        bare_name_systems: System ids that may stand before a bare name such as
            "grid-s1"; the first that gives bundled weights is used.

    Returns:
        The system id.

    Raises:
        InputError: There are no such weights.
    """
    return weights.weights_system(weights.full_name(name, *bare_name_systems))
