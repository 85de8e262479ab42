"""Detect faces in an image with the Haar cascades that come with OpenCV.

One cascade proposes rectangles. It also detects dogs and crumpled cloth, so a
proposal is accepted only if two eyes are found in it, or if a second cascade detects it
with many overlapping hits.

Source:
    Viola and Jones, "Rapid Object Detection using a Boosted Cascade of Simple
    Features", CVPR 2001; cascades trained by R. Lienhart.
"""

import functools

import cv2
import cv2.data
import numpy as np

# A cascade's rectangle spans from mid-forehead to just below the lips. In units of its
# side, the face box starts this far left of it and above it, and has this side. The
# values were measured on 20 people.
BOX_LEFT, BOX_ABOVE, BOX_SIDE = 0.14, 0.13, 1.28
# Searches in this order: longest side of the image, smallest face, both in pixels.
SEARCHES = ((480, 40), (960, 24))
MIN_NEIGHBORS = 4  # overlapping hits that make a proposal

VERIFY_SIZE = 160  # side in pixels at which a proposal is verified
VERIFY_CONTEXT = 1.4  # side of the verified region over that of the proposal
EYE_ROWS = slice(30, 95)  # rows of the verified region in which eyes are searched
MIN_VERIFY_HITS = 30  # overlapping hits of the second cascade that replace the eyes


def detect_faces(image: np.ndarray) -> np.ndarray:
    """Detect the faces in an image.

    A box x0, y0, x1, y1 is a square from above the eyebrows to below the chin, with the
    mouth at 3/4 of its height. It may reach beyond the image.

    Args:
        image: u8 [h w c=3].

    Returns:
        The boxes, f32 [n 4] in pixels, largest first.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    faces = np.zeros((0, 4))
    for longest, smallest in SEARCHES:
        proposals = _propose(grey, longest, smallest)
        faces = proposals[[_is_face(grey, rectangle) for rectangle in proposals]]
        if len(faces) or longest >= 2 * max(grey.shape):
            break
    return _to_boxes(faces[np.argsort(-faces[:, 2], kind="stable")])


def _propose(grey: np.ndarray, longest: int, smallest: int) -> np.ndarray:
    """Find rectangles x, y, width, height [n 4] that may be faces."""
    scale = min(1.0, longest / max(grey.shape))
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rectangles = _cascade("frontalface_alt2").detectMultiScale(
        grey, scaleFactor=1.1, minNeighbors=MIN_NEIGHBORS, minSize=(smallest, smallest)
    )
    return np.reshape(rectangles, (-1, 4)) / scale


def _is_face(grey: np.ndarray, rectangle: np.ndarray) -> bool:
    """Verify a proposal by its eyes or by the second cascade."""
    x, y, side, _ = rectangle
    scale = side * VERIFY_CONTEXT / VERIFY_SIZE
    margin = side * (VERIFY_CONTEXT - 1) / 2
    region = cv2.warpAffine(
        grey,
        np.array([[scale, 0, x - margin], [0, scale, y - margin]]),
        (VERIFY_SIZE, VERIFY_SIZE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    eyes = _cascade("eye_tree_eyeglasses").detectMultiScale(region[EYE_ROWS], 1.05, 2)
    if len(eyes) >= 2:
        return True
    min_size = (VERIFY_SIZE // 2, VERIFY_SIZE // 2)
    second = _cascade("frontalface_default")
    _, hits = second.detectMultiScale2(region, 1.05, 1, minSize=min_size)
    return bool(np.max(hits, initial=0) >= MIN_VERIFY_HITS)


def _to_boxes(rectangles: np.ndarray) -> np.ndarray:
    """Convert cascade rectangles x, y, width, height [n 4] to face boxes f32 [n 4]."""
    x, y, side, _ = rectangles.T
    start = np.stack([x - BOX_LEFT * side, y - BOX_ABOVE * side], axis=-1)
    end = start + BOX_SIDE * side[:, None]
    return np.concatenate([start, end], axis=-1).astype(np.float32)


@functools.cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")
