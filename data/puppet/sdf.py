"""Pictures from distances: where a shape's signed distance is negative, it covers.

Coordinates are head units: u right, v down, the middle of the face at u = 1/2, the
mouth at v = 3/4, the crown near 0 and the chin near 1.
"""

import dataclasses

import numpy as np

Array = np.ndarray

FULL = 2.6  # the power of a dome's height; 2 would be an ellipse


@dataclasses.dataclass(frozen=True)
class Canvas:
    """A picture to paint on: colours f32 [h w 3], alpha f32 [h w], and where it is.

    u, v [h w] are coordinates of the pixels' middles; soft is the width of an edge.
    """

    u: Array
    v: Array
    soft: float
    color: Array
    alpha: Array

    def cover(self, distance: Array) -> Array:
        """Signed distance [h w] -> how much of each pixel is inside, 0..1."""
        return np.clip(0.5 - distance / self.soft, 0.0, 1.0)

    def paint(self, mask: Array, color) -> None:
        """Lays a colour over what is there, in place; mask [h w] in 0..1."""
        below = self.alpha * (1.0 - mask)
        self.alpha[...] = mask + below
        share = mask / np.maximum(self.alpha, 1e-6)
        self.tint(share, color)

    def tint(self, mask: Array, color) -> None:
        """Colours what is there already and adds nothing around it."""
        share = mask[..., None]
        self.color[...] += share * (np.asarray(color, np.float32) - self.color)

    def shade(self, mask: Array, gain: float) -> None:
        """Makes what is there darker (gain < 1) or lighter where the mask is."""
        self.color[...] *= (1.0 + mask * (gain - 1.0))[..., None]


def make_canvas(left: float, top: float, right: float, bottom: float, pixel: float):
    """An empty canvas over a rectangle; pixel is the side of one of its pixels."""
    across = np.arange(left + pixel / 2, right, pixel, dtype=np.float32)
    down = np.arange(top + pixel / 2, bottom, pixel, dtype=np.float32)
    u, v = np.meshgrid(across, down)
    color = np.zeros((*u.shape, 3), np.float32)
    return Canvas(u=u, v=v, soft=pixel, color=color, alpha=np.zeros_like(u))


def from_field(field: Array) -> Array:
    """Any smooth field [h w], negative inside -> its distance in pixels, near 0."""
    down, across = np.gradient(field)
    return field / np.maximum(np.sqrt(down**2 + across**2), 1e-6)


def ellipse(u: Array, v: Array, at, radii) -> Array:
    """Distance to an ellipse, exact at its edge to first order."""
    x, y = (u - at[0]) / radii[0], (v - at[1]) / radii[1]
    length = np.sqrt(x * x + y * y)
    slope = np.sqrt((x / radii[0]) ** 2 + (y / radii[1]) ** 2)
    return (length - 1.0) * length / np.maximum(slope, 1e-4)


def dome(u: Array, v: Array, at, radii) -> Array:
    """Distance to the like of an ellipse that is fuller above and below: a skull."""
    x, y = (u - at[0]) / radii[0], np.abs(v - at[1]) / radii[1]
    field = np.sqrt(x * x + y**FULL) - 1.0
    return (from_field(field) * (u[0, 1] - u[0, 0])).astype(np.float32)


def blob(u: Array, v: Array, at, radii) -> Array:
    """A soft spot: 1 in its middle, falling off like a bell."""
    return np.exp(-(((u - at[0]) / radii[0]) ** 2) - ((v - at[1]) / radii[1]) ** 2)


def stroke(u: Array, v: Array, start, end, width: float) -> Array:
    """Distance to a line with round ends, width wide."""
    along = np.subtract(end, start)
    x, y = u - start[0], v - start[1]
    place = np.clip((x * along[0] + y * along[1]) / (along @ along), 0.0, 1.0)
    return np.hypot(x - place * along[0], y - place * along[1]) - width / 2


def rounded_box(u: Array, v: Array, at, half, corner: float) -> Array:
    """Distance to a rectangle with round corners; half is its half width and height."""
    x = np.abs(u - at[0]) - half[0] + corner
    y = np.abs(v - at[1]) - half[1] + corner
    outside = np.hypot(np.maximum(x, 0.0), np.maximum(y, 0.0))
    return outside + np.minimum(np.maximum(x, y), 0.0) - corner


def smooth_step(value: Array, start: float, end: float) -> Array:
    """0 before start, 1 after end, no corner between."""
    place = np.clip((value - start) / (end - start), 0.0, 1.0)
    return place * place * (3.0 - 2.0 * place)


def grain(u: Array, v: Array, count_u: float, count_v: float, seed: int) -> Array:
    """Noise in 0..1, smooth over cells of 1/count, the same at every size."""
    x, y = u * count_u + 4096, v * count_v + 4096
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    x, y = smooth_step(x - column, 0, 1), smooth_step(y - row, 0, 1)
    upper = _hash(column, row, seed) * (1 - x) + _hash(column + 1, row, seed) * x
    lower = (
        _hash(column, row + 1, seed) * (1 - x) + _hash(column + 1, row + 1, seed) * x
    )
    return upper * (1 - y) + lower * y


def _hash(column: Array, row: Array, seed: int) -> Array:
    mixed = (column * 73856093) ^ (row * 19349663) ^ (seed * 83492791)
    mixed = (mixed ^ (mixed >> 13)) * 1274126177 & 0x7FFFFFFF
    return ((mixed ^ (mixed >> 16)) & 0xFFFF).astype(np.float32) / 0xFFFF
