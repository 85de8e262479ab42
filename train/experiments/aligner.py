"""Recipes of the aligner.  Half a column, 6 ms, is the least error there is."""

import dataclasses

from avjax.data.examples.alignment import HearClip
from avjax.data.loader import Loader
from avjax.train.experiment import Experiment
from avjax.train.optimizers import Muon
from avjax.train.tasks.aligner import AlignerTask

PLACES = ("places",)  # of attention: numbers by distance, and no kernel


def aligner_puppet() -> Experiment:
    """Sounds of puppets, held to the times of their words."""
    return small("corpora/puppet", 400, "The aligner, trained on puppets.")


def aligner_grid() -> Experiment:
    """Sounds of GRID's speaker s1, the same; begins with what puppets taught."""
    doc = "The aligner, trained on puppets, then on GRID s1 (CC BY 4.0)."
    recipe = small("corpora/grid", 150, doc)
    return dataclasses.replace(recipe, start={"aligner": "aligner-puppet"})


def small(root: str, steps: int, doc: str) -> Experiment:
    """What two cores train in a few minutes."""
    read = {"window": HearClip(), "batch": 8}
    return Experiment(
        task=AlignerTask(),
        train=Loader(root, "train", **read, workers=1),
        evals={"test": Loader(root, "test", **read)},
        optim={
            "aligner": Muon(
                rate=3e-3, apart=PLACES, warmup=30, schedule="cosine", clip=1.0
            )
        },
        steps=steps,
        log_every=25,
        evaluate_every=steps,
        save_every=200,
        doc=doc,
    )
