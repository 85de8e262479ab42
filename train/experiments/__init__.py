"""Named experiments: `avjax train NAME`.

Each experiment is a function with the decorator `avjax.train.registry.experiment`, and
its name is that of the command. Importing this package registers all of them. The
docstrings name the corpus (Data), the training time, and the score of the bundled
weights on 40 clips that were not trained on, but by which the steps were chosen.

Experiments evaluate the split val, which also selects weights. The split test is read
once, for the result: `avjax evaluate RUN --split test`.
"""

from avjax.train.experiments import (
    aligner,
    bridging,
    cals,
    cals_paper,
    denoiser,
    denoiser_photos,
    lip_landmarks,
    lip_reading,
    lipwarp,
    sync_expert,
    synctalkface,
    taem,
)
from avjax.train.registry import EXPERIMENTS

__all__ = [
    "EXPERIMENTS",
    "aligner",
    "bridging",
    "cals",
    "cals_paper",
    "denoiser",
    "denoiser_photos",
    "lip_landmarks",
    "lip_reading",
    "lipwarp",
    "sync_expert",
    "synctalkface",
    "taem",
]
