"""How a decoded frame is to be shown: upright, with square pixels, in true colours."""

import dataclasses
from fractions import Fraction
from typing import Self

import av
import numpy as np
from av.video.reformatter import Interpolation

# Without these, conversion darkens each image by a grey level, and smears colours.
EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
EXACT |= Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
UNSPECIFIED = 2  # a file that does not say which colours it means
HIGH_DEFINITION = 720  # lines; from here on players take unmarked colours as BT.709
BT709, BT601 = 1, 5


@dataclasses.dataclass(frozen=True)
class Screen:
    """Turns the frames of one stream into images.

    stored     width and height at which a frame is converted, pixels made square
    turn       is the image transposed, then mirrored left-right, then top-bottom?
    rotation   degrees counter-clockwise that the turn amounts to
    colours    the colour matrix that the frames were stored with
    """

    stored: tuple[int, int]
    turn: tuple[bool, bool, bool]
    rotation: int
    colours: int

    @classmethod
    def of(cls, frame: av.VideoFrame, aspect: Fraction | None) -> Self:
        """The screen that the file asks for, read off its first frame.

        aspect is the width of a stored pixel over its height, None for square ones.
        """
        colours = int(frame.colorspace)
        if colours in (UNSPECIFIED, 0):
            colours = BT709 if frame.height >= HIGH_DEFINITION else BT601
        stored = (round(frame.width * (aspect or 1)), frame.height)
        return cls(stored, _turn(frame), round(frame.rotation) % 360, colours)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image."""
        return self.stored[::-1] if self.turn[0] else self.stored

    def show(self, frame: av.VideoFrame) -> np.ndarray:
        """The frame as an image u8 [h w 3]."""
        width, height = self.stored
        image = frame.to_ndarray(
            format="rgb24",
            width=width,
            height=height,
            src_colorspace=self.colours,
            interpolation=EXACT,
        )
        transposed, mirrored, flipped = self.turn
        if transposed:
            image = image.swapaxes(0, 1)
        if mirrored:
            image = image[:, ::-1]
        if flipped:
            image = image[::-1]
        return np.ascontiguousarray(image)


def _turn(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """Read off the display matrix: x' = a x + c y, y' = b x + d y."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    if abs(int(a)) >= abs(int(b)):
        return False, bool(a < 0), bool(d < 0)
    return True, bool(c < 0), bool(b < 0)
