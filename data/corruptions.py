"""Noise and compression that is added to clean images, in numpy.

The sensor of a camera makes noise pixel by pixel; the camera then mixes it with
neighbours and other colours. A network that was trained with noise added to finished
images therefore does not denoise photographs.
"""

import dataclasses
from typing import Literal, Protocol

import cv2
import numpy as np

from avjax.data.camera_pipeline import (
    CameraProfile,
    demosaic,
    develop,
    sample_noise_variances,
    sample_profile,
    to_sensor,
)

MIN_BLUR = 0.1  # pixels; OpenCV would choose a width for 0


class Corruption(Protocol):
    """A frozen dataclass of plain values that degrades an image."""

    def add(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Degrade an image.

        Args:
            clean: Image, f32 [h w 3] in [0, 1].
            rng: Random generator.

        Returns:
            Image, f32 [h w 3] in [0, 1].
        """
        ...


@dataclasses.dataclass(frozen=True)
class GaussianNoise:
    """White noise. A grey image gets grey noise, so that it stays grey.

    Attributes:
        sigma: Range of the standard deviation, in pixel values of 8 bits.
    """

    sigma: tuple[float, float] = (5.0, 50.0)

    def add(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add the noise to an image. See `Corruption.add`."""
        noise = white_noise(clean.shape, self.sigma, rng)
        grey = (clean == clean[..., :1]).all()
        return np.clip(clean + (noise[..., :1] if grey else noise), 0, 1)


@dataclasses.dataclass(frozen=True)
class MixedNoise:
    """White noise, speckle, and salt and pepper, one after the other in random order.

    Source: Gunawan et al., 2022, the first stage of training.

    Attributes:
        sigma: Range of the standard deviation of white noise and of speckle, in pixel
            values of 8 bits.
        max_fraction: Largest fraction of values that become salt or pepper.
        reference_compat: As in the published code, leave the last row, the last column
            and the blue channel free of salt and pepper.
    """

    sigma: tuple[float, float] = (5.0, 50.0)
    max_fraction: float = 0.01
    reference_compat: bool = False

    def add(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add the noise to an image. See `Corruption.add`."""
        steps = (self.add_white, self.add_speckle, self.add_salt_and_pepper)
        noisy = clean.astype(np.float32)
        for index in rng.permutation(3):
            noisy = steps[index](noisy, rng)
        return noisy

    def add_white(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add white noise. See `Corruption.add`."""
        return np.clip(image + white_noise(image.shape, self.sigma, rng), 0, 1)

    def add_speckle(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Multiply by 1 plus white noise. See `Corruption.add`."""
        return np.clip(image * (1 + white_noise(image.shape, self.sigma, rng)), 0, 1)

    def add_salt_and_pepper(
        self, image: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Set random values to 1 or 0. See `Corruption.add`."""
        image, shape = image.copy(), np.array(image.shape)
        count = rng.uniform(0, self.max_fraction) * image.size
        salt = rng.uniform(0.3, 0.8)
        for value, fraction in ((1, salt), (0, 1 - salt)):
            limits = shape - 1 if self.reference_compat else shape
            places = rng.integers(limits, size=(round(count * fraction), 3))
            image[tuple(places.T)] = value
        return image


@dataclasses.dataclass(frozen=True)
class CameraNoise:
    """Shot and read noise on a sensor with red, green and blue pixels, then developed.

    Only the noise is mosaicked: demosaicing mixes it with its neighbours, and the image
    stays sharp. Without noise, the image does not change.

    Source: Brooks et al., "Unprocessing Images for Learned Raw Denoising", 2019; the
    prior of SIDD: Zamir et al., 2020 (CycleISP).

    Attributes:
        prior: Distribution of the noise level: of the cameras of DND, or of the phones
            of SIDD.
        jpeg_quality: Range of the quality of JPEG compression; None: no compression.
        luma_smoothing: The camera's own denoising smooths the luma of the noise by a
            Gaussian: range of its standard deviation in pixels.
        chroma_smoothing: Range of that of the chroma.
    """

    prior: Literal["dnd", "sidd"] = "dnd"
    jpeg_quality: tuple[int, int] | None = None
    luma_smoothing: tuple[float, float] = (0.0, 0.0)
    chroma_smoothing: tuple[float, float] = (0.0, 0.0)

    def add(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add the noise to an image. See `Corruption.add`."""
        profile = sample_profile(rng)
        variances = sample_noise_variances(self.prior, rng)
        noisy = self.add_sensor_noise(clean, profile, variances, rng)
        if any((*self.luma_smoothing, *self.chroma_smoothing)):
            luma, chroma = (
                rng.uniform(*limits)
                for limits in (self.luma_smoothing, self.chroma_smoothing)
            )
            noisy = np.clip(clean + smooth_noise(noisy - clean, luma, chroma), 0, 1)
        if self.jpeg_quality is None:
            return noisy
        return compress_jpeg(noisy, self.jpeg_quality, rng)

    def add_sensor_noise(
        self,
        clean: np.ndarray,
        profile: CameraProfile,
        variances: tuple[float, float],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Add noise on the sensor of a camera.

        Args:
            clean: Image, f32 [h w 3] in [0, 1].
            profile: The camera.
            variances: Variances on the sensor: of shot noise, at a light of 1, and of
                read noise.
            rng: Random generator.

        Returns:
            Image, f32 [h w 3] in [0, 1].
        """
        shot, read = variances
        light = to_sensor(clean, profile)
        noise = np.sqrt(shot * light + read) * rng.standard_normal(light.shape)
        noise = demosaic(noise.astype(np.float32))
        difference = develop(light + noise, profile) - develop(light, profile)
        return np.clip(clean + difference, 0, 1)


@dataclasses.dataclass(frozen=True)
class JpegCompression:
    """JPEG compression alone.

    Attributes:
        quality: Range of the quality.
    """

    quality: tuple[int, int] = (30, 95)

    def add(self, clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Compress an image. See `Corruption.add`."""
        return compress_jpeg(clean, self.quality, rng)


def smooth_noise(noise: np.ndarray, luma: float, chroma: float) -> np.ndarray:
    """Smooth the mean of the channels and their differences from it.

    Args:
        noise: Noise, f32 [h w 3].
        luma: Standard deviation of a Gaussian in pixels, for the mean.
        chroma: That of another Gaussian, for the differences.

    Returns:
        Noise, f32 [h w 3].
    """
    grey = np.repeat(noise.mean(axis=-1, keepdims=True), 3, axis=-1)
    return blur(grey, luma) + blur(noise - grey, chroma)


def blur(image: np.ndarray, width: float) -> np.ndarray:
    """Smooth an image by a Gaussian.

    Args:
        image: Image, f32 [h w 3].
        width: Standard deviation in pixels; below `MIN_BLUR` the image stays as it is.

    Returns:
        Image, f32 [h w 3].
    """
    if width < MIN_BLUR:
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), width))


def white_noise(
    shape: tuple[int, ...], sigma: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Sample white noise.

    Args:
        shape: Shape of the result.
        sigma: Range of the standard deviation, in pixel values of 8 bits.
        rng: Random generator.

    Returns:
        Noise, f32, in pixel values of [0, 1].
    """
    scale = rng.uniform(*sigma) / 255
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def compress_jpeg(
    image: np.ndarray, quality: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Compress an image with JPEG, at 8 bits.

    Args:
        image: Image, [h w 3] in [0, 1].
        quality: Range of the JPEG quality, 0 to 100.
        rng: Random generator.

    Returns:
        Image, f32 [h w 3] in [0, 1].
    """
    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    value = int(rng.integers(quality[0], quality[1] + 1))
    flags = [cv2.IMWRITE_JPEG_QUALITY, value]
    blob = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), flags)[1]
    decoded = cv2.imdecode(blob, cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    return decoded.astype(np.float32) / 255
