"""Bundled weights on the clips that their steps were chosen on, and on new ones.

    python -m avjax.train.ablations.selection VAL_CORPUS TEST_CORPUS [WEIGHTS...]

WEIGHTS is bundled weights of puppets (default: all). The split `val` of VAL_CORPUS has
the clips by which steps and thresholds were chosen. The split `test` of TEST_CORPUS has
people and sentences that nothing has seen: other puppets, of another seed. Each split
is measured in four parts; ± is the standard error of their mean.

    avjax data build puppet --kind grid --clips 400 --out VAL_CORPUS
    avjax data build puppet --kind grid --clips 400 --seed 1 --out TEST_CORPUS
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from avjax.data.split_source import open_split
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.compiled import build
from avjax.train.evaluation import local_eval_batches
from avjax.train.experiment import Experiment
from avjax.train.experiments import EXPERIMENTS
from avjax.train.init_from import init_from_weights
from avjax.train.parallel.sharding import make_mesh
from avjax.train.run.files import RUNS
from avjax.train.run_evaluation import evaluate_sets
from avjax.weights import load

NUM_PARTS = 4  # of a split
MAX_CLIPS = 40  # of a split
SYSTEMS = {  # weights: experiment, and the metrics to compare
    "aligner-puppet": ("aligner_puppet", ("phoneme_ms", "word_ms")),
    "bridging-puppet": ("bridging_puppet", ("wer", "wer_grammar")),
    "bridging-speech-puppet": ("bridging_speech_puppet", ("mel_l1", "cosine")),
    "cals-puppet": ("cals_puppet", ("lmd", "psnr")),
    "landmarks-puppet": ("landmarks_puppet", ("pixels",)),
    "sync-puppet": ("sync_puppet", ("accuracy",)),
    "synctalkface-puppet": ("synctalkface_puppet", ("lmd", "psnr")),
    "taem-puppet": ("taem_synctalkface_puppet", ("lmd", "psnr")),
}


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


def main() -> None:
    """Measure the weights, and print validation beside test."""
    parser = make_parser(__doc__)
    parser.add_argument("val", metavar="VAL_CORPUS")
    parser.add_argument("test", metavar="TEST_CORPUS")
    parser.add_argument("weights", metavar="WEIGHTS", nargs="*", choices=[[], *SYSTEMS])
    options = parser.parse_args()
    table = ResultTable(
        "Validation and test",
        *("weights", "metric", "validation", "±", "test", "±", "difference in ±"),
    )
    roots = {"val": options.val, "test": options.test}
    for weights in options.weights or SYSTEMS:
        name, metrics = SYSTEMS[weights]
        values = measure(weights, with_parts(EXPERIMENTS[name](), roots))
        for metric in metrics:
            means, errors = [], []
            for split in roots:
                parts = [values[f"{split}{part}/{metric}"] for part in range(NUM_PARTS)]
                means.append(np.mean(parts))
                errors.append(np.std(parts, ddof=1) / np.sqrt(NUM_PARTS))
            difference = (means[1] - means[0]) / np.hypot(*errors)
            cells = [x for pair in zip(means, errors, strict=True) for x in pair]
            table.add(weights, metric, *cells, difference)
    table.write(
        options.json, data="40 clips of each split, of puppets in GRID's grammar"
    )


if __name__ == "__main__":
    main()
