"""Paint the hair behind and in front of the head, and the beard."""

import numpy as np

from avjax.data.puppet.identity import PuppetFace
from avjax.data.puppet.sdf import Canvas, dome, ellipse, grain, smooth_step

Array = np.ndarray

BALD, SHORT, PARTED, CURLY, LONG, BUN = range(6)


def paint_back_hair(canvas: Canvas, face: PuppetFace) -> None:
    """Paint the hair behind the head.

    Args:
        canvas: Canvas to paint on, in place.
        face: Shape and colours.
    """
    u, v = canvas.u, canvas.v
    x = np.abs(u - 0.5)
    dark = tuple(0.68 * value for value in face.hair)
    if face.hair_style == LONG:
        low = np.maximum(v - 0.30, 0.0)
        side = x - face.cheek - 0.085 - 0.045 * np.sin(3.2 * low)
        tips = 0.05 * (grain(u, v, 16, 1, 4) - 0.5) + 4.0 * np.maximum(x - 0.24, 0) ** 2
        shape = np.maximum(side, np.maximum(v - 1.22 + tips, 0.30 - v))
        top = dome(u, v, (0.5, 0.30), (face.cheek + 0.085, 0.52))
        canvas.paint(canvas.cover(np.minimum(shape, top)), dark)
        _strands(canvas, canvas.cover(np.minimum(shape, top)), 30, 3)
    if face.hair_style == CURLY:
        canvas.paint(canvas.cover(_curls(canvas, face, 0.075)), dark)
    if face.hair_style == BUN:
        bun = ellipse(u, v, (0.5, -0.22), (0.15, 0.13))
        canvas.paint(canvas.cover(bun), face.hair)
        _strands(canvas, canvas.cover(bun), 26, 9)


def paint_front_hair(canvas: Canvas, face: PuppetFace, edge: Array) -> None:
    """Paint the hair on the skull and the forehead.

    Args:
        canvas: Canvas to paint on, in place.
        face: Shape and colours.
        edge: Signed distance to the outline of the head, [h w].
    """
    if face.hair_style == BALD:
        _paint_bald_fringe(canvas, face, edge)
        return
    shape = np.maximum(_cap(canvas, face), canvas.v - _hairline(canvas, face))
    if face.hair_style == CURLY:
        shape = np.maximum(
            _curls(canvas, face, 0.055), canvas.v - _hairline(canvas, face)
        )
    mask = canvas.cover(shape)
    below = np.exp(-np.maximum(shape, 0.0) / 0.018) * canvas.cover(edge) * (1 - mask)
    canvas.shade(below, 0.80)
    canvas.paint(mask, face.hair)
    _strands(canvas, mask, 34, 5)
    shine = np.exp(-(((canvas.v + 0.01 + 0.25 * (canvas.u - 0.45) ** 2) / 0.05) ** 2))
    canvas.tint(0.20 * mask * shine, (1.0, 0.95, 0.88))


def _cap(canvas: Canvas, face: PuppetFace) -> Array:
    """Compute the signed distance to a skull with hair, [h w]."""
    width, height = {
        SHORT: (0.012, 0.045),
        PARTED: (0.025, 0.085),
        CURLY: (0.050, 0.100),
        LONG: (0.045, 0.075),
        BUN: (0.014, 0.050),
    }[face.hair_style]
    lean = 0.03 * (face.hair_style == PARTED)
    return dome(
        canvas.u, canvas.v, (0.5 + lean, 0.37), (face.cheek + width, 0.51 + height)
    )


def _curls(canvas: Canvas, face: PuppetFace, extra: float) -> Array:
    """Compute the signed distance to curly hair, [h w]."""
    around = np.arctan2(canvas.v - 0.34, canvas.u - 0.5)
    bumps = 0.020 * np.abs(np.sin(8.5 * around)) + 0.012 * np.sin(23.0 * around + 1)
    body = dome(canvas.u, canvas.v, (0.5, 0.30), (face.cheek + extra, 0.48 + extra))
    bottom = 0.60 - 0.5 * np.maximum(np.abs(canvas.u - 0.5) - face.cheek + 0.02, 0.0)
    return np.maximum(body - bumps, canvas.v - bottom - bumps)


def _hairline(canvas: Canvas, face: PuppetFace) -> Array:
    """Compute the height of the hairline on forehead and temples: v, [h w]."""
    u = canvas.u
    x = (u - 0.5) / face.cheek
    lateral = np.abs(x)
    burns = 0.44 * smooth_step(lateral, 0.84, 0.99)
    fray = 0.022 * (grain(u, canvas.v, 26, 3, 11) - 0.5)
    if face.hair_style == SHORT:
        line = 0.065 + 0.02 * np.cos(5 * x) + 0.20 * lateral**4
    elif face.hair_style == PARTED:
        from_parting = x + 0.42
        line = 0.03 + np.where(
            from_parting > 0,
            0.16 * np.abs(from_parting) ** 0.8,
            0.35 * np.abs(from_parting) ** 0.8,
        )
    elif face.hair_style == CURLY:
        line = 0.085 + 0.025 * np.abs(np.sin(11 * x)) + 0.15 * lateral**3
    elif face.hair_style == LONG:
        line = 0.005 + 0.30 * lateral**1.3 + 0.9 * smooth_step(lateral, 0.80, 0.97)
    else:
        line = 0.150 + 0.030 * x * x + 0.12 * lateral**4
    return np.maximum(line + fray, burns + fray)


def _paint_bald_fringe(canvas: Canvas, face: PuppetFace, edge: Array) -> None:
    """Paint the hair above the ears of a bald head, and its highlight."""
    x = np.abs(canvas.u - 0.5) / face.cheek
    side = smooth_step(x, 0.86, 0.96) * smooth_step(canvas.v, 0.14, 0.24)
    side *= 1.0 - smooth_step(canvas.v, 0.40, 0.47)
    mask = side * canvas.cover(edge - 0.008)
    canvas.paint(0.85 * mask, face.hair)
    _strands(canvas, mask, 40, 8)
    shine = np.exp(-(((canvas.u - 0.42) / 0.11) ** 2) - ((canvas.v - 0.02) / 0.05) ** 2)
    canvas.tint(0.35 * shine * canvas.cover(edge), (1.0, 0.97, 0.93))


def _strands(canvas: Canvas, mask: Array, fine: float, seed: int) -> None:
    """Paint light and dark strands that run down and slightly outwards."""
    bend = canvas.u + 0.35 * (canvas.u - 0.5) * (canvas.v - 0.2)
    streak = grain(bend, canvas.v, fine, 2.2, seed) - 0.5
    streak = streak + 0.6 * (grain(bend, canvas.v, 2.3 * fine, 4.0, seed + 1) - 0.5)
    canvas.shade(mask * np.maximum(-streak, 0.0), 0.35)
    canvas.shade(mask * np.maximum(streak, 0.0), 1.55)


def paint_beard(canvas: Canvas, face: PuppetFace, edge: Array) -> None:
    """Paint a beard, from stubble to full, and a moustache.

    Args:
        canvas: Canvas to paint on, in place.
        face: Shape and colours.
        edge: Signed distance to the outline of the head, [h w].
    """
    if face.beard <= 0:
        return
    u, v = canvas.u, canvas.v
    x = np.abs(u - 0.5)
    full = smooth_step(np.float32(face.beard), 0.35, 0.75)
    line = 0.820 - 0.34 * smooth_step(x, face.mouth + 0.005, face.cheek + 0.005)
    fray = 0.028 * (grain(u, v, 40, 14, 21) - 0.5)
    body = np.maximum(edge - 0.030 * full, (line - v) * 0.6 + fray)
    bare = ellipse(u, v, (0.5, 0.765), (face.mouth + 0.012, 0.058))
    body = np.maximum(body, -bare)
    mask = smooth_step(-body, -0.006, 0.028)
    strength = 0.22 + 0.72 * full
    color = tuple(0.80 * value for value in face.hair)
    canvas.paint(strength * mask, color)
    lip = x / (face.mouth * 1.10)
    top = 0.655 + 0.030 * lip**2
    bottom = 0.722 + 0.016 * lip**2
    hair = np.maximum(np.maximum(top - v, v - bottom) + 0.4 * fray, (lip - 1) * 0.15)
    moustache = smooth_step(-hair, -0.004, 0.014) * face.moustache
    canvas.tint(min(1.0, strength + 0.1) * moustache, color)
    _strands(canvas, full * np.maximum(mask, moustache), 48, 23)
