"""Image and video denoising with a network that adapts to each image.

Images are adapted to one after another: a single adaptation already uses all cores of
a CPU.
"""

import dataclasses

import numpy as np

from avjax import console
from avjax.algorithms import adaptation_plan, tiling
from avjax.algorithms.adaptation_plan import (
    NOISE_MODEL_PLANS,
    REFERENCE_TEST,
    AdaptationPlan,
)
from avjax.config.arguments import checked_arguments
from avjax.errors import InputError
from avjax.media.photo_io import Photo, read_photo
from avjax.models.denoiser import DenoiserConfig
from avjax.models.registry import load_system
from avjax.nn.apply import from_log_lrs
from avjax.pipelines.denoising.denoiser import Denoiser
from avjax.pipelines.denoising.result import DenoiseResult
from avjax.typing import Params, PathLike
from avjax.weights import full_name

WEIGHTS_PREFIX = "denoiser"  # names of bundled weights start with it
MAX_STEPS = 100  # adaptation steps


@checked_arguments
def denoise(
    image: PathLike | np.ndarray,
    *,
    weights: PathLike = "denoiser-photos",
    steps: int | None = None,
    strength: float = 1.0,
    progress: bool = False,
) -> DenoiseResult:
    """Remove the noise from one image.

    Args:
        image: An image file, or pixel values [h w c] with c = 1 or 3: uint8, uint16,
            or float32 in [0, 1].
        weights: Bundled name, or folder, of weights of a denoiser.
        steps: Number of adaptation steps on this image, 0 to 100. None: 2 if the
            network has the level of the noise as an input, 4 for converted weights,
            else 5.
        strength: Fraction of the noise to remove, 0 to 1.
        progress: True to show a progress bar.

    Returns:
        The denoised image.

    Raises:
        InputError: The image or the weights cannot be used.
    """
    denoiser = load_denoiser(weights, steps, strength)
    if isinstance(image, np.ndarray):
        photo, name = Photo(check_image(image)), "the image"
    else:
        photo, name = read_photo(image), image
    return denoise_with_progress(denoiser, photo, name, progress)


@checked_arguments
def load_denoiser(
    weights: PathLike = "denoiser-photos",
    steps: int | None = None,
    strength: float = 1.0,
) -> Denoiser:
    """Load a denoiser, to use it for several images.

    Args:
        weights: Bundled name, or folder, of weights of a denoiser.
        steps: Number of adaptation steps on each image; see `denoise`.
        strength: Fraction of the noise to remove, 0 to 1.

    Returns:
        The denoiser.

    Raises:
        InputError: The weights cannot be used, or a number is out of range.
    """
    if not 0 <= strength <= 1:
        raise InputError(f"a strength of {strength} is not between 0 and 1")
    if steps is not None and not 0 <= steps <= MAX_STEPS:
        raise InputError(f"{steps} steps are not between 0 and {MAX_STEPS}")
    config, params, inner_lrs = load_network(weights)
    plan = AdaptationPlan() if inner_lrs else REFERENCE_TEST
    plan = NOISE_MODEL_PLANS.get(config.auxiliary, plan)
    if steps is not None:
        adaptation = dataclasses.replace(plan.adaptation, steps=steps)
        plan = dataclasses.replace(plan, adaptation=adaptation)
    if not inner_lrs:
        inner_lrs = adaptation_plan.init_inner_lrs(config, plan, params["restorer"])
    return Denoiser(config, params, inner_lrs, plan, strength)


def denoise_with_progress(
    denoiser: Denoiser, photo: Photo, name: PathLike, progress: bool
) -> DenoiseResult:
    """Denoise an image and show a progress bar, tile by tile.

    Args:
        denoiser: The denoiser.
        photo: The image.
        name: Name of the image in error messages.
        progress: True to show the progress bar.

    Returns:
        The denoised image.
    """
    if not progress:
        return denoiser.denoise(photo, name)
    with console.progress_bar() as bar:
        shape = photo.image.shape
        size = tiling.tile_size(shape, denoiser.tile_margin)
        task = bar.add_task("denoising", total=tiling.count_tiles(shape, size))
        return denoiser.denoise(photo, name, lambda: bar.advance(task))


def check_image(image: np.ndarray) -> np.ndarray:
    """Check that an array is a valid image.

    Args:
        image: The array.

    Returns:
        The array.

    Raises:
        InputError: Its shape, dtype or values are not those of an image.
    """
    channels = image.shape[-1] if image.ndim == 3 else 0
    known = image.dtype in (np.uint8, np.uint16, np.float32)
    if channels not in (1, 3) or not known:
        raise InputError(
            f"an array of {image.dtype} {list(image.shape)} is not an image; use "
            "uint8, uint16 or float32 [height, width, 1 or 3]"
        )
    if image.dtype == np.float32 and not (image.min() >= 0 and image.max() <= 1):
        raise InputError("the pixel values of the image are not all between 0 and 1")
    return image


def load_network(weights: PathLike) -> tuple[DenoiserConfig, Params, Params]:
    """Load the weights of a denoiser.

    Args:
        weights: Bundled name, or folder, of weights of a denoiser.

    Returns:
        Config, parameters, and learning rates of the adaptation. The latter are empty
        for converted weights, which have none.

    Raises:
        InputError: The weights are missing or damaged, or belong to another system.
    """
    name = full_name(weights, WEIGHTS_PREFIX)
    config, parts = load_system(name, DenoiserConfig.system)
    params = {part: variables["params"] for part, variables in parts.items()}
    log_lrs = params.pop("inner_lrs", {})
    return config, params, from_log_lrs(log_lrs)
