"""The recipe of the lip finder that figures are measured with."""

from avjax.data.loader import Loader
from avjax.models.lip_landmarks import LandmarkConfig
from avjax.train.experiment import Experiment
from avjax.train.optimizers import Adam
from avjax.train.tasks.lip_landmarks import LandmarkTask


def landmarks_puppet() -> Experiment:
    """Twenty lip points in a puppet's face, 96 px."""
    root = "corpora/puppet"
    return Experiment(
        task=LandmarkTask(LandmarkConfig(width=0.5)),
        train=Loader(root, "train", batch=8, workers=1),
        evals={"test": Loader(root, "test", batch=8, windows=4)},
        optim={"landmarks": Adam(rate=2e-3, warmup=50, schedule="cosine")},
        steps=1500,
        log_every=50,
        evaluate_every=500,
        save_every=500,
        best=("test/pixels", "min"),
        doc="Twenty lip points in a face crop, trained on puppets.",
    )
