"""Denoisers to compare with: classical methods, and two published networks.

Source   Dabov et al., "Image denoising by sparse 3-D transform-domain collaborative
         filtering", 2007 (BM3D); Zhang et al., "Beyond a Gaussian denoiser", 2017
         (DnCNN), and "FFDNet", 2018
"""

import importlib
import importlib.util
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


def block_matching(noisy: np.ndarray, factor: float) -> np.ndarray:
    """Run BM3D of the package `bm3d`, with a factor of the estimated deviation."""
    bm3d = importlib.import_module("bm3d")
    return bm3d.bm3d_rgb(noisy, factor * estimate_noise_std(noisy)).astype(np.float32)


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
if importlib.util.find_spec("bm3d"):
    CLASSICAL_METHODS["BM3D"] = ClassicalMethod(block_matching, (1, 2, 3, 4, 6, 8))
FFDNET_STDS = 3, 5, 8, 10, 15, 20, 25  # deviations of the noise, of 255


def load_convolutions(path: PathLike) -> list[tuple[Array, Array]]:
    """Load a chain of convolutions.

    Args:
        path: A PyTorch file with tensors model.N.weight and model.N.bias.

    Returns:
        Kernel [h w c d] and bias [d] of each convolution.
    """
    tensors = {key: tensor.read() for key, tensor in open_tensors(path).items()}
    numbers = sorted({int(key.split(".")[1]) for key in tensors})
    return [
        (
            jnp.asarray(tensors[f"model.{number}.weight"].transpose(2, 3, 1, 0)),
            jnp.asarray(tensors[f"model.{number}.bias"]),
        )
        for number in numbers
    ]


def convolve(layers: list[tuple[Array, Array]], x: Array) -> Array:
    """Apply convolutions with a ReLU between them, [n h w c] -> [n h w d]."""
    for number, (kernel, bias) in enumerate(layers):
        x = jax.nn.relu(x) if number else x
        x = jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = x + bias[None, None, None]
    return x


def load_dncnn(path: PathLike) -> Method:
    """Load a DnCNN of grey images, which predicts the noise.

    Args:
        path: A file as `load_convolutions` reads it.

    Returns:
        The method; the channels of an image are denoised one by one, in float32.
    """
    layers = load_convolutions(path)
    compiled = jax.jit(
        lambda layers, noisy: noisy - convolve(layers, noisy),
        compiler_options=cpu_options(),
    )

    def denoise(noisy: np.ndarray) -> np.ndarray:
        channels = rearrange(noisy, "h w c -> c h w 1")
        clean = np.asarray(compiled(layers, channels))
        return rearrange(clean, "c h w 1 -> h w c")

    return denoise


def load_ffdnet(path: PathLike) -> ClassicalMethod:
    """Load an FFDNet of colour images; the deviation of the noise is an input.

    Args:
        path: A file as `load_convolutions` reads it.

    Returns:
        The method, with deviations of which the best one is chosen; the sides of an
        image are even.
    """
    layers = load_convolutions(path)

    def forward(layers: list[tuple[Array, Array]], noisy: Array, std: Array) -> Array:
        x = rearrange(noisy, "(h i) (w j) c -> 1 h w (c i j)", i=2, j=2)
        level = jnp.full((*x.shape[:3], 1), std)
        x = convolve(layers, jnp.concatenate([x, level], axis=-1))
        return rearrange(x, "1 h w (c i j) -> (h i) (w j) c", i=2, j=2)

    compiled = jax.jit(forward, compiler_options=cpu_options())

    def denoise(noisy: np.ndarray, std: float) -> np.ndarray:
        return np.asarray(compiled(layers, noisy, np.float32(std / 255)))

    return ClassicalMethod(denoise, FFDNET_STDS)
