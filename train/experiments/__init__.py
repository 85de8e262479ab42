"""Named experiments: `avjax train NAME`.

Each experiment is a function with the decorator `avjax.train.registry.experiment`.
Importing this package registers all of them.
"""

from avjax.train.experiments import (
    aligner,
    bridging,
    cals,
    cals_paper,
    denoiser,
    lip_landmarks,
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
    "lip_landmarks",
    "sync_expert",
    "synctalkface",
    "taem",
]
