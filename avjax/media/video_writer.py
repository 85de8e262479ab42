"""Write mp4 files with H.264 video and AAC audio."""

import contextlib
from fractions import Fraction
from typing import Self

import av
import numpy as np
import soxr
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError
from avjax.media.display import BT709, CONVERSION_FLAGS
from avjax.media.files import atomic_file, wrap_os_errors
from avjax.typing import PathLike

AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz
# 18 is visually lossless. Slower presets give the same quality in smaller files, and
# take twice as long ("faster").
X264_OPTIONS = {"crf": "18", "preset": "superfast"}
AUDIO_BIT_RATE = 128_000


class VideoWriter:
    """Write a video image by image.

    The file appears, complete, when the `with` block ends without an error. An image of
    odd height or width is padded by repeating its last row or column.

        with VideoWriter("out.mp4", fps=25, audio=wave) as video:
            for image in images:
                video.write(image)
    """

    def __init__(
        self,
        path: PathLike,
        fps: float | Fraction,
        audio: np.ndarray | None = None,
        sample_rate: int = SAMPLE_RATE,
    ):
        """Prepare to write; the file is created on entering the `with` block.

        Args:
            path: The mp4 file to write.
            fps: Frames per second; each written image is one frame.
            audio: The waveform, f32 [n] in [-1, 1]; None for a silent video. It is cut,
                or padded with silence, to the duration of the video.
            sample_rate: Sample rate of the waveform in Hz.
        """
        self.path = path
        self.fps = _to_fraction(fps)
        self.num_frames = 0
        if audio is not None and sample_rate not in AAC_RATES:
            audio, sample_rate = soxr.resample(audio, sample_rate, 48_000), 48_000
        self._audio, self._sample_rate = audio, sample_rate
        self._num_samples = 0  # samples that have been encoded
        self._shape = None
        self._reformatter = VideoReformatter()  # prepared by the first image

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            temporary = stack.enter_context(atomic_file(self.path))
            with self._wrap_errors():
                options = {"movflags": "faststart"}
                target = f"file:{temporary}"
                self._file = av.open(target, "w", format="mp4", options=options)
            self._stack = stack.pop_all()
        self._video_stream = None
        return self

    def write(self, image: np.ndarray) -> None:
        """Append one image.

        Args:
            image: u8 [h w c=3]; all images must have the same size.

        Raises:
            ValueError: The size differs from that of the first image.
            InputError: The file cannot be written, for example because the disk is
                full.
        """
        stream = self._video_stream
        if stream is None:
            stream = self._open_streams(image)
        if image.shape != self._shape:
            raise ValueError(
                f"the image has shape {image.shape}; the video has {self._shape}"
            )
        frame = av.VideoFrame.from_ndarray(_pad_to_even(image), format="rgb24")
        frame = self._reformatter.reformat(
            frame,
            format="yuv420p",
            dst_colorspace=BT709,
            dst_color_range="MPEG",
            interpolation=CONVERSION_FLAGS,
        )
        frame.pts, frame.time_base = self.num_frames, 1 / self.fps
        with self._wrap_errors():
            self._file.mux(stream.encode(frame))
            self.num_frames += 1
            self._write_audio()

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        if exc_value is None:
            with self._stack:  # removes the temporary file if finishing fails
                self._finish()
            return
        with contextlib.suppress(FFmpegError, OSError):
            self._file.close()
        self._stack.__exit__(exc_type, exc_value, traceback)

    def _open_streams(self, image: np.ndarray) -> av.VideoStream:
        """Open the streams when the size of the images is known."""
        self._shape = image.shape
        height, width, _ = _pad_to_even(image).shape
        with self._wrap_errors():
            stream = self._file.add_stream("libx264", self.fps, options=X264_OPTIONS)
            self._video_stream = stream
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuv420p"
            codec = stream.codec_context
            codec.time_base = 1 / self.fps
            codec.colorspace = codec.color_primaries = codec.color_trc = BT709
            codec.color_range = 1
            if self._audio is not None:
                self._audio_stream = self._file.add_stream(
                    "aac", self._sample_rate, layout="mono"
                )
                self._audio_stream.codec_context.bit_rate = AUDIO_BIT_RATE
        return stream

    def _write_audio(self) -> None:
        """Encode the audio up to the end of the last image, to interleave both."""
        if self._audio is None:
            return
        end = round(self.num_frames * self._sample_rate / self.fps)
        wave = np.zeros(end - self._num_samples, np.float32)
        samples = self._audio[self._num_samples : end]
        wave[: len(samples)] = samples
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = self._sample_rate, self._num_samples
        frame.time_base = Fraction(1, self._sample_rate)
        self._file.mux(self._audio_stream.encode(frame))
        self._num_samples = end

    def _finish(self) -> None:
        if self._video_stream is None:
            self._file.close()
            raise InputError(f"cannot write {self.path}: the video has no images")
        with self._wrap_errors():
            self._file.mux(self._video_stream.encode(None))
            if self._audio is not None:
                self._file.mux(self._audio_stream.encode(None))
            self._file.close()

    @contextlib.contextmanager
    def _wrap_errors(self):
        """Turn errors of FFmpeg and of the system into InputError."""
        with wrap_os_errors(self.path, "write"):
            try:
                yield
            except FFmpegError as error:
                raise OSError(error.errno, error.strerror) from error


def _to_fraction(fps: float | Fraction) -> Fraction:
    """Convert a frame rate to a fraction that an mp4 file can store."""
    return Fraction(fps).limit_denominator(1001 if isinstance(fps, float) else 2**16)


def _pad_to_even(image: np.ndarray) -> np.ndarray:
    """Pad an image to even sides, as the pixel format requires."""
    height, width, _ = image.shape
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(image)
