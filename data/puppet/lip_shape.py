"""The shape of the mouth: from articulation to four contours and twenty landmarks."""

import dataclasses

import numpy as np

from avjax.data.puppet.identity import Face
from avjax.data.puppet.visemes import TRACKS

Array = np.ndarray

MIDDLE = (0.5, 0.75)  # where closed lips meet, in head units
INNER = 0.90  # the opening ends at this share of the half width

# Places across the lips, -1 and 1 being the corners: points 48..54, 55..59, 60..64,
# 65..67 of the 68-point scheme, as seen in the picture from left to right and back.
_OUTER_UPPER = (-1.0, -0.62, -0.25, 0.0, 0.25, 0.62, 1.0)
_OUTER_LOWER = (0.62, 0.28, 0.0, -0.28, -0.62)
_INNER_UPPER = (-INNER, -0.42, 0.0, 0.42, INNER)
_INNER_LOWER = (0.42, 0.0, -0.42)


@dataclasses.dataclass(frozen=True)
class Lips:
    """One frame's mouth in head units, before the head moves.

    half     half width                 up, down        opening above, below the line
    corner   how far corners hang       upper, lower    thickness of the lips
    power    shape of the opening       press           0..1 pressed shut
    teeth    0..1 how much light they get               bite, tongue  as articulated
    """

    half: float
    corner: float
    up: float
    down: float
    upper: float
    lower: float
    power: float
    press: float
    teeth: float
    bite: float
    tongue: float

    def opening(self, s: Array) -> tuple[Array, Array]:
        """Places s [...] across -> v of the opening's upper and lower edge."""
        line = MIDDLE[1] + self.corner * s * s
        arch = np.maximum(1.0 - (s / INNER) ** 2, 0.0) ** self.power
        return line - self.up * arch, line + self.down * arch

    def outline(self, s: Array) -> tuple[Array, Array]:
        """Places s [...] across -> v of the upper and lower border of the lips."""
        above, below = self.opening(s)
        ring = np.maximum(1.0 - s * s, 0.0)
        peaks = np.exp(-(((np.abs(s) - 0.27) / 0.17) ** 2))
        notch = np.exp(-((s / 0.13) ** 2))
        bow = ring**0.85 * (1.0 + 0.20 * peaks - 0.16 * notch)
        return above - self.upper * bow, below + self.lower * ring**0.62

    def landmarks(self) -> Array:
        """-> [20 2] u and v of points 48..67."""
        rows = (
            (_OUTER_UPPER, self.outline, 0),
            (_OUTER_LOWER, self.outline, 1),
            (_INNER_UPPER, self.opening, 0),
            (_INNER_LOWER, self.opening, 1),
        )
        points = []
        for places, edges, which in rows:
            s = np.array(places)
            points.append(
                np.stack([MIDDLE[0] + self.half * s, edges(s)[which]], axis=1)
            )
        return np.concatenate(points)


def shape_lips(face: Face, articulation: Array) -> Lips:
    """articulation [a] of one frame -> the mouth of this face."""
    track = dict(zip(TRACKS, map(float, articulation), strict=True))
    jaw, width, forward = track["jaw"], track["width"], track["protrusion"]
    bite, teeth = track["bite"], track["teeth"]
    apart = 1.0 - min(max((track["closure"] - 0.10) / 0.60, 0.0), 1.0)
    press = min(max((track["closure"] - 0.60) / 0.35, 0.0), 1.0)
    up = apart * (0.016 * jaw + 0.013 * teeth)
    down = apart * (0.125 * jaw + 0.014 * teeth)
    down += bite * (0.003 - down)
    up += bite * (0.015 - up)
    spread, narrow = max(width, 0.0), min(width, 0.0)
    half = face.mouth * (1.0 + 0.17 * spread + 0.30 * narrow)
    smile = face.smile * (1.0 + 0.5 * spread) * (1.0 - forward) * (1.0 - 0.7 * jaw)
    lit = min(1.0, 0.45 + 0.65 * teeth + 0.3 * bite)
    thick = 1.0 - 0.45 * press
    return Lips(
        half=half * (1.0 - 0.20 * forward) * (1.0 - 0.10 * jaw),
        corner=0.28 * down - smile,
        up=up + 0.010 * forward * apart,
        down=down,
        upper=face.upper_lip * thick * (1.0 + 0.30 * forward),
        lower=face.lower_lip * thick * (1.0 + 0.25 * forward) * (1.0 - 0.5 * bite),
        power=1.0 - 0.45 * forward - 0.35 * max(jaw - 0.4, 0.0),
        press=press,
        teeth=lit * (1.0 - 0.75 * forward * (1.0 - teeth)),
        bite=bite,
        tongue=track["tongue"],
    )
