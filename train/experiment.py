"""An experiment as plain data: which system, on which data, for how long."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from avjax.config import check_ranges, differences, leaves, to_json
from avjax.data.loader import DataLoader
from avjax.errors import InputError
from avjax.train.optimizers import Optimizer
from avjax.train.parallel.hosts import HOST_FIELDS
from avjax.train.task import Task, check_signatures
from avjax.typing import Dtype

# Fields that may differ when a run is resumed. They do not change what a step computes,
# except `steps`, which is changed in order to train longer. The same holds for the
# `HOST_FIELDS` of the training data: a corpus may be moved.
MUTABLE_FIELDS = frozenset(
    {
        "steps",
        "mesh",
        "evals",
        "log_every",
        "evaluate_every",
        "save_every",
        "keep_checkpoints",
        "description",
        "min_batch_per_device",
        "profile",
    }
)
PROFILE = re.compile(r"(\d+):(\d+)")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Configuration of one training run: it prints, compares and saves as JSON.

    Attributes:
        task: The system and its losses.
        train: Loader of the training batches.
        optim: `{objective: optimizer}`, one per objective of the task.
        steps: Number of training steps.
        evals: `{name: loader}` of the evaluations.
        min_batch_per_device: Smallest number of examples that a device has at a time.
            If the batch of `train` has fewer, it is enlarged, and learning rates are
            scaled (`OptimizerConfig.batch_exponent`). 0: the batch is as given.
        accumulate: Number of microbatches that a batch is divided into, to save memory.
        mesh: Devices `(data, fsdp)`; -1 takes all that remain.
        init_from: `{part: weights}` to initialise from. A key is a part or a path in
            one ("generator/audio"); a value is a folder of weights or a bundled name.
        dtype: Type of the products of all networks of the task, see `nn.precision`:
            bfloat16 on accelerators. None: as their own configs say.
        ema: Decay of averages of the weights (EMA), which are evaluated and released
            instead of the latest weights; 0: none.
        seed: Seed of the initialisation and of the randomness of every step.
        log_every: Steps between two log entries.
        evaluate_every: Steps between two evaluations.
        save_every: Steps between two checkpoints.
        keep_checkpoints: Number of latest checkpoints that are kept. The best one is
            kept in addition.
        select_by: `(metric, "min" or "max")`, for instance `("test/psnr", "max")`:
            the weights with the best value are released. None releases the last ones.
        profile: Steps "START:STOP" that are profiled for TensorBoard; "": none.
        description: One line for the model card of the released weights.
    """

    task: Task
    train: DataLoader
    optim: Mapping[str, Optimizer]
    steps: int
    evals: Mapping[str, DataLoader] = dataclasses.field(default_factory=dict)
    min_batch_per_device: int = 0
    accumulate: int = 1
    mesh: tuple[int, int] = (-1, 1)
    init_from: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dtype: Dtype | None = None
    ema: float = 0.0
    seed: int = 0
    log_every: int = 50
    evaluate_every: int = 1000
    save_every: int = 1000
    keep_checkpoints: int = 2
    select_by: tuple[str, Literal["min", "max"]] | None = None
    profile: str = ""
    description: str = ""


def check(experiment: Experiment) -> None:
    """Check that the fields of an experiment are consistent.

    Args:
        experiment: The experiment.

    Raises:
        InputError: An objective has no optimizer, `select_by` names no evaluation, a
            number is out of range, or a method of the task has other arguments.
    """
    positive = ("steps", "log_every", "evaluate_every", "save_every", "accumulate")
    for name in (*positive, "keep_checkpoints"):
        if getattr(experiment, name) < 1:
            raise InputError(f"{name} must be at least 1")
    if not 0 <= experiment.seed < 2**63:
        raise InputError(f"seed={experiment.seed} is outside the range 0 to 2**63 - 1")
    if not 0 <= experiment.ema < 1:
        raise InputError(f"ema={experiment.ema} must be at least 0 and less than 1")
    if experiment.profile:
        check_profile(experiment.profile, experiment.steps)
    check_ranges(experiment)
    check_dtype(experiment)
    check_signatures(experiment.task)
    objectives = {objective.name for objective in experiment.task.objectives()}
    if objectives != set(experiment.optim):
        raise InputError(
            f"optim has the keys {sorted(experiment.optim)}, but the objectives are "
            f"{sorted(objectives)}"
        )
    selection = experiment.select_by
    if selection and selection[0].partition("/")[0] not in experiment.evals:
        known = ", ".join(experiment.evals) or "none"
        raise InputError(
            f"select_by={selection[0]} must be EVAL/METRIC; the evals are: {known}"
        )


def check_dtype(experiment: Experiment) -> None:
    """Check that a type of products is chosen only for networks that use it.

    Args:
        experiment: The experiment.

    Raises:
        InputError: The type would have no effect.
    """
    if experiment.dtype in (None, "float32") or any(find_dtypes(experiment.task)):
        return
    raise InputError(
        f"dtype={experiment.dtype} has no effect: the networks of "
        f"{type(experiment.task).__name__} compute in float32"
    )


def find_dtypes(config: Any) -> Iterator[str]:
    """Iterate over the fields `dtype` in a config and in the configs inside of it.

    Args:
        config: A plain value.

    Yields:
        The values.
    """
    if isinstance(config, Mapping | tuple):
        values = config.values() if isinstance(config, Mapping) else config
        for value in values:
            yield from find_dtypes(value)
    if not dataclasses.is_dataclass(config):
        return
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name == "dtype":
            yield value
        yield from find_dtypes(value)


def check_profile(profile: str, steps: int) -> None:
    """Check the steps that are profiled.

    Args:
        profile: "START:STOP".
        steps: Number of steps of the run.

    Raises:
        InputError: It has another form, or is not within the run.
    """
    match = PROFILE.fullmatch(profile)
    if not match or not 1 <= int(match[1]) <= int(match[2]) <= steps:
        raise InputError(
            f"profile={profile} must be START:STOP with 1 <= START <= STOP <= {steps}"
        )


def check_same_run(experiment: Experiment, stored: Mapping[str, Any]) -> None:
    """Check that a run is resumed with the config that it was started with.

    Args:
        experiment: The experiment to resume.
        stored: Config of the run's checkpoint, as `to_json` wrote it.

    Raises:
        InputError: A field that is not mutable differs, or the run was written by a
            version of avjax whose configs had other fields.
    """
    if "init_from" not in stored:  # the field was called `start` before
        raise InputError(
            "this run was written by an older version of avjax and cannot be resumed; "
            "choose another --out to start a new run"
        )
    current = to_json(experiment)
    before, after = dict(leaves(stored)), dict(leaves(current))
    paths = [
        path
        for path in differences(stored, current)
        if not is_mutable(path)
        and (path in before or after[path])  # a field added later, which is off
    ]
    if paths:
        changes = "; ".join(
            f"{path} was {before.get(path)!r} and is now {after.get(path)!r}"
            for path in paths
        )
        raise InputError(
            f"this run was started with another config: {changes}; "
            "choose another --out to start a new run"
        )


def is_mutable(path: str) -> bool:
    """Tell if a field may differ when a run is resumed.

    Args:
        path: Path of the field, such as "train.root".
    """
    first, *others = path.split(".")
    if first == "train":
        return bool(others) and others[-1] in HOST_FIELDS
    return first in MUTABLE_FIELDS or "remat" in others  # it changes memory alone
