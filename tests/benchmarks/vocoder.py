"""Compare the error and the speed of our Griffin-Lim vocoder with those of librosa.

    python tests/benchmarks/vocoder.py AUDIO... [--json PATH]

Each file becomes a vocoder_mel and a waveform again by both vocoders, in turns in one
process: ours is `GriffinLim()` with its defaults, librosa's is mel_to_stft
(non-negative least squares) and griffinlim with the same window, iterations and
momentum. The error is the mean absolute log-mel error in dB over the mel frames that
both have; STOI is reported as well. Programs are compiled before the time is measured.

Nothing else needs librosa: PYTHONPATH may point to an installation elsewhere.
"""

import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from avjax.algorithms.griffin_lim import GriffinLim
from avjax.audio.speech_mel import (
    SPEECH_MEL_HOP,
    VOCODER_DB_PER_UNIT,
    VOCODER_FFT,
    pre_emphasize,
    prepare_vocoder_audio,
    vocoder_mel,
)
from avjax.constants import SAMPLE_RATE
from avjax.media.audio_io import read_audio
from avjax.metrics.speech import mel_distance, stoi
from avjax.train.ablations.results import ResultTable, make_parser

ROUNDS = 3
IGNORED_MEL_FRAMES = 4  # at the end, where librosa's shorter waveform has no window


class Result(NamedTuple):
    """Quality and time of one vocoder on one file."""

    error_db: float
    stoi: float
    seconds: float


def vocode_ours(mel: np.ndarray) -> np.ndarray:
    """Compute a waveform with our vocoder."""
    return np.asarray(GriffinLim()(mel[None])[0])


def vocode_librosa(mel: np.ndarray) -> np.ndarray:
    """Compute a waveform with librosa."""
    import librosa
    import scipy.signal

    config = GriffinLim()
    bands = 10 ** ((mel.T - 1) * np.float32(VOCODER_DB_PER_UNIT / 20))
    magnitude = librosa.feature.inverse.mel_to_stft(
        bands, sr=SAMPLE_RATE, n_fft=VOCODER_FFT, power=1, fmin=55, fmax=7500
    )
    wave = librosa.griffinlim(
        magnitude,
        n_iter=config.iterations,
        momentum=config.momentum,
        hop_length=SPEECH_MEL_HOP,
        random_state=0,
    )
    wave = scipy.signal.lfilter([1], [1, -config.pre_emphasis], wave)
    return wave.astype(np.float32)


VOCODERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ours": vocode_ours,
    "librosa": vocode_librosa,
}


def mel_error_db(wave: np.ndarray, mel: np.ndarray) -> float:
    """Compute the mean absolute log-mel error in dB."""
    frames = len(mel) - IGNORED_MEL_FRAMES
    return VOCODER_DB_PER_UNIT * mel_distance(
        vocoder_mel(pre_emphasize(wave))[:frames], mel
    )


def compare(path: pathlib.Path) -> dict[str, Result]:
    """Measure both vocoders on one file."""
    audio = read_audio(path, SAMPLE_RATE)
    audio = audio * (0.9 / np.max(np.abs(audio)))
    mel = vocoder_mel(prepare_vocoder_audio(audio))
    waves = {name: vocode(mel) for name, vocode in VOCODERS.items()}
    times = {name: [] for name in VOCODERS}
    for _ in range(ROUNDS):
        for name, vocode in VOCODERS.items():
            start = time.perf_counter()
            vocode(mel)
            times[name].append(time.perf_counter() - start)
    return {
        name: Result(
            mel_error_db(wave, mel), stoi(wave, audio), statistics.median(times[name])
        )
        for name, wave in waves.items()
    }


def main() -> None:
    """Print the results of each file and their means."""
    parser = make_parser(__doc__)
    parser.add_argument("paths", metavar="AUDIO", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    try:
        import librosa  # noqa: F401
    except ImportError:
        sys.exit("librosa is missing: install it, or let PYTHONPATH point to it")
    columns = ("file", "vocoder", "log-mel error, dB", "STOI", "ms")
    table, results = ResultTable("Griffin-Lim vocoders", *columns), []
    for path in options.paths:
        results.append(compare(path))
        for name, result in results[-1].items():
            table.add(path.name, name, *result[:2], 1e3 * result.seconds)
    means = {
        name: Result(*np.mean([by_vocoder[name] for by_vocoder in results], axis=0))
        for name in VOCODERS
    }
    for name, mean in means.items():
        table.add("mean", name, *mean[:2], 1e3 * mean.seconds)
    speedup = means["librosa"].seconds / means["ours"].seconds
    error = means["ours"].error_db - means["librosa"].error_db
    print(f"ours: {error:+.2f} dB relative to librosa, {speedup:.1f} times as fast")
    table.write(options.json, data=f"{len(results)} audio files")


if __name__ == "__main__":
    main()
