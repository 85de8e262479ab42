"""A figure that shows an image before and after denoising, and the losses."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from avjax.algorithms import tiling
from avjax.media.pixels import to_float01, to_rgb
from avjax.visualize.canvas import figure_to_image, make_figure

if TYPE_CHECKING:
    from avjax.pipelines.denoising.result import DenoiseResult

ZOOM = 4  # pixels of the figure for one pixel of the image
LOSS_TITLE = "adaptation"


def plot_report(before: np.ndarray, results: "Sequence[DenoiseResult]") -> np.ndarray:
    """Plot patches of an image before and after denoising, and the losses.

    Args:
        before: The noisy image, or the first frame of a video, [h w c].
        results: The result of the image, or those of all frames of the video.

    Returns:
        The figure as an image, u8 [h w 3].
    """
    patch_size = ZOOM * tiling.PATCH_SIZE
    figure = make_figure(4 * patch_size + 100, 2 * patch_size + 420)
    *image_axes, loss_axes = figure.subplots(3, 1, height_ratios=(2, 2, 1.2))
    images = {"before": before, "after": results[0].image}
    for axes, (title, image) in zip(image_axes, images.items(), strict=True):
        patches = to_rgb(to_float01(tiling.sample_patches(image)[tiling.HELD_OUT]))
        axes.imshow(rearrange(patches, "b h w c -> h (b w) c"), interpolation="nearest")
        axes.set(title=f"{title}, {ZOOM}x magnified", xticks=[], yticks=[])
    if len(results) == 1:
        plot_steps(loss_axes, results[0])
    else:
        plot_frames(loss_axes, results)
    loss_axes.set(ylabel="self-supervised loss")
    loss_axes.legend()
    return figure_to_image(figure)


def plot_steps(axes: Axes, result: "DenoiseResult") -> None:
    """Plot the losses before and after each step of one image.

    Args:
        axes: The axes to draw on.
        result: The denoised image.
    """
    axes.plot(result.losses, ".-", label="loss of the steps")
    axes.plot(
        result.validation_losses, ".-", label="loss that decides how many are kept"
    )
    axes.axvline(result.num_steps, color="grey", label=f"{result.num_steps} steps kept")
    axes.set(title=LOSS_TITLE, xlabel="steps")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def plot_frames(axes: Axes, results: "Sequence[DenoiseResult]") -> None:
    """Plot the validation loss of each frame of a video.

    Args:
        axes: The axes to draw on.
        results: The denoised frames, in their order.
    """
    before = [result.validation_losses[0] for result in results]
    after = [result.validation_losses[result.num_steps] for result in results]
    axes.plot(before, label="before the steps of this frame")
    axes.plot(after, label="after the kept steps")
    axes.set(title=LOSS_TITLE, xlabel="frame")
