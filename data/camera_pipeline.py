"""Simulation of a camera: from a finished image to its sensor and back, in numpy.

Source: Brooks et al., "Unprocessing Images for Learned Raw Denoising", 2019.
"""

from typing import NamedTuple

import cv2
import numpy as np


class CameraProfile(NamedTuple):
    """Colour response of a camera, and the development of its images.

    Attributes:
        color_matrix: From linear RGB of a display to RGB of the sensor, [3 3]; rows sum
            to 1.
        gains: Factors of the sensor's RGB in development, [3].
    """

    color_matrix: np.ndarray
    gains: np.ndarray


XYZ_TO_SENSOR = np.array(  # [4 3 3], four cameras
    [
        [
            [1.0234, -0.2969, -0.2266],
            [-0.5625, 1.6328, -0.0469],
            [-0.0703, 0.2188, 0.6406],
        ],
        [
            [0.4913, -0.0541, -0.0202],
            [-0.613, 1.3513, 0.2906],
            [-0.1564, 0.2151, 0.7183],
        ],
        [
            [0.838, -0.263, -0.0639],
            [-0.2887, 1.0725, 0.2496],
            [-0.0627, 0.1427, 0.5438],
        ],
        [
            [0.6596, -0.2079, -0.0562],
            [-0.4782, 1.3016, 0.1933],
            [-0.097, 0.1581, 0.5181],
        ],
    ]
)
RGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
HIGHLIGHT = 0.9  # brighter pixels are treated as overexposed, in proportion


def sample_profile(rng: np.random.Generator) -> CameraProfile:
    """Sample a mixture of four cameras, with a white balance and an exposure.

    Args:
        rng: Random generator.

    Returns:
        The camera.
    """
    share = rng.uniform(size=4)
    sensor = np.einsum("n,nij->ij", share / share.sum(), XYZ_TO_SENSOR)
    matrix = sensor @ RGB_TO_XYZ
    exposure = 1 / rng.normal(0.8, 0.1)
    balance = np.array([rng.uniform(1.9, 2.4), 1.0, rng.uniform(1.5, 1.9)])
    return CameraProfile(matrix / matrix.sum(axis=1, keepdims=True), exposure * balance)


def sample_noise_variances(prior: str, rng: np.random.Generator) -> tuple[float, float]:
    """Sample variances of shot and read noise that occur together.

    Args:
        prior: "dnd", the cameras of DND; or "sidd", the phones of SIDD.
        rng: Random generator.

    Returns:
        Variance of shot noise, at a light of 1, and of read noise.
    """
    if prior == "dnd":
        shot = rng.uniform(np.log(1e-4), np.log(0.012))
        read = 2.18 * shot + 1.20 + rng.normal(0, 0.26)
        return float(np.exp(shot)), float(np.exp(read))
    shot = rng.uniform(np.log10(6.8674e-4), np.log10(2.194856e-2))
    read = 1.85 * shot + 0.30 + rng.normal(0, 0.20)
    return float(10**shot), float(10**read)


def to_sensor(image: np.ndarray, profile: CameraProfile) -> np.ndarray:
    """Compute the light on the sensor that develops into an image.

    Args:
        image: Image, [h w 3] in [0, 1].
        profile: The camera.

    Returns:
        Light, f32 [h w 3] in [0, 1].
    """
    linear = 0.5 - np.sin(np.arcsin(1 - 2 * np.clip(image, 0, 1)) / 3)
    linear = np.maximum(linear, 1e-8) ** 2.2 @ profile.color_matrix.T
    dark = 1 / profile.gains
    grey = linear.mean(axis=-1, keepdims=True)
    over = (np.maximum(grey - HIGHLIGHT, 0) / (1 - HIGHLIGHT)) ** 2
    factor = np.maximum(over + (1 - over) * dark, dark)
    return np.clip(linear * factor, 0, 1).astype(np.float32)


def develop(light: np.ndarray, profile: CameraProfile) -> np.ndarray:
    """Compute the image that a camera makes of the light on its sensor.

    Args:
        light: Light, [h w 3].
        profile: The camera.

    Returns:
        Image, f32 [h w 3] in [0, 1].
    """
    balanced = np.clip(light * profile.gains, 0, 1)
    linear = np.clip(balanced @ np.linalg.inv(profile.color_matrix).T, 0, 1)
    gamma = np.maximum(linear, 1e-8) ** (1 / 2.2)
    return (3 * gamma**2 - 2 * gamma**3).astype(np.float32)


def demosaic(values: np.ndarray) -> np.ndarray:
    """Keep one colour of each sensor pixel, and interpolate the others.

    The mosaic is red, green / green, blue; interpolation is bilinear.

    Args:
        values: Values of all colours at each pixel, [h w 3].

    Returns:
        Values [h w 3].
    """
    cross = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
    square = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4
    planes = np.zeros_like(values)
    planes[::2, ::2, 0] = values[::2, ::2, 0]
    planes[::2, 1::2, 1] = values[::2, 1::2, 1]
    planes[1::2, ::2, 1] = values[1::2, ::2, 1]
    planes[1::2, 1::2, 2] = values[1::2, 1::2, 2]
    filters = square, cross, square
    filtered = [cv2.filter2D(planes[..., c], -1, filters[c]) for c in range(3)]
    return np.stack(filtered, axis=-1)
