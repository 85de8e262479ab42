"""Paint a mouth over the skin of one frame."""

import numpy as np

from avjax.data.puppet.identity import PuppetFace
from avjax.data.puppet.lip_shape import INNER_WIDTH, MOUTH_CENTRE, LipShape
from avjax.data.puppet.sdf import Canvas, blob

_POSITIONS = np.linspace(-1.0, 1.0, 1025)

CAVITY_COLOR = (0.17, 0.045, 0.055)
TOOTH_COLOR = (0.97, 0.955, 0.92)
TONGUE_COLOR = (0.80, 0.38, 0.38)


def paint_mouth(canvas: Canvas, face: PuppetFace, lips: LipShape) -> None:
    """Paint lips, opening, tongue and teeth.

    Args:
        canvas: Canvas to paint on, in place; its u and v are face coordinates.
        face: Colours of the face.
        lips: Shape of the mouth.
    """
    s = (canvas.u - MOUTH_CENTRE[0]) / lips.half
    edges = _Edges(lips, s, canvas)
    _paint_lips(canvas, face, lips, edges)
    inside = canvas.cover(np.maximum(edges.opening_top, edges.opening_bottom))
    inside *= min(1.0, (lips.up + lips.down) / (0.6 * canvas.edge_width))
    _paint_inside(canvas, lips, edges, inside)
    _paint_lip_line(canvas, face, lips, edges)


class _Edges:
    """Signed distances to the four lip contours, [h w], positive outside the shape."""

    def __init__(self, lips: LipShape, s: np.ndarray, canvas: Canvas):
        self.s = s
        top, bottom = lips.outline(_POSITIONS)
        above, below = lips.opening(_POSITIONS)
        place = np.clip((s + 1.0) * 512.0 + 0.5, 0, 1024).astype(np.int32)
        step = lips.half * 2 / 1024
        beyond = (np.abs(s) - 1.0) * lips.half

        def distance(curve, sign):
            lean = 1.0 / np.sqrt(1.0 + (np.gradient(curve) / step) ** 2)
            height = curve.astype(np.float32)[place]
            return sign * (canvas.v - height) * lean.astype(np.float32)[place], height

        self.top, self.top_v = distance(top, -1)
        self.bottom, _ = distance(bottom, 1)
        self.opening_top, self.above_v = distance(above, -1)
        self.opening_bottom, self.below_v = distance(below, 1)
        self.top = np.maximum(self.top, beyond)
        ends = (np.abs(s) - INNER_WIDTH) * lips.half
        self.opening_top = np.maximum(self.opening_top, ends)


def _paint_lips(
    canvas: Canvas, face: PuppetFace, lips: LipShape, edges: _Edges
) -> None:
    """Paint both lips and the shadow under them."""
    v, s = canvas.v, edges.s
    shadow_v = float(MOUTH_CENTRE[1] + lips.down + lips.lower + 0.018)
    under = blob(s, v, (0.0, shadow_v), (0.7, 0.016))
    canvas.shade(under, 0.80)
    lip = np.asarray(face.lip, np.float32)
    both_lips = canvas.cover(np.maximum(edges.top, edges.bottom))
    canvas.tint(both_lips, lip)
    middle = (edges.above_v + edges.below_v) / 2
    upper = both_lips * canvas.cover(v - middle)
    depth = np.clip((v - edges.top_v) / max(lips.upper, 1e-3), 0.0, 1.0)
    canvas.shade(upper * (0.35 + 0.65 * depth), 0.72)
    swell = np.clip((v - edges.below_v) / max(lips.lower, 1e-3), 0.0, 1.0)
    lower = both_lips - upper
    canvas.shade(lower * swell * swell, 0.80)
    shine = np.exp(-(((swell - 0.38) / 0.22) ** 2) - (s / 0.42) ** 2)
    canvas.tint(0.34 * lower * shine, (1.0, 0.93, 0.90))


def _paint_inside(canvas: Canvas, lips: LipShape, edges: _Edges, inside) -> None:
    """Paint the cavity of the mouth with tongue and teeth."""
    v, s = canvas.v, edges.s
    canvas.tint(inside, CAVITY_COLOR)
    _paint_tongue(canvas, lips, s, inside)
    side = np.clip(1.0 - 0.55 * s * s, 0.0, 1.0)
    lit = (lips.teeth * side)[..., None]
    dark = np.asarray(CAVITY_COLOR, np.float32)
    tooth = dark + lit * (np.asarray(TOOTH_COLOR, np.float32) - dark)
    over = inside
    if lips.bite > 0.05:
        reach = canvas.cover(
            np.maximum(edges.opening_top, edges.bottom + 0.5 * lips.lower)
        )
        over = np.maximum(inside, lips.bite * reach)
    tip = MOUTH_CENTRE[1] + 0.019 - 0.016 * s * s + 0.004 * lips.bite
    upper = over * canvas.cover(v - tip) * canvas.cover((np.abs(s) - 0.80) * lips.half)
    canvas.tint(upper, tooth)
    rise = edges.below_v - (0.004 + 0.016 * lips.teeth) + 0.012 * s * s
    lower = inside * canvas.cover(rise - v)
    lower = lower * np.clip(2.6 - 4.0 * np.abs(s), 0.0, 1.0)
    hidden = 1.0 - 0.85 * min(max((lips.tongue - 0.6) / 0.3, 0.0), 1.0)
    canvas.tint(lower * hidden * (1.0 - lips.bite), tooth * np.float32(0.9))
    if lips.tongue > 0.75:
        _paint_tongue_tip(canvas, lips, s, inside)
    lip_shadow = np.clip((v - edges.above_v) / 0.012, 0.0, 1.0)
    canvas.shade(inside * (1.0 - lip_shadow), 0.72)


def _paint_tongue(canvas: Canvas, lips: LipShape, s, inside) -> None:
    """Paint the back of the tongue: a mound whose height follows the tongue track."""
    bottom = MOUTH_CENTRE[1] + lips.down
    height = (0.30 + 0.45 * lips.tongue) * lips.down + 0.004
    mound = canvas.v - (bottom - height * np.clip(1.15 - 1.3 * s * s, 0.0, 1.0))
    mask = inside * canvas.cover(-mound) * canvas.cover((np.abs(s) - 0.72) * lips.half)
    canvas.tint(mask * 0.92, TONGUE_COLOR)
    canvas.shade(mask * np.exp(-((s / 0.10) ** 2)), 0.90)


def _paint_tongue_tip(canvas: Canvas, lips: LipShape, s, inside) -> None:
    """Paint the tip of the tongue, visible between the teeth."""
    amount = min((lips.tongue - 0.75) / 0.2, 1.0)
    top = MOUTH_CENTRE[1] + 0.008 + 0.010 * s * s
    mask = inside * canvas.cover(top - canvas.v)
    mask = mask * canvas.cover((np.abs(s) - 0.50) * lips.half)
    canvas.tint(amount * mask, TONGUE_COLOR)


def _paint_lip_line(
    canvas: Canvas, face: PuppetFace, lips: LipShape, edges: _Edges
) -> None:
    """Paint the line between closed lips, and small shadows at the corners."""
    dark = tuple(0.30 * value for value in face.lip)
    shut = 1.0 - min(1.0, (lips.up + lips.down) / 0.012)
    width = 0.007 + 0.003 * lips.press
    middle = (edges.above_v + edges.below_v) / 2
    gap = np.maximum(
        np.abs(canvas.v - middle) - width / 2, (np.abs(edges.s) - 0.97) * lips.half
    )
    ends = np.clip((np.abs(edges.s) - 0.82) / 0.1, 0.0, 1.0)
    canvas.tint(canvas.cover(gap) * np.maximum(0.9 * shut, 0.6 * ends), dark)
