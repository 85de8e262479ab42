"""Paint the static parts behind the head: wall, neck and shoulders."""

import numpy as np

from avjax.data.puppet.identity import PuppetFace
from avjax.data.puppet.sdf import Canvas, blob, ellipse, grain, smooth_step


def paint_background(canvas: Canvas, face: PuppetFace) -> None:
    """Paint everything behind the head.

    Args:
        canvas: Canvas to paint on, in place.
        face: Shape and colours.
    """
    _paint_wall(canvas, face)
    _paint_body(canvas, face)


def _paint_wall(canvas: Canvas, face: PuppetFace) -> None:
    """Paint the wall, with soft light and shadow."""
    u, v = canvas.u, canvas.v
    canvas.paint(np.ones_like(u), face.wall)
    canvas.shade(smooth_step(v, -0.6, 1.6), 0.80)
    canvas.shade(blob(u, v, (0.30, 0.10), (0.7, 0.6)), 1.12)
    cloud = grain(u, v, 1.7, 1.3, round(1000 * face.cheek))
    canvas.shade(smooth_step(cloud, 0.35, 0.75), 0.90)
    canvas.shade(blob(u, v, (0.56, 0.50), (0.50, 0.62)), 0.88)


def _paint_body(canvas: Canvas, face: PuppetFace) -> None:
    """Paint the neck in the shadow of the chin, and the shoulders with a collar."""
    u, v = canvas.u, canvas.v
    x = np.abs(u - 0.5)
    half_width = 0.62 * face.jaw + 0.02
    neck = x - half_width - 0.10 * smooth_step(v, 0.95, 1.25) ** 2
    mask = canvas.cover(np.maximum(neck, 0.6 - v))
    canvas.paint(mask, tuple(0.90 * value for value in face.skin))
    canvas.shade(mask * (1.0 - smooth_step(v, face.chin - 0.02, 1.22)), 0.60)
    canvas.shade(mask * smooth_step(x, 0.4 * half_width, half_width), 0.80)
    slope = 1.14 + 0.55 * np.maximum(x - 0.20, 0.0) ** 1.25
    slope = slope + 1.9 * np.maximum(x - 0.72, 0.0) ** 2
    collar = ellipse(u, v, (0.5, 1.08), (half_width + 0.05, 0.19))
    shirt = np.maximum((slope - v) * 0.85, -collar)
    mask = canvas.cover(shirt)
    canvas.paint(mask, face.cloth)
    canvas.shade(mask * smooth_step(x, 0.35, 0.95), 0.72)
    canvas.shade(mask * blob(u, v, (0.36, 1.45), (0.25, 0.3)), 1.14)
    seam = np.abs(collar - 0.022) - 0.006
    canvas.shade(mask * canvas.cover(seam), 0.72)
    canvas.shade(mask * np.exp(-np.maximum(collar, 0.0) / 0.02), 0.80)
