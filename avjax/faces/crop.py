"""Crop a face from an image, and paste a generated face back seamlessly."""

import functools
from typing import NamedTuple

import cv2
import numpy as np

# The pasted region, in units of the box's side: its centre and its half-axes (x, y).
PASTE_CENTER, PASTE_RADIUS = (0.5, 0.71), (0.42, 0.29)
PASTE_EXPONENT = 4  # of the superellipse: 2 is an ellipse, infinity a rectangle
FEATHER = 0.3  # width of the soft edge, as a fraction of the half-axes
COLOR_SIZE = 64  # side in pixels at which colours are compared
COLOR_BLUR = 0.12  # as a fraction of the side: finer detail is content, not colour
COLOR_TOLERANCE = 24.0  # grey levels; larger differences are content, not lighting
FACE_WIDTH = 0.75  # width of a face over that of its box; measured on six portraits
MOUTH_SIZE = 96  # side in pixels of a mouth crop
# The mouth crop, in units of the face box's side: its side and the y of its centre.
MOUTH_SIDE, MOUTH_CENTER_Y = 0.6, 0.75


def crop_box(image: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """Crop a box from an image and resize it to a square.

    The box may have fractional edges and may reach beyond the image; border pixels are
    repeated there.

    Args:
        image: u8 [h w c].
        box: x0, y0, x1, y1 in pixels, f32 [4].
        size: Side of the result in pixels.

    Returns:
        The crop, u8 [size size c].
    """
    native_size = max(size, round(_longer_side(box)))  # sample finely, then average
    region = cv2.warpAffine(
        image,
        _crop_to_image(box, native_size),
        (native_size, native_size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return _resize(region, size)


def tight_face_box(box: np.ndarray) -> np.ndarray:
    """Narrow a face box to the width of the face: ear to ear, forehead to chin.

    Published face detectors return boxes of this shape.

    Args:
        box: Square face boxes, f32 [... 4].

    Returns:
        The narrower boxes, f32 [... 4].
    """
    margin = (1 - FACE_WIDTH) / 2 * (box[..., 2] - box[..., 0])
    return box + np.stack([margin, 0 * margin, -margin, 0 * margin], axis=-1)


def crop_mouth(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Crop the mouth, from the tip of the nose to the chin, in grey.

    The crop is taken from the image itself, so it is sharper than the face crop.

    Args:
        image: u8 [h w c=3].
        box: The face box, f32 [4].

    Returns:
        The mouth, u8 [96 96 1].
    """
    return _to_grey(crop_box(image, mouth_box(box), MOUTH_SIZE))


def crop_lower_face(image: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """Crop the lower face in grey: a square around the mouth, as wide as the face box.

    It has the extent of the 136 of 256 pixels of LRW's clips that published lip readers
    use.

    Args:
        image: u8 [h w c=3].
        box: The face box, f32 [4].
        size: Side of the result in pixels.

    Returns:
        The lower face, u8 [size size 1].
    """
    return _to_grey(crop_box(image, mouth_box(box, side=1.0), size))


def _to_grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]


def mouth_box(box: np.ndarray, side: float = MOUTH_SIDE) -> np.ndarray:
    """Return the square around the mouth of a face.

    Args:
        box: The face box, f32 [4].
        side: Side of the square, as a fraction of that of the face box.

    Returns:
        The mouth box, f32 [4].
    """
    x0, y0, x1, y1 = box
    x, y = (x0 + x1) / 2, y0 + MOUTH_CENTER_Y * (y1 - y0)
    half = side * (x1 - x0) / 2
    return np.array([x - half, y - half, x + half, y + half], np.float32)


def crop_colors(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Crop a face at the small size at which `paste_face` compares colours.

    Args:
        image: u8 [h w c=3].
        box: The face box, f32 [4].

    Returns:
        u8 [64 64 c=3].
    """
    return crop_box(image, box, COLOR_SIZE)


def paste_face(
    image: np.ndarray,
    patch: np.ndarray,
    box: np.ndarray,
    colors: np.ndarray | None = None,
) -> np.ndarray:
    """Replace the lower half of a face by that of a generated face.

    The patch has a soft edge, and its colours are matched to the image around it. No
    pixel outside the box or above the nose changes.

    Args:
        image: u8 [h w c=3].
        patch: The generated face, as `crop_box` would cut it, u8 [s s c=3].
        box: The face box, f32 [4].
        colors: The result of `crop_colors`, if it is known.

    Returns:
        A new image, u8 [h w c=3].
    """
    side = min(len(patch), max(1, round(_longer_side(box))))
    mask = _warp_mask(tuple(float(edge) for edge in box), side, *image.shape[:2])
    pasted = image.copy()
    if mask is None:
        return pasted
    color = _resize(patch, side).astype(np.float32)
    colors = crop_colors(image, box) if colors is None else colors
    color += _resize(_color_shift(colors, patch), side)
    height, width, _ = mask.opacity.shape
    blend = cv2.warpAffine(
        color,
        _crop_to_image(np.asarray(box) - np.tile((mask.left, mask.top), 2), side),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
    region = pasted[mask.top : mask.top + height, mask.left : mask.left + width]
    cv2.subtract(blend, region, dst=blend, dtype=cv2.CV_32F)
    cv2.multiply(blend, mask.opacity, dst=blend)
    region[:] = cv2.add(blend, region, dtype=cv2.CV_8U)  # rounded, in [0, 255]
    return pasted


class _WarpedMask(NamedTuple):
    """The part of an image that a patch may change.

    Attributes:
        left: Its first column.
        top: Its first row.
        opacity: Opacity of the patch, f32 [h w c=3].
    """

    left: int
    top: int
    opacity: np.ndarray


@functools.lru_cache(maxsize=1)  # a photo, or a clip with a given box, has one box
def _warp_mask(
    box: tuple[float, ...], side: int, height: int, width: int
) -> _WarpedMask | None:
    """Transform the paste mask to an image; None if no pixel of it is inside.

    Args:
        box: The face box.
        side: Side of the patch in pixels.
        height: Height of the image in pixels.
        width: Width of the image in pixels.

    Returns:
        The mask.
    """
    edges = np.asarray(box)
    left, top = np.maximum(np.floor(edges[:2]), 0).astype(int)
    right, bottom = np.minimum(np.ceil(edges[2:]), (width, height)).astype(int)
    if left >= right or top >= bottom:
        return None
    opacity = cv2.warpAffine(
        _resize(_paste_mask(), side),
        _crop_to_image(edges - np.tile((left, top), 2), side),
        (int(right - left), int(bottom - top)),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
    rows, columns = np.flatnonzero(opacity.any(1)), np.flatnonzero(opacity.any(0))
    if len(rows) == 0:
        return None
    opacity = opacity[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _WarpedMask(
        int(left + columns[0]), int(top + rows[0]), np.dstack([opacity] * 3)
    )


def _color_shift(target: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """Compute what to add to the patch to match the target's colours, f32 [s s c=3].

    The difference is measured where the image stays visible, and is extended smoothly
    into the region that the patch covers.
    """
    difference = target - _resize(patch, COLOR_SIZE).astype(np.float32)
    weight = (1 - _resize(_paste_mask(), COLOR_SIZE)) ** 2
    median = np.median(difference[weight > 0.5], axis=0)
    deviation = np.linalg.norm(difference - median, axis=-1)
    weight = weight * np.exp(-0.5 * (deviation / COLOR_TOLERANCE) ** 2) + 1e-6
    weight = weight[..., None]
    weighted = np.concatenate([difference * weight, weight], axis=-1)
    blurred = cv2.GaussianBlur(
        weighted.astype(np.float32), (0, 0), COLOR_BLUR * COLOR_SIZE
    )
    return blurred[..., :3] / blurred[..., 3:]


@functools.cache
def _paste_mask(size: int = 256) -> np.ndarray:
    """Opacity of the patch, f32 [size size]: 1 at the mouth, 0 at the edge."""
    return soft_superellipse(size, PASTE_CENTER, PASTE_RADIUS, PASTE_EXPONENT, FEATHER)


def soft_superellipse(
    size: int,
    center: tuple[float, float],
    radius: tuple[float, float],
    exponent: float,
    feather: float,
) -> np.ndarray:
    """Compute a region with a soft edge.

    Args:
        size: Side of the image in pixels.
        center: x, y of the centre, in sides of the image.
        radius: Half width and half height.
        exponent: 2 gives an ellipse, infinity a rectangle.
        feather: Width of the soft edge, as a fraction of the radius.

    Returns:
        1 inside, 0 outside, f32 [size size].
    """
    position = (np.arange(size) + 0.5) / size
    x, y = (
        np.abs((position - middle) / half) ** exponent
        for middle, half in zip(center, radius, strict=True)
    )
    distance = (x[None, :] + y[:, None]) ** (1 / exponent)
    fade = np.clip((1 - distance) / feather, 0, 1)
    return (fade * fade * (3 - 2 * fade)).astype(np.float32)


def _longer_side(box: np.ndarray) -> float:
    """Return the longer side of a box in pixels."""
    return float(max(box[2] - box[0], box[3] - box[1]))


def _crop_to_image(box: np.ndarray, size: int) -> np.ndarray:
    """Affine map, f64 [2 3], from the pixels of a `size` crop to those of the image."""
    step_x, step_y = float(box[2] - box[0]) / size, float(box[3] - box[1]) / size
    # Pixel n covers n to n + 1; its centre is at n + 0.5.
    left, top = box[0] + 0.5 * step_x - 0.5, box[1] + 0.5 * step_y - 0.5
    return np.array([[step_x, 0, left], [0, step_y, top]], np.float64)


def _resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resize a square image; pixels are averaged when it shrinks."""
    if len(image) == size:
        return image
    method = cv2.INTER_AREA if size < len(image) else cv2.INTER_CUBIC
    return cv2.resize(image, (size, size), interpolation=method)
