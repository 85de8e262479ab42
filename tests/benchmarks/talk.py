"""Compare `avjax talk` with the PyTorch program Wav2Lip at equal weights.

    AVJAX_REAL=/path/to/real python tests/benchmarks/talk.py --peer-python PATH
        [--seconds N] [--rounds N] [--json PATH]
    AVJAX_REAL=/path/to/real python tests/benchmarks/talk.py --lengths N ...
        [--rounds N] [--json PATH]

Both animate the same face of 512 x 512 pixels, in a given box, with the same recording
and the full-size network with random weights: a clip that is as long as the recording,
and a photo. The processes run in turns, in alternating order. PATH is a Python with the
packages that `tests/helpers/talk_peer.py` names. The compiled programs of avjax are
in its cache, except in the row "empty cache".

    seconds       wall-clock time of the whole process, median
    CPU seconds   of the process and its children, median
    memory        largest resident set in MiB, median
    ... ratio     median of the ratios of the rounds

With `--lengths`, avjax alone animates clips of these seconds with the default weights,
whose face is detected. Else the last row gives the largest difference of generated
faces, in levels of 255, on the inputs of the first 16 frames.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import cv2
import jax.numpy as jnp
import numpy as np
import soundfile
from einops import rearrange

from avjax.constants import FPS, SAMPLE_RATE
from avjax.faces import tracking
from avjax.media import audio_io, image_io, video_reader
from avjax.media.video_writer import VideoWriter
from avjax.pipelines.talking.audio_talkers import load_talker
from avjax.pipelines.talking.talker_functions import jit_encode_audio
from avjax.train.ablations.results import ResultTable, make_parser, real_clips_folder

PEER = pathlib.Path(__file__).parents[1] / "helpers" / "talk_peer.py"
SIZE = 512  # side of a frame in pixels
COLUMNS = (
    *("face", "program", "seconds", "ratio", "CPU seconds", "CPU ratio"),
    *("memory, MiB", "memory ratio"),
)


class Usage(NamedTuple):
    """What a process and its children have used."""

    seconds: float
    cpu_seconds: float
    mebibytes: float


class Case(NamedTuple):
    """Files of a comparison.

    Attributes:
        folder: A folder for outputs.
        face: A clip or a photo.
        audio: The recording.
        box: x, y, width, height of the box for avjax.
        peer_box: That of the same pixels for the peer: the middle three quarters.
    """

    folder: pathlib.Path
    face: pathlib.Path
    audio: pathlib.Path
    box: str
    peer_box: str


def make_cases(
    real: pathlib.Path, seconds: float, folder: pathlib.Path
) -> dict[str, Case]:
    """Make a clip and a photo of the same person, and a recording.

    Args:
        real: Folder of real clips.
        seconds: Duration of the recording and the clip.
        folder: Where the files are written.

    Returns:
        {name: case}.
    """
    frames = [
        cv2.resize(frame, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        for frame in video_reader.read_clip(real / "talking" / "fps25.mp4")
    ]
    clip, photo, audio = (
        folder / name for name in ("clip.mp4", "photo.png", "audio.wav")
    )
    with VideoWriter(clip, FPS) as writer:
        count = round(seconds * FPS)
        for number in video_reader.ping_pong_indices(len(frames), count):
            writer.write(frames[number])
    image_io.write_png(photo, frames[0])
    wave = audio_io.read_audio(real / "speech" / "german.wav")
    wave = np.resize(wave, round(seconds * SAMPLE_RATE))
    soundfile.write(audio, wave, SAMPLE_RATE, subtype="PCM_16")
    x0, y0, x1, _ = np.round(tracking.track_face(frames[:1]).boxes[0]).astype(int)
    side = (x1 - x0) // 8 * 8
    case = Case(
        folder,
        clip,
        audio,
        box=f"{x0},{y0},{side},{side}",
        peer_box=f"{x0 + side // 8},{y0},{side * 3 // 4},{side}",
    )
    name = f"{seconds:g} s of video"
    return {name: case, "photo": case._replace(face=photo)}


def measure(command: list, cache: pathlib.Path) -> Usage:
    """Run a command to its end."""
    start = time.perf_counter()
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=output,
            stderr=output,
            env=environment,
        )
        _, status, usage = os.wait4(process.pid, 0)
        output.seek(0)
        if status:
            sys.exit(f"{command} failed:\n{output.read().decode()}")
    seconds = time.perf_counter() - start
    return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def commands(
    case: Case, weights: pathlib.Path, python: pathlib.Path
) -> dict[str, list]:
    """Return the command of each program."""
    ours = [sys.executable, "-m", "avjax", "talk", "--face", case.face]
    ours += ["--audio", case.audio, "--box", case.box, "--weights", weights]
    peer = [python, PEER, "talk", weights.with_suffix(".pth"), case.face, case.audio]
    return {
        "avjax": [*ours, "-o", case.folder / "ours.mp4"],
        "PyTorch": [*peer, case.peer_box, case.folder / "peer.mp4"],
    }


def compare(
    table: ResultTable,
    name: str,
    programs: dict[str, list],
    rounds: int,
    cache: pathlib.Path,
) -> None:
    """Run both programs in turns, and add their rows."""
    usages: dict[str, list[Usage]] = {program: [] for program in programs}
    for number in range(rounds):
        order = list(programs) if number % 2 else list(reversed(programs))
        for program in order:
            usages[program].append(measure(programs[program], cache))
    peer = np.array(usages["PyTorch"])
    for program, rows in usages.items():
        medians = np.median(rows, axis=0)
        ratios = np.median(np.array(rows) / peer, axis=0)
        pairs = np.stack([medians, ratios], axis=1).ravel()
        table.add(name, program, *(float(value) for value in pairs))


def difference_from_peer(case: Case, weights: pathlib.Path) -> float:
    """Compute the largest difference from the faces of the peer, in levels."""
    talker = load_talker(weights)
    with np.load(f"{case.folder / 'peer.mp4'}.npz") as stored:
        mels = rearrange(stored["mels"], "t 1 k f -> t f k")
        crops, expected = stored["crops"][..., ::-1], stored["faces"][..., ::-1]
    latents = jit_encode_audio(talker.config)(talker.variables, jnp.asarray(mels))
    faces = talker.decode_frames(np.asarray(latents), crops, crops[0])
    return float(np.abs(faces - expected.astype(np.float64)).max())


def measure_lengths(
    real: pathlib.Path, lengths: list[float], rounds: int
) -> ResultTable:
    """Animate clips of several lengths with the default weights."""
    table = ResultTable(
        "Length of a video",
        *("seconds of video", "seconds", "per second of video"),
        *("CPU seconds per second of video", "memory, MiB"),
    )
    with tempfile.TemporaryDirectory() as temporary:
        for number, length in enumerate([lengths[0], *lengths]):
            folder = pathlib.Path(temporary) / str(number)
            folder.mkdir()
            case = next(iter(make_cases(real, length, folder).values()))
            command = [sys.executable, "-m", "avjax", "talk", "--face", case.face]
            command += ["--audio", case.audio, "-o", folder / "out.mp4"]
            usages = []
            for _ in range(rounds if number else 1):
                cache = pathlib.Path(temporary) / "cache"
                shutil.rmtree(cache / "avjax" / "faces", ignore_errors=True)
                usages.append(measure(command, cache))
            seconds, cpu, memory = np.median(usages, axis=0).tolist()
            if number:  # the first run compiles
                table.add(length, seconds, seconds / length, cpu / length, memory)
    return table


def main() -> None:
    """Compare the programs for a clip and a photo, or measure several lengths."""
    parser = make_parser(__doc__)
    parser.add_argument("--peer-python", type=pathlib.Path)
    parser.add_argument("--lengths", type=float, nargs="+")
    parser.add_argument("--seconds", type=float, default=22.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    real = real_clips_folder(parser)
    data = "a real clip, its first frame, a recording"
    if options.lengths:
        table = measure_lengths(real, options.lengths, options.rounds)
        table.write(options.json, data=data)
        return
    if options.peer_python is None:
        parser.error("give --peer-python or --lengths")
    table = ResultTable("Talking faces: avjax and PyTorch", *COLUMNS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        weights = folder / "weights"
        file = weights.with_suffix(".pth")
        measure([options.peer_python, PEER, "init", file], folder)
        measure([sys.executable, "-m", "avjax", "convert", file, weights], folder)
        cases = make_cases(real, options.seconds, folder)
        for name, case in cases.items():
            programs = commands(case, weights, options.peer_python)
            cold = measure(programs["avjax"], folder / "cache")
            table.add(
                name, "avjax, empty cache", cold[0], None, cold[1], None, cold[2], None
            )
            compare(table, name, programs, options.rounds, folder / "cache")
        case = next(iter(cases.values()))
        largest = difference_from_peer(case, weights)
        table.add("largest difference, levels", "avjax", largest, *[None] * 5)
    table.write(options.json, data=data)


if __name__ == "__main__":
    main()
