"""Crop the aligned lower face for an editor, and apply its edit to the whole frame."""

import functools
from typing import NamedTuple

import cv2
import numpy as np

from avjax.faces.alignment import crop_aligned, crop_matrix
from avjax.faces.crop import soft_superellipse

# The aligned lower face: its side in eye distances, and where it shows the mouth.
LOWER_FACE_SIDE, LOWER_FACE_MOUTH = 2.1, (0.5, 0.46)
LOWER_FACE_SIZE = 128  # side in pixels at which it is stored and encoded
POSE_SIZE = 6  # coordinates of eyes and nose
MOUTH_SHAPE = 40, 56  # height and width in pixels of the mouth for a lip encoder
MOUTH_STEP = 64 / 56  # pixels of the stored lower face for one of the mouth
MOUTH_CENTER = 64.0, 64.0  # x, y of the centre of the mouth's image, in these pixels
# The region that an edit may change: a superellipse, in sides of the lower face.
REGION_CENTER, REGION_RADIUS = (0.5, 0.57), (0.47, 0.43)
REGION_EXPONENT, REGION_FEATHER = 4, 0.22
REGION_SIZE = 128  # side in pixels at which the region is sampled
MAX_GREY_SPREAD = 2.0  # mean difference of the channels of a grey image, of 255
GREY_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)


class Edit(NamedTuple):
    """How an edited lower face is made of three sources.

    Attributes:
        frame_flow: Displacement x, y in the frame, in pixels of these maps,
            f32 [s s 2].
        reference_flow: Displacement x, y in the reference, f32 [s s 2].
        paint: Painted pixels in [0, 1], f32 [s s 3].
        weights: Weights of the warped frame, the warped reference and the painted
            pixels, which sum to 1, f32 [s s 3].
    """

    frame_flow: np.ndarray
    reference_flow: np.ndarray
    paint: np.ndarray
    weights: np.ndarray


class AlignedFrame(NamedTuple):
    """A frame and where its face is.

    Attributes:
        image: u8 [h w 3].
        similarity: See `avjax.faces.alignment`, f64 [4].
    """

    image: np.ndarray
    similarity: np.ndarray


def crop_lower_face_aligned(frame: AlignedFrame) -> np.ndarray:
    """Crop the lower face, u8 [128 128 3], turned and scaled to the template."""
    return crop_aligned(
        frame.image,
        frame.similarity,
        LOWER_FACE_SIZE,
        LOWER_FACE_SIDE,
        LOWER_FACE_MOUTH,
    )


def relative_pose(landmarks: np.ndarray, similarities: np.ndarray) -> np.ndarray:
    """Compute where eyes and nose are in the aligned face; two heads can be compared.

    Args:
        landmarks: Eyes, nose, corners of the mouth in pixels, f32 [t 5 2].
        similarities: See `avjax.faces.alignment`, f64 [t 4].

    Returns:
        x and y of the left eye, the right eye and the nose, in eye distances from the
        middle between the corners of the mouth, f32 [t 6].
    """
    a, b, x, y = (value[:, None] for value in similarities.T)
    right, down = landmarks[:, :3, 0] - x, landmarks[:, :3, 1] - y
    points = np.stack([a * right + b * down, a * down - b * right], axis=-1)
    points /= (a**2 + b**2)[..., None]
    return points.reshape(len(points), POSE_SIZE).astype(np.float32)


def crop_encoder_mouth(
    lower_face: np.ndarray,
    shift: tuple[float, float] = (0.0, 0.0),
    angle: float = 0.0,
    zoom: float = 1.0,
) -> np.ndarray:
    """Crop the mouth in grey, as a lip encoder expects it.

    Args:
        lower_face: Aligned lower face, u8 or f32 [128 128 3].
        shift: Moves the crop by x, y pixels, to augment it.
        angle: Turns the crop, in radians.
        zoom: Size of the crop over its normal size.

    Returns:
        The mouth, f32 [40 56], in the range of the input.
    """
    grey = lower_face.astype(np.float32) @ GREY_WEIGHTS
    height, width = MOUTH_SHAPE
    step = MOUTH_STEP * zoom
    turn = step * np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    center = np.asarray(MOUTH_CENTER) + shift
    first = center - turn @ [(width - 1) / 2, (height - 1) / 2]
    return cv2.warpAffine(
        grey,
        np.column_stack([turn, first]),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


@functools.cache
def edit_region(size: int) -> np.ndarray:
    """Return how far an edit replaces each pixel of the lower face.

    Args:
        size: Side in pixels.

    Returns:
        1 around the mouth, 0 at the edge, f32 [size size].
    """
    return soft_superellipse(
        size, REGION_CENTER, REGION_RADIUS, REGION_EXPONENT, REGION_FEATHER
    )


def apply_edit(frame: AlignedFrame, reference: AlignedFrame, edit: Edit) -> np.ndarray:
    """Edit a frame at its own resolution.

    The maps of the edit are enlarged to the frame; its pixels and those of the
    reference are moved without an intermediate crop, so that their detail is kept. No
    pixel outside `edit_region` changes.

    Args:
        frame: The frame to edit.
        reference: Another frame of the person.
        edit: The edit.

    Returns:
        A new image, u8 [h w 3].
    """
    size = len(edit.paint)
    matrix = _crop_matrix(frame, size)
    result = frame.image.copy()
    area = _bounding_area(matrix, size, result.shape[:2])
    if area is None:
        return result
    x, y = np.meshgrid(
        np.arange(area[1].start, area[1].stop), np.arange(area[0].start, area[0].stop)
    )
    pixels = np.stack([x, y], axis=-1).astype(np.float32)
    to_crop = np.linalg.inv(matrix[:, :2]).T
    crop_pixels = ((pixels - matrix[:, 2]) @ to_crop).astype(np.float32)
    flow = _sample(edit.frame_flow, crop_pixels)
    moved = _sample(frame.image, pixels + flow @ matrix[:, :2].T, cv2.INTER_CUBIC)
    reference_matrix = _crop_matrix(reference, size)
    source = crop_pixels + _sample(edit.reference_flow, crop_pixels)
    source = source @ reference_matrix[:, :2].T + reference_matrix[:, 2]
    borrowed = _sample(reference.image, source, cv2.INTER_CUBIC)
    painted = 255 * np.clip(_sample(edit.paint, crop_pixels, cv2.INTER_CUBIC), 0, 1)
    if is_grey(frame.image[area]):
        painted[:] = painted.mean(axis=-1, keepdims=True)
    weights = _sample(edit.weights, crop_pixels)
    sources = np.stack([moved, borrowed, painted]).astype(np.float32)
    edited = np.einsum("h w s, s h w c -> h w c", weights, sources)
    region = _sample_region((crop_pixels + 0.5) / size)[..., None]
    original = result[area].astype(np.float32)
    blend = original + region * (edited - original)
    result[area] = np.clip(np.rint(blend), 0, 255)
    return result


def is_grey(image: np.ndarray) -> bool:
    """Tell whether an image has no colours, but for traces of compression.

    Args:
        image: u8 [h w 3].

    Returns:
        True for a black-and-white image.
    """
    red, green, blue = np.moveaxis(image, -1, 0)
    # Much faster than `image.max(axis=-1)`.
    largest = np.maximum(np.maximum(red, green), blue)
    smallest = np.minimum(np.minimum(red, green), blue)
    return float((largest - smallest).mean()) < MAX_GREY_SPREAD


def _crop_matrix(frame: AlignedFrame, size: int) -> np.ndarray:
    """Affine map from the pixels of the lower face to those of the frame, [2 3]."""
    return crop_matrix(frame.similarity, size, LOWER_FACE_SIDE, LOWER_FACE_MOUTH)


def _bounding_area(
    matrix: np.ndarray, size: int, shape: tuple[int, int]
) -> tuple[slice, slice] | None:
    """Rows and columns of the frame that the lower face covers; None if none."""
    edges = np.array([-0.5, size - 0.5])
    corners = np.stack(np.meshgrid(edges, edges), axis=-1).reshape(4, 2)
    corners = corners @ matrix[:, :2].T + matrix[:, 2]
    left, top = np.maximum(np.floor(corners.min(0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(0)) + 1, shape[::-1]).astype(int)
    if left >= right or top >= bottom:
        return None
    return slice(top, bottom), slice(left, right)


def _sample(
    image: np.ndarray, positions: np.ndarray, method: int = cv2.INTER_LINEAR
) -> np.ndarray:
    """Sample an image [h w c] at positions x, y [r c 2]."""
    x, y = np.moveaxis(positions.astype(np.float32), -1, 0)
    return cv2.remap(
        np.ascontiguousarray(image), x, y, method, borderMode=cv2.BORDER_REPLICATE
    )


def _sample_region(fractions: np.ndarray) -> np.ndarray:
    """Sample `edit_region` at positions [r c 2] in sides of the lower face."""
    x, y = np.moveaxis(fractions.astype(np.float32), -1, 0)
    return cv2.remap(
        edit_region(REGION_SIZE),
        x * REGION_SIZE - 0.5,
        y * REGION_SIZE - 0.5,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
