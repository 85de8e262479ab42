"""How near our vocoder comes to a mel, and how fast, beside librosa's.

    python tests/benchmarks/vocoder.py SOUND...

Each sound becomes a voice_mel and a wave again, by both sides, in turns in one process:
ours is GriffinLim() as it stands, librosa's is mel_to_stft (non-negative least squares)
and griffinlim with the same window, iterations and momentum.  Both are told in dB of
mean absolute log-mel error, over the columns that both have, and in STOI.  What is
compiled is compiled before the clock starts.

librosa is not needed by anything else: PYTHONPATH may lead to one installed elsewhere.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from avjax.algorithms.griffin_lim import GriffinLim
from avjax.audio.speech_mel import (
    HOP,
    VOICE_DB_PER_UNIT,
    VOICE_FFT,
    emphasise,
    prepare_voice,
    voice_mel,
)
from avjax.media.audio_io import read_sound
from avjax.metrics.speech import mel_distance, stoi

ROUNDS = 3


def by_ours(mel: np.ndarray) -> np.ndarray:
    return np.asarray(GriffinLim()(mel[None])[0])


def by_librosa(mel: np.ndarray) -> np.ndarray:
    import librosa
    import scipy.signal

    config = GriffinLim()
    bands = 10 ** ((mel.T - 1) * np.float32(VOICE_DB_PER_UNIT / 20))
    magnitude = librosa.feature.inverse.mel_to_stft(
        bands, sr=16_000, n_fft=VOICE_FFT, power=1, fmin=55, fmax=7500
    )
    wave = librosa.griffinlim(
        magnitude,
        n_iter=config.iterations,
        momentum=config.momentum,
        hop_length=HOP,
        random_state=0,
    )
    wave = scipy.signal.lfilter([1], [1, -config.emphasis], wave)
    return wave.astype(np.float32)


SIDES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ours": by_ours,
    "librosa": by_librosa,
}


def decibels_apart(wave: np.ndarray, mel: np.ndarray) -> float:
    """librosa's wave is a hop shorter; its last columns have no whole window."""
    whole = len(mel) - 4
    return VOICE_DB_PER_UNIT * mel_distance(voice_mel(emphasise(wave))[:whole], mel)


def compare(path: str) -> dict[str, tuple[float, float, float]]:
    """{side: (dB of log-mel error, STOI, seconds)} of one sound."""
    sound = read_sound(path, 16_000)
    sound = sound * (0.9 / np.max(np.abs(sound)))
    mel = voice_mel(prepare_voice(sound))
    waves = {name: side(mel) for name, side in SIDES.items()}
    times = {name: [] for name in SIDES}
    for _ in range(ROUNDS):
        for name, side in SIDES.items():
            start = time.perf_counter()
            side(mel)
            times[name].append(time.perf_counter() - start)
    return {
        name: (
            decibels_apart(wave, mel),
            stoi(wave, sound),
            statistics.median(times[name]),
        )
        for name, wave in waves.items()
    }


def main(paths: list[str]) -> None:
    try:
        import librosa  # noqa: F401
    except ImportError:
        sys.exit("librosa is missing: install it anywhere, let PYTHONPATH lead there")
    found = [compare(path) for path in paths]
    for path, sides in zip(paths, found, strict=True):
        for name, (error, clear, seconds) in sides.items():
            told = f"{error:.2f} dB, STOI {clear:.3f}, {1e3 * seconds:.0f} ms"
            print(f"{path.rpartition('/')[2]}: {name} {told}")
    means = {name: np.mean([sides[name] for sides in found], axis=0) for name in SIDES}
    for name, (error, clear, seconds) in means.items():
        print(
            f"{name}: {error:.2f} dB, STOI {clear:.3f}, {1e3 * seconds:.0f} ms a clip"
        )
    ratio = means["librosa"][2] / means["ours"][2]
    error = means["ours"][0] - means["librosa"][0]
    print(f"ours is {error:+.2f} dB from librosa, and {ratio:.1f} times as fast")


if __name__ == "__main__":
    main(sys.argv[1:])
