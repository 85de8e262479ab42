"""How near spoken waves are to the true ones, as numbers that people report.

Waves are [n] at 16 kHz, numpy, on the host; where one is longer, its end is left out.
Not a number where there is nothing to judge by: the truth is silent, or too short.  A
voice that is mute where there is speech gets the worst figure.
The packages behind them come with `pip install 'avjax[metrics]'`.

All but mel_distance compare moments that lie at the same sample: 20 ms of delay cost
STOI several hundredths.  The two scales of PESQ are not comparable with each other.
"""

import importlib
import importlib.util
import math
import types
import warnings
from collections.abc import Callable

import numpy as np
import soxr

from avjax.errors import InputError

RATE = 16_000  # samples a second
SHORTEST_SECONDS = 0.42  # STOI compares 30 frames of 12.8 ms, PESQ a quarter second
WORST_PESQ = 1.0
LONGEST_SECONDS = 20  # has 50 utterances at most, for which PESQ has room


def stoi(spoken: np.ndarray, truth: np.ndarray) -> float:
    """Short-time objective intelligibility, up to 1.  [n], [n] -> a number.

    Source: Taal et al., ICASSP 2010.  The silent frames of the truth do not count.
    """
    return _intelligibility(spoken, truth, extended=False)


def estoi(spoken: np.ndarray, truth: np.ndarray) -> float:
    """Extended STOI, up to 1, which also sees what comes and goes across bands.

    Source: Jensen and Taal, 2016.
    """
    return _intelligibility(spoken, truth, extended=True)


def pesq_narrow(spoken: np.ndarray, truth: np.ndarray) -> float:
    """Quality as on a telephone line, 1.0 to 4.5: both at 8 kHz, narrow band.

    Source: ITU-T P.862 with the scale of P.862.1.  Published figures on GRID are these.
    """
    return _quality(spoken, truth, 8_000, "nb")


def pesq_wide(spoken: np.ndarray, truth: np.ndarray) -> float:
    """Quality as by wide-band telephone, 1.0 to 4.6: at 16 kHz, wide band.

    Source: ITU-T P.862.2.  It reads a quarter to a half lower than pesq_narrow.
    """
    return _quality(spoken, truth, RATE, "wb")


def available() -> dict[str, Callable[[np.ndarray, np.ndarray], float]]:
    """{name: measure of waves}, those whose packages are there."""
    owners = {stoi: "pystoi", estoi: "pystoi", pesq_narrow: "pesq", pesq_wide: "pesq"}
    return {
        measure.__name__: measure
        for measure, package in owners.items()
        if importlib.util.find_spec(package)
    }


def mel_distance(spoken: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute difference of two mels [f k] -> in their own unit.

    Of two audio.speech_mel.voice_mel, 0.01 is half a dB.
    """
    columns = min(len(spoken), len(truth))
    if not columns:
        return math.nan
    return float(np.mean(np.abs(spoken[:columns] - truth[:columns])))


def _intelligibility(spoken: np.ndarray, truth: np.ndarray, extended: bool) -> float:
    package = _package("pystoi")
    waves = _comparable(spoken, truth)
    if waves is None:
        return math.nan
    if not np.any(waves[0]):
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(package.stoi(waves[1], waves[0], RATE, extended=extended))
        except RuntimeWarning:  # too little is left without the silent frames
            return math.nan


def _quality(spoken: np.ndarray, truth: np.ndarray, rate: int, band: str) -> float:
    """The mean over pieces: of a longer wave PESQ would write outside its memory."""
    waves = _comparable(spoken, truth)
    if waves is None:
        return math.nan
    pieces = math.ceil(len(waves[0]) / (LONGEST_SECONDS * RATE))
    cut = zip(*(np.array_split(wave, pieces) for wave in waves), strict=True)
    found = [_quality_of_piece(*piece, rate, band) for piece in cut]
    found = [value for value in found if not math.isnan(value)]
    return float(np.mean(found)) if found else math.nan


def _quality_of_piece(
    spoken: np.ndarray, truth: np.ndarray, rate: int, band: str
) -> float:
    package = _package("pesq")
    spoken, truth = (soxr.resample(wave, RATE, rate) for wave in (spoken, truth))
    if not np.any(truth):
        return math.nan
    if not np.any(spoken):
        return WORST_PESQ
    try:
        return package.pesq(rate, truth, spoken, band)
    except (package.BufferTooShortError, package.NoUtterancesError):
        return math.nan


def _comparable(spoken: np.ndarray, truth: np.ndarray):
    """Both waves as f64 [n], equally long; None where there is nothing to compare to:
    the truth is silent, or too short.
    """
    samples = min(len(spoken), len(truth))
    waves = [np.asarray(wave[:samples], np.float64) for wave in (spoken, truth)]
    enough = samples >= SHORTEST_SECONDS * RATE
    return waves if enough and np.any(waves[1]) else None


def _package(name: str) -> types.ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"to judge speech, {name} is needed: pip install 'avjax[metrics]'"
        ) from error
