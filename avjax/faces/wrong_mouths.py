"""Frames whose mouth is wrong, from which an editor learns.

The mouth of another frame of the clip with a similar pose is pasted.
"""

import cv2
import numpy as np

from avjax.faces.crop import soft_superellipse
from avjax.faces.editing import LOWER_FACE_SIZE

MIDDLE = (LOWER_FACE_SIZE - 1) / 2
AXIS = ((np.arange(LOWER_FACE_SIZE) + 0.5) / LOWER_FACE_SIZE).astype(np.float32)
PASTE_EXPONENT = 3  # of the superellipse in which a mouth is pasted
NUM_CANDIDATES = 6  # frames of which the one with the most similar pose is pasted
MIN_DISTANCE = 3  # frames between a frame and the one that is pasted
SAME_REFERENCE_PROB = 0.35  # that the reference is the pasted frame


def sample_frames(pose: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int]:
    """Sample a frame, one with a similar pose, and a reference.

    Args:
        pose: f32 [t 6].
        rng: Random generator.

    Returns:
        Three frame numbers.
    """
    number = int(rng.integers(len(pose)))
    other = nearest_pose(pose, number, rng.integers(0, len(pose), NUM_CANDIDATES))
    same = rng.random() < SAME_REFERENCE_PROB
    return number, other, other if same else int(rng.integers(len(pose)))


def nearest_pose(pose: np.ndarray, number: int, candidates: np.ndarray) -> int:
    """Find the frame with the most similar pose, but not a neighbour in time.

    Args:
        pose: f32 [t 6].
        number: The frame to compare with.
        candidates: Frame numbers, [c].

    Returns:
        One of the candidates; a neighbour if there are no others.
    """
    cost = np.abs(pose[candidates] - pose[number]).sum(-1)
    cost += 10 * (np.abs(candidates - number) < MIN_DISTANCE)
    return int(candidates[np.argmin(cost)])


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
    return soft_superellipse(LOWER_FACE_SIZE, center, radius, PASTE_EXPONENT, feather)[
        ..., None
    ]


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


def held_out_pair(
    images: tuple[np.ndarray, np.ndarray, np.ndarray], size: int
) -> dict[str, np.ndarray]:
    """Make a frame with a wrong mouth, always in the same way, to measure an editor.

    Args:
        images: Aligned lower faces that show the right mouth, the wrong one, and a
            reference, u8 [128 128 3] each.
        size: s, side of the network's images in pixels.

    Returns:
        `frame`, `target` and `reference` in [0, 1], f32 [s s 3].
    """
    target, pasted, reference = (image.astype(np.float32) / 255 for image in images)
    frame = paste_mouth(target, pasted, paste_mask())
    pair = {"frame": frame, "target": target, "reference": reference}
    return {
        name: cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        for name, image in pair.items()
    }


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
