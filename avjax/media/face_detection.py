"""Finding faces in one image, with the cascades that OpenCV's wheel carries.

The cascades are those of Viola & Jones (2001) as Lienhart trained them.  One proposes;
as it also sees faces in dogs and in crumpled cloth, a proposal counts only if two eyes
are found in it, or if a second cascade is very sure of it.
"""

import functools

import cv2
import numpy as np

# A cascade's rectangle runs from mid-forehead to just below the lips.  In units of its
# side, our square starts this far left of it and above it ...
LEFT, ABOVE = 0.14, 0.13
SIDE = 1.28  # ... and has this side; found by eye on 20 people
SEARCHES = ((480, 40), (960, 24))  # longest side searched, smallest face in it; in turn
AGREEING = 4  # overlapping hits that make a proposal

CLOSE = 160  # pixels a side at which a proposal is looked at again ...
AROUND = 1.4  # ... with this much of its surroundings
EYES = slice(30, 95)  # the rows where eyes would be
SURE = 30  # overlapping hits of the second cascade that need no eyes


def detect(image: np.ndarray) -> np.ndarray:
    """Boxes of the faces in an image u8 [h w 3]: f32 [n 4], largest first.

    A box x0, y0, x1, y1 is a square from above the eyebrows to below the chin, with
    the mouth at 3/4 of its height.  It may reach beyond the image.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    found = np.zeros((0, 4))
    for longest, smallest in SEARCHES:
        proposed = _proposed(grey, longest, smallest)
        found = proposed[[_is_face(grey, rectangle) for rectangle in proposed]]
        if len(found) or longest >= 2 * max(grey.shape):
            break
    return _squares(found[np.argsort(-found[:, 2], kind="stable")])


def _proposed(grey: np.ndarray, longest: int, smallest: int) -> np.ndarray:
    """Rectangles x, y, width, height [n 4] that may hold faces."""
    scale = min(1.0, longest / max(grey.shape))
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rectangles = _cascade("frontalface_alt2").detectMultiScale(
        grey, scaleFactor=1.1, minNeighbors=AGREEING, minSize=(smallest, smallest)
    )
    return np.reshape(rectangles, (-1, 4)) / scale


def _is_face(grey: np.ndarray, rectangle: np.ndarray) -> bool:
    """Whether a closer look finds two eyes, or a second opinion is sure."""
    x, y, side, _ = rectangle
    scale = side * AROUND / CLOSE
    rim = side * (AROUND - 1) / 2
    closer = cv2.warpAffine(
        grey,
        np.array([[scale, 0, x - rim], [0, scale, y - rim]]),
        (CLOSE, CLOSE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    eyes = _cascade("eye_tree_eyeglasses").detectMultiScale(closer[EYES], 1.05, 2)
    if len(eyes) >= 2:
        return True
    half = (CLOSE // 2, CLOSE // 2)
    again = _cascade("frontalface_default")
    _, hits = again.detectMultiScale2(closer, 1.05, 1, minSize=half)
    return bool(np.max(hits, initial=0) >= SURE)


def _squares(rectangles: np.ndarray) -> np.ndarray:
    """Cascade rectangles x, y, width, height [n 4] -> our boxes f32 [n 4]."""
    x, y, side, _ = rectangles.T
    corner = np.stack([x - LEFT * side, y - ABOVE * side], axis=-1)
    far = corner + SIDE * side[:, None]
    return np.concatenate([corner, far], axis=-1).astype(np.float32)


@functools.cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")
