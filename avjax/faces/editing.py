"""Crop the aligned lower face for an editor, and apply its edit to the whole frame."""

import functools
from collections.abc import Sequence
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
    to_frame = _crop_matrix(frame, size)
    result = frame.image.copy()
    area = _edited_area(to_frame, size, result.shape[:2])
    if area is None:
        return result
    original = frame.image[area]
    rows, columns = (np.arange(s.start, s.stop, dtype=np.float32) for s in area)
    pixels = np.broadcast_arrays(columns[None], rows[:, None])
    crop_pixels = _transform(pixels, cv2.invertAffineTransform(to_frame))

    def enlarge(maps: np.ndarray, method: int = cv2.INTER_LINEAR) -> np.ndarray:
        return _sample(maps, crop_pixels, method)

    flow = cv2.split(enlarge(np.dstack([edit.frame_flow, edit.reference_flow])))
    turn = to_frame * [[1, 1, 0], [1, 1, 0]]
    positions = [p + d for p, d in zip(pixels, _transform(flow[:2], turn), strict=True)]
    moved = _sample(frame.image, positions, cv2.INTER_CUBIC)
    positions = [p + d for p, d in zip(crop_pixels, flow[2:], strict=True)]
    positions = _transform(positions, _crop_matrix(reference, size))
    borrowed = _sample(reference.image, positions, cv2.INTER_CUBIC)
    painted = 255 * np.clip(enlarge(edit.paint, cv2.INTER_CUBIC), 0, 1)
    if is_grey(original):
        painted[:] = painted.mean(axis=-1, keepdims=True)

    region = _sample_region(crop_pixels, size)
    blend = cv2.multiply(original, _to_channels(1 - region), dtype=cv2.CV_32F)
    for source, weight in zip(
        (moved, borrowed, painted), cv2.split(enlarge(edit.weights)), strict=True
    ):
        opacity = _to_channels(region * weight)
        blend += cv2.multiply(source, opacity, dtype=cv2.CV_32F)
    result[area] = np.clip(np.rint(blend, out=blend), 0, 255, out=blend)
    return result


def is_grey(image: np.ndarray) -> bool:
    """Tell whether an image has no colours, but for traces of compression.

    Args:
        image: u8 [h w 3].

    Returns:
        True for a black-and-white image.
    """
    red, green, blue = cv2.split(image)
    # Much faster than `image.max(axis=-1)`.
    largest = cv2.max(cv2.max(red, green), blue)
    smallest = cv2.min(cv2.min(red, green), blue)
    return float((largest - smallest).mean()) < MAX_GREY_SPREAD


def _crop_matrix(frame: AlignedFrame, size: int) -> np.ndarray:
    """Affine map from the pixels of the lower face to those of the frame, [2 3]."""
    return crop_matrix(frame.similarity, size, LOWER_FACE_SIDE, LOWER_FACE_MOUTH)


def _edited_area(
    matrix: np.ndarray, size: int, shape: tuple[int, int]
) -> tuple[slice, slice] | None:
    """Rows and columns of the frame that `edit_region` covers; None if none."""
    center, radius = size * np.array(REGION_CENTER), size * np.array(REGION_RADIUS)
    x, y = np.stack([center - radius, center + radius], axis=-1) - 0.5
    corners = np.stack(np.meshgrid(x, y), axis=-1).reshape(4, 2)
    corners = corners @ matrix[:, :2].T + matrix[:, 2]
    left, top = np.maximum(np.floor(corners.min(0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(0)) + 1, shape[::-1]).astype(int)
    if left >= right or top >= bottom:
        return None
    return slice(top, bottom), slice(left, right)


def _transform(
    points: Sequence[np.ndarray], matrix: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Apply an affine map [2 3] to x and y, f32 [r c] each."""
    x, y = points
    (a, b, c), (d, e, f) = matrix.astype(np.float32)
    return a * x + b * y + c, d * x + e * y + f


def _to_channels(opacity: np.ndarray) -> np.ndarray:
    """Repeat an opacity for each channel of an image, f32 [h w] -> [h w 3]."""
    return cv2.cvtColor(opacity, cv2.COLOR_GRAY2RGB)


def _sample(
    image: np.ndarray, positions: Sequence[np.ndarray], method: int = cv2.INTER_LINEAR
) -> np.ndarray:
    """Sample an image [h w c] at x and y, f32 [r c] each."""
    x, y = positions
    return cv2.remap(image, x, y, method, borderMode=cv2.BORDER_REPLICATE)


def _sample_region(crop_pixels: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Sample `edit_region` at x and y in pixels of the lower face, f32 [r c]."""
    x, y = ((p + 0.5) * (REGION_SIZE / size) - 0.5 for p in crop_pixels)
    return cv2.remap(
        edit_region(REGION_SIZE),
        x,
        y,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
