"""Read the audio of any media file as a mono waveform; write a waveform as WAV."""

import wave as wave_module
from collections.abc import Iterator

import numpy as np

from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError
from avjax.media.files import atomic_file, wrap_os_errors
from avjax.media.tracks.audio_track import AudioTrack
from avjax.typing import PathLike


def read_audio(path: PathLike, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Read the audio of a media file, channels mixed to mono.

    Silence fills the time before the track starts and gaps within it, so that audio and
    video share one clock. Of several tracks, see `AudioTrack.find`.

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
    track, is_empty = AudioTrack.find(path), True
    if track is None:
        raise InputError(f"{path} has no audio track")
    for block in track.read(sample_rate):
        is_empty = is_empty and not block.size
        yield np.clip(block[0], -1, 1)
    if is_empty:
        raise InputError(f"the audio track of {path} is empty or cannot be decoded")


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
    with (
        atomic_file(path) as temporary,
        wrap_os_errors(path, "write"),
        open(temporary, "wb") as file,
        wave_module.open(file, "wb") as writer,
    ):
        writer.setparams((1, 2, sample_rate, len(samples), "NONE", ""))
        writer.writeframes(samples.astype("<i2").tobytes())
