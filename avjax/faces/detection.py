"""Detect faces and their five landmarks in an image with the networks of MTCNN."""

from typing import NamedTuple

import cv2
import numpy as np

from avjax.faces import mtcnn

MIN_FACE_SIZE = 32  # pixels, in the image that is searched
SEARCH_SIZE = 640  # longest side in pixels of the image that is searched
PYRAMID_FACTOR = 0.709  # from one scale of the image to the next
FINE_SEARCH_SIZE = 1920  # the same, for the search for small faces
FINAL_THRESHOLD = 0.8  # of the landmarks' refinement
TILTS = 40.0, -40.0  # degrees: directions of a second search, if no face is upright
PNET_THRESHOLD, RNET_THRESHOLD, ONET_THRESHOLD = 0.6, 0.7, 0.8
# Squares for the refinement of landmarks: shift right and down in sides, and size.
REFINE_SQUARES = (0, 0, 1), (-0.04, 0.03, 1.08), (0.04, 0.03, 0.93), (0, -0.04, 1.15)
ONET_SIDE = 1.2  # side of a face's square over `eye_mouth_distance`


class Faces(NamedTuple):
    """Faces in an image, largest first.

    Attributes:
        landmarks: Eyes, tip of the nose, mouth corners; each pair from left to right
            as seen in an upright face. x, y in pixels, f32 [n 5 2].
        scores: Probability of a face, f32 [n].
    """

    landmarks: np.ndarray
    scores: np.ndarray


def detect_faces(image: np.ndarray, thorough: bool = True) -> Faces:
    """Detect the faces in an image, and their landmarks.

    Args:
        image: u8 [h w c=3].
        thorough: Where no upright face of at least 1/20 of the longest side is found,
            search for smaller and for tilted ones.

    Returns:
        The faces, largest first.
    """
    longest = max(image.shape[:2])
    coarse, fine = (min(1, size / longest) for size in (SEARCH_SIZE, FINE_SEARCH_SIZE))
    searches = [(coarse, 0.0)]
    if thorough:
        searches += [(fine, 0.0)] * (fine > coarse) + [(coarse, t) for t in TILTS]
    for scale, tilt in searches:
        found = _detect(_resize(image, scale), np.deg2rad(tilt))
        landmarks = (found.landmarks + 0.5) / scale - 0.5
        refined = [refine_landmarks(image, points) for points in landmarks]
        refined = [
            (points, score)
            for points, score in refined
            if score > FINAL_THRESHOLD and is_plausible(points)
        ]
        if refined:
            refined.sort(key=lambda face: -eye_mouth_distance(face[0]))
            points, scores = zip(*refined, strict=True)
            return Faces(np.stack(points), np.array(scores, np.float32))
    return Faces(np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))


def is_plausible(landmarks: np.ndarray) -> bool:
    """Check that the eyes are above the mouth and not mirrored.

    Args:
        landmarks: f32 [5 2] in pixels.

    Returns:
        Whether they can be those of a face.
    """
    eyes, mouth = landmarks[1] - landmarks[0], landmarks[4] - landmarks[3]
    down = landmarks[3:].mean(0) - landmarks[:2].mean(0)
    height = float(np.hypot(*down))
    upright = eyes[0] * down[1] - eyes[1] * down[0]  # twice the area that they span
    width = max(float(np.hypot(*eyes)), float(np.hypot(*mouth)))
    return upright > 0 and float(eyes @ mouth) > 0 and 0.3 < width / height < 3


def refine_landmarks(
    image: np.ndarray, landmarks: np.ndarray
) -> tuple[np.ndarray, float]:
    """Find the landmarks of a face that is near a known place.

    The network is run on several squares around the place, turned upright, and the
    landmarks that it finds are averaged: it is less exact than that on a single one.

    Args:
        image: u8 [h w c=3].
        landmarks: The known place, f32 [5 2] in pixels.

    Returns:
        The landmarks, f32 [5 2] in pixels, and the probability of a face.
    """
    eyes = landmarks[1] - landmarks[0]
    down = landmarks[3:].mean(0) - landmarks[:2].mean(0)
    angle = np.arctan2(eyes[1] - down[0], eyes[0] + down[1])
    side = ONET_SIDE * float(eye_mouth_distance(landmarks))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    fine_size = mtcnn.ONET_SIZE * max(1, round(side / mtcnn.ONET_SIZE))
    crops, matrices = [], []
    for shift_x, shift_y, zoom in REFINE_SQUARES:
        step = zoom * side / fine_size
        center = landmarks.mean(0) + turn @ [shift_x * side, (shift_y + 0.02) * side]
        offset = center - step * turn @ [(fine_size - 1) / 2, (fine_size - 1) / 2]
        matrix = np.column_stack([step * turn, offset])
        fine = cv2.warpAffine(
            image,
            matrix,
            (fine_size, fine_size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        size = (mtcnn.ONET_SIZE, mtcnn.ONET_SIZE)
        crops.append(cv2.resize(fine, size, interpolation=cv2.INTER_AREA))
        matrices.append(matrix)
    stacked = np.stack(crops)
    scores, _, points = mtcnn.run_onet(mtcnn.normalize_image(stacked))
    pixels = points * fine_size - 0.5
    refined = np.stack(
        [p @ m[:, :2].T + m[:, 2] for p, m in zip(pixels, matrices, strict=True)]
    )
    return refined.mean(0).astype(np.float32), float(np.median(scores))


def eye_mouth_distance(landmarks: np.ndarray) -> np.ndarray:
    """Return the size of faces: from between the eyes to the mouth, plus eye to eye.

    Args:
        landmarks: [... 5 2] in pixels.

    Returns:
        [...] in pixels.
    """
    eyes = landmarks[..., 1, :] - landmarks[..., 0, :]
    middle = landmarks[..., :2, :].mean(-2)
    height = landmarks[..., 3:, :].mean(-2) - middle
    return np.hypot(*np.moveaxis(eyes, -1, 0)) + np.hypot(*np.moveaxis(height, -1, 0))


def _detect(image: np.ndarray, angle: float) -> Faces:
    """Detect faces whose rows point in the direction `angle`."""
    if angle:
        turned, matrix = _turn(image, angle)
        faces = _detect(turned, 0.0)
        landmarks = faces.landmarks @ matrix[:, :2].T + matrix[:, 2]
        return Faces(landmarks.astype(np.float32), faces.scores)
    boxes = _square(_propose(image))
    scores, offsets = _run(mtcnn.run_rnet, image, boxes, mtcnn.RNET_SIZE)
    keep = scores > RNET_THRESHOLD
    boxes, scores = _shift(boxes, offsets)[keep], scores[keep]
    boxes = _square(boxes[_suppress(boxes, scores, 0.7)])
    scores, offsets, points = _run(mtcnn.run_onet, image, boxes, mtcnn.ONET_SIZE)
    landmarks = boxes[:, None, :2] + points * (boxes[:, 2:] - boxes[:, :2])[:, None]
    keep = scores > ONET_THRESHOLD
    boxes = _shift(boxes, offsets)[keep]
    scores, landmarks = scores[keep], landmarks[keep]
    keep = _suppress(boxes, scores, 0.6, of_smaller=True)
    return Faces(landmarks[keep].astype(np.float32), scores[keep])


def _propose(image: np.ndarray) -> np.ndarray:
    """Propose boxes f32 [n 4] by P-Net at all scales."""
    scale = mtcnn.PNET_SIZE / MIN_FACE_SIZE
    boxes, scores = [np.zeros((0, 4))], [np.zeros(0)]
    while min(image.shape[:2]) * scale >= mtcnn.PNET_SIZE:
        small = mtcnn.normalize_image(_resize(image, scale))
        probability, offsets = mtcnn.run_pnet(small)
        row, column = np.nonzero(probability > PNET_THRESHOLD)
        start = mtcnn.PNET_STRIDE * np.stack([column, row], axis=-1)
        windows = np.concatenate([start, start + mtcnn.PNET_SIZE], axis=-1)
        found = _shift(windows, offsets[row, column])
        score = probability[row, column]
        keep = _suppress(found, score, 0.5)
        boxes.append(found[keep] / scale)
        scores.append(score[keep])
        scale *= PYRAMID_FACTOR
    stacked = np.concatenate(boxes)
    return stacked[_suppress(stacked, np.concatenate(scores), 0.7)]


def _run(network, image: np.ndarray, boxes: np.ndarray, size: int):
    """Run a network on square boxes."""
    crops = np.zeros((len(boxes), size, size, 3), np.uint8)
    for crop, (x0, y0, x1, _) in zip(crops, boxes, strict=True):
        fine_size = size * max(1, int((x1 - x0) / size))  # sample finely, then average
        step = (x1 - x0) / fine_size
        offset = step / 2 - 0.5  # pixel n covers n to n + 1
        fine = cv2.warpAffine(
            image,
            np.array([[step, 0, x0 + offset], [0, step, y0 + offset]]),
            (fine_size, fine_size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        crop[:] = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)
    return network(mtcnn.normalize_image(crops))


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
    """Turn an image so that rows in the direction `angle` become horizontal.

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
    height, width = (max(1, round(n * scale)) for n in image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=method)
