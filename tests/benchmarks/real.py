"""What becomes of real clips, portraits and sounds: one row for each run of the verb.

    AVJAX_REAL=/path/to/real python tests/benchmarks/real.py

Every face with a swapped sound, every clip with its own, and every sound with one
portrait.  Drift is how much longer the picture is than the sound; memory is the peak of
the process.  Nothing that is written stays.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
from fractions import Fraction

from avjax.errors import InputError
from avjax.media import audio_io as audio
from avjax.media import video_reader as video

RATE = 16_000
COMMAND = """
import resource, sys
from avjax.__main__ import main
status = main(["talk", *sys.argv[1:]])
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
sys.exit(status)
"""
COLUMNS = "face sound frames fps drift_ms missed s_per_s peak_mib what"


def runs(real: pathlib.Path) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """(face, sound)"""
    clips = sorted((real / "talking").iterdir())
    portraits = sorted((real / "portraits").iterdir())
    sounds = sorted((real / "speech").iterdir())
    swapped = next(sound for sound in sounds if sound.stem == "german")
    own = [(clip, clip) for clip in clips]
    every_face = [(face, swapped) for face in (*clips, *portraits)]
    person = next(face for face in portraits if "hallo" in face.name)
    return own + every_face + [(person, sound) for sound in sounds]


def row(face: pathlib.Path, sound: pathlib.Path, out: pathlib.Path) -> str:
    command = [sys.executable, "-P", "-c", COMMAND, "--face", str(face)]
    command += ["--audio", str(sound), "-o", str(out)]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    passed = time.perf_counter() - begun
    if done.returncode:
        return f"{face.name} | {sound.name} | {done.stderr.strip()}"
    info = video.probe(out)
    seconds = float(info.frames / info.fps)
    drift = 1000 * (seconds - len(audio.read_sound(sound)) / RATE)
    told = done.stdout.splitlines()
    missed = next((line.split()[0] for line in told if "no face" in line), "0")
    rest = "; ".join(line for line in told if "silence" in line or "speech;" in line)
    cells = (face.name, sound.name, info.frames, f"{float(Fraction(info.fps)):.3f}")
    peak = told[-1].removeprefix("peak ")
    cells += (f"{drift:+.0f}", missed, f"{passed / seconds:.2f}", peak, rest)
    return " | ".join(map(str, cells))


def main() -> None:
    real = pathlib.Path(os.environ["AVJAX_REAL"])
    print(" | ".join(COLUMNS.split()))
    with tempfile.TemporaryDirectory() as folder:
        for face, sound in runs(real):
            try:
                print(row(face, sound, pathlib.Path(folder) / "out.mp4"), flush=True)
            except InputError as error:
                print(f"{face.name} | {sound.name} | {error}")


if __name__ == "__main__":
    main()
