"""The commands `avjax train` and `avjax evaluate`.

JAX and the experiments are imported inside the functions, so that `--help` and invalid
options answer at once.
"""

import argparse
import functools
import inspect
import logging
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from avjax.cli import Parser, add_json_argument, print_json
from avjax.config import override, show_assignment, to_assignments, to_json
from avjax.console import status
from avjax.errors import InputError
from avjax.train import names
from avjax.train.listing import print_experiments
from avjax.train.parallel.hosts import OFF, connected
from avjax.train.run.files import RUNS

if TYPE_CHECKING:
    from avjax.train.experiment import Experiment

TRAIN_HELP = """Train an experiment, or continue a run that was stopped.

The folder of a run as NAME continues it with the changes that it was started with.

path=value changes a field of the experiment, such as steps=1000 or
optim.generator.learning_rate=3e-4; root=DIR changes train.root and the root of all
evaluations. path=value,value,… trains once with each value, in folders of its own, and
prints a table."""
NAME_HELP = (
    "experiment (see avjax train --list), FILE.py:EXPERIMENT of your own, or the "
    "folder of a run"
)
EVALUATE_HELP = """Evaluate a run: its best weights (by select_by), else the latest.

If the experiment has no run, the weights that it starts from are evaluated.
NAME is an experiment or the folder of a run. path=value changes what is evaluated, such
as evals.test.root=DIR, or root=DIR for all evaluations; fields without effect on an
evaluation, such as steps, are refused."""


def train(arguments: Sequence[str]) -> int:
    """Run `avjax train NAME [path=value …]`.

    Args:
        arguments: The words after `avjax train`.

    Returns:
        The exit status, 0.

    Raises:
        InputError: The arguments, the experiment or its data cannot be used.
    """
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # Orbax raises its errors
    options = make_train_parser().parse_intermixed_args(arguments)
    name = options.name
    if options.list or not name:
        print_experiments(describe_experiments(name), name, options.json)
        return 0
    names.check_name(name)
    with connected(OFF if options.show else options.distributed):
        train_named(options)
    return 0


def train_named(options: argparse.Namespace) -> None:
    """Train the experiment that the options name, or print its config.

    Args:
        options: Parsed arguments of `avjax train`.
    """
    import jax

    from avjax.train.experiments.requirements import check_requirements
    from avjax.train.run.folder import find_continued
    from avjax.train.run.sweep import fit_all, plan_runs

    name, assignments, folder = find_continued(
        options.name, options.assignments, options.out, load_experiments()
    )
    make = functools.partial(make_experiment, name)
    runs = plan_runs(make, assignments, folder)
    if options.show:
        print_fields([run.experiment for run in runs], options.json)
        return
    for run in runs:
        check_requirements(run.experiment, run.folder, "train", "evals")
    has_trained = fit_all(absolute_name(name), runs, folder)
    if jax.process_index() == 0 and options.json:
        print_json({"wrote": [str(run.folder) for run in runs]})
    elif jax.process_index() == 0 and has_trained:
        print(f"wrote {folder}")


def evaluate(arguments: Sequence[str]) -> int:
    """Run `avjax evaluate NAME|DIR [path=value …]`.

    Args:
        arguments: The words after `avjax evaluate`.

    Returns:
        The exit status, 0.

    Raises:
        InputError: The arguments, the run or its data cannot be used.
    """
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    options = make_evaluate_parser().parse_intermixed_args(arguments)
    if not options.name:
        raise InputError("name a run: avjax evaluate NAME, or the folder of a run")
    names.check_name(options.name, pathlib.Path(options.out or RUNS / options.name))
    with connected(options.distributed):
        evaluate_named(options)
    return 0


def evaluate_named(options: argparse.Namespace) -> None:
    """Evaluate the run that the options name, and print its metrics.

    Args:
        options: Parsed arguments of `avjax evaluate`.
    """
    experiments = load_experiments()

    import jax

    from avjax.train import run_evaluation as runs
    from avjax.train.experiments.requirements import check_requirements, expand_root
    from avjax.train.monitor.metric_table import print_metrics
    from avjax.train.run.folder import find_run, read_invocation

    folder = find_run(options.name, options.out, experiments)
    name, *assignments = read_invocation(folder) or (options.name,)
    if ".py:" in options.name:  # for instance with a metric that the run did not have
        name = options.name
    before = make_experiment(name, assignments)
    changes = expand_root(options.assignments, before, "evals")
    experiment = make_experiment(name, (*assignments, *changes))
    runs.check_effect(before, experiment, folder)
    if options.split:
        experiment = runs.on_split(experiment, options.split)
    check_requirements(experiment, folder, "evals")
    metrics, step, state, data = runs.evaluate_run(experiment, folder)
    if jax.process_index() == 0 and options.json:
        print_json({"step": step, **metrics})
    elif jax.process_index() == 0:
        title = f"{pathlib.Path(name).name}, {folder}"
        print_metrics(metrics, title, experiment.task.metric_units())
        print("\n".join(f"on {line}" for line in data))
        print(f"measured: {state}")


def print_fields(experiments: Sequence["Experiment"], as_json: bool) -> None:
    """Print the fields of experiments.

    Args:
        experiments: One experiment, or those of a sweep.
        as_json: Print JSON instead of `path=value`: an object, or a list for a sweep.
    """
    if as_json:
        configs = [to_json(experiment) for experiment in experiments]
        print_json(configs if len(configs) > 1 else configs[0])
        return
    for experiment in experiments:
        print("\n".join(map(show_assignment, to_assignments(experiment))))


def make_train_parser() -> Parser:
    """Make the parser of `avjax train`."""
    parser = make_parser("train", TRAIN_HELP)
    add = parser.add_argument
    text = "list all experiments; with NAME: its whole description"
    add("--list", action="store_true", help=text)
    text = "print the fields of the experiment as path=value, and do not train"
    add("--print", "--show", dest="show", action="store_true", help=text)
    return parser


def make_evaluate_parser() -> Parser:
    """Make the parser of `avjax evaluate`."""
    parser = make_parser("evaluate", EVALUATE_HELP)
    text = "split to measure instead of the one that selects weights, such as test"
    parser.add_argument("--split", metavar="SPLIT", help=text)
    return parser


def make_parser(command: str, description: str) -> Parser:
    """Make the parser of one command, with the arguments that both share.

    Args:
        command: "train" or "evaluate".
        description: Description of the command for its help.

    Returns:
        The parser.
    """
    parser = Parser(prog=f"avjax {command}", description=description)
    add_json_argument(parser)
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help=NAME_HELP)
    add(
        "assignments",
        nargs="*",
        metavar="path=value",
        help="change of the config (the fields: avjax train NAME --show)",
    )
    add(
        "--out",
        metavar="DIR",
        help="folder of the run (default: runs/NAME)",
    )
    add(
        "--distributed",
        metavar="WHERE",
        help="run in several processes: auto, or HOST:PORT,PROCESSES,INDEX; off: this "
        "process alone, although a cluster has started several",
    )
    return parser


def load_experiments() -> Mapping[str, Callable[[], "Experiment"]]:
    """Import the named experiments, which takes seconds, and show a spinner.

    Returns:
        {name: function that makes the experiment}.
    """
    with status("loading the experiments"):
        from avjax.train import experiments
        from avjax.train.registry import load_entry_points

        load_entry_points()
    return experiments.EXPERIMENTS


def describe_experiments(name: str | None) -> dict[str, str]:
    """Read the docstrings of all experiments, or of one that is in a file."""
    if name and re.search(r"\.py(:|$)", name):
        from avjax.train.registry import load_experiment_file as load

        return {name: inspect.getdoc(load(name)) or ""}
    if not names.may_have_others():
        return names.read_descriptions()
    makers = load_experiments().items()
    return {name: inspect.getdoc(make) or "" for name, make in makers}


def make_experiment(name: str, assignments: Sequence[str]) -> "Experiment":
    """Make an experiment by its name, and change its config.

    Args:
        name: Name of an experiment, or "path/to/file.py:experiment".
        assignments: Changes of the config, "path=value".

    Returns:
        The experiment.

    Raises:
        InputError: The name or an assignment is invalid.
    """
    makers = load_experiments()
    from avjax.train.experiment import check
    from avjax.train.experiments.requirements import expand_root
    from avjax.train.registry import load_experiment_file

    if re.search(r"\.py(:|$)", name):
        make = load_experiment_file(name)
    elif name in makers:
        make = makers[name]
    else:
        raise InputError(names.unknown_experiment(name, makers))
    experiment = make()
    experiment = override(
        experiment, expand_root(assignments, experiment, "train", "evals")
    )
    check(experiment)
    return experiment


def absolute_name(name: str) -> str:
    """Make the path in "path/to/file.py:experiment" absolute.

    Args:
        name: Name of an experiment, perhaps in a file.

    Returns:
        A name that means the same in every folder.
    """
    path, colon, experiment_name = name.rpartition(":")
    if not path.endswith(".py"):
        return name
    return f"{pathlib.Path(path).absolute()}{colon}{experiment_name}"
