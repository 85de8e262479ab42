"""Latent spaces of talkers with audio context."""

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp

from avjax.models.talker import LatentSpace, Variables
from avjax.nn.apply import apply_network
from avjax.typing import Array


@dataclasses.dataclass(frozen=True)
class ContextLatents(LatentSpace):
    """Latent space of a talker whose audio network sees the frames on either side.

    Attributes:
        audio_part: Name of the part with the audio network (class variable).
    """

    audio_part: ClassVar[str]

    def audio_network(self) -> nn.Module:
        """Return a network with the methods `encode_audio` and `contextualize`."""
        raise NotImplementedError

    @property
    def context_frames(self) -> int:
        """Frames of audio context on either side."""
        return self.config.context_frames

    def encode_audio(
        self,
        variables: Variables,
        mels: Array,
        frame_mask: Array,
        lookahead: Array | None = None,
    ) -> Array:
        """Return latents; see `LatentSpace.encode_audio`."""
        if lookahead is None:
            lookahead = jnp.full(len(mels), self.context_frames)
        return self._apply(variables, mels, frame_mask, lookahead)

    def encode_windows(self, variables: Variables, mels: Array) -> Array:
        """Return audio features; see `LatentSpace.encode_windows`."""
        return self._apply(variables, mels, method="encode_audio")

    def contextualize(
        self, variables: Variables, features: Array, frame_mask: Array, lookahead: Array
    ) -> Array:
        """Return latents of features; see `LatentSpace.contextualize`."""
        inputs = features, frame_mask, lookahead
        return self._apply(variables, *inputs, method="contextualize")

    def _apply(self, variables: Variables, *inputs: Array, **kwargs: Any) -> Array:
        """Apply the audio network."""
        network = self.audio_network()
        return apply_network(network, variables[self.audio_part], *inputs, **kwargs)
