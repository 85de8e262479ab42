"""Measure what the training steps of experiments send between eight devices.

    python tests/benchmarks/sharding.py EXPERIMENT=BATCH... [--json PATH]

Each step is compiled for eight devices of this computer, with plain data parallelism
and with FSDP, and not run. BATCH is the number of examples on all devices together. The
benchmark prints, per device and step,

    reduced    megabytes sent to add gradients and statistics (all-reduce in a ring)
    gathered   megabytes sent to gather parameters (all-gather)
    other      megabytes sent to move other arrays
    sent       all of these, in multiples of the size of the parameters
    memory     megabytes of arguments, results and temporary arrays
    undivided  arrays in the program that hold the whole batch
"""

import os
import pathlib
import sys
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8"
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "helpers"))
from batch_shapes import encoded, training_shapes  # noqa: E402
from step_cost import measure_step  # noqa: E402

from avjax.train.ablations.results import ResultTable, make_parser  # noqa: E402
from avjax.train.experiments import EXPERIMENTS  # noqa: E402

MESHES = ((8, 1), (1, 8))


def main() -> None:
    """Print two rows per experiment."""
    parser = make_parser(__doc__)
    parser.add_argument("experiments", metavar="EXPERIMENT=BATCH", nargs="+")
    options = parser.parse_args()
    table = ResultTable(
        "Training steps on eight devices",
        *("experiment", "batch", "mesh (data, fsdp)", "parameters, MB"),
        *("reduced, MB", "gathered, MB", "other, MB", "sent, per parameter byte"),
        *("memory, MB", "undivided"),
    )
    for name, _, batch in (text.partition("=") for text in options.experiments):
        experiment = EXPERIMENTS[name]()
        task: Any = experiment.task
        size = getattr(task.model, "size", 0)
        shapes = training_shapes(encoded(experiment.train), int(batch), size)
        for mesh in MESHES:
            cost = measure_step(experiment, mesh, shapes)
            reduced, gathered = cost.sent("all-reduce"), cost.sent("all-gather")
            table.add(
                *(name, int(batch), str(mesh), cost.param_bytes / 1e6),
                *(reduced / 1e6, gathered / 1e6),
                (cost.sent() - reduced - gathered) / 1e6,
                cost.sent() / cost.param_bytes,
                cost.memory / 1e6,
                len(cost.undivided(int(batch))),
            )
    table.write(options.json, data="shapes alone", seeds="not random")


if __name__ == "__main__":
    main()
