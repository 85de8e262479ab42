"""The denoiser: a network, and how it is adapted to an image and run on its tiles."""

import dataclasses
from collections.abc import Callable, Iterator

import jax
import numpy as np

from avjax.algorithms import adaptation_plan, denoiser_adaptation, tiling
from avjax.algorithms.adaptation_plan import AdaptationPlan
from avjax.algorithms.meta_sgd import SelectedAdaptation
from avjax.compilation import cached_jit
from avjax.errors import InputError
from avjax.media.photo_io import Photo
from avjax.media.pixels import from_float01, to_float01, to_rgb
from avjax.models.denoiser import DenoiserConfig
from avjax.pipelines.denoising.result import DenoiseResult, make_result
from avjax.typing import Array, Params, PathLike

MIN_SIZE = 16  # pixels of the shorter side of an image


@dataclasses.dataclass(frozen=True)
class Denoiser:
    """A denoising network with its adaptation. Its parameters never change.

    Attributes:
        config: Config of the networks.
        params: Parameters of the parts `restorer`, and `mask_net` or `noise_model`.
        inner_lrs: Learning rate of each adapted tensor.
        plan: The plan of the adaptation.
        strength: Fraction of the noise to remove, 0 to 1.
    """

    config: DenoiserConfig
    params: Params
    inner_lrs: Params
    plan: AdaptationPlan
    strength: float

    @property
    def tile_margin(self) -> int:
        """Pixels around the kept part of a tile."""
        return tiling.receptive_field(self.config)

    def initial_params(self) -> Params:
        """Return the adapted parameters as they were trained."""
        return adaptation_plan.split_trainable(
            self.config, self.plan, self.params["restorer"]
        )[0]

    def denoise(
        self, photo: Photo, name: PathLike, on_tile: Callable[[], object] = lambda: None
    ) -> DenoiseResult:
        """Denoise an image; bit depth, opacity and metadata stay.

        Args:
            photo: The image.
            name: Name of the image in error messages.
            on_tile: Called after each tile, such as to advance a progress bar.

        Returns:
            The denoised image.

        Raises:
            InputError: The image is too small.
        """
        check_size(photo.image, name)
        adapted = self.adapt(photo.image, self.initial_params())
        image = self.denoise_tiles(photo.image, adapted.params, on_tile)
        return make_result(photo._replace(image=image), adapted, photo.image)

    def denoise_frames(
        self, frames: Iterator[np.ndarray], name: PathLike
    ) -> Iterator[DenoiseResult]:
        """Denoise the frames of a video; each starts from the parameters of the last.

        Args:
            frames: Frames u8 [h w 3].
            name: Name of the video in error messages.

        Yields:
            The denoised frames.

        Raises:
            InputError: The frames are too small.
        """
        params = self.initial_params()
        for frame in frames:
            check_size(frame, name)
            adapted = self.adapt(frame, params)
            params = adapted.params
            clean = self.denoise_tiles(frame, params)
            yield make_result(Photo(clean), adapted, frame)

    def adapt(self, image: np.ndarray, initial_params: Params) -> SelectedAdaptation:
        """Adapt the network to some patches of an image.

        Args:
            image: Pixel values [h w c].
            initial_params: Adapted parameters to start from; the trained ones are used
                instead if their validation loss is lower.

        Returns:
            The adapted parameters with the lowest validation loss.
        """
        patches = to_rgb(to_float01(tiling.sample_patches(image)))
        return jit_adapt(self.config, self.plan)(
            self.params,
            self.inner_lrs,
            patches[~tiling.HELD_OUT],
            patches[tiling.HELD_OUT],
            initial_params,
        )

    def denoise_tiles(
        self,
        image: np.ndarray,
        adapted_params: Params,
        on_tile: Callable[[], object] = lambda: None,
    ) -> np.ndarray:
        """Denoise an image tile by tile, with parameters that were adapted to it.

        Args:
            image: Pixel values [h w c].
            adapted_params: The adapted parameters.
            on_tile: Called after each tile.

        Returns:
            Denoised pixel values [h w c], of the same dtype.

        Raises:
            InputError: The network gives values that are not finite.
        """
        restorer = {**self.params["restorer"], **adapted_params}
        network, output = jit_denoise_tile(self.config), np.empty_like(image)
        for region, tile in tiling.tiles(image, self.tile_margin):
            clean = np.asarray(network(restorer, to_rgb(to_float01(tile))))
            if not np.isfinite(clean).all():
                raise InputError("the weights are damaged: they give infinite values")
            noisy = to_float01(image[region])
            clean = clean[: noisy.shape[0], : noisy.shape[1]]
            if image.shape[-1] == 1:
                clean = clean.mean(axis=-1, keepdims=True)
            mixed = noisy + np.float32(self.strength) * (clean - noisy)
            output[region] = from_float01(mixed, image.dtype)
            on_tile()
        return output


def check_size(image: np.ndarray, name: PathLike) -> None:
    """Check that an image has enough pixels to adapt to.

    Args:
        image: Pixel values [h w c].
        name: Name of the image in the error message.

    Raises:
        InputError: The image is too small.
    """
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIZE:
        raise InputError(
            f"{name} is {width}x{height} pixels: both sides need at least {MIN_SIZE}"
        )


@cached_jit
def jit_adapt(config: DenoiserConfig, plan: AdaptationPlan) -> Callable:
    """Compile the adaptation: one program for images of all sizes.

    Args:
        config: The config of the denoiser.
        plan: The plan of the adaptation.

    Returns:
        (params, inner_lrs, patches, held_out, initial_params) -> adapted parameters;
        see `adapt_denoiser_with_early_stopping`.
    """

    def adapt(
        params: Params,
        inner_lrs: Params,
        patches: Array,
        held_out: Array,
        initial_params: Params,
    ) -> SelectedAdaptation:
        return denoiser_adaptation.adapt_denoiser_with_early_stopping(
            config,
            plan,
            params,
            inner_lrs,
            patches,
            held_out,
            jax.random.key(0),
            initial_params,
        )

    return adapt


@cached_jit
def jit_denoise_tile(config: DenoiserConfig) -> Callable[[Params, Array], Array]:
    """Compile the denoising of one tile.

    Args:
        config: The config of the denoiser.

    Returns:
        (restorer parameters, tile f32 [s s c=3]) -> denoised core of the tile without
        its margin. Each size of tiles is a program.
    """
    margin = tiling.receptive_field(config)
    core = slice(margin, -margin)

    def denoise_tile(restorer: Params, tile: Array) -> Array:
        restored = denoiser_adaptation.restore(config, restorer, tile[None])
        return restored.clean[0, core, core]

    return denoise_tile
