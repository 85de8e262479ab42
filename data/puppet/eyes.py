"""Paint eyes in any state of the lids, brows and glasses."""

import numpy as np

from avjax.data.puppet.identity import PuppetFace
from avjax.data.puppet.sdf import Canvas, ellipse, grain, rounded_box, smooth_step

EYE_LINE = 0.40  # height coordinate v of the corners of the eyes
BROW_LINE = 0.296
EYE_WHITE = (0.965, 0.955, 0.94)


def paint_eyes(canvas: Canvas, face: PuppetFace, shut: float) -> None:
    """Paint both eyes.

    Args:
        canvas: Canvas to paint on, in place.
        face: Shape and colours.
        shut: State of the lids; 0 is open, 1 is closed.
    """
    for side in (-1, 1):
        _paint_eye(canvas, face, shut, side)


def _paint_eye(canvas: Canvas, face: PuppetFace, shut: float, side: int) -> None:
    """Paint one eye; `side` is -1 for the left and 1 for the right one."""
    u, v = canvas.u, canvas.v
    at = 0.5 + side * face.eyes
    x = (u - at) * side  # grows outwards
    s = x / face.eye_size
    line = EYE_LINE - face.eye_tilt * x
    ring = np.maximum(1.0 - s * s, 0.0)
    tall = 0.60 * face.eye_size
    top = line - (tall * (1.0 - shut) - 0.22 * face.eye_size * shut) * ring**0.72
    bottom = line + 0.30 * face.eye_size * ring**0.8
    lean = 1.0 / np.sqrt(1.0 + (1.1 * s * tall / face.eye_size) ** 2)
    ends = (np.abs(s) - 1.0) * face.eye_size
    hole = np.maximum(np.maximum(top - v, v - bottom) * lean, ends)
    inside = canvas.cover(hole)
    canvas.tint(inside, EYE_WHITE)
    _paint_iris(canvas, face, at, inside)
    canvas.shade(inside * np.exp(-np.maximum(v - top, 0) / 0.012), 0.62)
    _paint_lashes(canvas, face, s, top, bottom, shut)


def _paint_iris(canvas: Canvas, face: PuppetFace, at: float, inside) -> None:
    """Paint iris, pupil and reflection of one eye at `u = at`."""
    u, v = canvas.u, canvas.v
    radius = 0.52 * face.eye_size
    middle = (at, EYE_LINE - 0.13 * face.eye_size)
    distance = np.hypot(u - middle[0], v - middle[1])
    canvas.tint(inside * canvas.cover(distance - radius), face.iris)
    rim = np.clip((distance / radius - 0.62) / 0.38, 0.0, 1.0)
    canvas.shade(inside * canvas.cover(distance - radius) * rim, 0.45)
    below = smooth_step(v - middle[1], 0.0, radius) * canvas.cover(distance - radius)
    canvas.shade(inside * below, 1.35)
    canvas.tint(inside * canvas.cover(distance - 0.48 * radius), (0.04, 0.03, 0.03))
    spark = (at - 0.36 * radius, middle[1] - 0.38 * radius)
    light = np.hypot(u - spark[0], v - spark[1]) - 0.27 * radius
    canvas.tint(inside * canvas.cover(light), (1.0, 1.0, 1.0))


def _paint_lashes(
    canvas: Canvas, face: PuppetFace, s, top, bottom, shut: float
) -> None:
    """Paint the dark upper rim, the fine lower rim, and the crease of the lid."""
    v, width = canvas.v, face.eye_size
    dark = tuple(0.28 * value for value in face.hair)
    across = (np.abs(s) - 1.04) * width
    thick = 0.0085 + 0.004 * smooth_step(s, -0.2, 1.0)
    upper = np.maximum(np.abs(v - top + thick / 3) - thick, across)
    canvas.tint(canvas.cover(upper), dark)
    lower = np.maximum(np.abs(v - bottom) - 0.002, across + 0.012)
    canvas.tint(0.45 * canvas.cover(lower), tuple(0.5 * c for c in face.skin))
    lid = np.maximum(1.0 - (s / 1.12) ** 2, 0.0) ** 0.7
    crease = EYE_LINE - (0.86 - 0.1 * shut) * width * lid
    fold = np.exp(-(((v - crease) / 0.0075) ** 2)) * smooth_step(
        1.1 - np.abs(s), 0, 0.4
    )
    canvas.shade(0.9 * fold, 0.66)


def paint_brows(canvas: Canvas, face: PuppetFace) -> None:
    """Paint the brows: two tapering arcs in the colour of the hair.

    Args:
        canvas: Canvas to paint on, in place.
        face: Shape and colours.
    """
    color = tuple(0.62 * value for value in face.hair)
    height = BROW_LINE - face.brow_raise
    for side in (-1, 1):
        x = (canvas.u - 0.5) * side
        s = (x - 0.070) / 0.185  # 0 at the nose, 1 at the temple
        inside = np.clip(s, 0.0, 1.0)
        arc = height - 0.026 * np.sin(2.6 * inside) + 0.012 * inside
        thick = face.brow * (1.0 - 0.75 * inside**2) * smooth_step(inside, -0.15, 0.2)
        ends = np.abs(s - 0.5) * 0.185 - 0.0925
        body = np.maximum(np.abs(canvas.v - arc) - thick, ends)
        hairs = grain(canvas.u + 0.8 * side * canvas.v, canvas.v, 110, 14, 3) - 0.5
        mask = smooth_step(-body - 0.006 * hairs, -0.005, 0.005)
        canvas.tint(0.92 * mask, color)


def paint_glasses(canvas: Canvas, face: PuppetFace) -> None:
    """Paint glasses with round (1) or square (2) frames, thin enough to see the eyes.

    Args:
        canvas: Canvas to paint on, in place.
        face: Shape and colours.
    """
    u, v = canvas.u, canvas.v
    wire = (0.13, 0.11, 0.12) if face.glasses == 2 else (0.36, 0.25, 0.16)
    middle = EYE_LINE + 0.008
    rims = np.full_like(u, 1.0)
    for side in (-1, 1):
        at = (0.5 + side * (face.eyes + 0.004), middle)
        if face.glasses == 1:
            rim = ellipse(u, v, at, (0.112, 0.104))
        else:
            rim = rounded_box(u, v, at, (0.118, 0.082), 0.03)
        canvas.tint(0.07 * canvas.cover(rim), (1.0, 1.0, 1.0))
        glint = np.abs(u - at[0] + 0.5 * (v - at[1]) + 0.045) - 0.009
        canvas.tint(0.16 * canvas.cover(np.maximum(rim + 0.012, glint)), (1, 1, 1))
        rims = np.minimum(rims, np.abs(rim) - 0.0065)
    x = np.abs(u - 0.5)
    gap = face.eyes - 0.105
    arc = middle - 0.024 + 0.30 * x * x / max(gap, 0.02)
    rims = np.minimum(rims, np.maximum(np.abs(v - arc) - 0.006, x - gap))
    arm = np.maximum(np.abs(v - middle + 0.012) - 0.006, face.eyes + 0.112 - x)
    rims = np.minimum(rims, np.maximum(arm, x - face.cheek - 0.02))
    canvas.tint(canvas.cover(rims), wire)
