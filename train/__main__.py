"""The commands `avjax train` and `avjax evaluate`.

This is the only module that starts `jax.distributed`. JAX and the experiments are
imported inside the functions, so that `--help` and invalid options answer at once.
"""

import inspect
import logging
import pathlib
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from avjax.cli import Parser, add_json_argument, print_json
from avjax.config import override, to_assignments, to_json
from avjax.console import status
from avjax.errors import InputError, suggest

if TYPE_CHECKING:
    from avjax.train.experiment import Experiment

TRAIN_HELP = """Train an experiment, or continue a run that was stopped.

path=value changes a field of the experiment, such as steps=1000 or
optim.generator.learning_rate=3e-4; root=DIR changes train.root and the root of all
evaluations."""
NAME_HELP = "experiment (see avjax train --list), or FILE.py:EXPERIMENT of your own"
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
    logging.getLogger("absl").setLevel(logging.ERROR)  # messages of Orbax
    options = make_train_parser().parse_intermixed_args(arguments)
    if options.list or not options.name:
        print_experiments(options.json)
        return 0
    start_distributed(options.distributed)
    experiment = make_experiment(options.name, options.assignments)
    if options.show:
        print_fields(experiment, options.json)
        return 0
    import jax

    from avjax.train.experiments.requirements import check_requirements
    from avjax.train.loop import fit
    from avjax.train.run_folder import RUNS

    folder = options.out or RUNS / options.name.rpartition(":")[2]
    check_requirements(experiment, folder, "train", "evals")
    name = absolute_name(options.name)
    state = fit(experiment, folder, arguments=(name, *options.assignments))
    if jax.process_index() == 0 and options.json:
        print_json({"wrote": [str(folder)], "step": int(state.step)})
    elif jax.process_index() == 0:
        print(f"wrote {folder}")
    return 0


def evaluate(arguments: Sequence[str]) -> int:
    """Run `avjax evaluate NAME|DIR [path=value …]`.

    Args:
        arguments: The words after `avjax evaluate`.

    Returns:
        The exit status, 0.

    Raises:
        InputError: The arguments, the run or its data cannot be used.
    """
    logging.getLogger("absl").setLevel(logging.ERROR)
    options = make_evaluate_parser().parse_intermixed_args(arguments)
    if not options.name:
        raise InputError("name a run: avjax evaluate NAME, or the folder of a run")
    start_distributed(options.distributed)
    experiments = load_experiments()

    import jax

    from avjax.train.experiments.requirements import check_requirements, expand_root
    from avjax.train.run_evaluation import check_effect, evaluate_run, print_metrics
    from avjax.train.run_folder import find_run, read_invocation

    folder = find_run(options.name, options.out, experiments)
    name, *assignments = read_invocation(folder) or (options.name,)
    if ".py:" in options.name:  # for instance with a metric that the run did not have
        name = options.name
    before = make_experiment(name, assignments)
    changes = expand_root(options.assignments, before, "evals")
    experiment = make_experiment(name, (*assignments, *changes))
    check_effect(before, experiment, folder)
    check_requirements(experiment, folder, "evals")
    metrics, step, state = evaluate_run(experiment, folder)
    if jax.process_index() == 0 and options.json:
        print_json({"step": step, **metrics})
    elif jax.process_index() == 0:
        print_metrics(metrics, f"{pathlib.Path(name).name}, {folder}")
        print(f"measured: {state}")
    return 0


def print_fields(experiment: "Experiment", as_json: bool) -> None:
    """Print the fields of an experiment, as `path=value` or as JSON."""
    if as_json:
        print_json(to_json(experiment))
    else:
        print("\n".join(map(shlex.quote, to_assignments(experiment))))


def make_train_parser() -> Parser:
    """Make the parser of `avjax train`."""
    parser = make_parser("train", TRAIN_HELP)
    flags = {
        "--list": "list all experiments",
        "--show": "print the fields as path=value, and do not train",
    }
    for flag, text in flags.items():
        parser.add_argument(flag, action="store_true", help=text)
    return parser


def make_evaluate_parser() -> Parser:
    """Make the parser of `avjax evaluate`."""
    return make_parser("evaluate", EVALUATE_HELP)


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
        type=pathlib.Path,
        metavar="DIR",
        help="folder of the run (default: runs/NAME)",
    )
    add(
        "--distributed",
        metavar="WHERE",
        help="run on several hosts: auto, or HOST:PORT,PROCESSES,INDEX",
    )
    return parser


def load_experiments() -> Mapping[str, Callable[[], "Experiment"]]:
    """Import the named experiments, which takes seconds, and show a spinner.

    Returns:
        {name: function that makes the experiment}.
    """
    with status("loading the experiments"):
        from avjax.train import experiments
    return experiments.EXPERIMENTS


def print_experiments(as_json: bool) -> None:
    """Print the name of each experiment, and the first line of its docstring.

    Args:
        as_json: Print a JSON object instead of lines.
    """
    summaries = {
        name: (inspect.getdoc(make) or "").split("\n")[0]
        for name, make in load_experiments().items()
    }
    if as_json:
        print_json(summaries)
        return
    width = max(map(len, summaries), default=0)
    for name, summary in summaries.items():
        print(f"{name:<{width}}  {summary}".rstrip())


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
        raise InputError(
            f"unknown experiment '{name}' (see avjax train --list); "
            f"{suggest(name, makers)}"
        )
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


def start_distributed(where: str | None) -> None:
    """Connect to the other hosts.

    Args:
        where: "auto" if the cluster sets the addresses, or "HOST:PORT,PROCESSES,INDEX".
            None: this is the only host.

    Raises:
        InputError: `where` has another form.
    """
    if where is None:
        return
    import jax

    try:
        if where == "auto":
            jax.distributed.initialize()
            return
        address, count, index = where.split(",")
        jax.distributed.initialize(address, int(count), int(index))
    except ValueError as error:
        raise InputError(
            f"--distributed {where} cannot be used: give HOST:PORT,PROCESSES,INDEX, or "
            "auto on a cluster that JAX detects"
        ) from error
