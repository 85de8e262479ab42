"""Convert decoded frames to upright RGB images with square pixels."""

import dataclasses
from fractions import Fraction
from typing import Self

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import Interpolation, VideoReformatter

from avjax.media.color import TRANSFER_NAMES, ColorConversion

# Without these flags, swscale darkens the image by one grey level and blurs colours.
CONVERSION_FLAGS = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
CONVERSION_FLAGS |= Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
# Matrices from RGB to the stored colours, as FFmpeg and ITU-T H.273 number them.
RGB, BT709, UNSPECIFIED, BT601, BT2020 = 0, 1, 2, 5, 9
CONVERTIBLE = {BT709, 4, BT601, 6, 7, BT2020}  # by FFmpeg's swscale
SIMILAR = {10: BT2020}  # BT.2020 of constant luminance
HIGH_DEFINITION = 720  # lines; from here on, players assume BT.709 if none is declared
SIDE_DATA = ("DISPLAYMATRIX", "CONTENT_LIGHT_LEVEL", "MASTERING_DISPLAY_METADATA")
UNKNOWN_SIDE_DATA = range(28, 64)  # types of FFmpeg that PyAV cannot name


@dataclasses.dataclass(frozen=True)
class DisplayTransform:
    """Turns the frames of one stream into images, as a video player shows them.

    Attributes:
        stored_size: Width and height in pixels before rotation, pixels made square.
        orientation: Flags: transpose, then flip left-right, then flip top-bottom.
        rotation: Degrees counter-clockwise that `orientation` amounts to.
        matrix: Colour matrix of the stored frames, as FFmpeg numbers it.
        conversion: Conversion of HDR and of a wide gamut; None for other videos.
        remarks: Sentences on what is not shown as stored.
    """

    stored_size: tuple[int, int]
    orientation: tuple[bool, bool, bool]
    rotation: int
    matrix: int
    conversion: ColorConversion | None = None
    remarks: tuple[str, ...] = ()
    # Prepared once; for each frame alone, that takes longer than the conversion.
    _reformatter: VideoReformatter = dataclasses.field(
        default_factory=VideoReformatter, init=False, repr=False, compare=False
    )

    @classmethod
    def from_frame(cls, frame: av.VideoFrame, aspect: Fraction | None) -> Self:
        """Read the transform from the first frame of a stream.

        Args:
            frame: The first decoded frame.
            aspect: Width of a stored pixel over its height; None for square pixels.

        Returns:
            The transform for all frames of the stream.
        """
        side_data = _read_side_data(frame)
        conversion = ColorConversion.from_frame(frame, _declared_peak(side_data))
        matrix, remarks = _choose_matrix(frame)
        if conversion:
            remarks = (*remarks, conversion.describe())
        return cls(
            stored_size=(round(frame.width * (aspect or 1)), frame.height),
            orientation=_read_orientation(side_data),
            rotation=round(frame.rotation) % 360,
            matrix=matrix,
            conversion=conversion,
            remarks=remarks,
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image in pixels."""
        width, height = self.stored_size
        return (height, width) if self.orientation[0] else (width, height)

    def to_image(self, frame: av.VideoFrame) -> np.ndarray:
        """Return a decoded frame as an upright image, u8 [h w c=3]."""
        width, height = self.stored_size
        image = self._reformatter.reformat(
            frame,
            format="gbrp16le" if self.conversion else "rgb24",
            width=width,
            height=height,
            src_colorspace=self.matrix,
            interpolation=CONVERSION_FLAGS,
        ).to_ndarray()
        if self.conversion:
            image = self.conversion.convert(image)
        transpose, flip_horizontal, flip_vertical = self.orientation
        if transpose:
            image = image.swapaxes(0, 1)
        if flip_horizontal:
            image = image[:, ::-1]
        if flip_vertical:
            image = image[::-1]
        return np.ascontiguousarray(image)


def _choose_matrix(frame: av.VideoFrame) -> tuple[int, tuple[str, ...]]:
    """Choose the colour matrix; say so if it is not the one of the file."""
    declared = int(frame.colorspace)
    if declared in CONVERTIBLE:
        return declared, ()
    default = BT709 if frame.height >= HIGH_DEFINITION else BT601
    default = BT2020 if frame.color_trc in TRANSFER_NAMES else default
    if declared in (UNSPECIFIED, RGB):
        return default, ()
    remark = (
        f"warning: the colour matrix of the video (number {declared} of ITU-T H.273) "
        "is not supported; its colours may be wrong"
    )
    return SIMILAR.get(declared, default), (remark,)


def _read_side_data(frame: av.VideoFrame) -> dict[str, bytes]:
    """Read what accompanies a frame, by the names in SIDE_DATA."""
    try:
        found = {name: frame.side_data.get(name) for name in SIDE_DATA}
    except ValueError:  # PyAV cannot name the type of some of it, such as EXIF
        return _read_side_data(_drop_unknown_side_data(frame))
    return {name: bytes(item) for name, item in found.items() if item is not None}


def _drop_unknown_side_data(frame: av.VideoFrame) -> av.VideoFrame:
    """Return a frame without the side data that PyAV cannot name."""
    graph = Graph()
    source = node = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base,
    )
    filters = [("sidedata", f"mode=delete:type={kind}") for kind in UNKNOWN_SIDE_DATA]
    for name, arguments in [*filters, ("buffersink", None)]:
        following = graph.add(name, arguments)
        node.link_to(following)
        node = following
    graph.configure()
    source.push(frame)
    stripped = node.pull()
    assert isinstance(stripped, av.VideoFrame)
    return stripped


def _declared_peak(side_data: dict[str, bytes]) -> float | None:
    """Read the brightest light of an HDR video in cd/m2, if it is declared."""
    if "CONTENT_LIGHT_LEVEL" in side_data:
        max_cll = np.frombuffer(side_data["CONTENT_LIGHT_LEVEL"], np.uint32)[0]
        if max_cll:
            return float(max_cll)
    # Fractions: 3 primaries and white (x, y), lowest and highest luminance; 2 flags.
    if "MASTERING_DISPLAY_METADATA" in side_data:
        numbers = np.frombuffer(side_data["MASTERING_DISPLAY_METADATA"], np.int32)
        if len(numbers) >= 22 and numbers[21] and numbers[18] > 0 and numbers[19] > 0:
            return float(numbers[18] / numbers[19])
    return None


def _read_orientation(side_data: dict[str, bytes]) -> tuple[bool, bool, bool]:
    """Read the display matrix: x' = a x + c y, y' = b x + d y."""
    matrix = side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    if abs(int(a)) >= abs(int(b)):
        return False, bool(a < 0), bool(d < 0)
    return True, bool(c < 0), bool(b < 0)
