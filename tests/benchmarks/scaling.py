"""Measure the training steps of full-size experiments for 8, 64 and 256 devices.

    python tests/benchmarks/scaling.py [EXPERIMENT...] [--json PATH] [--estimate PATH]
        [--remat STAGE,...] [--compile EXPERIMENT,...]

Nothing is run. Each step is derived for the devices (type of the products, batch),
traced and lowered for a TPU; for eight devices of this computer it is also compiled,
with plain data parallelism (of the experiments that --compile names, or of all). The
benchmark prints

    products   matrix products and convolutions of the lowered step
    bfloat16   fraction of them whose factors are both bfloat16, in percent
    TFLOP      operations per device and step, counted in the lowered step
    memory     megabytes of arguments, results and temporary arrays of a device, as
               compiled; a CPU converts bfloat16 to float32, which takes more memory
    sent       megabytes that a device sends per step, by rings of all devices
    messages   collective operations of the compiled step

With more devices at the same batch per device, a device runs the same program; only the
rings are longer. In the estimate of weak scaling, seconds of a step are

    TFLOP / (35 % of the peak) + sent / bandwidth + messages x 20 microseconds

where a device sends 2 (n - 1) / n times the gradients in float32, as a ring of n
devices does (tests/train/test_step_cost.py holds a compiled step to 1.1 times this),
and every gradient and every statistic is a message of its own, although compilers
combine them. The efficiency is the first term as a fraction of the sum, as if nothing
overlapped; with overlap it is the first term over the larger of the first and the
others.
"""

import argparse
import dataclasses
import os
import pathlib
import sys
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=256"
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "helpers"))
import jax  # noqa: E402
from batch_shapes import encoded, training_shapes  # noqa: E402
from step_cost import (  # noqa: E402
    Collective,
    StepCost,
    compile_step,
    count_products,
    prepare_step,
)

from avjax.algorithms import meta_sgd  # noqa: E402
from avjax.config import replace_all  # noqa: E402
from avjax.train.ablations.results import ResultTable, make_parser  # noqa: E402
from avjax.train.experiment import Experiment  # noqa: E402
from avjax.train.experiments import EXPERIMENTS  # noqa: E402
from avjax.train.monitor.speed import PEAK_FLOPS  # noqa: E402
from avjax.train.parallel.scaling import (  # noqa: E402
    batch_size_of,
    fit_to_devices,
)
from avjax.train.tasks import denoiser  # noqa: E402

COMPILED_COLUMNS = "memory, MB", "sent, MB", "messages"
COMPILED, COUNTS = 8, (8, 64, 256)
RECIPES = (
    "synctalkface_lrs2",
    "cals_lrs2",
    "bridging_lrw",
    "taem_wav2lip_lrs2",
    "denoiser_sidd",
    "sync_lrs2",
    "lipwarp_editor96_clips",
)
# Bytes per second that a device sends to the next one of a ring, by data sheets: one
# 400 Gb/s network card for each GPU; half of the 1600 Gb/s of a TPU's links.
LINKS = {"NVIDIA H100": 50e9, "TPU v5 lite": 100e9}
UTILISATION, MESSAGE_SECONDS = 0.35, 20e-6


def main() -> None:
    """Print a row per experiment and number of devices."""
    parser = make_parser(__doc__)
    parser.add_argument("experiments", metavar="EXPERIMENT", nargs="*")
    parser.add_argument("--estimate", metavar="PATH", help="write the estimate as JSON")
    parser.add_argument(
        "--compile",
        default=",".join(RECIPES),
        help="experiments that are compiled, or none",
    )
    parser.add_argument("--remat", default="", help="stages whose activations go")
    options = parser.parse_args()
    # As on an accelerator: images of a batch are adapted together.
    meta_sgd.unroll_on_cpu = denoiser.unroll_on_cpu = lambda: False
    table = ResultTable(
        "Full-size training steps",
        *("experiment", "devices", "batch", "products", "bfloat16, %"),
        "TFLOP",
        *(COMPILED_COLUMNS if options.compile != "none" else ()),
    )
    estimate = ResultTable(
        "Estimated weak scaling",
        *("experiment", "device", "devices", "sent, MB", "step, ms"),
        *("communication, ms", "efficiency, %", "with overlap, %"),
    )
    for name in options.experiments or RECIPES:
        measure(name, options, table, estimate)
        table.write(options.json, data="shapes alone", seeds="not random")
        estimate.write(options.estimate, data="shapes alone", seeds="not random")


def measure(
    name: str, options: argparse.Namespace, table: ResultTable, estimate: ResultTable
) -> None:
    """Add the rows of one experiment."""
    cost: StepCost | None = None
    for devices in COUNTS:
        experiment = EXPERIMENTS[name]()
        if options.remat:
            stages = tuple(options.remat.split(","))
            task = replace_all(experiment.task, remat=stages)
            experiment = dataclasses.replace(experiment, task=task)
        experiment = fit_to_devices(experiment, devices)
        batch = batch_size_of(experiment.train)
        task: Any = experiment.task
        size = getattr(task.model, "size", 0)
        shapes = training_shapes(encoded(experiment.train), batch, size)
        program, traced = prepare_step(experiment, (devices, 1), shapes)
        lowered = traced.lower(lowering_platforms=("tpu",))
        products = count_products(lowered)
        flops = lowered.cost_analysis()["flops"] / devices
        if devices == COMPILED and name in options.compile.split(","):
            cost = compile_step(experiment, program, traced)
        row = (name, devices, batch, products.count)
        row = (*row, 100 * products.share, flops / 1e12)
        if options.compile != "none":
            compiled = cost is not None and devices == COMPILED
            row = (*row, *(compiled_numbers(cost) if compiled else 3 * (None,)))
        table.add(*row)
        ring = Collective("all-reduce", gradient_bytes(experiment, program), devices)
        messages = count_messages(experiment, program)
        add_estimate(estimate, (name, devices), flops, ring.sent, messages)


def compiled_numbers(cost: StepCost) -> tuple[float, float, int]:
    """Return memory and sent bytes of a device in megabytes, and messages."""
    return cost.memory / 1e6, cost.sent() / 1e6, len(cost.collectives)


def gradient_bytes(experiment: Experiment, program: Any) -> int:
    """Return the size of all gradients of a step."""
    arrays = trained_arrays(experiment, program.shapes.params)
    return sum(x.size * x.dtype.itemsize for x in arrays)


def count_messages(experiment: Experiment, program: Any) -> int:
    """Count the gradients and the statistics of a step."""
    trees = program.shapes.params, program.shapes.stats
    return sum(len(trained_arrays(experiment, tree)) for tree in trees)


def trained_arrays(experiment: Experiment, tree: Any) -> list[Any]:
    """List the arrays of the trained parts in `{part: tree}`."""
    objectives = experiment.task.objectives()
    parts = [part for objective in objectives for part in objective.parts]
    return jax.tree.leaves([tree.get(part, {}) for part in parts])


def add_estimate(
    estimate: ResultTable,
    key: tuple[str, int],
    flops: float,
    sent: float,
    messages: int,
) -> None:
    """Add the rows of the estimate: one for each kind of device."""
    for kind, bandwidth in LINKS.items():
        compute = flops / (UTILISATION * PEAK_FLOPS[kind])
        communicate = sent / bandwidth + messages * MESSAGE_SECONDS
        estimate.add(
            *(key[0], kind, key[1], sent / 1e6),
            *(1e3 * (compute + communicate), 1e3 * communicate),
            100 * compute / (compute + communicate),
            100 * compute / max(compute, communicate),
        )


if __name__ == "__main__":
    main()
