"""Evaluations of released weights on parts of splits, for the spread of a metric."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from avjax.data.split_source import open_split
from avjax.train.compiled import build
from avjax.train.evaluation import local_eval_batches
from avjax.train.experiment import Experiment
from avjax.train.init_from import init_from_weights
from avjax.train.parallel.sharding import make_mesh
from avjax.train.run.files import RUNS
from avjax.train.run_evaluation import evaluate_sets
from avjax.weights import load

NUM_PARTS = 4  # of a split
MAX_CLIPS = 40  # of a split


def with_parts(experiment: Experiment, roots: Mapping[str, str]) -> Experiment:
    """Let an experiment evaluate each split in parts.

    Args:
        experiment: The experiment.
        roots: {split: folder of the corpus}.

    Returns:
        The experiment, with evaluations "val0", "val1", …, "test0", ….
    """
    loader: Any = next(iter(experiment.evals.values()))
    evals = {}
    for split, root in roots.items():
        count = min(MAX_CLIPS, len(open_split(root, split)))
        edges = np.linspace(0, count, NUM_PARTS + 1).round().astype(int)
        for part in range(NUM_PARTS):
            clips = f"{split}[{edges[part]}:{edges[part + 1]}]"
            changed = dataclasses.replace(loader, root=root, split=clips)
            evals[f"{split}{part}"] = changed
    return dataclasses.replace(experiment, evals=evals)


def measure(weights: str, experiment: Experiment) -> dict[str, float]:
    """Evaluate weights on all evaluations of an experiment.

    Args:
        weights: Name of bundled weights.
        experiment: The experiment.

    Returns:
        {"evaluation/metric": value}.
    """
    parts = set(experiment.task.objectives()[0].parts)
    released = dict.fromkeys(parts & set(load(weights).params), weights)
    frozen = {
        part: source
        for part, source in experiment.init_from.items()
        if not source.startswith(f"{RUNS}/")
    }
    experiment = dataclasses.replace(experiment, init_from=frozen | released)
    example = next(local_eval_batches(next(iter(experiment.evals.values()))))
    program = build(experiment, make_mesh(experiment.mesh), example)
    state = init_from_weights(program, experiment.init_from)
    values, _ = evaluate_sets(experiment, program, state)
    return values
