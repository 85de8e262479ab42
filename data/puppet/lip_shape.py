"""Shape of the mouth: from articulation to four contours and twenty landmarks."""

import dataclasses

import numpy as np

from avjax.data.puppet.identity import PuppetFace
from avjax.data.puppet.visemes import TRACKS

Array = np.ndarray

MOUTH_CENTRE = (0.5, 0.75)  # where closed lips meet, in head units
INNER_WIDTH = 0.90  # half width of the opening, as a fraction of that of the mouth

# Positions across the lips from -1 to 1, the corners: points 48 to 54, 55 to 59, 60 to
# 64 and 65 to 67 of the 68-point scheme, in the image from left to right and back.
_OUTER_UPPER = (-1.0, -0.62, -0.25, 0.0, 0.25, 0.62, 1.0)
_OUTER_LOWER = (0.62, 0.28, 0.0, -0.28, -0.62)
_INNER_UPPER = (-INNER_WIDTH, -0.42, 0.0, 0.42, INNER_WIDTH)
_INNER_LOWER = (0.42, 0.0, -0.42)


@dataclasses.dataclass(frozen=True)
class LipShape:
    """Shape of the mouth in one frame, in head units, for an unmoved head.

    Attributes:
        half: Half width.
        corner: Distance of the corners below the centre.
        up: Opening above the line of the closed lips.
        down: Opening below the line of the closed lips.
        upper: Thickness of the upper lip.
        lower: Thickness of the lower lip.
        power: Exponent of the shape of the opening.
        press: Pressure between the closed lips, 0 to 1.
        teeth: Brightness of the teeth, 0 to 1.
        bite: Value of the bite track.
        tongue: Value of the tongue track.
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
        """Compute the contour of the opening.

        Args:
            s: Positions across the mouth from -1 to 1, [...].

        Returns:
            Height coordinate v of the upper and the lower edge, [...] each.
        """
        line = MOUTH_CENTRE[1] + self.corner * s * s
        arch = np.maximum(1.0 - (s / INNER_WIDTH) ** 2, 0.0) ** self.power
        return line - self.up * arch, line + self.down * arch

    def outline(self, s: Array) -> tuple[Array, Array]:
        """Compute the outer contour of the lips.

        Args:
            s: Positions across the mouth from -1 to 1, [...].

        Returns:
            Height coordinate v of the upper and the lower edge, [...] each.
        """
        above, below = self.opening(s)
        ring = np.maximum(1.0 - s * s, 0.0)
        peaks = np.exp(-(((np.abs(s) - 0.27) / 0.17) ** 2))
        notch = np.exp(-((s / 0.13) ** 2))
        bow = ring**0.85 * (1.0 + 0.20 * peaks - 0.16 * notch)
        return above - self.upper * bow, below + self.lower * ring**0.62

    def landmarks(self) -> Array:
        """Compute the lip landmarks.

        Returns:
            Coordinates u and v of points 48 to 67, [20 2].
        """
        rows = (
            (_OUTER_UPPER, self.outline, 0),
            (_OUTER_LOWER, self.outline, 1),
            (_INNER_UPPER, self.opening, 0),
            (_INNER_LOWER, self.opening, 1),
        )
        points = []
        for positions, contour, edge in rows:
            s = np.array(positions)
            u = MOUTH_CENTRE[0] + self.half * s
            points.append(np.stack([u, contour(s)[edge]], axis=1))
        return np.concatenate(points)


def shape_lips(face: PuppetFace, articulation: Array) -> LipShape:
    """Compute the shape of the mouth from the articulation.

    Args:
        face: Shape of the face.
        articulation: Values of TRACKS in one frame, [a].

    Returns:
        The shape of the mouth.
    """
    track = dict(zip(TRACKS, map(float, articulation), strict=True))
    jaw, width, forward = track["jaw"], track["width"], track["protrusion"]
    bite, teeth = track["bite"], track["teeth"]
    opening = 1.0 - min(max((track["closure"] - 0.10) / 0.60, 0.0), 1.0)
    press = min(max((track["closure"] - 0.60) / 0.35, 0.0), 1.0)
    up = opening * (0.016 * jaw + 0.013 * teeth)
    down = opening * (0.125 * jaw + 0.014 * teeth)
    down += bite * (0.003 - down)
    up += bite * (0.015 - up)
    spread, narrow = max(width, 0.0), min(width, 0.0)
    half = face.mouth * (1.0 + 0.17 * spread + 0.30 * narrow)
    smile = face.smile * (1.0 + 0.5 * spread) * (1.0 - forward) * (1.0 - 0.7 * jaw)
    lit = min(1.0, 0.45 + 0.65 * teeth + 0.3 * bite)
    thick = 1.0 - 0.45 * press
    return LipShape(
        half=half * (1.0 - 0.20 * forward) * (1.0 - 0.10 * jaw),
        corner=0.28 * down - smile,
        up=up + 0.010 * forward * opening,
        down=down,
        upper=face.upper_lip * thick * (1.0 + 0.30 * forward),
        lower=face.lower_lip * thick * (1.0 + 0.25 * forward) * (1.0 - 0.5 * bite),
        power=1.0 - 0.45 * forward - 0.35 * max(jaw - 0.4, 0.0),
        press=press,
        teeth=lit * (1.0 - 0.75 * forward * (1.0 - teeth)),
        bite=bite,
        tongue=track["tongue"],
    )
