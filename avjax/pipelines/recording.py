"""Recordings as the pipelines take them: files, or waveforms."""

import numpy as np

from avjax.audio.loudness import check_waveform
from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError
from avjax.media.audio_io import read_audio
from avjax.typing import PathLike


def read_waveform(audio: PathLike | np.ndarray) -> np.ndarray:
    """Read audio, or check a waveform.

    Args:
        audio: Any file with sound, or a waveform f32 [n] at 16 kHz.

    Returns:
        f32 [n] at 16 kHz.

    Raises:
        InputError: The file has no sound, or the array is not a waveform.
    """
    is_array = isinstance(audio, np.ndarray)
    wave = audio if is_array else read_audio(audio, SAMPLE_RATE)
    check_waveform(wave)
    if not len(wave):
        raise InputError("the audio is empty")
    return wave
