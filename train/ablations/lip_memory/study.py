"""Does the memory of SyncTalkFace do something? Variants of its losses and slots.

    python -m avjax.train.ablations.lip_memory.study CORPUS STARTS OUT SEED [VARIANT...]
        [--root FOLDER] [--steps N] [--batch N] [--split SPLIT]
    python -m avjax.train.ablations.lip_memory.study summary OUT [VARIANT]

CORPUS is grid or puppet. STARTS was written by the program `start`; it has the folders
that the variants need: control, 96-SEED, and others of that number of slots. All
variants of a seed continue the same face for the same number of steps on the same
clips; with --steps 0, the faces are measured as they are, with the memory that was
fitted to them. The variants are (default: memory and control)

    memory              both losses of synchronisation, 96 slots
    control             no memory: Wav2Lip
    audio_visual        without L_v-v
    visual_visual       without L_a-v
    slots_48, 24, 8     fewer slots
    random              slots that start at random, not at centres of lip features
    muon                slots under Muon, not Adam
    heavy               the published weight of the losses of the memory, 0.2

Each variant writes the run OUT/VARIANT-SEED and its metrics to OUT/VARIANT-SEED.json.
One that exists is not trained again. `summary` prints mean and standard deviation over
seeds; with a VARIANT, those of the differences to it with the same seed.
"""

import argparse
import collections
import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from avjax import weights
from avjax.compilation import cached_jit
from avjax.config import replace_all
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.loader import Loader
from avjax.metrics.base import Mean
from avjax.metrics.talking_face import talking_metrics_no_baselines
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.ablations.studies.variants import (
    average,
    format_means,
    load_metrics,
    load_part,
    training_corpus,
)
from avjax.train.experiment import Experiment
from avjax.train.experiments import EXPERIMENTS
from avjax.train.loop import fit
from avjax.train.tasks.lip_memory.health import memory_metrics
from avjax.train.tasks.parts import variables_of
from avjax.train.tasks.synctalkface import SyncTalkFaceTask
from avjax.typing import Params

VARIANTS: dict[str, Mapping[str, Any]] = {
    "memory": {},
    "control": {"num_slots": 0},
    "audio_visual": {"visual_visual": 0.0},
    "visual_visual": {"audio_visual": 0.0},
    "slots_48": {"num_slots": 48},
    "slots_24": {"num_slots": 24},
    "slots_8": {"num_slots": 8},
    "random": {},
    "muon": {"adam_params": ()},
    "heavy": {"memory": 0.2},
}
SYNC = "lse_d_expert", "lse_c_expert", "in_sync"
METRICS = (
    *("psnr", "ssim", "lmd", *SYNC, "bilabials_shut", "mean_recall_lmd"),
    *("slots_by_audio", "slot_spread", "values_and_start", "keys_and_start"),
)
FROZEN = "sync_expert", "lip_landmarks"


class MemoryStudy:
    """Trains and measures variants of one corpus and seed."""

    def __init__(self, options: argparse.Namespace):
        """Take the options of the command line."""
        self.options = options
        experiment = EXPERIMENTS[f"synctalkface_{options.corpus}"]()
        train = dataclasses.replace(
            training_corpus(experiment), seed=options.seed, batch_size=options.batch
        )
        if options.root:
            train = dataclasses.replace(train, root=options.root)
        self.experiment = dataclasses.replace(
            experiment,
            train=train,
            seed=options.seed,
            evals={},
            steps=options.steps,
            save_every=50,
            log_every=10,
        )

    def run(self, variant: str) -> None:
        """Train and measure a variant, unless its metrics exist."""
        out, seed = self.options.out, self.options.seed
        folder = out / f"{variant}-{seed}"
        file = out / f"{variant}-{seed}.json"
        if file.is_file():
            return
        experiment = self.change(variant)
        trained = folder / "weights"
        if experiment.steps:
            fit(experiment, folder)
        else:
            trained = pathlib.Path(experiment.init_from["generator"])
        metrics = self.measure(experiment, trained)
        out.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(metrics), encoding="utf-8")
        print(folder.name, metrics, flush=True)

    def change(self, variant: str) -> Experiment:
        """Make the experiment of a variant."""
        change = VARIANTS[variant]
        experiment = replace_all(self.experiment, **change)
        slots = experiment.task.model.num_slots
        start = "random" if variant == "random" else str(slots or 96)
        name = f"{start}-{self.options.seed}" if slots else "control"
        source = self.options.starts / name
        frozen = {part: self.experiment.init_from[part] for part in FROZEN}
        init_from = {**frozen, "generator": str(source)}
        return dataclasses.replace(experiment, init_from=init_from)

    def measure(self, experiment: Experiment, folder: pathlib.Path) -> dict[str, float]:
        """Measure weights on clips that were not trained on."""
        task: Any = experiment.task
        split, root = self.options.split, training_corpus(experiment).root
        loader = Loader(root, split, TalkEvalClip(num_frames=50), batch_size=4)
        parts = {part: load_part(experiment.init_from[part], part) for part in FROZEN}
        parts["generator"] = load_part(folder)
        params = {part: tree["params"] for part, tree in parts.items()}
        stats = {part: tree["batch_stats"] for part, tree in parts.items()}
        evaluate = jit_evaluate(task.model, task)
        batches = loader.eval_batches()
        metrics = average(evaluate(params, stats, batch) for batch in batches)
        if task.model.num_slots:
            metrics |= compare_slots(folder, experiment.init_from["generator"])
        return metrics


@cached_jit
def jit_evaluate(model: Any, task: SyncTalkFaceTask):
    """Compile the evaluation of a face, without baselines."""
    del model

    def evaluate(params: Params, stats: Params, batch: Any) -> dict[str, Mean]:
        networks = task.auxiliary.evaluation_networks(params, stats)
        frames = task.generate(params, stats, batch)
        metrics = talking_metrics_no_baselines(networks, frames, batch)
        if not task.model.num_slots:
            return metrics
        network = task.generator.bind(variables_of(params, stats, "generator"))
        metrics |= memory_metrics(network, networks, batch)
        return {name: metrics[name] for name in METRICS if name in metrics}

    return evaluate


def compare_slots(folder: pathlib.Path, start: str) -> dict[str, float]:
    """Correlate trained slots with those before training.

    Args:
        folder: The trained weights.
        start: Weights that training began with, in a folder of the program `start`.

    Returns:
        `values_and_start` and `keys_and_start`: with the slots before any training.
    """
    untrained = weights.load(f"{start}-untrained").params["generator"]["memory"]
    trained = weights.load(folder).params["generator"]["memory"]
    return {
        f"{name}_and_start": float(
            np.corrcoef(trained[name].ravel(), untrained[name].ravel())[0, 1]
        )
        for name in ("values", "keys")
    }


def summarize(out: pathlib.Path, baseline: str | None) -> ResultTable:
    """Print mean and standard deviation over seeds.

    Args:
        out: Folder of the variants.
        baseline: Variant whose metrics of the same seed are subtracted. None: none.

    Returns:
        The table.
    """
    by_variant = collections.defaultdict(dict)
    for variant, seed, metrics in load_metrics(out):
        by_variant[variant][seed] = np.array([metrics.get(x, np.nan) for x in METRICS])
    table = ResultTable("Memory of SyncTalkFace", "variant", "seeds", *METRICS)
    for variant in VARIANTS:
        rows = by_variant.get(variant, {})
        if baseline is not None:
            reference = by_variant[baseline]
            rows = {s: row - reference[s] for s, row in rows.items() if s in reference}
        if rows:
            table.add(variant, len(rows), *format_means(list(rows.values())))
    return table


def main(arguments: Iterable[str] | None = None) -> None:
    """Train variants, or print the summary of those that exist."""
    parser = make_parser(__doc__)
    commands = parser.add_subparsers(dest="corpus", required=True)
    summary = commands.add_parser("summary")
    summary.add_argument("out", type=pathlib.Path)
    summary.add_argument("baseline", nargs="?", choices=VARIANTS)
    for corpus in ("grid", "puppet"):
        command = commands.add_parser(corpus)
        for name in ("starts", "out"):
            command.add_argument(name, type=pathlib.Path)
        command.add_argument("seed", type=int)
        command.add_argument("variants", nargs="*", choices=[*VARIANTS, []])
        command.add_argument("--root")
        command.add_argument("--steps", type=int, default=100)
        command.add_argument("--batch", type=int, default=4)
        command.add_argument("--split", default="val[:40]")
    options = parser.parse_args(arguments)
    if options.corpus == "summary":
        table = summarize(options.out, options.baseline)
        table.write(options.json, data="validation clips", seeds="as in the table")
        return
    study = MemoryStudy(options)
    for variant in options.variants or ("memory", "control"):
        study.run(variant)


if __name__ == "__main__":
    main()
