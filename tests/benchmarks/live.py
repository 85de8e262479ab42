"""What a live session costs, and that it gives what the file gives.

    python tests/benchmarks/live.py WEIGHTS FACE SOUND [LOOKAHEAD...]

WEIGHTS are of CALS.  For each LOOKAHEAD (0, 5 and 15 frames where none is given) the
sound comes in chunks of 40 ms, as fast as they are taken.  Told are

    fps      frames made per second of computing, native size
    slowest  milliseconds that one chunk took, at most, and 99 % of them
    delay    seconds of sound from what a frame shows until it is final
    apart    grey levels, at most, from talk(..., lookahead=LOOKAHEAD) of the whole file
"""

import sys
import time

import numpy as np

from avjax.audio.mel import RATE
from avjax.pipelines import live, talk

CHUNK = RATE // 25


def main(weights: str, face: str, sound: str, *lookaheads: str) -> None:
    wave = talk.read_sound(sound)
    for lookahead in map(int, lookaheads or ("0", "5", "15")):
        given = {"weights": weights, "lookahead": lookahead, "native": True}
        warm = live.live(face, **given)
        warm.hear(wave[:RATE])
        warm.finish()
        session, frames, took = live.live(face, **given), [], []
        for at in range(0, len(wave), CHUNK):
            begun = time.perf_counter()
            frames += session.hear(wave[at : at + CHUNK])
            took.append(time.perf_counter() - begun)
        frames += session.finish()
        whole = list(talk.talk(face, wave, **given))
        apart = np.abs(np.stack(frames).astype(int) - np.stack(whole)).max()
        most, usual = 1e3 * np.max(took), 1e3 * np.percentile(took, 99)
        print(
            f"lookahead {lookahead}: {len(frames) / sum(took):.1f} fps, slowest chunk "
            f"{most:.0f} ms (99 %: {usual:.0f}), delay {session.delay:.3f} s, "
            f"{apart} grey levels apart in {len(whole)} frames"
        )


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
