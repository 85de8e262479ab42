"""Measure where the time of commands goes, in this version and in an older one.

    AVJAX_REAL=/path/to/real python tests/benchmarks/stages.py COMMAND...
        --before CHECKOUT [--weights DIR] [--seconds N] [--rounds N] [--json PATH]

COMMAND is talk, lipread, speak, sync, denoise, align or adapt. A clip of 512 x 512
pixels is read, a photo of 1024 x 1024 pixels is denoised, or a sentence of GRID is
aligned, with the default weights. `adapt` takes 20 steps. `talk` animates the
clip and a photo, whose faces are detected; with --weights, weights of the full-size
Wav2Lip animate them too, in a given box. A row has the seconds that a stage was busy,
before and now, the median of the rounds; stages may overlap, and each is slower while
others run. A stage that was not busy in either version has no row. The versions run in
turns. Compiled programs are in the cache.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
from typing import NamedTuple

from peers import denoise_arguments
from talk import make_cases

from avjax.media.remux import remux_audio
from avjax.train.ablations.results import ResultTable, make_parser, real_clips_folder

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHILD = ROOT / "tests" / "helpers" / "stage_times.py"
STAGES = (
    *("start", "weights", "find the face", "audio", "decode", "crop", "adaptation"),
    *("network", "search", "vocoder", "composite", "encode", "write"),
    *("compile or load programs", "all, CPU", "all"),
)
COMMANDS = "talk", "lipread", "speak", "sync", "denoise", "align", "adapt"
SENTENCE = "grid/video/s1/bbaf2n.mpg", "bin blue at f two now"
ADAPT_STEPS = 20


class Run(NamedTuple):
    """A command whose stages are measured.

    Attributes:
        weights: Name of the weights, as the table says it.
        inputs: What is read, as the table says it.
        arguments: The command and its arguments.
    """

    weights: str
    inputs: str
    arguments: list


def make_runs(
    command: str,
    real: pathlib.Path,
    folder: pathlib.Path,
    seconds: float,
    full_size: pathlib.Path | None,
) -> list[Run]:
    """Write the inputs of a command.

    Args:
        command: The command.
        real: Folder of real clips.
        folder: Where inputs and outputs are written.
        seconds: Duration of the clip.
        full_size: Weights of the full-size Wav2Lip, for `talk`.

    Returns:
        What to run.
    """
    if command == "denoise":
        (_, photo, *_), _ = denoise_arguments(folder, real)
        arguments = [command, photo, "-o", folder / "out.png"]
        return [Run("default", "photo", arguments)]
    if command == "align":
        clip, text = SENTENCE
        return [Run("default", "3 s of speech", [command, real / clip, text])]
    cases = make_cases(real, seconds, folder)
    if command != "talk":
        (name, case), *_ = cases.items()
        clip = folder / "with_audio.mp4"
        remux_audio(clip, case.face, case.audio)
        outputs = {
            "speak": ["-o", folder / "out.wav"],
            "adapt": ["-o", folder / "adapted", "--steps", ADAPT_STEPS],
        }
        arguments = [command, clip, *outputs.get(command, [])]
        return [Run("default", name, arguments)]
    runs = []
    for weights in filter(None, (full_size, "lipwarp-people")):
        for name, case in cases.items():
            arguments = [command, "--face", case.face, "--audio", case.audio]
            arguments += ["--weights", weights, "-o", folder / "out.mp4"]
            if weights == full_size:
                arguments += ["--box", case.box]
            label = "Wav2Lip" if weights == full_size else "default"
            runs.append(Run(label, name, arguments))
    return runs


def measure(arguments: list, package: pathlib.Path, cache: pathlib.Path) -> dict:
    """Run the command with a version of the package -> {stage: seconds}."""
    environment = os.environ | {
        "PYTHONPATH": str(package),
        "JAX_COMPILATION_CACHE_DIR": str(cache / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "XDG_CACHE_HOME": str(cache),
    }
    shutil.rmtree(cache / "avjax" / "faces", ignore_errors=True)  # to detect faces
    output = subprocess.run(
        [sys.executable, CHILD, *map(str, arguments)],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(output.stdout.splitlines()[-1])


def compare_versions(
    table: ResultTable, run: Run, folders: dict[pathlib.Path, pathlib.Path], rounds: int
) -> None:
    """Run a command with both versions in turns, and add a row for each stage.

    Args:
        table: The table.
        run: The command.
        folders: {checkout: folder of its cache}, the older one first.
        rounds: Number of measured runs of each.
    """
    rows: dict[pathlib.Path, list[dict]] = {path: [] for path in folders}
    for number in range(rounds + 1):  # the first one compiles
        for path in list(folders)[:: 1 if number % 2 else -1]:
            used = measure(run.arguments, path, folders[path])
            rows[path] += [used] * bool(number)
    for stage in STAGES:
        medians = [
            statistics.median(row.get(stage, 0.0) for row in rows[path])
            for path in folders
        ]
        if any(medians):
            table.add(run.arguments[0], run.weights, run.inputs, stage, *medians)


def main() -> None:
    """Measure both versions."""
    parser = make_parser(__doc__)
    parser.add_argument("commands", nargs="+", choices=COMMANDS)
    parser.add_argument("--before", type=pathlib.Path, required=True)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=22.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    real = real_clips_folder(parser)
    columns = "command", "weights", "input", "stage", "before, s", "now, s"
    table = ResultTable("Stages of commands", *columns)
    for command in options.commands:
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            folders = {
                options.before.resolve(): folder / "cache before",
                ROOT: folder / "cache",
            }
            sizes = options.seconds, options.weights
            for run in make_runs(command, real, folder, *sizes):
                compare_versions(table, run, folders, options.rounds)
        table.write(
            options.json, data="real clips and a photo of PolyU; see the inputs"
        )


if __name__ == "__main__":
    main()
