"""Benchmark a live session, and compare its frames with those of the whole file.

    python tests/benchmarks/live.py WEIGHTS FACE AUDIO [LOOKAHEAD...]

WEIGHTS are of a CALS model. For each LOOKAHEAD (default: 0, 5 and 15 frames) the audio
is fed in chunks of 40 ms, as fast as possible. The benchmark prints

    fps            generated frames per second of computing, at native size
    slowest chunk  largest time of one chunk in milliseconds, and the 99th percentile
    delay          seconds from the moment that a frame shows until it is final
    difference     largest difference in pixel values from talk() with this lookahead
"""

import sys
import time

import numpy as np

from avjax.constants import SAMPLE_RATE, SAMPLES_PER_FRAME
from avjax.media.audio_io import read_audio
from avjax.pipelines.live import live
from avjax.pipelines.talk import talk


def main(weights: str, face: str, audio: str, *lookaheads: str) -> None:
    """Print one line per lookahead."""
    wave = read_audio(audio)
    for lookahead in map(int, lookaheads or ("0", "5", "15")):
        warm_up = live(face, weights=weights, lookahead=lookahead, native=True)
        warm_up.feed(wave[:SAMPLE_RATE])
        warm_up.finish()
        session = live(face, weights=weights, lookahead=lookahead, native=True)
        frames, seconds = [], []
        for start in range(0, len(wave), SAMPLES_PER_FRAME):
            began = time.perf_counter()
            frames += session.feed(wave[start : start + SAMPLES_PER_FRAME])
            seconds.append(time.perf_counter() - began)
        frames += session.finish()
        offline = talk(face, wave, weights=weights, lookahead=lookahead, native=True)
        expected = np.stack(list(offline))
        difference = np.abs(np.stack(frames).astype(int) - expected).max()
        slowest, usual = 1e3 * np.max(seconds), 1e3 * np.percentile(seconds, 99)
        print(
            f"lookahead {lookahead}: {len(frames) / sum(seconds):.1f} fps, slowest "
            f"chunk {slowest:.0f} ms (99 %: {usual:.0f}), delay {session.delay:.3f} s, "
            f"difference {difference} in {len(expected)} frames"
        )


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
