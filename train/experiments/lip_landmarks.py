"""The experiment of the landmark detector that evaluations use."""

from avjax.data.examples.talking import LandmarkExample
from avjax.data.loader import Loader
from avjax.models.lip_landmarks import LipLandmarksConfig
from avjax.train.experiment import Experiment
from avjax.train.experiments.corpora import FROZEN_LANDMARK_WIDTH, PUPPET
from avjax.train.optimizers import Adam
from avjax.train.registry import experiment
from avjax.train.tasks.lip_landmarks import LipLandmarksTask


@experiment
def landmarks_puppet() -> Experiment:
    """Train the detector of twenty lip landmarks on puppets, 96 px.

    Data: corpora/puppet. Time: 0.04 hours on two cores. Score: mean error 0.37 pixels.
    """
    example = LandmarkExample()
    return Experiment(
        task=LipLandmarksTask(LipLandmarksConfig(width=FROZEN_LANDMARK_WIDTH)),
        train=Loader(PUPPET.root, "train", example, batch_size=8, num_workers=1),
        evals={
            "val": Loader(
                PUPPET.root, "val", example, batch_size=8, examples_per_clip=4
            )
        },
        optim={"lip_landmarks": Adam(learning_rate=2e-3, warmup=50, schedule="cosine")},
        steps=1500,
        log_every=50,
        evaluate_every=500,
        save_every=500,
        select_by=("val/pixels", "min"),
        description="Twenty lip points in a face crop, trained on puppets.",
    )
