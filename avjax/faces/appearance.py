"""Tell faces apart by appearance: small descriptors of the aligned face."""

import cv2
import numpy as np

from avjax.faces.alignment import crop_aligned, fit_similarity

CROP_SIZE, CROP_SIDE, CROP_MOUTH = 32, 2.4, (0.5, 0.68)  # see `crop_aligned`
CELL = 8  # side in pixels of the cells in which colours and edges are averaged
DIRECTIONS = 6  # of edges
COLOR_RANGE = 40.0  # in units of CIELAB; larger: colours count less against edges
FLOOR = 0.1  # a constant component, so that crops without any structure are alike


def describe_face(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Describe the upper and the lower half of a face by their colours and edges.

    Args:
        image: u8 [h w c=3].
        landmarks: f32 [5 2] in pixels.

    Returns:
        f32 [2 d], each row of length 1.
    """
    similarity = fit_similarity(landmarks)
    crop = crop_aligned(image, similarity, CROP_SIZE, CROP_SIDE, CROP_MOUTH)
    return np.stack([_describe(half) for half in np.split(crop, 2)])


def appearance_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Compare faces half by half.

    Args:
        one: f32 [... 2 d].
        other: f32 [... 2 d].

    Returns:
        f32 [... 2]; 0 for halves that look the same. The mean tells people apart; the
        smaller one also recognises a face of which a half is covered.
    """
    return 1 - (one * other).sum(-1)


def normalize(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors [... d] to length 1; vectors of zeros stay."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(norms, 1e-6)).astype(np.float32)


def _describe(crop: np.ndarray) -> np.ndarray:
    """Describe a part of a face u8 [h w c=3] -> f32 [d]."""
    color = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB).astype(np.float32)
    color[..., 0] -= color[..., 0].mean()
    # The tint counts half: light changes it more than people differ.
    color[..., 1:] -= (color[..., 1:].mean(axis=(0, 1)) + 128) / 2
    rows, columns = crop.shape[0] // CELL, crop.shape[1] // CELL
    cells = cv2.resize(color, (columns, rows), interpolation=cv2.INTER_AREA)
    edges = _edge_directions(color[..., 0])
    parts = [
        cells[..., 1:].ravel() / COLOR_RANGE,
        normalize(cells[..., 0].ravel()) / np.sqrt(2),
        normalize(edges.ravel()) / np.sqrt(2),
        [FLOOR],
    ]
    return normalize(np.concatenate(parts))


def _edge_directions(grey: np.ndarray) -> np.ndarray:
    """Histograms of the directions of edges, weighted by their strength, [r c d]."""
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    position = (np.arctan2(dy, dx) % np.pi) * (DIRECTIONS / np.pi)
    away = np.abs(position[..., None] - np.arange(DIRECTIONS))
    away = np.minimum(away, DIRECTIONS - away)
    votes = np.maximum(1 - away, 0) * np.hypot(dx, dy)[..., None]
    rows, columns = grey.shape[0] // CELL, grey.shape[1] // CELL
    return votes.reshape(rows, CELL, columns, CELL, DIRECTIONS).sum(axis=(1, 3))
