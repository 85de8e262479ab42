"""Align faces: the similarity transform from a template of landmarks to an image.

A similarity is f64 [4] = a, b, x, y. It maps a point (u, v) of the face, in eye
distances with the origin between the corners of the mouth, to the pixel
(a u - b v + x, b u + a v + y). Its scale hypot(a, b) is the eye distance in pixels.
"""

import cv2
import numpy as np

# Eyes, tip of the nose, corners of the mouth of an upright face.
TEMPLATE = np.array([[-0.5, -1.05], [0.5, -1.05], [0, -0.45], [-0.42, 0], [0.42, 0]])
FIT_WEIGHTS = np.array([0.25, 0.25, 0, 0.25, 0.25])  # the nose moves with the head
SMOOTHING_FRAMES = 2.0  # standard deviation of the smoothing window
SHIFT_JITTER = 0.17  # in eye distances: smaller steps are jitter, larger ones motion
TURN_JITTER = 0.06  # the same for the angle in radians and the logarithm of the scale
MIN_EYE_DISTANCE = 0.5  # of a face seen from the front, over eyes to mouth
# The face box, in eye distances: how far its centre is above the mouth, and its side.
# Fitted to the boxes with which the bundled weights were trained on GRID.
BOX_ABOVE, BOX_SIDE = 0.75, 3.32


def fit_similarity(landmarks: np.ndarray) -> np.ndarray:
    """Fit the similarity that maps the template to landmarks, by least squares.

    Args:
        landmarks: f32 [... 5 2] in pixels.

    Returns:
        f64 [... 4]; NaN where landmarks are NaN.
    """
    points = np.asarray(landmarks, np.float64)
    weights = FIT_WEIGHTS[:, None]
    center = (weights * TEMPLATE).sum(0)
    face, middle = TEMPLATE - center, (weights * points).sum(-2)
    offset = points - middle[..., None, :]
    turned = face[:, ::-1] * [-1, 1]  # the face, turned by 90 degrees
    norm = (weights * face**2).sum()
    a = (weights * face * offset).sum((-2, -1)) / norm
    b = (weights * turned * offset).sum((-2, -1)) / norm
    x = middle[..., 0] - a * center[0] + b * center[1]
    y = middle[..., 1] - b * center[0] - a * center[1]
    return np.stack([a, b, x, y], axis=-1)


def smooth_similarities(
    similarities: np.ndarray, frames: float = SMOOTHING_FRAMES
) -> np.ndarray:
    """Smooth similarities over time without lagging behind fast motion.

    Each is averaged with those of its neighbours in time, with Gaussian weights, which
    are small for neighbours at another place, scale or angle (a bilateral filter): a
    jittering face has many neighbours, a fast one only itself.

    Args:
        similarities: f64 [t 4]; NaN where there is no face.
        frames: Standard deviation of the Gaussian weights.

    Returns:
        Smoothed similarities, f64 [t 4]. NaN stays NaN, and no average crosses it.
    """
    smoothed = np.full(np.shape(similarities), np.nan)
    valid = np.concatenate([[False], np.isfinite(similarities).all(-1), [False]])
    edges = np.flatnonzero(np.diff(valid))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        smoothed[start:stop] = _smooth_segment(similarities[start:stop], frames)
    return smoothed


def _smooth_segment(similarities: np.ndarray, frames: float) -> np.ndarray:
    """Smooth similarities [t 4] that have no gap."""
    radius = int(3 * frames)
    offsets = np.arange(-radius, radius + 1)
    neighbours = np.arange(len(similarities))[:, None] + offsets  # [t offset]
    neighbours = np.clip(neighbours, 0, len(similarities) - 1)
    near = similarities[neighbours[:, max(radius - 2, 0) : radius + 3]]
    reference = np.median(near, axis=1)[:, None]  # robust against a single outlier
    others = similarities[neighbours]
    turn, other_turn = (x[..., 0] + 1j * x[..., 1] for x in (reference, others))
    shift = np.hypot(*np.moveaxis(others - reference, -1, 0)[2:]) / np.abs(turn)
    change = np.abs(np.log(other_turn / turn))  # of log scale and angle
    distance = (shift / SHIFT_JITTER) ** 2 + (change / TURN_JITTER) ** 2
    weight = np.exp(-0.5 * (offsets / frames) ** 2 - 0.5 * distance) + 1e-30
    weight /= weight.sum(axis=1, keepdims=True)
    return np.sum(others * weight[..., None], axis=1)


def face_boxes(similarities: np.ndarray) -> np.ndarray:
    """Compute upright squares from above the eyebrows to below the chin.

    The mouth is at 3/4 of the height, also of a tilted head.

    Args:
        similarities: f64 [... 4].

    Returns:
        x0, y0, x1, y1 in pixels, f32 [... 4]; NaN where similarities are NaN.
    """
    a, b, x, y = np.moveaxis(np.asarray(similarities), -1, 0)
    scale = np.hypot(a, b)
    half, middle = BOX_SIDE / 2 * scale, y - BOX_ABOVE * scale
    edges = [x - half, middle - half, x + half, middle + half]
    return np.stack(edges, axis=-1).astype(np.float32)


def landmarks_in_box(box: np.ndarray) -> np.ndarray:
    """Place the landmarks of an upright face in a face box.

    Args:
        box: Square face box x0, y0, x1, y1 in pixels, f32 [4].

    Returns:
        The landmarks that have this box, f32 [5 2] in pixels.
    """
    scale = (box[2] - box[0]) / BOX_SIDE
    middle = (box[:2] + box[2:]) / 2 + [0, BOX_ABOVE * scale]
    return (TEMPLATE * scale + middle).astype(np.float32)


def crop_matrix(
    similarity: np.ndarray, size: int, side: float, mouth: tuple[float, float]
) -> np.ndarray:
    """Compute the affine map from the pixels of an aligned crop to those of the image.

    Args:
        similarity: f64 [4].
        size: Side of the crop in pixels.
        side: Side of the crop in eye distances.
        mouth: Where the crop shows the mouth, as fractions of its width and height.

    Returns:
        f64 [2 3].
    """
    a, b, x, y = similarity
    turn = np.array([[a, -b], [b, a]])
    step = side / size
    first = step / 2 - side * np.asarray(mouth)  # centre of the first pixel
    return np.column_stack([step * turn, turn @ first + [x, y]])


def crop_aligned(
    image: np.ndarray,
    similarity: np.ndarray,
    size: int,
    side: float,
    mouth: tuple[float, float],
) -> np.ndarray:
    """Crop a square that moves, turns and grows with the face.

    Pixels are averaged where the crop is smaller than the image; border pixels are
    repeated beyond the image.

    Args:
        image: u8 [h w c].
        similarity: f64 [4].
        size: Side of the crop in pixels.
        side: Side of the crop in eye distances.
        mouth: Where the crop shows the mouth, as fractions of its width and height.

    Returns:
        The crop, u8 [size size c].
    """
    matrix = crop_matrix(similarity, size, side, mouth)
    return warp_crop(image, matrix, size)


def warp_crop(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Crop a square; pixels are averaged where it is smaller than in the image.

    Args:
        image: u8 [h w c].
        matrix: Affine map from the pixels of the crop to those of the image, f64 [2 3].
        size: Side of the crop in pixels.

    Returns:
        The crop, u8 [size size c]; border pixels are repeated beyond the image.
    """
    finer = max(1, int(np.hypot(*matrix[:, 0])))  # sample finely, then average
    fine_matrix = matrix / [finer, finer, 1]
    fine_matrix[:, 2] += (fine_matrix - matrix)[:, :2] @ [0.5, 0.5]
    fine = cv2.warpAffine(
        image,
        fine_matrix,
        (size * finer, size * finer),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if finer == 1:
        return fine
    return cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)


def is_profile(landmarks: np.ndarray) -> np.ndarray:
    """Tell which faces are seen from the side.

    The tip of the nose lies outside of the eyes' span, or the eyes are close together
    compared with their distance from the mouth.

    Args:
        landmarks: f32 [... 5 2].

    Returns:
        bool [...]; False where landmarks are NaN.
    """
    eyes = landmarks[..., 1, :] - landmarks[..., 0, :]
    down = landmarks[..., 3:, :].mean(-2) - landmarks[..., :2, :].mean(-2)
    nose = landmarks[..., 2, :] - landmarks[..., 0, :]
    width = np.hypot(eyes[..., 0], eyes[..., 1])
    height = np.hypot(down[..., 0], down[..., 1])
    along = (nose * eyes).sum(-1) / np.maximum(width, 1e-6) ** 2
    return (along < 0) | (along > 1) | (width < MIN_EYE_DISTANCE * height)
