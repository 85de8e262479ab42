"""Read the audio of any media file as a mono waveform; write a waveform as WAV."""

import os
from collections.abc import Iterator

import av
import numpy as np
import soundfile
import soxr
from av.container import InputContainer
from av.error import FFmpegError

from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError
from avjax.media.container import (
    MIN_COMPLETE,
    decode_stream,
    file_name,
    open_media,
    seconds_per_unit,
    start_second,
)
from avjax.media.files import atomic_file, wrap_os_errors
from avjax.typing import PathLike

UNKNOWN_LENGTH = 2**32 - 1  # RIFF size of a WAV file that was written as a stream


def read_audio(path: PathLike, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Read the audio of a media file, channels mixed to mono.

    If the audio starts later than the video, silence fills the gap, so that audio and
    video share one clock.

    Args:
        path: An audio file, or a video file with an audio track.
        sample_rate: Sample rate of the result in Hz.

    Returns:
        The waveform, f32 [n] in [-1, 1].

    Raises:
        InputError: The file cannot be read, is cut off, or has no audio.
    """
    return np.concatenate(list(stream_audio(path, sample_rate)))


def stream_audio(path: PathLike, sample_rate: int) -> Iterator[np.ndarray]:
    """Yield the parts of what `read_audio` returns, in bounded memory."""
    is_empty = True
    with open_media(path) as container:
        _check_riff_length(path)
        if not container.streams.audio:
            raise InputError(f"{path} has no audio track")
        stream = container.streams.audio[0]
        delay = (stream.start_time or 0) * seconds_per_unit(stream)
        silence = max(0, round((delay - start_second(container)) * sample_rate))
        blocks = _decode_mono(container, stream)
        for block in _resample(blocks, stream.rate, sample_rate):
            if is_empty and len(block):
                is_empty = False
                yield np.zeros(silence, np.float32)
            yield np.clip(block, -1, 1)
    if is_empty:
        raise InputError(f"the audio track of {path} is empty or cannot be decoded")


def _check_riff_length(path: PathLike) -> None:
    """Raise InputError for a WAV file that is shorter than its header declares."""
    with wrap_os_errors(path, "read"), open(path, "rb") as file:
        header = file.read(8)
        size = os.fstat(file.fileno()).st_size - 8
    declared = int.from_bytes(header[4:8], "little")
    is_wav = header[:4] == b"RIFF" and declared != UNKNOWN_LENGTH
    if is_wav and size < MIN_COMPLETE * declared:
        raise InputError(f"{path} is cut off: it has {size} of {declared} bytes")


def _decode_mono(
    container: InputContainer, stream: av.AudioStream
) -> Iterator[np.ndarray]:
    """Decode the stream to mono blocks f32 [n] at its own sample rate."""
    # For integer formats FFmpeg scales the channel mix so that it never clips; for
    # float formats it does not.
    mixer = av.AudioResampler(format="s32", layout="mono", rate=stream.rate)
    try:
        for frame in decode_stream(container, stream):
            for mixed in mixer.resample(frame):
                yield mixed.to_ndarray()[0].astype(np.float32) / 2**31
        for mixed in mixer.resample(None):
            yield mixed.to_ndarray()[0].astype(np.float32) / 2**31
    except (FFmpegError, ValueError) as error:
        raise InputError(
            f"the audio of {file_name(container)} changes its format half-way"
        ) from error


def _resample(
    blocks: Iterator[np.ndarray], old_rate: int, new_rate: int
) -> Iterator[np.ndarray]:
    """Resample a waveform f32 [n] block by block."""
    if old_rate == new_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(old_rate, new_rate, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def write_wav(path: PathLike, wave: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write a waveform as a 16-bit WAV file.

    Args:
        path: The file to write.
        wave: The waveform, f32 [n] in [-1, 1]; values outside are clipped.
        sample_rate: Sample rate in Hz.

    Raises:
        InputError: The file cannot be written.
    """
    samples = np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16)
    with atomic_file(path) as temporary, wrap_os_errors(path, "write"):
        try:
            soundfile.write(
                temporary, samples, sample_rate, format="WAV", subtype="PCM_16"
            )
        except soundfile.LibsndfileError as error:
            raise InputError(f"cannot write {path}: {error.error_string}") from error
