"""Run `avjax talk` on real clips, portraits and recordings, and print one row for each.

    AVJAX_REAL=/path/to/real python tests/benchmarks/real.py [--json PATH]

The runs are: every face with the audio of another speaker, every clip with its own
audio, and every recording with one portrait. Drift is how much longer the video is than
the audio, in milliseconds; memory is the peak of the process in MiB. Generated videos
are not kept.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError
from avjax.media import audio_io, video_reader
from avjax.train.ablations.results import (
    ResultTable,
    make_parser,
    real_clips_folder,
)

COMMAND = """
import resource, sys
from avjax.__main__ import main
status = main(["talk", *sys.argv[1:], "--verbose"])
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
sys.exit(status)
"""
COLUMNS = (
    "face",
    "audio",
    "frames",
    "fps",
    "drift, ms",
    "frames without a face",
    "seconds per second of video",
    "peak memory, MiB",
    "remarks",
)


def list_runs(real: pathlib.Path) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """List the pairs of a face and a recording."""
    clips = sorted((real / "talking").iterdir())
    portraits = sorted((real / "portraits").iterdir())
    recordings = sorted((real / "speech").iterdir())
    other = next(path for path in recordings if path.stem == "german")
    own_audio = [(clip, clip) for clip in clips]
    other_audio = [(face, other) for face in (*clips, *portraits)]
    portrait = next(face for face in portraits if "hallo" in face.name)
    return own_audio + other_audio + [(portrait, path) for path in recordings]


def measure(
    face: pathlib.Path, audio: pathlib.Path, out: pathlib.Path
) -> tuple[str | int | float, ...]:
    """Run the command on one pair, and measure the video and the process."""
    command = [sys.executable, "-c", COMMAND, "--face", str(face)]
    command += ["--audio", str(audio), "-o", str(out)]
    start = time.perf_counter()
    process = subprocess.run(command, capture_output=True, text=True)
    elapsed = time.perf_counter() - start
    if process.returncode:
        raise InputError(process.stderr.strip())
    info = video_reader.probe(out)
    seconds = float(info.num_frames / info.fps)
    drift = 1000 * (seconds - len(audio_io.read_audio(audio)) / SAMPLE_RATE)
    lines = process.stdout.splitlines()
    missed = next((line.split()[0] for line in lines if "no detected face" in line), 0)
    remarks = [line for line in lines if "silence" in line or "to be speech" in line]
    return (
        face.name,
        audio.name,
        info.num_frames,
        round(float(info.fps), 3),
        round(drift),
        int(missed),
        round(elapsed / seconds, 2),
        int(lines[-1].removeprefix("peak ")),
        "; ".join(remarks),
    )


def main() -> None:
    """Run all pairs, and print a row for each."""
    parser = make_parser(__doc__)
    options, real = parser.parse_args(), real_clips_folder(parser)
    table = ResultTable("Talking faces of real recordings", *COLUMNS)
    with tempfile.TemporaryDirectory() as folder:
        for face, audio in list_runs(real):
            try:
                row = measure(face, audio, pathlib.Path(folder) / "out.mp4")
            except InputError as error:
                print(f"{face.name} | {audio.name} | {error}")
                continue
            table.add(*row)
    data = "real clips, portraits and recordings that are not part of the project"
    table.write(options.json, data=data)


if __name__ == "__main__":
    main()
