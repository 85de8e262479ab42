"""Detect faces and their five landmarks in an image with the networks of MTCNN."""

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np

from avjax.faces import mtcnn
from avjax.faces.alignment import warp_crop

MIN_FACE_SIZE = 32  # pixels, in the image that is searched
SEARCH_SIZE = 640  # longest side in pixels of the image that is searched
FINE_SEARCH_SIZE = 1920  # the same, for the search for small faces
TILTS = 40.0, -40.0  # degrees; directions of the search for tilted faces
PYRAMID_FACTOR = 0.709  # from one scale of the image to the next
PNET_THRESHOLD, RNET_THRESHOLD, ONET_THRESHOLD = 0.6, 0.7, 0.6
# Of refined landmarks: in 60 images of noise and 100 photographs, no false detection
# has more than 0.93; of 66 faces, each distorted in nine ways, one has less than 0.98.
FINAL_THRESHOLD = 0.95
ONET_SIDE = 1.2  # side of a face's square over `face_size`
ONET_BELOW = 0.02  # how far, in its sides, its centre is below that of the landmarks
# Squares of the refinement: shifts to the right and down, in sides, and size.
REFINE_SQUARES = (0, 0, 1), (-0.04, 0.03, 1.08), (0.04, 0.03, 0.93), (0, -0.04, 1.15)

Network = Callable[[np.ndarray], tuple[np.ndarray, ...]]


class Faces(NamedTuple):
    """Faces in an image, largest first.

    Attributes:
        landmarks: Eyes, tip of the nose, corners of the mouth; each pair from left to
            right as seen in an upright face. x, y in pixels, f32 [n 5 2].
        scores: Probability of a face, f32 [n].
    """

    landmarks: np.ndarray
    scores: np.ndarray


def detect_faces(image: np.ndarray, thorough: bool = True) -> Faces:
    """Detect the faces in an image, and their landmarks.

    Args:
        image: u8 [h w c=3].
        thorough: Where no upright face of 1/20 of the longest side or more is found,
            search for smaller and for tilted ones.

    Returns:
        The faces, largest first.
    """
    nothing = Faces(np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))
    if min(image.shape[:2]) < MIN_FACE_SIZE:
        return nothing
    longest = max(image.shape[:2])
    coarse, fine = min(1, SEARCH_SIZE / longest), min(1, FINE_SEARCH_SIZE / longest)
    searches = [(coarse, 0.0)]
    if thorough:
        searches += [(fine, 0.0)] * (fine > coarse) + [(coarse, t) for t in TILTS]
    for scale, tilt in searches:
        candidates = _search(_resize(image, scale), np.deg2rad(tilt))
        candidates = (candidates + 0.5) / scale - 0.5
        found = [refine_landmarks(image, landmarks) for landmarks in candidates]
        found = [face for face in found if face[1] > FINAL_THRESHOLD]
        if found:
            found.sort(key=lambda face: -face_size(face[0]))
            landmarks, scores = zip(*found, strict=True)
            return Faces(np.stack(landmarks), np.array(scores, np.float32))
    return nothing


def refine_landmarks(
    image: np.ndarray, landmarks: np.ndarray
) -> tuple[np.ndarray, float]:
    """Find the landmarks of a face that is near a known place.

    The network is run on several squares around the place, turned upright, and the
    landmarks that it finds are averaged: that is more exact than any one of them.

    Args:
        image: u8 [h w c=3].
        landmarks: The known place, f32 [5 2] in pixels.

    Returns:
        The landmarks, f32 [5 2] in pixels, and the probability of a face; 0 if they
        cannot be those of a face.
    """
    eyes, down, _ = _axes(landmarks)
    angle = np.arctan2(eyes[1] - down[0], eyes[0] + down[1])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    center, side = landmarks.mean(0), ONET_SIDE * face_size(landmarks)
    start = np.clip(np.floor(center - side), 0, None).astype(int)
    end = np.clip(np.ceil(center + side), 0, image.shape[1::-1]).astype(int)
    if min(end - start) < 2:
        return np.asarray(landmarks, np.float32), 0.0
    region = image[start[1] : end[1], start[0] : end[0]]
    matrices = [
        _square_matrix(
            center - start + side * turn @ [right, below + ONET_BELOW],
            side * zoom,
            turn,
            mtcnn.ONET_SIZE,
        )
        for right, below, zoom in REFINE_SQUARES
    ]
    crops = _cut(region, matrices, mtcnn.ONET_SIZE)
    scores, _, points = mtcnn.run_onet(mtcnn.normalize_image(crops))
    pixels = points * mtcnn.ONET_SIZE - 0.5
    placed = [
        p @ m[:, :2].T + m[:, 2] + start for p, m in zip(pixels, matrices, strict=True)
    ]
    refined = np.mean(placed, axis=0).astype(np.float32)
    return refined, float(np.median(scores)) if _is_plausible(refined) else 0.0


def face_size(landmarks: np.ndarray) -> float:
    """Return the size of a face: from eye to eye, plus from the eyes to the mouth.

    Args:
        landmarks: f32 [5 2] in pixels.

    Returns:
        The size in pixels.
    """
    eyes, down, _ = _axes(landmarks)
    return float(np.hypot(*eyes) + np.hypot(*down))


def _axes(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the vectors from eye to eye, from eyes to mouth and along the mouth."""
    down = landmarks[3:].mean(0) - landmarks[:2].mean(0)
    return landmarks[1] - landmarks[0], down, landmarks[4] - landmarks[3]


def _is_plausible(landmarks: np.ndarray) -> bool:
    """Check that the eyes are above the mouth, and neither pair is mirrored."""
    eyes, down, mouth = _axes(landmarks)
    area = eyes[0] * down[1] - eyes[1] * down[0]
    return bool(area > 0 and eyes @ mouth > 0)


def _search(image: np.ndarray, tilt: float) -> np.ndarray:
    """Find faces whose eyes are in the direction `tilt` -> landmarks [n 5 2]."""
    if tilt:
        turned, matrix = _turn(image, tilt)
        return _search(turned, 0.0) @ matrix[:, :2].T + matrix[:, 2]
    boxes = _square(_propose(image))
    scores, offsets = _run(mtcnn.run_rnet, image, boxes, mtcnn.RNET_SIZE)
    keep = scores > RNET_THRESHOLD
    boxes, scores = _shift(boxes, offsets)[keep], scores[keep]
    boxes = _square(boxes[_suppress(boxes, scores, 0.7)])
    scores, offsets, points = _run(mtcnn.run_onet, image, boxes, mtcnn.ONET_SIZE)
    landmarks = boxes[:, None, :2] + points * (boxes[:, 2:] - boxes[:, :2])[:, None]
    keep = scores > ONET_THRESHOLD
    boxes = _shift(boxes, offsets)[keep]
    best = _suppress(boxes, scores[keep], 0.6, of_smaller=True)
    return landmarks[keep][best] - 0.5


def _propose(image: np.ndarray) -> np.ndarray:
    """Propose boxes f32 [n 4] by P-Net at all scales."""
    scale = mtcnn.PNET_SIZE / MIN_FACE_SIZE
    boxes: list[np.ndarray] = [np.zeros((0, 4))]
    scores: list[np.ndarray] = [np.zeros(0)]
    level = image
    while min(image.shape[:2]) * scale >= mtcnn.PNET_SIZE:
        height, width = (round(n * scale) for n in image.shape[:2])
        level = cv2.resize(level, (width, height), interpolation=cv2.INTER_AREA)
        probability, offsets = mtcnn.run_pnet(mtcnn.normalize_image(level))
        row, column = np.nonzero(probability > PNET_THRESHOLD)
        start = mtcnn.PNET_STRIDE * np.stack([column, row], axis=-1)
        windows = np.concatenate([start, start + mtcnn.PNET_SIZE], axis=-1)
        found = _shift(windows, offsets[row, column]) / scale
        score = probability[row, column]
        keep = _suppress(found, score, 0.5)
        boxes.append(found[keep])
        scores.append(score[keep])
        scale *= PYRAMID_FACTOR
    stacked = np.concatenate(boxes)
    return stacked[_suppress(stacked, np.concatenate(scores), 0.7)]


def _run(network: Network, image: np.ndarray, boxes: np.ndarray, size: int) -> Any:
    """Run a network on square boxes [n 4] of an image."""
    centers, sides = (boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5, boxes[:, 2] - boxes[:, 0]
    matrices = [
        _square_matrix(center, side, np.eye(2), size)
        for center, side in zip(centers, sides, strict=True)
    ]
    return network(mtcnn.normalize_image(_cut(image, matrices, size)))


def _square_matrix(
    center: np.ndarray, side: float, turn: np.ndarray, size: int
) -> np.ndarray:
    """Affine map f64 [2 3] from the pixels of a `size` crop to those of the image.

    Args:
        center: x, y of the square's centre in pixels, [2].
        side: Length of its sides in pixels.
        turn: Its directions to the right and down as columns, [2 2].
        size: Side of the crop in pixels.
    """
    step = side / size * turn
    return np.column_stack([step, center - step @ [(size - 1) / 2, (size - 1) / 2]])


def _cut(image: np.ndarray, matrices: list[np.ndarray], size: int) -> np.ndarray:
    """Cut crops u8 [n size size 3]; large ones from the image at a reduced size."""
    crops, reduced = np.zeros((len(matrices), size, size, 3), np.uint8), [image]
    for crop, matrix in zip(crops, matrices, strict=True):
        step = float(np.hypot(*matrix[:, 0]))
        halvings = max(0, int(np.log2(step)) - 1)  # leaves a step of 2 to 4 pixels
        while len(reduced) <= halvings:
            rows, columns = (n // 2 for n in reduced[-1].shape[:2])
            even = reduced[-1][: 2 * rows, : 2 * columns]
            half = cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA)
            reduced.append(half)
        matrix = matrix + [0, 0, 0.5]
        matrix = matrix / 2**halvings - [0, 0, 0.5]
        crop[:] = warp_crop(reduced[halvings], matrix, size)
    return crops


def _shift(boxes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Move the edges of boxes [n 4] by offsets [n 4], in units of their sides."""
    return boxes + offsets * np.tile(boxes[:, 2:] - boxes[:, :2], 2)


def _square(boxes: np.ndarray) -> np.ndarray:
    """Extend boxes [n 4] to squares around the same centre."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)[:, None] / 2
    return np.concatenate([middle - half, middle + half], axis=-1)


def _suppress(
    boxes: np.ndarray, scores: np.ndarray, overlap: float, of_smaller: bool = False
) -> np.ndarray:
    """Return the boxes that overlap no better one, best first, i64 [m].

    Args:
        boxes: f32 [n 4].
        scores: f32 [n].
        overlap: Largest allowed intersection, as a fraction of the union.
        of_smaller: The fraction is of the smaller box instead.
    """
    order = np.argsort(-scores, kind="stable")
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    keep = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(best)
        start = np.maximum(boxes[best, :2], boxes[rest, :2])
        end = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.prod(np.maximum(end - start, 0), axis=1)
        smaller = np.minimum(area[best], area[rest])
        whole = smaller if of_smaller else area[best] + area[rest] - shared
        order = rest[shared <= overlap * whole]
    return np.asarray(keep, np.int64)


def _turn(image: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn an image so that the direction `angle` becomes horizontal.

    Returns:
        The turned image, and the map from its pixels to those of `image`, f64 [2 3].
    """
    height, width = image.shape[:2]
    cos, sin = np.cos(angle), np.sin(angle)
    new_width = int(np.ceil(abs(width * cos) + abs(height * sin)))
    new_height = int(np.ceil(abs(width * sin) + abs(height * cos)))
    matrix = np.array([[cos, -sin, 0], [sin, cos, 0]])
    center = np.array([(new_width - 1) / 2, (new_height - 1) / 2])
    matrix[:, 2] = [(width - 1) / 2, (height - 1) / 2] - matrix[:, :2] @ center
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (new_width, new_height), flags=flags), matrix


def _resize(image: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return image
    height, width = (max(1, round(n * scale)) for n in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
