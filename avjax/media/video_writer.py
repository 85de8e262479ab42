"""Writing a video: H.264 picture and AAC sound in one mp4 file, whole or not at all."""

import contextlib
import os
from fractions import Fraction
from typing import Self

import av
import numpy as np
import soxr
from av.error import FFmpegError

from avjax.errors import InputError
from avjax.media.display import BT709, EXACT
from avjax.media.files import refusing, whole_file

AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
QUALITY = {"crf": "18", "preset": "faster"}  # 18: the eye sees no loss


class VideoWriter:
    """Writes images one by one; the file appears when the `with` block ends well.

        with VideoWriter("out.mp4", fps=25, sound=wave) as video:
            for image in images:
                video.write(image)

    fps     frames a second; every image written is one frame of the file
    sound   f32 [n] in [-1, 1], or None; cut or followed by silence to last as long as
            the picture
    rate    samples a second of the sound

    An image of odd height or width gets its last row or column twice.  A full disk, or
    a place that cannot be written, is an InputError; nothing is left behind then.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        fps: float | Fraction,
        sound: np.ndarray | None = None,
        rate: int = 16_000,
    ):
        self.path = path
        self.fps = _exact(fps)
        self.frames = 0
        if sound is not None and rate not in AAC_RATES:
            sound, rate = soxr.resample(sound, rate, 48_000), 48_000
        self._sound, self._rate = sound, rate
        self._heard = 0  # samples given to the encoder

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            part = stack.enter_context(whole_file(self.path))
            with self._refusing():
                options = {"movflags": "faststart"}
                target = f"file:{part}"
                self._file = av.open(target, "w", format="mp4", options=options)
            self._stack = stack.pop_all()
        self._picture = None
        return self

    def write(self, image: np.ndarray) -> None:
        """Appends one image u8 [h w 3]; all must have one size."""
        if self._picture is None:
            self._start(image)
        if image.shape != self._shape:
            raise ValueError(f"image {image.shape} in a video of {self._shape}")
        frame = av.VideoFrame.from_ndarray(_even(image), format="rgb24")
        frame = frame.reformat(
            format="yuv420p",
            dst_colorspace=BT709,
            dst_color_range="MPEG",
            interpolation=EXACT,
        )
        frame.pts, frame.time_base = self.frames, 1 / self.fps
        with self._refusing():
            self._file.mux(self._picture.encode(frame))
            self.frames += 1
            self._hear()

    def __exit__(self, kind, error, trace) -> None:
        if error is None:
            with self._stack:  # removes the temporary file if finishing fails
                self._finish()
            return
        with contextlib.suppress(FFmpegError, OSError):
            self._file.close()
        self._stack.__exit__(kind, error, trace)

    def _start(self, image: np.ndarray) -> None:
        """Opens the streams, now that the size is known."""
        self._shape = image.shape
        height, width, _ = _even(image).shape
        with self._refusing():
            self._picture = self._file.add_stream("libx264", self.fps, options=QUALITY)
            self._picture.width, self._picture.height = width, height
            self._picture.pix_fmt = "yuv420p"
            codec = self._picture.codec_context
            codec.time_base = 1 / self.fps
            codec.colorspace = codec.color_primaries = codec.color_trc = BT709
            codec.color_range = 1
            if self._sound is not None:
                self._voice = self._file.add_stream("aac", self._rate, layout="mono")
                self._voice.codec_context.bit_rate = 128_000

    def _hear(self) -> None:
        """Encodes the sound as far as the picture goes, so that both interleave."""
        if self._sound is None:
            return
        end = round(self.frames * self._rate / self.fps)
        wave = np.zeros(end - self._heard, np.float32)
        given = self._sound[self._heard : end]
        wave[: len(given)] = given
        block = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        block.sample_rate, block.pts = self._rate, self._heard
        block.time_base = Fraction(1, self._rate)
        self._file.mux(self._voice.encode(block))
        self._heard = end

    def _finish(self) -> None:
        if self._picture is None:
            self._file.close()
            raise InputError(f"nothing to write to {self.path}: there is no image")
        with self._refusing():
            self._file.mux(self._picture.encode(None))
            if self._sound is not None:
                self._file.mux(self._voice.encode(None))
            self._file.close()

    @contextlib.contextmanager
    def _refusing(self):
        """A refusal of the system, whoever reports it, as an InputError."""
        with refusing(self.path, "write"):
            try:
                yield
            except FFmpegError as error:
                raise OSError(error.errno, error.strerror) from error


def _exact(fps: float | Fraction) -> Fraction:
    """The rate as a fraction that an mp4 file can state."""
    return Fraction(fps).limit_denominator(1001 if isinstance(fps, float) else 2**16)


def _even(image: np.ndarray) -> np.ndarray:
    """The image with even sides, as the colour format wants them."""
    height, width, _ = image.shape
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(image)
