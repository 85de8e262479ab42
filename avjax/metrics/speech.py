"""Quality of generated speech: STOI, PESQ and mel distance.

Waveforms are float [n] at 16 kHz, in numpy, on the host. If two waveforms differ in
length, the end of the longer one is ignored. The result is NaN if nothing can be
measured, because the target is silent or too short. Silence where there should be
speech gets the worst value.

Except for `mel_distance`, all measures compare samples at the same position: a delay of
20 ms costs several hundredths of STOI. The two scales of PESQ are not comparable.

The packages behind STOI and PESQ are installed by `pip install 'avjax[metrics]'`.
"""

import importlib
import importlib.util
import math
import types
import warnings
from collections.abc import Callable

import numpy as np
import soxr

from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError

MIN_SECONDS = 0.42  # STOI compares 30 frames of 12.8 ms, PESQ a quarter of a second
WORST_PESQ = 1.0
MAX_PESQ_SECONDS = 20  # at most 50 utterances, the limit of PESQ's memory
NARROW_BAND_RATE = 8_000  # Hz


def stoi(pred: np.ndarray, target: np.ndarray) -> float:
    """Compute the short-time objective intelligibility (STOI).

    Frames in which the target is silent do not count.

    Args:
        pred: Generated waveform, [n].
        target: True waveform, [n].

    Returns:
        A number up to 1, or NaN.

    Source:
        Taal et al., ICASSP 2010.
    """
    return _intelligibility(pred, target, extended=False)


def estoi(pred: np.ndarray, target: np.ndarray) -> float:
    """Compute the extended STOI, which also measures modulation across bands.

    Args:
        pred: Generated waveform, [n].
        target: True waveform, [n].

    Returns:
        A number up to 1, or NaN.

    Source:
        Jensen and Taal, 2016.
    """
    return _intelligibility(pred, target, extended=True)


def pesq_narrow(pred: np.ndarray, target: np.ndarray) -> float:
    """Compute the narrow-band PESQ, at 8 kHz.

    Published numbers on GRID are these.

    Args:
        pred: Generated waveform, [n].
        target: True waveform, [n].

    Returns:
        A number from 1.0 to 4.5, or NaN.

    Source:
        ITU-T P.862 with the scale of P.862.1.
    """
    return _quality(pred, target, NARROW_BAND_RATE, "nb")


def pesq_wide(pred: np.ndarray, target: np.ndarray) -> float:
    """Compute the wide-band PESQ, at 16 kHz.

    It is a quarter to a half lower than `pesq_narrow`.

    Args:
        pred: Generated waveform, [n].
        target: True waveform, [n].

    Returns:
        A number from 1.0 to 4.6, or NaN.

    Source:
        ITU-T P.862.2.
    """
    return _quality(pred, target, SAMPLE_RATE, "wb")


def available() -> dict[str, Callable[[np.ndarray, np.ndarray], float]]:
    """Return the waveform metrics whose packages are installed; warn about others.

    Returns:
        {name: metric of a generated and a true waveform}.
    """
    packages = {stoi: "pystoi", estoi: "pystoi", pesq_narrow: "pesq", pesq_wide: "pesq"}
    installed = {
        metric.__name__: metric
        for metric, package in packages.items()
        if importlib.util.find_spec(package)
    }
    names = (metric.__name__ for metric in packages)
    if missing := [name for name in names if name not in installed]:
        warnings.warn(  # Python shows it once
            f"{', '.join(missing)} are omitted: they need pip install 'avjax[metrics]'",
            stacklevel=2,
        )
    return installed


def mel_distance(pred: np.ndarray, target: np.ndarray) -> float:
    """Compute the mean absolute difference of two mel spectrograms.

    Args:
        pred: Generated spectrogram, [f k].
        target: True spectrogram, [f k].

    Returns:
        The distance in the unit of the spectrograms, or NaN if one is empty. Between
        two spectrograms of `avjax.audio.speech_mel.vocoder_mel`, 0.01 is half a dB.
    """
    frames = min(len(pred), len(target))
    if not frames:
        return math.nan
    return float(np.mean(np.abs(pred[:frames] - target[:frames])))


def _intelligibility(pred: np.ndarray, target: np.ndarray, extended: bool) -> float:
    """Compute STOI or extended STOI."""
    package = _import("pystoi")
    waves = _comparable(pred, target)
    if waves is None:
        return math.nan
    pred, target = waves
    if not np.any(pred):
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(package.stoi(target, pred, SAMPLE_RATE, extended=extended))
        except RuntimeWarning:  # too little is left without the silent frames
            return math.nan


def _quality(pred: np.ndarray, target: np.ndarray, rate: int, band: str) -> float:
    """Average PESQ over pieces; on longer waves PESQ would write outside its memory."""
    waves = _comparable(pred, target)
    if waves is None:
        return math.nan
    num_pieces = math.ceil(len(waves[0]) / (MAX_PESQ_SECONDS * SAMPLE_RATE))
    pred_pieces, target_pieces = (np.array_split(wave, num_pieces) for wave in waves)
    values = [
        _quality_of_piece(pred_piece, target_piece, rate, band)
        for pred_piece, target_piece in zip(pred_pieces, target_pieces, strict=True)
    ]
    values = [value for value in values if not math.isnan(value)]
    return float(np.mean(values)) if values else math.nan


def _quality_of_piece(
    pred: np.ndarray, target: np.ndarray, rate: int, band: str
) -> float:
    """Compute PESQ of one piece."""
    package = _import("pesq")
    pred, target = (soxr.resample(wave, SAMPLE_RATE, rate) for wave in (pred, target))
    if not np.any(target):
        return math.nan
    if not np.any(pred):
        return WORST_PESQ
    try:
        return package.pesq(rate, target, pred, band)
    except (package.BufferTooShortError, package.NoUtterancesError):
        return math.nan


def _comparable(
    pred: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Cut both waves to equal length, float64 [n]; None if the target has no speech."""
    samples = min(len(pred), len(target))
    pred, target = (np.asarray(wave[:samples], np.float64) for wave in (pred, target))
    long_enough = samples >= MIN_SECONDS * SAMPLE_RATE
    return (pred, target) if long_enough and np.any(target) else None


def _import(name: str) -> types.ModuleType:
    """Import an optional package."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"speech metrics need the package {name}: pip install 'avjax[metrics]'"
        ) from error
