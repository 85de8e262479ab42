"""Paste mouths into lower faces, and change faces at random."""

import cv2
import numpy as np

from avjax.faces.editing import LOWER_FACE_SIZE

MIDDLE = (LOWER_FACE_SIZE - 1) / 2
AXIS = ((np.arange(LOWER_FACE_SIZE) + 0.5) / LOWER_FACE_SIZE).astype(np.float32)


def paste_mask(
    center: tuple[float, float] = (0.5, 0.565),
    radius: tuple[float, float] = (0.36, 0.33),
    feather: float = 0.25,
) -> np.ndarray:
    """Compute where a mouth is pasted: a superellipse with a soft edge.

    Args:
        center: x, y of its centre, in sides of the lower face.
        radius: Its half width and half height.
        feather: Width of the soft edge, as a fraction of the radius.

    Returns:
        Weights from 0 to 1, f32 [128 128 1].
    """
    x = np.abs((AXIS - center[0]) / radius[0]) ** 3
    y = np.abs((AXIS - center[1]) / radius[1]) ** 3
    fade = np.clip((1 - (x[None] + y[:, None]) ** (1 / 3)) / feather, 0, 1)
    return (fade * fade * (3 - 2 * fade)).astype(np.float32)[..., None]


def sample_paste_mask(rng: np.random.Generator) -> np.ndarray:
    """Sample where a mouth is pasted; see `paste_mask`."""
    center = 0.5 + rng.normal(0, 0.02), rng.uniform(0.53, 0.6)
    radius = rng.uniform(0.3, 0.42), rng.uniform(0.28, 0.38)
    return paste_mask(center, radius, rng.uniform(0.15, 0.4))


def paste_mouth(target: np.ndarray, pasted: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Paste a mouth; its colours are shifted to those of the target at the edge.

    Args:
        target: f32 [128 128 3].
        pasted: The image that shows the mouth, f32 [128 128 3].
        mask: Where to paste it, f32 [128 128 1].

    Returns:
        f32 [128 128 3].
    """
    rim = ((mask > 0.02) & (mask < 0.6)).astype(np.float32)
    difference = target - pasted
    shift = (difference * rim).sum((0, 1)) / rim.sum()
    return target + mask * (shift - difference)


def blur_mouth(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur the mouth until its shape cannot be seen.

    Args:
        image: f32 [128 128 3].
        rng: Random generator.

    Returns:
        f32 [128 128 3].
    """
    y = ((AXIS - rng.uniform(0.48, 0.56)) / rng.uniform(0.08, 0.14)) ** 4
    x = ((AXIS - 0.5) / rng.uniform(0.14, 0.22)) ** 4
    mask = np.exp(-(y[:, None] + x[None]))[..., None].astype(np.float32)
    return image + mask * (cv2.GaussianBlur(image, (0, 0), rng.uniform(4, 10)) - image)


def sample_places(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sample two maps from the pixels of an image to those of the lower face.

    Args:
        size: Side of the image in pixels.
        rng: Random generator.

    Returns:
        Of the frame and of the reference, f64 [2 3] each.
    """
    zoom = np.exp(rng.normal(0, 0.06, 2)) * LOWER_FACE_SIZE / size
    turn = rotation(rng.normal(0, 0.06)) * zoom
    first = MIDDLE - turn @ np.full(2, (size - 1) / 2) + rng.normal(0, 2, 2)
    turn2 = rotation(rng.normal(0, 0.07)) * np.exp(rng.normal(0, 0.05))
    first2 = MIDDLE + turn2 @ (first - MIDDLE) + rng.normal(0, 3, 2)
    return np.column_stack([turn, first]), np.column_stack([turn2 @ turn, first2])


def rotation(angle: float) -> np.ndarray:
    """Make the matrix of a rotation by an angle in radians, f64 [2 2]."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Sample an image at the places of a square; see `sample_places`."""
    return cv2.warpAffine(
        image,
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def sample_colours(
    rng: np.random.Generator,
) -> tuple[float, np.ndarray, np.ndarray, float]:
    """Sample gamma, a mixture of the channels [3 3], their gains [3] and an offset."""
    gamma, gain = np.exp(rng.normal(0, 0.25)), np.exp(rng.normal(0, 0.15, 3))
    offset = rng.normal(0, 0.06)
    mix = np.eye(3) + rng.normal(0, 0.12, (3, 3))
    return gamma, mix / mix.sum(1, keepdims=True), gain, offset


def change_colours(
    image: np.ndarray, gamma: float, mix: np.ndarray, gain: np.ndarray, offset: float
) -> np.ndarray:
    """Change the colours of an image f32 [s s 3]; see `sample_colours`."""
    image = np.clip(image, 1e-4, 1) ** np.float32(gamma) @ mix.T.astype(np.float32)
    return np.clip(image * gain + offset, 0, 1).astype(np.float32)


def change_light(mouth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change the light of a grey mouth f32 [40 56], and add noise."""
    mouth = np.clip(mouth, 0, 1) ** np.exp(rng.normal(0, 0.3))
    mouth = mouth * np.exp(rng.normal(0, 0.2)) + rng.normal(0, 0.05)
    mouth += rng.normal(0, 0.015, mouth.shape)
    return np.clip(mouth, 0, 1).astype(np.float32)
