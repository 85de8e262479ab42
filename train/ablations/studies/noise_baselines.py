"""Denoisers to compare with: classical methods, and a published network."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

from avjax.compilation import cpu_options
from avjax.convert import open_tensors
from avjax.media.pixels import from_float01, to_float01
from avjax.metrics.image import psnr
from avjax.metrics.restoration import ssim2d
from avjax.typing import Array, PathLike

Method = Callable[[np.ndarray], np.ndarray]  # noisy -> clean, f32 [h w c]


class NoisyPair(NamedTuple):
    """A noisy image and the clean one.

    Attributes:
        noisy: f32 [h w c].
        clean: f32 [h w c].
    """

    noisy: np.ndarray
    clean: np.ndarray


class ClassicalMethod(NamedTuple):
    """A classical method with its settings.

    Attributes:
        run: Denoises an image f32 [h w c] with a setting.
        settings: Settings of which the best one is chosen.
    """

    run: Callable[[np.ndarray, float], np.ndarray]
    settings: Sequence[float]


def image_scores(pred: Array, target: Array) -> Array:
    """Compute PSNR and ssim2d, [2]; the prediction [h w c] is clipped."""
    pred = jnp.clip(pred, 0, 1)
    return jnp.stack([psnr(pred, target), ssim2d(pred, target)])


def scores_of(method: Method, pairs: Sequence[NoisyPair]) -> np.ndarray:
    """Denoise images and compute PSNR and ssim2d of each, [images 2]."""
    compiled = jax.jit(image_scores, compiler_options=cpu_options())
    return np.array([compiled(method(pair.noisy), pair.clean) for pair in pairs])


def best_setting(method: ClassicalMethod, pairs: Sequence[NoisyPair]) -> float:
    """Return the setting with the highest mean PSNR."""
    means = [
        scores_of(lambda noisy, x=x: method.run(noisy, x), pairs)[:, 0].mean()
        for x in method.settings
    ]
    return method.settings[int(np.argmax(means))]


def estimate_noise_std(noisy: np.ndarray) -> float:
    """Estimate the deviation of white noise from 2 x 2 differences, [h w c]."""
    corners = noisy[::2, ::2], noisy[1::2, 1::2], noisy[1::2, ::2], noisy[::2, 1::2]
    detail = (corners[0] + corners[1] - corners[2] - corners[3]) / 2
    return float(np.median(np.abs(detail), axis=(0, 1)).mean() / 0.6745)


def opencv_non_local_means(noisy: np.ndarray, strength: float) -> np.ndarray:
    """Run OpenCV's non-local means."""
    image = from_float01(noisy, np.dtype(np.uint8))
    return to_float01(cv2.fastNlMeansDenoisingColored(image, None, strength, strength))


def skimage_non_local_means(noisy: np.ndarray, factor: float) -> np.ndarray:
    """Run scikit-image's non-local means, with a factor of the estimated deviation."""
    sigma = factor * estimate_noise_std(noisy)
    return denoise_nl_means(
        noisy,
        patch_size=5,
        patch_distance=6,
        h=0.8 * sigma,
        sigma=sigma,
        channel_axis=-1,
    )


def total_variation(noisy: np.ndarray, weight: float) -> np.ndarray:
    """Run scikit-image's total variation denoising."""
    return denoise_tv_chambolle(noisy, weight, channel_axis=-1)


CLASSICAL_METHODS = {
    "OpenCV non-local means": ClassicalMethod(
        opencv_non_local_means, (2, 3, 4, 5, 6, 8, 10)
    ),
    "skimage non-local means": ClassicalMethod(
        skimage_non_local_means, (1, 2, 3, 4, 6, 8)
    ),
    "skimage total variation": ClassicalMethod(
        total_variation, (0.01, 0.015, 0.02, 0.03, 0.05, 0.08)
    ),
}


def load_dncnn(path: PathLike) -> Method:
    """Load a DnCNN of grey images, a chain of convolutions that predicts the noise.

    Args:
        path: A PyTorch file with tensors model.N.weight and model.N.bias.

    Returns:
        The method; the channels of an image are denoised one by one, in float32.
    """
    tensors = {key: tensor.read() for key, tensor in open_tensors(path).items()}
    numbers = sorted({int(key.split(".")[1]) for key in tensors})
    layers = [
        (
            tensors[f"model.{number}.weight"].transpose(2, 3, 1, 0),
            tensors[f"model.{number}.bias"],
        )
        for number in numbers
    ]

    def forward(layers: list[tuple[Array, Array]], noisy: Array) -> Array:
        x = noisy
        for number, (kernel, bias) in enumerate(layers):
            x = jax.nn.relu(x) if number else x
            x = jax.lax.conv_general_dilated(
                x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            x = x + bias[None, None, None]
        return noisy - x

    compiled = jax.jit(forward, compiler_options=cpu_options())

    def denoise(noisy: np.ndarray) -> np.ndarray:
        channels = rearrange(noisy, "h w c -> c h w 1")
        clean = np.asarray(compiled(layers, channels))
        return rearrange(clean, "c h w 1 -> h w c")

    return denoise
