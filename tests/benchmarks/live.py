"""Benchmark a live session, and compare its frames with those of the whole file.

    python tests/benchmarks/live.py WEIGHTS FACE AUDIO [LOOKAHEAD...] [--json PATH]

WEIGHTS are of a CALS model. For each LOOKAHEAD (default: 0, 5 and 15 frames) the audio
is fed in chunks of 40 ms, as fast as possible. The benchmark prints

    fps            generated frames per second of computing, at native size
    slowest chunk  largest time of one chunk in milliseconds, and the 99th percentile
    delay          seconds from the moment that a frame shows until it is final
    difference     largest difference in pixel values from talk() with this lookahead
"""

import time

import numpy as np

from avjax.constants import SAMPLE_RATE, SAMPLES_PER_FRAME
from avjax.media.audio_io import read_audio
from avjax.pipelines.live import live
from avjax.pipelines.talk import talk
from avjax.train.ablations.results import ResultTable, make_parser

DEFAULT_LOOKAHEADS = [0, 5, 15]  # frames


def add_lookahead(
    table: ResultTable, weights: str, face: str, wave: np.ndarray, lookahead: int
) -> None:
    """Run a session with a lookahead, and add its row to the table."""
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
    difference = int(np.abs(np.stack(frames).astype(int) - expected).max())
    slowest, percentile = 1e3 * np.max(seconds), 1e3 * np.percentile(seconds, 99)
    fps = len(frames) / sum(seconds)
    table.add(lookahead, fps, slowest, percentile, session.delay, difference)


def main() -> None:
    """Print one row per lookahead."""
    parser = make_parser(__doc__)
    for name in ("weights", "face", "audio"):
        parser.add_argument(name, metavar=name.upper())
    parser.add_argument("lookaheads", metavar="LOOKAHEAD", nargs="*", type=int)
    options = parser.parse_args()
    wave = read_audio(options.audio)
    table = ResultTable(
        "Live sessions",
        *("lookahead, frames", "fps", "slowest chunk, ms", "99th percentile, ms"),
        *("delay, s", "difference from talk()"),
    )
    for lookahead in options.lookaheads or DEFAULT_LOOKAHEADS:
        add_lookahead(table, options.weights, options.face, wave, lookahead)
    seconds = len(wave) / SAMPLE_RATE
    data = f"{options.weights}; {seconds:.1f} s of audio in chunks of 40 ms"
    table.write(options.json, data=data)


if __name__ == "__main__":
    main()
