"""Cutting a face out of an image, and putting it back unseen."""

import functools

import cv2
import numpy as np

CENTRE, REACH = (0.5, 0.71), (0.42, 0.29)  # of the region replaced, in box sides
CORNERS = 4  # 2 would make it an ellipse, infinity a rectangle
FEATHER = 0.3  # of its reach: over how much the patch fades in
COARSE = 64  # pixels a side at which colours are compared
BLUR = 0.12  # of the box's side: what is finer than this is content, not colour
ALIKE = 24.0  # grey levels; who differs more shows something else, not another light
FACE_WIDTH = 0.75  # of the box; by eye, on six portraits
MOUTH = 96  # pixels of the side of a mouth crop
MOUTH_SIDE, MOUTH_HEIGHT = 0.6, 0.75  # of the box: its side, and where its middle is


def crop(image: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """The region `box` [4] of an image, made a square: u8 [size size 3].

    Corners may lie between pixels, and beyond the image: its rim goes on there.
    """
    fine = max(size, round(_longest(box)))  # its own scale, then averaged
    region = cv2.warpAffine(
        image,
        _to_image(box, fine),
        (fine, fine),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return _resized(region, size)


def upright(box: np.ndarray) -> np.ndarray:
    """The middle of a face square, as wide as a face: [... 4] -> [... 4].

    So published detectors of faces cut them: ear to ear, and forehead to chin.
    """
    rim = (1 - FACE_WIDTH) / 2 * (box[..., 2] - box[..., 0])
    return box + np.stack([rim, 0 * rim, -rim, 0 * rim], axis=-1)


def mouth(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The grey square around the mouth of the face in `box` [4]: u8 [96 96 1].

    It reaches from the tip of the nose to the chin, and is cut from the image itself,
    so it is sharper than the face crop.
    """
    return _grey(crop(image, mouth_box(box), MOUTH))


def lower_face(image: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """The grey square around the mouth, as wide as the face square: u8 [size size 1].

    So large are the 136 of 256 pixels of LRW's clips that published readers see.
    """
    return _grey(crop(image, mouth_box(box, side=1.0), size))


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]


def mouth_box(box: np.ndarray, side: float = MOUTH_SIDE) -> np.ndarray:
    """The square around the mouth of a face square, whose side is 1.  [4] -> [4]"""
    x0, y0, x1, y1 = box
    x, y = (x0 + x1) / 2, y0 + MOUTH_HEIGHT * (y1 - y0)
    half = side * (x1 - x0) / 2
    return np.array([x - half, y - half, x + half, y + half], np.float32)


def paste(image: np.ndarray, patch: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The image with the lower half of a face replaced by that of a patch.

    image u8 [h w 3], patch u8 [s s 3] (what crop gave, redrawn), box f32 [4] -> a new
    image.  The patch fades in, in the colours that the image has around it; outside
    the box, and above the nose, no pixel changes.
    """
    height, width = image.shape[:2]
    left, top = np.maximum(np.floor(box[:2]), 0).astype(int)
    right, bottom = np.minimum(np.ceil(box[2:]), (width, height)).astype(int)
    pasted = image.copy()
    if left >= right or top >= bottom:
        return pasted
    side = min(len(patch), max(1, round(_longest(box))))
    fresh = _resized(patch, side).astype(np.float32)
    fresh += _resized(_light(crop(image, box, COARSE), patch), side)
    layers = np.concatenate([fresh, _resized(_mask(), side)[..., None]], axis=-1)
    onto = _to_image(np.asarray(box) - np.array([left, top, left, top]), side)
    layers = cv2.warpAffine(
        layers,
        onto,
        (int(right - left), int(bottom - top)),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
    region = pasted[top:bottom, left:right]
    blend = region + layers[..., 3:] * (layers[..., :3] - region)
    region[:] = np.clip(np.rint(blend), 0, 255)
    return pasted


def _light(around: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """What to add to the patch for the colours of its surroundings, f32 [c c 3].

    It is measured where the image will stay, and carried smoothly into the region that
    the patch will fill.
    """
    difference = around - _resized(patch, COARSE).astype(np.float32)
    weight = (1 - _resized(_mask(), COARSE)) ** 2
    usual = np.median(difference[weight > 0.5], axis=0)
    odd = np.linalg.norm(difference - usual, axis=-1)
    weight = (weight * np.exp(-0.5 * (odd / ALIKE) ** 2) + 1e-6)[..., None]
    known = np.concatenate([difference * weight, weight], axis=-1)
    known = cv2.GaussianBlur(known.astype(np.float32), (0, 0), BLUR * COARSE)
    return known[..., :3] / known[..., 3:]


@functools.cache
def _mask(size: int = 256) -> np.ndarray:
    """How much of the patch is seen, f32 [size size]: 1 at the mouth, 0 at the rim."""
    place = (np.arange(size) + 0.5) / size
    across = np.abs((place - CENTRE[0]) / REACH[0])[None, :]
    down = np.abs((place - CENTRE[1]) / REACH[1])[:, None]
    out = (across**CORNERS + down**CORNERS) ** (1 / CORNERS)
    fade = np.clip((1 - out) / FEATHER, 0, 1)
    return (fade * fade * (3 - 2 * fade)).astype(np.float32)


def _longest(box: np.ndarray) -> float:
    """The longer side of a box, in pixels."""
    return float(max(box[2] - box[0], box[3] - box[1]))


def _to_image(box: np.ndarray, size: int) -> np.ndarray:
    """The affine map [2 3] from the pixels of a `size` crop to those of the image."""
    across, down = float(box[2] - box[0]) / size, float(box[3] - box[1]) / size
    # Pixel n covers n to n + 1, its centre at n + 0.5.
    left, top = box[0] + 0.5 * across - 0.5, box[1] + 0.5 * down - 0.5
    return np.array([[across, 0, left], [0, down, top]], np.float64)


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    """A square image at another size, averaged when it shrinks."""
    if len(image) == size:
        return image
    way = cv2.INTER_AREA if size < len(image) else cv2.INTER_CUBIC
    return cv2.resize(image, (size, size), interpolation=way)
