"""Measure how long commands take to start, and until they end on small inputs.

    AVJAX_REAL=DIR python tests/benchmarks/startup.py [--before DIR] [--all]
        [--repeats N] [--json PATH]
    AVJAX_REAL=DIR python tests/benchmarks/startup.py --programs [--repeats N]
        [--json PATH]

Every command runs in processes of its own, those of the other checkout (`--before`)
and of this one in turns. "Cold" is the first run, with an empty cache folder, in which
every program is compiled; "warm" is the median of the next ones. The faces that the
first run has found are forgotten before each. A cell is seconds of wall time and, in
brackets, of all processors; where others use the machine, the latter counts. With
`--all`, the programs of the other bundled weights are measured, too.

With `--programs`, the programs of all bundled weights that a command can use are
measured instead: seconds of tracing and of compilation in the cold run, also of the
program that takes longest, and of loading them in the warm ones.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import numpy as np

from avjax.console import track
from avjax.media.image_io import read_image, write_png
from avjax.media.video_reader import read_clip
from avjax.media.video_writer import VideoWriter
from avjax.train.ablations.results import ResultTable, make_parser, real_clips_folder
from avjax.weights import list_weights

ROOT = pathlib.Path(__file__).parents[2]
PORTRAIT = "portraits/SadTalker__happy.png"
CLIP, GRID_CLIP = "talking/fps25.mp4", "grid/video/s1/bbaf2n.mpg"
PHOTO = "denoise/polyu/Canon5D2_5_160_3200_chair_11_real.JPG"
CLIP_FRAMES, PHOTO_SIZE = 25, 256
IMPORTS = ("import avjax.pipelines.talk",)
RUN = "import sys; from avjax.__main__ import main; sys.exit(main())"
QUICK = {  # commands that compile nothing: exit status
    "--help": 0,
    "--version": 0,
    "talk --help": 0,
    "train --help": 0,
    "train --list": 0,
    "train nosuch": 2,
    "talk --face face.png -o out.mp4": 2,
    "lipread grid.mpg --weights nosuch": 2,
}
FIRST_FRAMES = (
    "talk --face face.png --text Good_morning. -o out.mp4",
    "talk --face clip.mp4 --audio clip.mp4 -o out.mp4",
    "lipread grid.mpg",
    "denoise photo.png -o out.png",
)
OTHERS = (
    *(
        f"talk --face clip.mp4 --audio clip.mp4 -o out.mp4 --weights {name}"
        for name in ("synctalkface-grid-s1", "cals-grid-s1")
    ),
    "talk --face face.png --text Morning. --voice none -o out.mp4",  # taem-people
    "speak grid.mpg -o out.wav",
    "sync grid.mpg",
    "sync grid.mpg --weights sync-grid-s1",
    "align clip.mp4 good_morning",
)
CHILD = ROOT / "tests" / "helpers" / "stage_times.py"
COMMANDS = {  # that use the bundled weights whose names start so
    "bridging-speech": "speak grid.mpg -o out.wav",
    "bridging": "lipread grid.mpg",
    "sync-": "sync grid.mpg",
    "aligner": "align clip.mp4 good_morning",
    "denoiser": "denoise photo.png -o out.png",
    "taem": "talk --face face.png --text Morning. --voice none -o out.mp4",
    "": "talk --face clip.mp4 --audio clip.mp4 -o out.mp4",
}
WITHOUT_COMMAND = ("landmarks-puppet",)  # evaluations use it


class Cost(NamedTuple):
    """What a process took.

    Attributes:
        wall: Seconds.
        cpu: Seconds of all processors.
    """

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} ({self.cpu:.2f})"


def run(checkout: pathlib.Path, folder: pathlib.Path, command: str) -> Cost:
    """Run a command of a checkout in a folder, with the cache folder in it.

    Args:
        checkout: Root of the checkout.
        folder: Where the inputs are.
        command: The words after `avjax`, where "_" is a space within a word; or one of
            `IMPORTS`.

    Returns:
        What it took.
    """
    cache = folder / f"cache of {checkout.name}"
    shutil.rmtree(cache / "avjax" / "faces", ignore_errors=True)
    environment = {x: y for x, y in os.environ.items() if not x.startswith("JAX_")}
    environment |= {"PYTHONPATH": str(checkout), "XDG_CACHE_HOME": str(cache)}
    words = [RUN, *(word.replace("_", " ") for word in command.split())]
    if command in IMPORTS:
        words = [command]
    since = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-c", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stderr
    error = child.stderr.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - since
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != QUICK.get(command, 0):
        raise SystemExit(f"avjax {command}: {error}")
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def median(costs: list[Cost]) -> Cost:
    """Return the medians of wall and processor time."""
    return Cost(*map(statistics.median, zip(*costs, strict=True)))


def measure(
    checkouts: list[pathlib.Path], folder: pathlib.Path, command: str, repeats: int
) -> list[Cost | None]:
    """Run a command of each checkout in turns.

    Args:
        checkouts: Roots of the checkouts.
        folder: Where the inputs are.
        command: The command.
        repeats: Number of warm runs.

    Returns:
        What the cold run and the median of the warm runs took, for each checkout. None
        for the cold run of a command that compiles nothing.
    """
    for checkout in checkouts:
        shutil.rmtree(folder / f"cache of {checkout.name}", ignore_errors=True)
    costs: list[list[Cost]] = [[] for _ in checkouts]
    for _ in range(1 + repeats):
        for of_one, checkout in zip(costs, checkouts, strict=True):
            of_one.append(run(checkout, folder, command))
    cells: list[Cost | None] = []
    for cold, *warm in costs:
        cells += [None if command in (*QUICK, *IMPORTS) else cold, median(warm)]
    return cells


def run_stages(folder: pathlib.Path, command: str, weights: str) -> dict[str, float]:
    """Run a command with some weights in a folder -> {stage: seconds}."""
    environment = {x: y for x, y in os.environ.items() if not x.startswith("JAX_")}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(folder / "cache"),
        # As the command line sets them, but before JAX is imported.
        "JAX_COMPILATION_CACHE_DIR": str(folder / "cache" / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    words = [word.replace("_", " ") for word in command.split()]
    output = subprocess.run(
        [sys.executable, CHILD, *words, "--weights", weights],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(output.stdout.splitlines()[-1])


def measure_programs(folder: pathlib.Path, repeats: int) -> ResultTable:
    """Measure what the programs of all bundled weights take.

    Args:
        folder: Where the inputs are.
        repeats: Number of warm runs.

    Returns:
        A row for each.
    """
    columns = "trace, s", "compile, s", "longest compilation, s", "load, s"
    table = ResultTable("Programs of bundled weights", "weights", "command", *columns)
    for weights in list_weights():
        if weights in WITHOUT_COMMAND:
            continue
        start = next(start for start in COMMANDS if weights.startswith(start))
        shutil.rmtree(folder / "cache", ignore_errors=True)
        cold, *warm = (
            run_stages(folder, COMMANDS[start], weights) for _ in range(1 + repeats)
        )
        loads = [stages.get("compile or load programs", 0.0) for stages in warm]
        cells = [
            cold.get(stage, 0.0)
            for stage in ("trace programs", "compile or load programs")
        ]
        longest = cold.get("largest program", 0.0)
        verb = COMMANDS[start].split()[0]
        table.add(weights, verb, *cells, longest, statistics.median(loads))
    return table


def write_inputs(folder: pathlib.Path, real: pathlib.Path) -> None:
    """Write a face, clips with a face, and a photo with noise into a folder."""
    shutil.copy(real / PORTRAIT, folder / "face.png")
    shutil.copy(real / GRID_CLIP, folder / "grid.mpg")
    photo = read_image(real / PHOTO)[:PHOTO_SIZE, :PHOTO_SIZE]
    write_png(folder / "photo.png", np.ascontiguousarray(photo))
    noise = np.random.default_rng(0).normal(size=16_000).astype(np.float32)
    bursts = noise * np.repeat(np.tile([0.3, 0.02], 5), 1600).astype(np.float32)
    with VideoWriter(folder / "clip.mp4", fps=25, audio=bursts) as video:
        for frame in read_clip(real / CLIP)[:CLIP_FRAMES]:
            video.write(frame)


def main() -> None:
    """Measure all commands, and print a row for each."""
    parser = make_parser(__doc__)
    parser.add_argument("--before", type=pathlib.Path, help="another checkout")
    parser.add_argument("--all", action="store_true", help="also other weights")
    parser.add_argument("--programs", action="store_true", help="of bundled weights")
    parser.add_argument("--repeats", type=int, default=5, help="warm runs")
    options = parser.parse_args()
    real = real_clips_folder(parser)
    data = (
        f"face.png and photo.png, {PHOTO_SIZE} pixels wide, are photographs; clip.mp4 "
        f"has {CLIP_FRAMES} frames, grid.mpg is a clip of GRID"
    )
    if options.programs:
        with tempfile.TemporaryDirectory() as name:
            write_inputs(pathlib.Path(name), real)
            table = measure_programs(pathlib.Path(name), options.repeats)
            table.write(options.json, data=data, seeds="not random")
        return
    commands = [*QUICK, *IMPORTS, *FIRST_FRAMES, *(OTHERS if options.all else ())]
    checkouts = [x.resolve() for x in (options.before, ROOT) if x is not None]
    times = ("before: ", "") if options.before else ("",)
    columns = [f"{time}{state}, s" for time in times for state in ("cold", "warm")]
    table = ResultTable("Time of commands", "command", *columns)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_inputs(folder, real)
        for command in track(commands, "commands"):
            cells = measure(checkouts, folder, command, options.repeats)
            shown = command if command in IMPORTS else f"avjax {command}"
            table.add(f"`{shown.replace('_', ' ')}`", *(x and str(x) for x in cells))
            table.write(options.json, data=data, seeds="not random")


if __name__ == "__main__":
    main()
