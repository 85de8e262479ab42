"""Measure where the time of `avjax talk` goes, in this version and in an older one.

    AVJAX_REAL=/path/to/real python tests/benchmarks/talk_stages.py --before CHECKOUT
        --weights DIR [--seconds N] [--rounds N] [--json PATH]

DIR holds weights of the full-size Wav2Lip. A clip of 512 x 512 pixels and a photo are
animated with them, in a given box, and with the default weights, whose face is
detected. A row has the seconds that a stage was busy, before and now, the median of the
rounds; stages may overlap, and each is slower while others run. The versions run in
turns. Compiled programs are in the cache.
"""

import dataclasses
import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import types
from collections import defaultdict
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGAN, BEGAN_CPU = time.perf_counter(), time.process_time()
STAGES = (
    *("start", "weights", "find the face", "audio", "decode", "crop", "network"),
    *("composite", "encode", "compile or load programs", "all, CPU", "all"),
)


def run_child(arguments: list[str]) -> None:
    """Run the command in this process, and print {stage: seconds} as JSON."""
    import jax

    from avjax.__main__ import main
    from avjax.media.video_writer import VideoWriter
    from avjax.pipelines import talk
    from avjax.pipelines.talking import (
        audio_talkers,
        compositor,
        editing_compositor,
        talking_video,
    )

    busy: defaultdict[str, float] = defaultdict(float)

    def add(stage: str, owner: Any, *names: str) -> None:
        """Measure the calls of functions."""
        for name in names:
            function = getattr(owner, name)

            @functools.wraps(function)
            def measured(*args, function=function, **kwargs):
                start = time.perf_counter()
                try:
                    return function(*args, **kwargs)
                finally:
                    busy[stage] += time.perf_counter() - start

            setattr(owner, name, measured)

    def wait(make):
        """Wait for the result of a compiled function."""
        return lambda config: lambda *args: jax.block_until_ready(make(config)(*args))

    def measure_play(source):
        """Measure the frames of a source."""

        def play(count):
            frames = source.play(count)
            while True:
                start = time.perf_counter()
                frame = next(frames, None)
                busy["decode"] += time.perf_counter() - start
                if frame is None:
                    return
                yield frame

        return dataclasses.replace(source, play=play)

    add("weights", talk, "load_any_talker")
    add("find the face", talk, "open_face_source")
    found = talk.open_face_source
    talk.open_face_source = lambda *args: measure_play(found(*args))
    add("audio", talk, "read_waveform")
    add("audio", talking_video, "read_audio", "log_mel")
    add("crop", compositor, "crop_box")
    add("crop", editing_compositor, "crop_lower_face_aligned", "crop_encoder_mouth")
    add("network", audio_talkers, "decode_padded")
    for name in ("jit_encode_mouths", "jit_predict_edit"):
        make = wait(getattr(editing_compositor, name))
        program = types.SimpleNamespace(
            run=lambda config, *args, make=make: make(config)(*args)
        )
        add("network", program, "run")
        setattr(
            editing_compositor,
            name,
            lambda config, program=program: functools.partial(program.run, config),
        )
    add("composite", compositor, "paste_face")
    add("composite", editing_compositor, "apply_edit")
    add("encode", VideoWriter, "write", "_finish")

    def compiled(event: str, duration_secs: float, **_: str | int) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            busy["compile or load programs"] += duration_secs

    jax.monitoring.register_event_duration_secs_listener(compiled)
    busy["start"] = time.perf_counter() - BEGAN
    status = main(["talk", *arguments])
    busy["all"] = time.perf_counter() - BEGAN
    busy["all, CPU"] = time.process_time() - BEGAN_CPU
    if status:
        sys.exit(status)
    print(json.dumps(busy))


def measure(arguments: list, package: pathlib.Path, cache: pathlib.Path) -> dict:
    """Run the command with a version of the package -> {stage: seconds}."""
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    environment = os.environ | {
        "PYTHONPATH": str(package),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    with tempfile.TemporaryDirectory() as empty:  # so that faces are detected
        environment["XDG_CACHE_HOME"] = empty
        output = subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
    return json.loads(output.stdout.splitlines()[-1])


def main() -> None:
    """Measure both versions."""
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    from talk import make_cases

    from avjax.train.ablations.results import (
        ResultTable,
        make_parser,
        real_clips_folder,
    )

    parser = make_parser(__doc__)
    parser.add_argument("--before", type=pathlib.Path, required=True)
    parser.add_argument("--weights", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=float, default=22.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    real = real_clips_folder(parser)
    columns = "weights", "face", "stage", "before, s", "now, s"
    table = ResultTable("Stages of talk", *columns)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        cases = make_cases(real, options.seconds, folder)
        for weights in (options.weights, "lipwarp-people"):
            for name, case in cases.items():
                arguments = ["--face", case.face, "--audio", case.audio]
                arguments += ["--weights", weights, "-o", folder / "out.mp4"]
                if weights == options.weights:
                    arguments += ["--box", case.box]
                versions = options.before.resolve(), ROOT
                rows: dict[pathlib.Path, list[dict]] = {path: [] for path in versions}
                for number in range(options.rounds + 1):  # the first one compiles
                    for path in versions if number % 2 else versions[::-1]:
                        used = measure(arguments, path, folder / path.name)
                        rows[path] += [used] * bool(number)
                label = "Wav2Lip" if weights == options.weights else weights
                for stage in STAGES:
                    medians = (
                        statistics.median(row.get(stage, 0.0) for row in rows[path])
                        for path in versions
                    )
                    table.add(label, name, stage, *medians)
    table.write(options.json, data="a real clip, its first frame, a recording")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run_child(sys.argv[2:])
    else:
        main()
