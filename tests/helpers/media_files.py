"""Write small media files of many kinds with PyAV."""

import pathlib
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import Interpolation

HEIGHT, WIDTH = 48, 64
LEVELS_PER_FRAME = 4  # of grey between numbered frames
MILLISECOND = Fraction(1, 1000)
AUDIO_RATE = 48_000
BT601 = 5  # the matrix of small videos that declare none
OPTIONS = {  # fast, and of high quality
    "libx264": {"preset": "ultrafast", "crf": "4"},
    "libx265": {
        "preset": "ultrafast",
        "x265-params": "log-level=none:pools=1:frame-threads=1:crf=4",
    },
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "4"},
    "libsvtav1": {"preset": "12", "crf": "10", "svtav1-params": "lp=1"},
    "mpeg2video": {"qmin": "1", "qmax": "2"},
    "mjpeg": {"qmin": "1", "qmax": "2"},
}
FLAGS = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
FLAGS |= Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP


def numbered_image(number: int) -> np.ndarray:
    """Make four fields of colour; the grey of the upper left one is a number."""
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[: HEIGHT // 2, : WIDTH // 2] = 16 + LEVELS_PER_FRAME * number
    image[: HEIGHT // 2, WIDTH // 2 :] = 190, 60, 50
    image[HEIGHT // 2 :, : WIDTH // 2] = 60, 170, 70
    image[HEIGHT // 2 :, WIDTH // 2 :] = 60, 80, 180
    return image


def read_number(image: np.ndarray) -> int:
    """Return the number of an image of `numbered_image`, of any size."""
    corner = image[2 : len(image) // 2 - 4, 2 : image.shape[1] // 2 - 4]
    return round((float(np.median(corner)) - 16) / LEVELS_PER_FRAME)


def write_video(
    path: pathlib.Path,
    images: Iterable[np.ndarray],
    *,
    times: Sequence[int] | None = None,
    fps: int | Fraction = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    setup: Callable[[av.VideoStream], object] = lambda stream: None,
    matrix: int = BT601,
    wave: np.ndarray | None = None,
    audio_codec: str = "aac",
) -> pathlib.Path:
    """Write images u8 or u16 [h w 3] and a waveform f32 [n] at AUDIO_RATE.

    Times are in milliseconds. `setup` gets the video stream before it is opened, and
    `matrix` converts the images to YUV.
    """
    with av.open(str(path), "w") as file:
        settings = {**OPTIONS.get(codec, {}), **(options or {})}
        stream = file.add_stream(codec, fps, options=settings)
        stream.pix_fmt = pix_fmt
        if times is not None:
            stream.codec_context.time_base = MILLISECOND
        setup(stream)
        audio = None
        if wave is not None:
            audio = file.add_stream(audio_codec, AUDIO_RATE, layout="mono")
        images = list(images)
        stream.height, stream.width = images[0].shape[:2]
        for number, image in enumerate(images):
            rgb = "rgb48le" if image.dtype == np.uint16 else "rgb24"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), rgb)
            is_full = pix_fmt.startswith("yuvj")
            frame = frame.reformat(
                format=pix_fmt,
                dst_colorspace=matrix,
                dst_color_range="JPEG" if is_full else "MPEG",
                interpolation=FLAGS,
            )
            if times is not None:
                frame.pts, frame.time_base = times[number], MILLISECOND
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if audio is not None:
            encode_audio(file, audio, wave)
    return path


def encode_audio(file, stream: av.AudioStream, wave: np.ndarray, start: int = 0):
    """Encode a waveform f32 [n] from sample `start` of the track on."""
    for offset in range(0, len(wave), 1024):
        block = np.ascontiguousarray(wave[None, offset : offset + 1024], np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = stream.rate, start + offset
        frame.time_base = Fraction(1, stream.rate)
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))


def write_audio(
    path: pathlib.Path,
    waves: Sequence[np.ndarray],
    *,
    codec: str = "pcm_s16le",
    rate: int = AUDIO_RATE,
    default: int | None = None,
) -> pathlib.Path:
    """Write one mono track for each waveform f32 [n]; mark one track as default."""
    with av.open(str(path), "w") as file:
        streams = [file.add_stream(codec, rate, layout="mono") for _ in waves]
        for number, stream in enumerate(streams):
            stream.disposition = Disposition.default if number == default else 0
        for stream, wave in zip(streams, waves, strict=True):
            encode_audio(file, stream, wave)
    return path


def tone(seconds: float, rate: int = AUDIO_RATE, level: float = 0.3) -> np.ndarray:
    """Make a sine wave of 440 Hz, f32 [n]."""
    time = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
