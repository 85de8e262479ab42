"""Experiments of talking faces that a lip reader helps to train.

    avjax train loss_reader_puppet     the lip reader of the loss
    avjax train cals_reading_puppet    CALS with its lip-reading loss

The generated lips are judged by another reader, `bridging-puppet`: the one of the loss
has another seed and was trained on other clips. Where there are clips of one speaker
only, as in GRID s1, each reader has one half of the training clips:

    avjax train loss_reader_grid
    avjax train judge_reader_grid
    avjax train cals_reading_grid
"""

import dataclasses
from typing import Any

from avjax.train.experiment import Experiment
from avjax.train.experiments.bridging import SMALL, bridging_grid, bridging_puppet
from avjax.train.experiments.cals import small_both
from avjax.train.experiments.corpora import GRID, PUPPET, SmallCorpus
from avjax.train.registry import experiment
from avjax.train.tasks.talking.lip_reading import LipReaderConfig

LOSS_CORPUS = "corpora/puppet-grid-1"  # other clips than those of bridging-puppet
LOSS_HALF, JUDGE_HALF = "train[:50%]", "train[50%:]"
READING_WEIGHT = 0.1  # of the lip-reading loss


@experiment
def loss_reader_puppet() -> Experiment:
    """Train the lip reader of the lip-reading loss on puppets.

    Data: corpora/puppet-grid-1. Time: 0.2 hours on two cores. Score: WER 12.9 %, with
    the grammar 3.8 %.
    """
    reader: Any = bridging_puppet()
    return dataclasses.replace(
        reader,
        train=dataclasses.replace(reader.train, root=LOSS_CORPUS, seed=1),
        evals={"val": dataclasses.replace(reader.evals["val"], root=LOSS_CORPUS)},
        seed=1,
        steps=900,
    )


@experiment
def loss_reader_grid() -> Experiment:
    """Train the lip reader of the lip-reading loss on half of the clips of GRID s1.

    It starts from loss_reader_puppet. Data: corpora/grid. Time: 0.5 hours on two cores.
    Score: WER 26.7 %, with the grammar 22.5 %.
    """
    return half_reader(LOSS_HALF, PUPPET.weights("loss_reader"), seed=1)


@experiment
def judge_reader_grid() -> Experiment:
    """Train the lip reader that judges on the other half of the clips of GRID s1.

    It starts from `bridging-puppet`. Data: corpora/grid. Time: 0.9 hours on two cores.
    Score: WER 27.9 %, with the grammar 21.3 %.
    """
    return half_reader(JUDGE_HALF, "bridging-puppet", seed=0)


@experiment
def cals_reading_puppet() -> Experiment:
    """Train CALS further; run loss_reader_puppet and cals_puppet first.

    Data: corpora/puppet. Time: 0.5 hours on two cores. Score of `cals-puppet`: LMD 0.68
    pixels, PSNR 34.9 dB.
    """
    return small_reading(PUPPET, steps=1000)


@experiment
def cals_reading_grid() -> Experiment:
    """Train CALS further; run loss_reader_grid and cals_grid first.

    Data: corpora/grid. Time: 0.5 hours on two cores. Score of `cals-grid-s1`: LMD 0.30
    pixels, PSNR 36.7 dB.
    """
    return small_reading(GRID, steps=500)


def half_reader(split: str, start: str, seed: int) -> Experiment:
    """Train a lip reader on a part of the clips of GRID s1.

    Args:
        split: The clips.
        start: Weights to start from.
        seed: Seed of the network and of the order of the clips.

    Returns:
        The experiment.
    """
    reader: Any = bridging_grid()
    return dataclasses.replace(
        reader,
        train=dataclasses.replace(reader.train, split=split, seed=seed),
        seed=seed,
        init_from={"reader": start},
    )


def small_reading(corpus: SmallCorpus, steps: int) -> Experiment:
    """Train units and face of a small CALS with a lip-reading loss.

    Args:
        corpus: The corpus.
        steps: Number of steps.

    Returns:
        The experiment.
    """
    both = small_both(corpus, steps)
    task: Any = both.task
    losses = dataclasses.replace(task.losses, reading=READING_WEIGHT)
    reader = LipReaderConfig(SMALL.size, SMALL.width)
    start = corpus.weights("cals")
    return dataclasses.replace(
        both,
        task=dataclasses.replace(task, losses=losses, reader=reader),
        init_from={
            **corpus.frozen,
            "audio_to_lip": start,
            "lip_to_face": start,
            "lip_reader/visual": corpus.weights("loss_reader"),
        },
        description=f"{both.description[:-1]}, with a lip-reading loss.",
    )
