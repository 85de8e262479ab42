"""Sound: any file with a sound in it to a mono wave, and a wave to a file."""

import os
from collections.abc import Iterator

import av
import numpy as np
import soundfile
import soxr
from av.error import FFmpegError

from avjax.errors import InputError
from avjax.media.container import WHOLE, clock_zero, decoded, opened
from avjax.media.files import refusing, whole_file

ENDLESS = 2**32 - 1  # the length of a wave file written while its end was unknown


def read_sound(path: str | os.PathLike, rate: int = 16_000) -> np.ndarray:
    """The sound of any media file as one wave, channels mixed.

    -> f32 [n] in [-1, 1], `rate` samples a second.  Where the picture starts before
    the sound, silence fills the gap, so that both share one clock.
    """
    with opened(path) as container:
        _require_whole(path)
        if not container.streams.audio:
            raise InputError(f"{path} has no sound in it")
        stream = container.streams.audio[0]
        blocks = list(_resampled(_mono(container, stream), stream.rate, rate))
        delay = stream.start_time or 0
        delay = delay * stream.time_base - clock_zero(container)
    if not any(len(block) for block in blocks):
        raise InputError(f"the sound of {path} is empty, or cannot be decoded")
    silence = np.zeros(max(0, round(delay * rate)), np.float32)
    return np.clip(np.concatenate([silence, *blocks]), -1, 1)


def _require_whole(path: str | os.PathLike) -> None:
    """Raises InputError for a wave file that is shorter than its head says."""
    with refusing(path, "read"), open(path, "rb") as file:
        head = file.read(8)
        there = os.fstat(file.fileno()).st_size - 8
    promised = int.from_bytes(head[4:8], "little")
    if head[:4] == b"RIFF" and promised != ENDLESS and there < WHOLE * promised:
        raise InputError(f"{path} is cut off: {there} of {promised} bytes are there")


def _mono(container, stream) -> Iterator[np.ndarray]:
    """Blocks f32 [n] at the stream's own rate."""
    # Into integers, the mixing of channels is scaled never to clip; into floats, not.
    mixer = av.AudioResampler(format="s32", layout="mono", rate=stream.rate)
    try:
        for frame in decoded(container, stream):
            for mixed in mixer.resample(frame):
                yield mixed.to_ndarray()[0].astype(np.float32) / 2**31
        for mixed in mixer.resample(None):
            yield mixed.to_ndarray()[0].astype(np.float32) / 2**31
    except (FFmpegError, ValueError) as error:
        raise InputError(
            f"the sound of {container.name.removeprefix('file:')} changes its format"
        ) from error


def _resampled(
    blocks: Iterator[np.ndarray], old: int, new: int
) -> Iterator[np.ndarray]:
    """The same sound at another rate, block by block."""
    if old == new:
        yield from blocks
        return
    stream = soxr.ResampleStream(old, new, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def write_wav(path: str | os.PathLike, wave: np.ndarray, rate: int = 16_000) -> None:
    """Writes wave [n] in [-1, 1] as 16-bit sound."""
    samples = np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16)
    with whole_file(path) as part, refusing(path, "write"):
        try:
            soundfile.write(part, samples, rate, format="WAV", subtype="PCM_16")
        except soundfile.LibsndfileError as error:
            raise InputError(f"cannot write {path}: {error.error_string}") from error
