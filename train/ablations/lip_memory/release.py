"""Write a face and its memory with a model card, as they are bundled.

    python -m avjax.train.ablations.lip_memory.release CORPUS WEIGHTS OUT LINE...

CORPUS is grid or puppet; WEIGHTS was written by the program `start`, or by `study`,
which trains both further. The metrics of the card are those of the experiment
synctalkface_CORPUS on its validation clips. LINE is what the card says of the training:
the face, the commands of these programs, and what was chosen on the validation clips.
OUT is the folder that `avjax.weights.bundle` takes.
"""

import argparse
import math
from typing import Any

from avjax import weights
from avjax.train.ablations.studies.split_parts import measure
from avjax.train.ablations.studies.variants import training_corpus
from avjax.train.experiments import EXPERIMENTS
from avjax.train.experiments.corpora import GRID, PUPPET

TRAINED_ON = {"grid": ("GRID s1", "CC BY 4.0"), "puppet": ("puppets", "Apache-2.0")}
LABELS = {"grid": GRID.label, "puppet": PUPPET.label}


def write_card(corpus: str, lines: list[str], metrics: dict[str, float]) -> str:
    """Write the model card.

    Args:
        corpus: Name of the corpus.
        lines: What is said of the training, one sentence each.
        metrics: `{eval/metric: value}`. Those without a value are omitted.

    Returns:
        The text, one fact a line.
    """
    loader = training_corpus(EXPERIMENTS[f"synctalkface_{corpus}"]())
    data, licence = TRAINED_ON[corpus]
    score = (
        f"lip landmark distance {metrics['val/lmd']:.2f} pixels of 96, "
        f"PSNR {metrics['val/psnr']:.1f} dB"
    )
    facts = [
        f"SyncTalkFace, trained on {LABELS[corpus]}, with a memory that was fitted to "
        "a trained face.",
        f"Data: root {loader.root}, split {loader.split}.",
        *lines,
        *(f"{name}: {x:.5g}" for name, x in metrics.items() if math.isfinite(x)),
        "Task: talking face from audio (avjax talk).",
        f"Trained on: {data}.",
        f"Score: {score}.",
        f"Licence of these weights: {licence}.",
    ]
    return "\n".join(facts) + "\n"


def main() -> None:
    """Measure the weights, and write them with their card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", metavar="CORPUS", choices=sorted(TRAINED_ON))
    parser.add_argument("weights", metavar="WEIGHTS")
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("lines", metavar="LINE", nargs="*")
    options = parser.parse_args()
    experiment: Any = EXPERIMENTS[f"synctalkface_{options.corpus}"]()
    metrics = measure(options.weights, experiment)
    card = write_card(options.corpus, options.lines, metrics)
    loaded = weights.load(options.weights)
    weights.save(
        options.out,
        loaded.params,
        loaded.stats,
        loaded.config,
        system=loaded.system,
        card=card,
    )
    print(card)


if __name__ == "__main__":
    main()
