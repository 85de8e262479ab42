"""Quality and cost of denoising photos.

    python -m avjax.train.ablations.denoise quality WEIGHTS PAIRS WORD...
    python -m avjax.train.ablations.denoise cost WEIGHTS MEGAPIXELS
    python -m avjax.train.ablations.denoise seam WEIGHTS
    python -m avjax.train.ablations.denoise together WEIGHTS
    python -m avjax.train.ablations.denoise through SIDE K

quality   PSNR of the photos of PAIRS (NAME_real, NAME_mean) with one of the words in
          their names, at 8 bits: noisy, denoised without adaptation, and with it
cost      seconds and memory of one image; the programs are compiled before, and the
          memory is the peak of the whole process
seam      largest difference between an image of 1.5 megapixels that was denoised in
          tiles, and the same image in one piece
together  seconds of adapting to two images one after the other, and as a batch
through   cost of the gradient through K adaptation steps of the full-size network, for
          one crop of SIDE pixels: memory of the compiled program without its arguments
          and results, and seconds. The steps are a scan whose steps are recomputed in
          the backward pass (the library's choice on accelerators), a plain scan, or
          unrolled (the choice on a CPU)
"""

import argparse
import functools
import itertools
import pathlib
import resource
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from avjax.algorithms import adaptation_plan, denoiser_adaptation, tiling
from avjax.algorithms.adaptation_plan import AdaptationPlan
from avjax.algorithms.meta_sgd import Adaptation, constant_lrs, inner_step
from avjax.compilation import cpu_options
from avjax.losses.restoration import restoration_l1
from avjax.media.photo_io import Photo, read_photo
from avjax.media.pixels import to_float01
from avjax.metrics.image import psnr
from avjax.models.denoiser import DenoiserConfig, init_variables
from avjax.pipelines.denoise import load_denoiser
from avjax.pipelines.denoising.denoiser import jit_adapt, jit_denoise_tile
from avjax.train.ablations.results import ResultTable, add_json_option
from avjax.typing import Array, Params

RAMP_DATA = "a grey ramp with white noise"
NOISE_STD = 12  # in pixel values of 8 bits


def noisy_ramp(height: int, width: int) -> np.ndarray:
    """Make a grey ramp with white noise, u8 [h w 3]."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(40, 200, width, dtype=np.float32)[None, :, None]
    image = np.empty((height, width, 3), np.uint8)
    for rows in np.array_split(np.arange(height), 1 + height // 100):
        noise = rng.normal(0, NOISE_STD, (len(rows), width, 3)).astype(np.float32)
        image[rows] = np.clip(ramp + noise, 0, 255)
    return image


class Stopwatch(NamedTuple):
    """Times at which a measurement began: of the clock, and of the processor."""

    wall: float
    processor: float

    @classmethod
    def start(cls) -> "Stopwatch":
        """Begin a measurement."""
        return cls(time.perf_counter(), time.process_time())

    def stop(self) -> tuple[float, float]:
        """Return the seconds of the clock and of the processor since the start."""
        return (
            time.perf_counter() - self.wall,
            time.process_time() - self.processor,
        )


def measure_quality(options: argparse.Namespace) -> None:
    """Measure the PSNR of photos."""
    denoisers = load_denoiser(options.weights, 0), load_denoiser(options.weights)
    columns = ("noisy, dB", "without adaptation, dB", "with adaptation, dB", "steps")
    table, values = ResultTable("PSNR of denoised photos", "photo", *columns), []
    for file in sorted(pathlib.Path(options.pairs).glob("*_real.*")):
        if not any(word in file.name for word in options.words):
            continue
        noisy = read_photo(file)
        clean = read_photo(file.with_name(file.name.replace("_real", "_mean")))
        results = [denoiser.denoise(noisy, file) for denoiser in denoisers]
        target = jnp.array(to_float01(clean.image))
        images = [to_float01(x.image) for x in (noisy, *results)]
        values.append([float(psnr(jnp.array(x), target)) for x in images])
        table.add(file.stem, *values[-1], results[1].num_steps)
    table.add("mean", *np.mean(values, axis=0), None)
    gain = np.array(values)[:, 2] - np.array(values)[:, 1]
    print(f"adaptation: {gain.mean():+.3f} dB, {gain.min():+.3f} to {gain.max():+.3f}")
    data = f"{len(values)} photos of {options.pairs}: {' '.join(options.words)}"
    table.write(options.json, data=data)


def measure_cost(options: argparse.Namespace) -> None:
    """Measure seconds and memory of denoising one image."""
    denoiser = load_denoiser(options.weights)
    config, plan = denoiser.config, denoiser.plan
    programs = jit_adapt(config, plan), jit_denoise_tile(config)
    side = round((options.megapixels * 1e6 / 6) ** 0.5)
    photo = Photo(noisy_ramp(2 * side, 3 * side))
    size = tiling.tile_size(photo.image.shape, denoiser.tile_margin)
    denoiser.denoise(Photo(noisy_ramp(size, size)), "warm-up")
    stopwatch = Stopwatch.start()
    denoiser.denoise(photo, "ramp")
    wall, processor = stopwatch.stop()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    compiled = sum(program._cache_size() for program in programs)
    columns = ("megapixels", "seconds", "processor seconds", "peak MiB", "programs")
    table = ResultTable("Cost of denoising", *columns)
    table.add(6e-6 * side**2, wall, processor, peak, compiled)
    table.write(options.json, data=RAMP_DATA)


def measure_seam(options: argparse.Namespace) -> None:
    """Compare an image in tiles with the same image in one piece."""
    denoiser = load_denoiser(options.weights, 0)
    image = to_float01(noisy_ramp(1000, 1504))  # multiples of 8, as networks need
    margin = denoiser.tile_margin
    tiled = denoiser.denoise_tiles(image, denoiser.initial_params())
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), "reflect")
    restore = jax.jit(
        functools.partial(denoiser_adaptation.restore, denoiser.config),
        compiler_options=cpu_options(),
    )
    untiled = restore(denoiser.params["restorer"], padded[None]).clean[0]
    untiled = np.clip(untiled[margin:-margin, margin:-margin], 0, 1)
    columns = ("tiles", "largest difference, of 255", "change by the network, of 255")
    table = ResultTable("Denoising in tiles", *columns)
    differences = (255 * np.abs(untiled - x).max() for x in (tiled, image))
    size = tiling.tile_size(image.shape, margin)
    table.add(tiling.count_tiles(image.shape, size), *differences)
    table.write(options.json, data=RAMP_DATA)


def measure_together(options: argparse.Namespace) -> None:
    """Compare adapting to two images in sequence and as a batch."""
    denoiser = load_denoiser(options.weights)
    patches = np.stack([tiling.sample_patches(noisy_ramp(512, 512))] * 2)
    patches = to_float01(patches)
    crops, held_out = patches[:, ~tiling.HELD_OUT], patches[:, tiling.HELD_OUT]
    adapt: Any = jit_adapt(denoiser.config, denoiser.plan)
    adapt_batch = jax.jit(
        jax.vmap(adapt.__wrapped__, in_axes=(None, None, 0, 0, None)),
        compiler_options=cpu_options(),
    )
    params, lrs = denoiser.params, denoiser.inner_lrs
    initial = denoiser.initial_params()

    def one_by_one() -> list:
        pairs = zip(crops, held_out, strict=True)
        return [adapt(params, lrs, *pair, initial) for pair in pairs]

    def as_batch() -> Any:
        return adapt_batch(params, lrs, crops, held_out, initial)

    columns = ("two images", "seconds", "processor seconds")
    table = ResultTable("Adaptation to two images", *columns)
    for name, run in (("one by one", one_by_one), ("as a batch", as_batch)):
        jax.block_until_ready(run())
        stopwatch = Stopwatch.start()
        jax.block_until_ready(run())
        table.add(name, *stopwatch.stop())
    table.write(options.json, data=RAMP_DATA)


def scan_recomputed(step: Callable, carry: Any, count: int) -> Any:
    """Run steps as a scan that recomputes each of them in the backward pass."""
    checkpointed = jax.checkpoint(step, prevent_cse=False)
    return jax.lax.scan(checkpointed, carry, length=count)[0]


def scan_plain(step: Callable, carry: Any, count: int) -> Any:
    """Run steps as a scan."""
    return jax.lax.scan(step, carry, length=count)[0]


def unroll(step: Callable, carry: Any, count: int) -> Any:
    """Run steps one after the other."""
    for _ in range(count):
        carry, _ = step(carry, None)
    return carry


LOOPS = {"scan, recomputed": scan_recomputed, "scan": scan_plain, "unrolled": unroll}


def loss_after_steps(
    plan: AdaptationPlan, loop: Callable, params: Params, noisy: Array, clean: Array
) -> Array:
    """Compute the true error after the adaptation steps of a plan."""
    config, adaptation, restorer = DenoiserConfig(), plan.adaptation, params["restorer"]
    trainable, fixed = adaptation_plan.split_trainable(config, plan, restorer)
    loss = denoiser_adaptation.inner_loss(
        config, plan, params, noisy, jax.random.key(0)
    )
    step = inner_step(loss, constant_lrs(trainable, adaptation), adaptation)
    adapted, _ = loop(step, (trainable, optax.EmptyState()), adaptation.steps)
    pred = denoiser_adaptation.restore(config, {**fixed, **adapted}, noisy).clean
    return jnp.mean(restoration_l1(pred, clean))


def measure_through(options: argparse.Namespace) -> None:
    """Measure the gradient through adaptation steps."""
    variables = init_variables(DenoiserConfig(), jax.random.key(0))
    params = {part: tree["params"] for part, tree in variables.items()}
    noisy = to_float01(noisy_ramp(options.side, options.side))[None]
    clean = np.full_like(noisy, 0.5)
    columns = ("seconds", "processor seconds", "seconds to compile", "gradient norm")
    table = ResultTable(
        "Gradient through adaptation", "adapted", "steps", "MiB", *columns
    )
    for trainable, name in itertools.product(("heads", "all"), LOOPS):
        plan = AdaptationPlan(Adaptation(options.steps), trainable)
        loss = functools.partial(loss_after_steps, plan, LOOPS[name])
        gradient = jax.jit(jax.value_and_grad(loss), compiler_options=cpu_options())
        stopwatch = Stopwatch.start()
        compiled = gradient.lower(params, noisy, clean).compile()
        compile_seconds, _ = stopwatch.stop()
        stopwatch = Stopwatch.start()
        _, grads = jax.block_until_ready(compiled(params, noisy, clean))
        seconds = stopwatch.stop()
        memory: Any = compiled.memory_analysis()
        mebibytes = memory.temp_size_in_bytes / 2**20
        norm = float(optax.global_norm(grads))
        table.add(trainable, name, mebibytes, *seconds, compile_seconds, norm)
    table.write(options.json, data=f"one {options.side}-pixel crop of {RAMP_DATA}")


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="MEASUREMENT")
    functions = {
        "quality": measure_quality,
        "cost": measure_cost,
        "seam": measure_seam,
        "together": measure_together,
        "through": measure_through,
    }
    parsers = {}
    for name, function in functions.items():
        parsers[name] = commands.add_parser(name, description=function.__doc__)
        add_json_option(parsers[name])
        parsers[name].set_defaults(run=function)
        if name != "through":
            parsers[name].add_argument("weights", metavar="WEIGHTS")
    parsers["quality"].add_argument("pairs", metavar="PAIRS")
    parsers["quality"].add_argument("words", metavar="WORD", nargs="+")
    parsers["cost"].add_argument("megapixels", metavar="MEGAPIXELS", type=float)
    parsers["through"].add_argument("side", metavar="SIDE", type=int)
    parsers["through"].add_argument("steps", metavar="K", type=int)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
