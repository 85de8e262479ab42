"""avjax train and avjax evaluate: a run by its name, changed by path=value.

The only place that starts jax.distributed.
"""

import inspect
import json
import logging
import pathlib
from collections.abc import Mapping, Sequence

import jax
import rich.console
import rich.table

from avjax.cli import Parser
from avjax.config import override, unknown
from avjax.errors import InputError
from avjax.train import experiments, loading, sharding
from avjax.train.checkpoint import read
from avjax.train.compiled import Program, build, first_state
from avjax.train.evaluate import evaluate as measure
from avjax.train.experiment import Experiment, check
from avjax.train.loop import ASKED, check_sides, fit
from avjax.train.step import TrainState


def train(arguments: Sequence[str]) -> int:
    """avjax train NAME [path=value …]: trains, or goes on where a run was stopped."""
    parser = parser_of("train", train.__doc__)
    parser.add_argument("--list", action="store_true", help="tell the names there are")
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax speaks to its authors
    options = parser.parse_intermixed_args(arguments)
    if options.list or not options.name:
        print("\n".join(told()))
        return 0
    start_distributed(options.distributed)
    experiment = recall(options.name, options.assignments)
    folder = options.out or pathlib.Path("runs") / options.name
    fit(experiment, folder, asked=(options.name, *options.assignments))
    if jax.process_index() == 0:
        print(f"wrote {folder}")
    return 0


def evaluate(arguments: Sequence[str]) -> int:
    """avjax evaluate NAME|DIR [path=value …]: measures the best weights of a run.

    A name without a run measures what the experiment starts from.
    """
    logging.getLogger("absl").setLevel(logging.ERROR)
    options = parser_of("evaluate", evaluate.__doc__).parse_intermixed_args(arguments)
    if not options.name:
        raise InputError("say which run: avjax evaluate NAME, or the folder of a run")
    start_distributed(options.distributed)
    folder = folder_of(options.name, options.out)
    name, *asked = words_of(folder) or (options.name,)
    experiment = recall(name, (*asked, *options.assignments))
    metrics = measure_run(experiment, folder)
    if jax.process_index() == 0:
        show(metrics, name)
    return 0


def parser_of(verb: str, about: str) -> Parser:
    parser = Parser(prog=f"avjax {verb}", description=about)
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="an experiment, see avjax train --list")
    add("assignments", nargs="*", metavar="path=value", help="optim.face.rate=3e-4 …")
    add("--out", type=pathlib.Path, metavar="DIR", help="the run's folder: runs/NAME")
    add(
        "--distributed",
        metavar="WHERE",
        help="several hosts: auto, or HOST:PORT,PROCESSES,INDEX",
    )
    return parser


def told() -> list[str]:
    """One line an experiment: its name, and the first line of its docstring."""
    table = experiments.EXPERIMENTS
    width = max(map(len, table), default=0)
    firsts = {
        name: (inspect.getdoc(make) or "").split("\n") for name, make in table.items()
    }
    return [f"{name:<{width}}  {first[0]}".rstrip() for name, first in firsts.items()]


def recall(name: str, assignments: Sequence[str]) -> Experiment:
    """The experiment of a name, with its assignments."""
    table = experiments.EXPERIMENTS
    if name not in table:
        raise InputError(unknown(name, table, "EXPERIMENTS"))
    experiment = override(table[name](), assignments)
    check(experiment)
    return experiment


def start_distributed(where: str | None) -> None:
    """Joins the other hosts; what `auto` finds out, the cluster told it."""
    if where is None:
        return
    if where == "auto":
        jax.distributed.initialize()
        return
    try:
        address, count, index = where.split(",")
        jax.distributed.initialize(address, int(count), int(index))
    except ValueError as error:
        raise InputError(
            f"--distributed {where} is not auto or HOST:PORT,PROCESSES,INDEX"
        ) from error


def folder_of(name: str, out: pathlib.Path | None) -> pathlib.Path:
    """The folder of a run that was given by its name or as a folder."""
    if out is not None:
        return out
    folder = pathlib.Path(name)
    if (folder / ASKED).is_file():
        return folder
    if folder.is_dir() and name not in experiments.EXPERIMENTS:
        raise InputError(f"{name} is no folder of a run: it holds no {ASKED}")
    return pathlib.Path("runs") / name


def words_of(folder: pathlib.Path) -> list[str]:
    """The name and the assignments that a run was begun with; empty without a run."""
    file = folder / ASKED
    if not file.is_file():
        return []
    try:
        words = json.loads(file.read_text(encoding="utf-8"))["asked"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is damaged: {error}") from error
    if not words:
        raise InputError(f"{folder} was not begun by avjax train, so it has no name")
    return words


def measure_run(experiment: Experiment, folder: pathlib.Path) -> dict[str, float]:
    """{eval/metric: value} of the best state in the folder, or of the start."""
    if not experiment.evals:
        raise InputError("this experiment has no evals to measure on")
    mesh = sharding.make_mesh(experiment.mesh)
    first = next(iter(experiment.evals.values()))
    example = next(loading.one_pass(first))
    check_sides(experiment.task, first, example)
    program = build(experiment, mesh, example)
    state = trained(experiment, folder, program)
    with rich.console.Console(stderr=True).status("measuring"):
        found = {
            name: measure(program, state, loading.one_pass(loader))
            for name, loader in experiment.evals.items()
        }
    return {f"{name}/{m}": value for name, x in found.items() for m, value in x.items()}


def trained(
    experiment: Experiment, folder: pathlib.Path, program: Program
) -> TrainState:
    """The state to measure."""
    checkpoints = folder / "checkpoints"
    mode = experiment.best[1] if experiment.best else None
    if checkpoints.is_dir():
        state = read(checkpoints, program.shapes, mode)
        if state is not None:
            return state
    # The first objective is the system's own; later ones may move critics.
    own = set(experiment.task.objectives()[0].moves)
    if not own <= set(experiment.start):
        missing = ", ".join(sorted(own - set(experiment.start)))
        raise InputError(f"no checkpoint in {folder}, and no start for {missing}")
    return first_state(program, experiment.start)


def show(metrics: Mapping[str, float], title: str) -> None:
    table = rich.table.Table("metric", "value", title=title)
    for name, value in metrics.items():
        table.add_row(name, f"{value:.5g}")
    rich.console.Console().print(table)
