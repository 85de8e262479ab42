"""Talkers: models that animate a face through one latent vector per video frame.

A talker maps audio to latents and latents to frames.  All code that depends on the
kind of talker is in its `LatentSpace`; compositing, streaming, export and text-driven
synthesis (models/taem.py) use only this interface.

A new talker is one file with a config class (a subclass of `TalkerConfig`), a subclass
of `LatentSpace`, and a decorated `init_variables`:

    @register_talker(MyConfig, MyLatents)
    def init_variables(config, key): ...
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from avjax.models.registry import Init, load_entry_points, register_system
from avjax.nn.lip_editor import EditMaps
from avjax.nn.pixels import PixelRange
from avjax.typing import Array, Dtype, Params

Variables = Mapping[str, Params]  # {part: variables}


@dataclasses.dataclass(frozen=True)
class TalkerConfig:
    """Base class of the configs of talkers.

    Attributes:
        system: The system id (class variable).
        size: Side of a face crop in pixels.
        width: Factor of all channel counts.
        pixel_range: Range of the pixels that the model reads and writes.
        dtype: Type of the products, see `nn.precision`; parameters are float32.
    """

    system: ClassVar[str]
    size: int = 96
    width: float = 1.0
    pixel_range: PixelRange = "[-1,1]"
    dtype: Dtype = "float32"

    @property
    def latent_dim(self) -> int:
        """Length of the latent vector of a frame."""
        raise NotImplementedError

    @classmethod
    def config_classes(cls) -> dict[str, type]:
        """Return {system id: config class} of all talkers.

        `avjax.config` calls it where a field is annotated with this class.
        """
        load_entry_points()
        return {name: config_class for config_class, name in _list_registered()}


@dataclasses.dataclass(frozen=True)
class LatentSpace:
    """Base class of latent spaces: the interface of a talker to the library.

    A talker must define `encode_audio` and `decode_frames`. It overrides the other
    methods where their defaults do not fit.

    Attributes:
        config: The config of the talker.
        parts: Names of its parts (class variable).
        edits_frames: The talker edits the mouth of a frame, with `encode_mouths` and
            `predict_edit`, instead of drawing a face (class variable).
    """

    config: Any
    parts: ClassVar[tuple[str, ...]] = ("generator",)
    edits_frames: ClassVar[bool] = False

    @property
    def context_frames(self) -> int:
        """Frames on either side, at 25 per second, whose audio influences a latent.

        0: a latent depends on the 0.2 s window of its own frame, so that latents can be
        computed at any frame rate.
        """
        return 0

    @property
    def reference_compat(self) -> bool:
        """Prepare inputs as the reference code of the paper does.

        This means audio without level normalisation, upright face boxes, and each frame
        as its own reference.
        """
        return False

    def encode_audio(
        self,
        variables: Variables,
        mels: Array,
        frame_mask: Array,
        lookahead: Array | None = None,
    ) -> Array:
        """Compute the latents of frames from their audio.

        Args:
            variables: {part: variables}.
            mels: A 16-frame log-mel window per video frame, f32 [b t f=16 k=80].
            frame_mask: 1 where a frame exists, f32 [b t].
            lookahead: Future frames that each clip may use, i32 [b], at most
                `context_frames`; None: all.

        Returns:
            Latents, f32 [b t d].
        """
        raise NotImplementedError

    def decode_frames(
        self, variables: Variables, latents: Array, faces: Array
    ) -> Array:
        """Generate frames from latents.

        Args:
            variables: {part: variables}.
            latents: f32 [b t d].
            faces: Masked target and reference, `nn.pixels.mask_lower_face`,
                f32 [b t h w c=6].

        Returns:
            Frames in the pixel range of the model, f32 [b t h w c=3].
        """
        raise NotImplementedError

    def encode_mouths(self, variables: Variables, mouths: Array) -> Array:
        """Compute the latents that real mouths show, if the talker edits frames.

        Args:
            variables: {part: variables}.
            mouths: Grey mouths in [0, 1], `faces.editing.crop_encoder_mouth`,
                f32 [b h w 1].

        Returns:
            Latents, f32 [b d].
        """
        raise NotImplementedError

    def predict_edit(
        self, variables: Variables, frames: Array, references: Array, latents: Array
    ) -> EditMaps:
        """Predict how latents change frames, if the talker edits frames.

        Args:
            variables: {part: variables}.
            frames: Aligned lower faces in the pixel range of the model,
                f32 [b s s c=3].
            references: Lower faces of the same persons, f32 [b s s c=3].
            latents: f32 [b d].

        Returns:
            The maps of the edit, [b s s ...].
        """
        raise NotImplementedError

    def encode_windows(self, variables: Variables, mels: Array) -> Array:
        """Compute the part of `encode_audio` that needs no context.

        A live session calls this once per window and `contextualize` once per frame.

        Args:
            variables: {part: variables}.
            mels: A 16-frame log-mel window per video frame, f32 [b t f=16 k=80].

        Returns:
            Features, f32 [b t ...].
        """
        return mels

    def contextualize(
        self, variables: Variables, features: Array, frame_mask: Array, lookahead: Array
    ) -> Array:
        """Compute `encode_audio` from the result of `encode_windows`.

        Args:
            variables: {part: variables}.
            features: Result of `encode_windows`, f32 [b t ...].
            frame_mask: 1 where a frame exists, f32 [b t].
            lookahead: Future frames that each clip may use, i32 [b].

        Returns:
            Latents, f32 [b t d].
        """
        return self.encode_audio(variables, features, frame_mask, lookahead)

    def fold(self, variables: Variables) -> Variables:
        """Return equivalent variables for `decode_frames`, with which it is faster.

        With them, it also accepts faces f32 [1 1 h w c=6] for all latents of one clip.

        Args:
            variables: {part: variables}.

        Returns:
            {part: variables}; `variables` itself if there are none.
        """
        return variables

    def constrain(self, latents: Array) -> Array:
        """Map arbitrary vectors to valid latents.

        Args:
            latents: f32 [... d].

        Returns:
            Vectors that `encode_audio` could return, f32 [... d].
        """
        return latents


_LATENT_SPACES: dict[type[TalkerConfig], type[LatentSpace]] = {}


def register_talker(
    config_class: type[TalkerConfig],
    latent_space_class: type[LatentSpace],
    *,
    optional_parts: Iterable[str] = (),
) -> Callable[[Init], Init]:
    """Register a talker; decorates its function `init_variables`.

    Args:
        config_class: A frozen dataclass, subclass of `TalkerConfig`, with the system id
            as its class variable `system`.
        latent_space_class: Its latent space, a subclass of `LatentSpace`.
        optional_parts: Parts that weights may lack.

    Returns:
        A decorator that returns the function unchanged.
    """
    register = register_system(config_class, optional_parts=optional_parts)

    def register_both(init_variables: Init) -> Init:
        init_variables = register(init_variables)
        for known, name in _list_registered():
            if name == config_class.system:
                del _LATENT_SPACES[known]  # the definition ran twice, as in a notebook
        _LATENT_SPACES[config_class] = latent_space_class
        return init_variables

    return register_both


def latent_space(config: TalkerConfig) -> LatentSpace:
    """Return the latent space of a talker.

    Args:
        config: The config of a registered talker.

    Returns:
        An instance of the class that was registered for this config class.
    """
    return _LATENT_SPACES[type(config)](config)


def list_talkers() -> list[str]:
    """Return the system ids of all talkers, in the order of their registration."""
    load_entry_points()
    return [name for _, name in _list_registered()]


def _list_registered() -> list[tuple[type[TalkerConfig], str]]:
    """List config classes and system ids of the registered talkers."""
    return [(config_class, config_class.system) for config_class in _LATENT_SPACES]
