"""Painting with signed distance fields: a shape covers where its distance is negative.

Coordinates are head units: u to the right, v down; the centre of the face is at
u = 1/2, the mouth at v = 3/4, the crown near v = 0 and the chin near v = 1.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

Array = np.ndarray

DOME_POWER = 2.6  # exponent of a dome; 2 would be an ellipse
Point = tuple[float, float]  # u, v
ColorLike = Sequence[float] | Array  # red, green, blue in [0, 1], [3] or [h w 3]


@dataclasses.dataclass(frozen=True)
class Canvas:
    """An image to paint on, with the coordinates of its pixels.

    Attributes:
        u: Horizontal coordinates of the pixel centres, f32 [h w].
        v: Vertical coordinates of the pixel centres, f32 [h w].
        edge_width: Width of an anti-aliased edge, in head units.
        color: Colours in [0, 1], f32 [h w 3].
        alpha: Opacity in [0, 1], f32 [h w].
    """

    u: Array
    v: Array
    edge_width: float
    color: Array
    alpha: Array

    def cover(self, distance: Array) -> Array:
        """Convert a signed distance to a mask.

        Args:
            distance: Signed distance in head units, [h w].

        Returns:
            Fraction of each pixel that is inside, [h w].
        """
        return np.clip(0.5 - distance / self.edge_width, 0.0, 1.0)

    def paint(self, mask: Array, color: ColorLike) -> None:
        """Paint a colour over the image, in place.

        Args:
            mask: Opacity of the colour, [h w].
            color: Red, green, blue in [0, 1], [3] or [h w 3].
        """
        below = self.alpha * (1.0 - mask)
        self.alpha[...] = mask + below
        self.tint(mask / np.maximum(self.alpha, 1e-6), color)

    def tint(self, mask: Array, color: ColorLike) -> None:
        """Change colours in place without changing the opacity of the image.

        Args:
            mask: Strength of the colour, [h w].
            color: Red, green, blue in [0, 1], [3] or [h w 3].
        """
        weight = mask[..., None]
        self.color[...] += weight * (np.asarray(color, np.float32) - self.color)

    def shade(self, mask: Array, gain: float) -> None:
        """Darken (gain < 1) or lighten the image in place.

        Args:
            mask: Strength of the effect, [h w].
            gain: Factor where the mask is 1.
        """
        self.color[...] *= (1.0 + mask * (gain - 1.0))[..., None]


def make_canvas(
    left: float, top: float, right: float, bottom: float, pixel: float
) -> Canvas:
    """Make an empty canvas over a rectangle, in head units.

    Args:
        left: Left edge.
        top: Top edge.
        right: Right edge.
        bottom: Bottom edge.
        pixel: Side of a pixel.

    Returns:
        A transparent black canvas.
    """
    across = np.arange(left + pixel / 2, right, pixel, dtype=np.float32)
    down = np.arange(top + pixel / 2, bottom, pixel, dtype=np.float32)
    u, v = np.meshgrid(across, down)
    color = np.zeros((*u.shape, 3), np.float32)
    return Canvas(u=u, v=v, edge_width=pixel, color=color, alpha=np.zeros_like(u))


def from_field(field: Array) -> Array:
    """Convert a smooth field to a signed distance, accurate near its zero contour.

    Args:
        field: Any smooth field that is negative inside, [h w].

    Returns:
        Signed distance in pixels, [h w].
    """
    down, across = np.gradient(field)
    return field / np.maximum(np.sqrt(down**2 + across**2), 1e-6)


def ellipse(u: Array, v: Array, centre: Point, radii: Point) -> Array:
    """Compute the signed distance to an ellipse, exact to first order at its edge.

    Args:
        u: Horizontal coordinates, [h w].
        v: Vertical coordinates, [h w].
        centre: Centre of the ellipse.
        radii: Horizontal and vertical radius.

    Returns:
        Signed distance in head units, [h w].
    """
    x, y = (u - centre[0]) / radii[0], (v - centre[1]) / radii[1]
    length = np.sqrt(x * x + y * y)
    slope = np.sqrt((x / radii[0]) ** 2 + (y / radii[1]) ** 2)
    return (length - 1.0) * length / np.maximum(slope, 1e-4)


def dome(u: Array, v: Array, centre: Point, radii: Point) -> Array:
    """Compute the signed distance to a skull: an ellipse, fuller above and below.

    Args:
        u: Horizontal coordinates, [h w].
        v: Vertical coordinates, [h w].
        centre: Centre of the dome.
        radii: Horizontal and vertical radius.

    Returns:
        Signed distance in head units, f32 [h w].
    """
    x, y = (u - centre[0]) / radii[0], np.abs(v - centre[1]) / radii[1]
    field = np.sqrt(x * x + y**DOME_POWER) - 1.0
    return (from_field(field) * (u[0, 1] - u[0, 0])).astype(np.float32)


def blob(u: Array, v: Array, centre: Point, radii: Point) -> Array:
    """Compute a soft spot: a Gaussian that is 1 at its centre.

    Args:
        u: Horizontal coordinates, [h w].
        v: Vertical coordinates, [h w].
        centre: Centre of the spot.
        radii: Horizontal and vertical distance at which it has fallen to 1/e.

    Returns:
        Mask, [h w].
    """
    x, y = (u - centre[0]) / radii[0], (v - centre[1]) / radii[1]
    return np.exp(-(x**2) - y**2)


def stroke(u: Array, v: Array, start: Point, end: Point, width: float) -> Array:
    """Compute the signed distance to a line with round ends.

    Args:
        u: Horizontal coordinates, [h w].
        v: Vertical coordinates, [h w].
        start: One end.
        end: The other end.
        width: Width of the line.

    Returns:
        Signed distance in head units, [h w].
    """
    along = np.subtract(end, start)
    x, y = u - start[0], v - start[1]
    t = np.clip((x * along[0] + y * along[1]) / (along @ along), 0.0, 1.0)
    return np.hypot(x - t * along[0], y - t * along[1]) - width / 2


def rounded_box(u: Array, v: Array, centre: Point, half: Point, corner: float) -> Array:
    """Compute the signed distance to a rectangle with round corners.

    Args:
        u: Horizontal coordinates, [h w].
        v: Vertical coordinates, [h w].
        centre: Centre of the rectangle.
        half: Half width and half height.
        corner: Radius of the corners.

    Returns:
        Signed distance in head units, [h w].
    """
    x = np.abs(u - centre[0]) - half[0] + corner
    y = np.abs(v - centre[1]) - half[1] + corner
    outside = np.hypot(np.maximum(x, 0.0), np.maximum(y, 0.0))
    return outside + np.minimum(np.maximum(x, y), 0.0) - corner


def smooth_step(value: Array | np.float32, start: float, end: float) -> Array:
    """Compute a smooth transition from 0 to 1.

    Args:
        value: Any values, [...].
        start: Largest value that is mapped to 0.
        end: Smallest value that is mapped to 1.

    Returns:
        Values in [0, 1], [...].
    """
    t = np.clip((value - start) / (end - start), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def grain(u: Array, v: Array, count_u: float, count_v: float, seed: int) -> Array:
    """Compute smooth noise that does not depend on the resolution.

    Args:
        u: Horizontal coordinates, [h w].
        v: Vertical coordinates, [h w].
        count_u: Noise cells per head unit, horizontally.
        count_v: Noise cells per head unit, vertically.
        seed: Seed of the noise.

    Returns:
        Noise in [0, 1], [h w].
    """
    x, y = u * count_u + 4096, v * count_v + 4096
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    x, y = smooth_step(x - column, 0, 1), smooth_step(y - row, 0, 1)
    upper = _hash(column, row, seed) * (1 - x) + _hash(column + 1, row, seed) * x
    lower = (
        _hash(column, row + 1, seed) * (1 - x) + _hash(column + 1, row + 1, seed) * x
    )
    return upper * (1 - y) + lower * y


def _hash(column: Array, row: Array, seed: int) -> Array:
    """Hash cells of a grid to numbers in [0, 1]."""
    mixed = (column * 73856093) ^ (row * 19349663) ^ (seed * 83492791)
    mixed = (mixed ^ (mixed >> 13)) * 1274126177 & 0x7FFFFFFF
    return ((mixed ^ (mixed >> 16)) & 0xFFFF).astype(np.float32) / 0xFFFF
