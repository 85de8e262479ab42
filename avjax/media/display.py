"""Convert decoded frames to upright RGB images with square pixels."""

import dataclasses
from fractions import Fraction
from typing import Self

import av
import numpy as np
from av.video.reformatter import Interpolation

# Without these flags, swscale darkens the image by one grey level and blurs colours.
CONVERSION_FLAGS = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
CONVERSION_FLAGS |= Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
RGB, BT709, UNSPECIFIED, BT601 = 0, 1, 2, 5  # colour spaces, as FFmpeg numbers them
HIGH_DEFINITION = 720  # lines; from here on, players assume BT.709 if none is declared


@dataclasses.dataclass(frozen=True)
class DisplayTransform:
    """Turns the frames of one stream into images, as a video player shows them.

    Attributes:
        stored_size: Width and height in pixels before rotation, pixels made square.
        orientation: Flags: transpose, then flip left-right, then flip top-bottom.
        rotation: Degrees counter-clockwise that `orientation` amounts to.
        colorspace: Colour space of the stored frames, as FFmpeg numbers it.
    """

    stored_size: tuple[int, int]
    orientation: tuple[bool, bool, bool]
    rotation: int
    colorspace: int

    @classmethod
    def from_frame(cls, frame: av.VideoFrame, aspect: Fraction | None) -> Self:
        """Read the transform from the first frame of a stream.

        Args:
            frame: The first decoded frame.
            aspect: Width of a stored pixel over its height; None for square pixels.

        Returns:
            The transform for all frames of the stream.
        """
        colorspace = int(frame.colorspace)
        if colorspace in (UNSPECIFIED, RGB):
            colorspace = BT709 if frame.height >= HIGH_DEFINITION else BT601
        stored_size = (round(frame.width * (aspect or 1)), frame.height)
        rotation = round(frame.rotation) % 360
        return cls(stored_size, _read_orientation(frame), rotation, colorspace)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image in pixels."""
        width, height = self.stored_size
        return (height, width) if self.orientation[0] else (width, height)

    def to_image(self, frame: av.VideoFrame) -> np.ndarray:
        """Return a decoded frame as an upright image, u8 [h w c=3]."""
        width, height = self.stored_size
        image = frame.to_ndarray(
            format="rgb24",
            width=width,
            height=height,
            src_colorspace=self.colorspace,
            interpolation=CONVERSION_FLAGS,
        )
        transpose, flip_horizontal, flip_vertical = self.orientation
        if transpose:
            image = image.swapaxes(0, 1)
        if flip_horizontal:
            image = image[:, ::-1]
        if flip_vertical:
            image = image[::-1]
        return np.ascontiguousarray(image)


def _read_orientation(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """Read the display matrix: x' = a x + c y, y' = b x + d y."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    if abs(int(a)) >= abs(int(b)):
        return False, bool(a < 0), bool(d < 0)
    return True, bool(c < 0), bool(b < 0)
