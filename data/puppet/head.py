"""Paint the head layer: skin and its shading, ears, nose, eyes and hair."""

import numpy as np

from avjax.data.puppet.eyes import paint_brows, paint_eyes, paint_glasses
from avjax.data.puppet.hair import paint_back_hair, paint_beard, paint_front_hair
from avjax.data.puppet.identity import PuppetFace
from avjax.data.puppet.sdf import (
    DOME_POWER,
    Canvas,
    blob,
    ellipse,
    from_field,
    grain,
    smooth_step,
    stroke,
)

Array = np.ndarray

TEMPLE = 0.38  # height coordinate v at which the head is widest


def paint_head(canvas: Canvas, face: PuppetFace, shut: float) -> None:
    """Paint the whole head without its mouth.

    Args:
        canvas: Canvas to paint on, in place.
        face: Shape and colours.
        shut: State of the lids; 0 is open, 1 is closed.
    """
    edge = head_edge(canvas, face)
    paint_back_hair(canvas, face)
    _paint_ears(canvas, face)
    canvas.paint(canvas.cover(edge), face.skin)
    inside = canvas.cover(edge)
    _shade_skin(canvas, face, edge, inside)
    _paint_marks(canvas, face, inside)
    _paint_nose(canvas, face)
    paint_beard(canvas, face, edge)
    paint_eyes(canvas, face, shut)
    paint_brows(canvas, face)
    paint_front_hair(canvas, face, edge)
    if face.glasses:
        paint_glasses(canvas, face)


def head_edge(canvas: Canvas, face: PuppetFace) -> Array:
    """Compute the signed distance to the outline of head and jaw.

    Args:
        canvas: Canvas whose pixels are measured.
        face: Shape of the face.

    Returns:
        Distance in head units, negative inside, f32 [h w].
    """
    length = face.chin - TEMPLE
    below = np.clip((canvas.v - TEMPLE) / length, 0.0, None)
    above = np.clip((TEMPLE - canvas.v) / 0.52, 0.0, None)
    at_mouth = (0.75 - TEMPLE) / length
    power = np.log(1.0 - (face.jaw / face.cheek) ** 2) / np.log(at_mouth)
    x = (canvas.u - 0.5) / face.cheek
    field = np.sqrt(x * x + below**power + above**DOME_POWER) - 1.0
    step = canvas.u[0, 1] - canvas.u[0, 0]
    return (from_field(field) * step).astype(np.float32)


def _paint_ears(canvas: Canvas, face: PuppetFace) -> None:
    """Paint both ears."""
    shadow = tuple(0.72 * value for value in face.skin)
    for side in (-1, 1):
        at = (0.5 + side * (face.cheek + 0.004), 0.475)
        outer = ellipse(canvas.u, canvas.v, at, (0.042, 0.088))
        canvas.paint(canvas.cover(outer), tuple(0.93 * value for value in face.skin))
        inner = blob(canvas.u, canvas.v, (at[0] + side * 0.008, at[1]), (0.02, 0.05))
        canvas.tint(0.8 * inner * canvas.cover(outer), shadow)


def _shade_skin(canvas: Canvas, face: PuppetFace, edge: Array, inside: Array) -> None:
    """Shade the skin with soft light and dark spots: cheeks, eye sockets, chin."""
    u, v = canvas.u, canvas.v
    rim = np.exp(np.minimum(edge, 0.0) / 0.075)
    canvas.shade(inside * rim, 0.74)
    canvas.shade(inside * smooth_step(v, 0.70, 1.0), 0.90)
    canvas.shade(inside * blob(u, v, (0.47, 0.20), (0.20, 0.09)), 1.07)
    canvas.shade(inside * blob(u, v, (0.5, face.chin - 0.055), (0.07, 0.035)), 1.08)
    blush = (face.skin[0], 0.72 * face.skin[1], 0.70 * face.skin[2])
    for side in (-1, 1):
        cheek = (0.5 + side * 0.205, 0.60)
        canvas.tint(0.42 * inside * blob(u, v, cheek, (0.085, 0.065)), blush)
        bone = (0.5 + side * 0.195, 0.535)
        canvas.shade(inside * blob(u, v, bone, (0.09, 0.045)), 1.09)
        socket = (0.5 + side * face.eyes, 0.380)
        canvas.shade(inside * blob(u, v, socket, (0.105, 0.060)), 0.80)
        root = (0.5 + side * 0.062, 0.385)
        canvas.shade(inside * blob(u, v, root, (0.035, 0.055)), 0.86)


def _paint_marks(canvas: Canvas, face: PuppetFace, inside: Array) -> None:
    """Paint freckles and wrinkles."""
    u, v = canvas.u, canvas.v
    if face.freckles:
        spots = grain(u, v, 75, 75, 5) * grain(u, v, 47, 47, 6)
        freckle_mask = blob(np.abs(u - 0.5), v, (0.15, 0.56), (0.13, 0.075)) * inside
        dark = tuple(0.66 * value for value in face.skin)
        canvas.tint(0.6 * freckle_mask * smooth_step(spots, 0.45, 0.62), dark)
    if face.wrinkles <= 0:
        return
    x = np.abs(u - 0.5)
    lines = np.zeros_like(u)
    for start, end, width in (
        ((0.092, 0.634), (0.140, 0.668), 0.003),
        ((0.140, 0.668), (0.172, 0.712), 0.003),
        ((0.172, 0.712), (0.182, 0.745), 0.001),
        ((face.eyes + 0.085, 0.400), (face.eyes + 0.125, 0.380), 0.004),
        ((face.eyes + 0.085, 0.412), (face.eyes + 0.125, 0.425), 0.004),
        ((face.eyes - 0.060, 0.452), (face.eyes + 0.050, 0.458), 0.006),
    ):
        distance = stroke(x, v, start, end, width)
        lines = np.maximum(lines, np.exp(-np.maximum(distance, 0) / 0.007))
    for height in (0.135, 0.175, 0.215):
        wave = v - height - 0.010 * np.cos(9.0 * (u - 0.5))
        folds = np.exp(-((wave / 0.005) ** 2)) * smooth_step(0.20 - x, 0.0, 0.08)
        lines = np.maximum(lines, 0.8 * folds)
    canvas.shade(inside * lines, 1.0 - 0.30 * min(face.wrinkles, 1.0))


def _paint_nose(canvas: Canvas, face: PuppetFace) -> None:
    """Paint the nose: a light ridge, wings, a soft shadow underneath, nostrils."""
    u, v = canvas.u, canvas.v
    length, width = face.nose_length, face.nose_width
    middle = (0.40 + length) / 2
    for side, dark in ((-1, 0.93), (1, 0.84)):
        flank = (0.5 + side * (0.45 * width + 0.012), middle + 0.03)
        canvas.shade(blob(u, v, flank, (0.022, 0.095)), dark)
    canvas.shade(blob(u, v, (0.497, middle - 0.01), (0.020, 0.12)), 1.13)
    canvas.shade(blob(u, v, (0.5, length + 0.036), (1.1 * width, 0.020)), 0.76)
    shadow = tuple(0.62 * value for value in face.skin)
    wing = tuple(0.93 * value for value in face.skin)
    for side in (-1, 1):
        at = (0.5 + side * 0.74 * width, length + 0.004)
        ball = ellipse(u, v, at, (0.42 * width, 0.026))
        outer = canvas.cover(ball) * smooth_step(side * (u - at[0]), -0.01, 0.02)
        canvas.tint(0.75 * outer, wing)
        ridge = np.exp(-((ball / 0.006) ** 2)) * smooth_step(
            side * (u - at[0]), 0, 0.02
        )
        canvas.tint(0.55 * ridge, shadow)
    ball = ellipse(u, v, (0.5, length), (0.62 * width, 0.036))
    canvas.tint(0.55 * canvas.cover(ball / 4), tuple(1.02 * c for c in face.skin))
    for side in (-1, 1):
        hole = ellipse(
            u, v, (0.5 + side * 0.46 * width, length + 0.022), (0.22 * width, 0.009)
        )
        canvas.tint(0.85 * canvas.cover(hole), tuple(0.30 * c for c in face.skin))
    canvas.tint(
        0.35 * blob(u, v, (0.492, length - 0.010), (0.017, 0.015)), (1, 0.98, 0.95)
    )
