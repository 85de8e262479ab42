"""Measure one accelerator: talking, training steps and adaptation; then train on it.

    python tests/benchmarks/gpu.py [--parts PART...] [--seconds N] [--quick]
        [--json FOLDER] [--train CORPUS OUT]

On one H100, all parts shall fit into twelve minutes. On a CPU, where full-size steps
take minutes, the small experiments are measured instead. --quick measures each thing
once. Every part prints its table and writes FOLDER/gpu_PART.json when it is done, so
that little is lost if the time ends:

    talk     frames per second of `avjax.talk` with its default weights, end to end,
             for a video of a puppet and for its portrait
    network  frames per second of the full-size Wav2Lip generator alone, by batch and
             type, and the fraction of the peak rate of the device (roofline share)
    steps    examples per second of the training steps of the full-size experiments, in
             their own type and in float32, and the fraction of the peak rate (MFU)
    adapt    seconds to adapt to and to denoise one megapixel

With --train, the time that is left of --seconds is spent on `avjax train
lipwarp_editor_clips root=CORPUS --out OUT`, which a signal ends and saves; the same
command continues it.
"""

import argparse
import dataclasses
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "helpers"))
from batch_shapes import encoded, training_shapes  # noqa: E402

import avjax  # noqa: E402
from avjax.data.puppet import make_clip, make_puppet, render_portrait  # noqa: E402
from avjax.media.image_io import write_png  # noqa: E402
from avjax.models.synctalkface import WAV2LIP, SyncTalkFace  # noqa: E402
from avjax.train.ablations.results import ResultTable, make_parser  # noqa: E402
from avjax.train.compiled import build  # noqa: E402
from avjax.train.experiment import Experiment  # noqa: E402
from avjax.train.experiments import EXPERIMENTS  # noqa: E402
from avjax.train.monitor.speed import peak_flops, step_flops  # noqa: E402
from avjax.train.parallel.scaling import batch_size_of, fit_to_devices  # noqa: E402
from avjax.train.parallel.sharding import make_mesh  # noqa: E402

PARTS = "talk", "network", "steps", "adapt"
FULL_SIZE = (
    *("synctalkface_lrs2", "cals_lrs2", "bridging_lrw", "taem_wav2lip_lrs2"),
    *("denoiser_sidd", "sync_lrs2", "lipwarp_editor96_clips"),
)
SMALL = "sync_puppet", "bridging_puppet", "lipwarp_editor_puppet"
FACE_SIZE = 256  # pixels
TALK_SECONDS = 20.0
MEGAPIXEL = 1024, 1024
END_SECONDS = 30  # for a training run to save and to end
CLIP = 0, 4  # seed and index of a puppet


def main() -> None:
    """Measure the parts, and train for the rest of the time."""
    parser = make_parser(__doc__)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=720.0, help="for all of it")
    parser.add_argument("--quick", action="store_true", help="measure once, in small")
    parser.add_argument("--train", nargs=2, metavar=("CORPUS", "OUT"))
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    print(f"device: {jax.devices()[0].device_kind}, JAX {jax.__version__}")
    for part in options.parts:
        table = MEASURE[part](options)
        if options.json:
            options.json.mkdir(parents=True, exist_ok=True)
            path = options.json / f"gpu_{part}.json"
            device = jax.devices()[0].device_kind
            table.write(path, data=f"made by the program; device: {device}")
    if options.train:
        train(*options.train, seconds=end - time.monotonic() - END_SECONDS)


def median_seconds(run: Callable[[], Any], quick: bool) -> float:
    """Time a function after a call that compiles -> seconds of the median of five."""
    jax.block_until_ready(run())
    times = []
    for _ in range(1 if quick else 5):
        start = time.perf_counter()
        jax.block_until_ready(run())
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def peak_share(flops: float | None, seconds: float) -> float | None:
    """Return operations per second in percent of the peak rate, if that is known."""
    peak = peak_flops(jax.devices()[0].device_kind)
    return 100 * flops / seconds / peak if peak and flops else None


def measure_talk(options: argparse.Namespace) -> ResultTable:
    """Time `avjax.talk` on a video and on a photo, files to file."""
    table = ResultTable("Talking, end to end", "face", "frames", "seconds", "fps")
    clip = make_clip(*CLIP, FACE_SIZE)
    seconds = 1.0 if options.quick else TALK_SECONDS
    audio = np.resize(clip.wave, round(16_000 * seconds)).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        clip.save(folder / "clip.mp4")
        write_png(folder / "face.png", render_portrait(make_puppet(*CLIP))[0])
        for face in ("clip.mp4", "face.png"):

            def run(path: pathlib.Path = folder / face) -> int:
                video = avjax.talk(path, audio)
                video.save(folder / "out.mp4")
                return video.num_frames

            frames, duration = run(), median_seconds(run, options.quick)
            table.add(face, frames, duration, frames / duration)
    return table


def measure_network(options: argparse.Namespace) -> ResultTable:
    """Time the full-size Wav2Lip generator on random weights."""
    columns = "type", "batch", "ms", "frames per second", "of the peak, %"
    table = ResultTable("Wav2Lip generator alone", *columns)
    for dtype in ("bfloat16", "float32"):
        model = SyncTalkFace(dataclasses.replace(WAV2LIP, dtype=dtype))
        for batch in (1,) if options.quick else (1, 16, 64):
            inputs = jnp.zeros((batch, 1, 16, 80)), jnp.zeros((batch, 1, 96, 96, 6))
            variables = jax.jit(
                lambda key, inputs=inputs, model=model: model.init(
                    key, *inputs, method="generate"
                )
            )(jax.random.key(0))
            program = jax.jit(
                lambda variables, *inputs, model=model: model.apply(
                    variables, *inputs, method="generate"
                )
            )
            costs: Any = program.lower(variables, *inputs).cost_analysis() or {}
            seconds = median_seconds(
                lambda run=program, v=variables, x=inputs: run(v, *x), options.quick
            )
            share = peak_share(costs.get("flops"), seconds)
            table.add(dtype, batch, 1000 * seconds, batch / seconds, share)
    return table


def measure_steps(options: argparse.Namespace) -> ResultTable:
    """Time training steps on random examples."""
    table = ResultTable(
        "Training steps on one device",
        *("experiment", "type", "batch", "ms", "examples per second", "MFU, %"),
    )
    is_cpu = jax.default_backend() == "cpu"
    for name in SMALL if is_cpu else FULL_SIZE:
        for experiment in in_each_type(EXPERIMENTS[name](), options.quick):
            fitted = fit_to_devices(experiment, 1)
            batch = make_batch(fitted)
            program: Any = build(fitted, make_mesh((1, 1)), batch)
            seconds = time_steps(program, batch, 1 if options.quick else 10)
            count = len(batch["weight"])
            share = peak_share(step_flops(program, batch), seconds)
            dtype = experiment.dtype or "float32"
            table.add(name, dtype, count, 1000 * seconds, count / seconds, share)
    return table


def in_each_type(experiment: Experiment, quick: bool) -> Iterator[Experiment]:
    """Yield an experiment in its own type, and in float32 if that is another one."""
    yield experiment
    if experiment.dtype not in (None, "float32") and not quick:
        yield dataclasses.replace(experiment, dtype="float32")


def make_batch(experiment: Experiment) -> dict[str, np.ndarray]:
    """Make random examples with the shapes of a training batch."""
    task: Any = experiment.task
    size = getattr(task.model, "size", 0)
    count = batch_size_of(experiment.train)
    shapes = training_shapes(encoded(experiment.train), count, size)
    rng = np.random.default_rng(0)
    return {name: random_array(rng, name, x) for name, x in shapes.items()}


def random_array(
    rng: np.random.Generator, name: str, shape: jax.ShapeDtypeStruct
) -> np.ndarray:
    """Make values that a network accepts: ids are 1, and nothing is masked."""
    if name == "weight" or "mask" in name or name == "allowed":
        return np.ones(shape.shape, shape.dtype)
    if shape.dtype == np.uint8:
        return rng.integers(0, 256, shape.shape, np.uint8)
    if np.issubdtype(shape.dtype, np.integer):
        return np.ones(shape.shape, shape.dtype)
    return rng.uniform(0, 1, shape.shape).astype(shape.dtype)


def time_steps(program: Any, batch: Mapping[str, np.ndarray], steps: int) -> float:
    """Train for some steps after one that compiles -> seconds of a step."""
    state = program.init()
    state, _ = program.step(state, batch, program.key)
    jax.block_until_ready(state)
    start = time.perf_counter()
    for _ in range(steps):
        state, _ = program.step(state, batch, program.key)
    jax.block_until_ready(state)
    return (time.perf_counter() - start) / steps


def measure_adapt(options: argparse.Namespace) -> ResultTable:
    """Time `avjax.denoise` on one megapixel, with and without adaptation."""
    table = ResultTable("Denoising one megapixel", "steps", "seconds")
    side = (256, 256) if options.quick else MEGAPIXEL
    noise = np.random.default_rng(0).normal(0, 12, (*side, 3))
    image = np.clip(128 + noise, 0, 255).astype(np.uint8)
    for steps in (0, 5):
        seconds = median_seconds(
            lambda k=steps: avjax.denoise(image, steps=k).image, options.quick
        )
        table.add(steps, seconds * MEGAPIXEL[0] * MEGAPIXEL[1] / (side[0] * side[1]))
    return table


def train(corpus: str, out: str, seconds: float) -> None:
    """Train the default talker's editor until the time ends; the run is saved."""
    command = [sys.executable, "-m", "avjax", "train", "lipwarp_editor_clips"]
    with subprocess.Popen([*command, f"root={corpus}", "--out", out]) as run:
        try:
            run.wait(timeout=max(seconds, 0))
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGTERM)


MEASURE = {
    "talk": measure_talk,
    "network": measure_network,
    "steps": measure_steps,
    "adapt": measure_adapt,
}


if __name__ == "__main__":
    main()
