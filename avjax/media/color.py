"""Convert frames of HDR or of wide gamut to SDR images with the colours of BT.709.

Signals become linear light by their transfer function (PQ and HLG: ITU-R BT.2100; SDR:
the curve of sRGB, IEC 61966-2-1). Light that an SDR display cannot show is compressed
by the EETF of ITU-R BT.2390, section 5.4. Reference white is at 203 cd/m2, as in ITU-R
BT.2408, so that SDR content keeps its brightness in an HDR video except near white.

- PQ encodes absolute light. The peak that is compressed is what the video declares
  (MaxCLL, else the peak of the mastering display), or 1000 cd/m2.
- HLG encodes the light of the scene. It is shown with the system gamma that BT.2390,
  section 6.2, gives for a display of 203 cd/m2.

The curve is computed from the largest of R, G and B, and scales all three, so that no
hue changes. Colours outside of BT.709 are clipped. White stays white.
"""

import dataclasses
import functools
from typing import Self

import av
import cv2
import numpy as np

PQ, HLG = 16, 18  # transfer functions, as ITU-T H.273 numbers them
TRANSFER_NAMES = {PQ: "PQ", HLG: "HLG"}
BT709, BT2020, DCI_P3, DISPLAY_P3 = 1, 9, 11, 12  # primaries, from the same source
CHROMATICITIES = {  # x and y of red, green and blue
    BT709: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    DCI_P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    DISPLAY_P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
D65 = (0.3127, 0.3290)
WHITE_NITS = 203.0  # cd/m2
DEFAULT_PEAK_NITS = 1000.0
HLG_WHITE = 0.75  # signal of reference white, ITU-R BT.2408
HLG_GAMMA = 1.2 * 1.111 ** np.log2(WHITE_NITS / 1000)
LUMINANCE = np.array([[0.2627, 0.6780, 0.0593]], np.float32)  # of BT.2020, for HLG
SIGNALS = np.minimum(np.arange(2**16) / (255 << 8), 1)  # FFmpeg's white is 255 << 8
CURVE_POINTS = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class ColorConversion:
    """Converts the RGB signals of a video to SDR BT.709.

    Attributes:
        transfer: Transfer function of the video, as ITU-T H.273 numbers it.
        matrix: Linear RGB of the video to that of BT.709, f32 [3 3].
        light: Linear light of each 16-bit signal in multiples of white, f32 [65536].
        peak: The brightest light of the video, likewise.
    """

    transfer: int
    matrix: np.ndarray
    light: np.ndarray
    peak: float

    @classmethod
    def from_frame(cls, frame: av.VideoFrame, peak_nits: float | None) -> Self | None:
        """Read how the frames of a stream are converted.

        Args:
            frame: The first decoded frame.
            peak_nits: The declared peak in cd/m2; None if unknown.

        Returns:
            The conversion; None if the frames are shown as stored.
        """
        transfer, primaries = frame.color_trc, frame.color_primaries
        if transfer in TRANSFER_NAMES:
            primaries = primaries if primaries in CHROMATICITIES else BT2020
        elif primaries not in CHROMATICITIES or primaries == BT709:
            return None
        matrix = np.linalg.solve(_to_xyz(BT709), _to_xyz(primaries)).astype(np.float32)
        peak = 1.0
        if transfer == PQ:
            light = pq_to_nits(SIGNALS) / WHITE_NITS
            peak = max(peak, (peak_nits or DEFAULT_PEAK_NITS) / WHITE_NITS)
        elif transfer == HLG:
            light = hlg_to_scene(SIGNALS) / hlg_to_scene(np.array(HLG_WHITE))
            peak = float(light[-1]) ** HLG_GAMMA
        else:
            light = srgb_to_linear(SIGNALS)
        return cls(transfer, matrix, light.astype(np.float32), peak)

    def convert(self, signals: np.ndarray) -> np.ndarray:
        """Convert one frame.

        Args:
            signals: Non-linear RGB of the video, u16 [h w c=3], white at 255 << 8.

        Returns:
            The image, u8 [h w c=3].
        """
        light = self.light[signals]
        if self.transfer == HLG:
            luminance = cv2.transform(light, LUMINANCE)
            light *= np.maximum(luminance, 1e-6)[..., None] ** np.float32(HLG_GAMMA - 1)
        light = np.maximum(cv2.transform(light, self.matrix), 0)
        if self.peak > 1:
            red, green, blue = np.moveaxis(light, -1, 0)
            brightest = np.maximum(np.maximum(red, green), blue)
            gain = np.interp(brightest, *_tone_curve(self.peak))
            light *= gain[..., None].astype(np.float32)
        np.minimum(light, 1, out=light)
        return _SRGB_CODES[(light * 65535).astype(np.uint16)]

    def describe(self) -> str:
        """Describe the conversion as a sentence."""
        if self.transfer in TRANSFER_NAMES:
            name = TRANSFER_NAMES[self.transfer]
            return f"the video is HDR ({name}): its colours are tone-mapped to SDR"
        return "the video has a wide colour gamut: it is converted to that of BT.709"


def pq_to_nits(signal: np.ndarray) -> np.ndarray:
    """Decode PQ signals in [0, 1] to cd/m2 (EOTF, ITU-R BT.2100, table 4)."""
    power = signal ** (32 / 2523)
    ratio = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return 10_000 * ratio ** (16384 / 2610)


def nits_to_pq(nits: np.ndarray) -> np.ndarray:
    """Encode cd/m2 as PQ signals in [0, 1]; the inverse of `pq_to_nits`."""
    power = (nits / 10_000) ** (2610 / 16384)
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** (2523 / 32)


def hlg_to_scene(signal: np.ndarray) -> np.ndarray:
    """Decode HLG signals to scene light, both in [0, 1] (ITU-R BT.2100, table 5)."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def srgb_to_linear(signal: np.ndarray) -> np.ndarray:
    """Decode sRGB signals to linear light, both in [0, 1] (IEC 61966-2-1)."""
    curve = ((signal + 0.055) / 1.055) ** 2.4
    return np.where(signal <= 0.04045, signal / 12.92, curve)


def linear_to_srgb(light: np.ndarray) -> np.ndarray:
    """Encode linear light as sRGB signals; the inverse of `srgb_to_linear`."""
    return np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
    )


@functools.cache
def _tone_curve(peak: float) -> tuple[np.ndarray, np.ndarray]:
    """Sample the EETF: light in multiples of white, and what it is multiplied by."""
    top, white = nits_to_pq(np.array([peak, 1.0]) * WHITE_NITS)
    signal, highest = np.linspace(1e-3, 1, CURVE_POINTS), white / top
    knee = 1.5 * highest - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee
    spline += (t**3 - 2 * t**2 + t) * (1 - knee)
    spline += (3 * t**2 - 2 * t**3) * highest
    mapped = np.where(signal < knee, signal, spline)
    light, result = pq_to_nits(signal * top), pq_to_nits(mapped * top)
    # Light beyond the declared peak is shown as white.
    knots = np.append(light, [2 * light[-1], 100 * light[-1]]) / WHITE_NITS
    return knots, np.append(result / light, [0.5 / peak, 0.01 / peak])


def _to_xyz(primaries: int) -> np.ndarray:
    """Matrix from linear RGB to CIE XYZ, f64 [3 3]; white is D65."""
    red, green, blue = CHROMATICITIES[primaries]
    columns = [(x / y, 1, (1 - x - y) / y) for x, y in (red, green, blue, D65)]
    matrix = np.array(columns[:3]).T
    return matrix * np.linalg.solve(matrix, np.array(columns[3]))


_SRGB_CODES = np.round(255 * linear_to_srgb(np.arange(2**16) / 65535)).astype(np.uint8)
