"""Experiments of the aligner: `avjax train aligner_puppet`, ….

A boundary cannot be more precise than half a mel frame, 6 ms. Times are of two cores.

Commands of the corpora:
    avjax data build puppet --out corpora/puppet
    avjax data build grid --raw GRID --out corpora/grid
"""

import dataclasses

from avjax.data.examples.alignment import AlignmentClip
from avjax.data.loader import Loader
from avjax.train.experiment import Experiment
from avjax.train.experiments.corpora import GRID, PUPPET
from avjax.train.optimizers import Muon
from avjax.train.registry import experiment
from avjax.train.tasks.aligner import AlignerTask

REL_BIAS = ("rel_bias",)  # attention bias; it is not a kernel


@experiment
def aligner_puppet() -> Experiment:
    """Train forced alignment on puppets, with the times of words.

    Data: corpora/puppet. Time: 0.2 hours. Score: mean error of phonemes 23 ms.
    """
    return small_aligner(PUPPET.root, 400, "The aligner, trained on puppets.")


@experiment
def aligner_grid() -> Experiment:
    """Train forced alignment on GRID s1, from the weights `aligner-puppet`.

    Data: corpora/grid. Time: 0.2 hours. Score: mean error of words 27 ms.
    """
    description = "The aligner, trained on puppets, then on GRID s1 (CC BY 4.0)."
    base = small_aligner(GRID.root, 150, description)
    return dataclasses.replace(base, init_from={"aligner": "aligner-puppet"})


def small_aligner(root: str, steps: int, description: str) -> Experiment:
    """Train a small aligner in a few minutes on two cores.

    Args:
        root: Folder of the corpus.
        steps: Number of steps.
        description: First line of the model card.

    Returns:
        The experiment.
    """
    optimizer = Muon(
        learning_rate=3e-3,
        adam_params=REL_BIAS,
        warmup=30,
        schedule="cosine",
        max_grad_norm=1.0,
    )
    return Experiment(
        task=AlignerTask(),
        train=Loader(root, "train", AlignmentClip(), batch_size=8, num_workers=1),
        evals={"val": Loader(root, "val", AlignmentClip(), batch_size=8)},
        optim={"aligner": optimizer},
        steps=steps,
        log_every=25,
        evaluate_every=steps,
        save_every=200,
        description=description,
    )
