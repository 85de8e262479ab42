"""The corpora that experiments are run on, and the weights that fit the small ones."""

import dataclasses
from collections.abc import Mapping

# The arguments of `avjax data build` for each folder. A word in capitals is the folder
# of the recordings, as they were downloaded.
BUILD_ARGUMENTS = {
    "corpora/puppet": "puppet",
    "corpora/puppet-grid": "puppet --kind grid --clips 2500",
    "corpora/puppet-grid-1": "puppet --kind grid --clips 1250 --seed 1",
    "corpora/puppet-word": "puppet --kind word --clips 4000",
    "corpora/clips": "clips --raw VIDEOS",
    "corpora/grid": "grid --raw GRID",
    "corpora/lrw": "lrw --raw LRW --size 112",
    "corpora/lrw-128": "lrw --raw LRW --size 128",
    "corpora/lrs2-128": "lrs2 --raw LRS2 --size 128",
    "corpora/hdtf-128": "hdtf --raw HDTF --size 128",
    "corpora/polyu": "pairs --raw POLYU --held Canon80D Sony --val Canon600D",
    "corpora/pictures": "pictures --raw PICTURES --held test",
    "corpora/photos": (
        "pictures --raw PHOTOS --side 192 --held rocket --val Picture_0B hubble"
    ),
    "corpora/div2k": "pictures --raw DIV2K --val valid",
    "corpora/sidd": "pairs --raw SIDD_Small",
    "corpora/sidd-blocks": "sidd-blocks --raw SIDD",
}
# Commands of folders of weights that no experiment makes.
MEMORY_START = "python -m avjax.train.ablations.lip_memory.start"
RUN_COMMANDS = {
    f"lip_memory_{corpus}": (
        f"{MEMORY_START} {corpus} runs/wav2lip_{corpus}/weights "
        f"runs/lip_memory_{corpus}"
    )
    for corpus in ("grid", "puppet")
}
CLIPS_ROOT = "corpora/clips"  # of one's own videos
FROZEN_SYNC_WIDTH = 0.25  # width of sync_puppet and sync_grid
FROZEN_LANDMARK_WIDTH = 0.5  # width of landmarks_puppet
LANDMARK_WEIGHTS = "landmarks-puppet"


@dataclasses.dataclass(frozen=True)
class SmallCorpus:
    """A corpus that two cores train on in minutes to hours.

    Attributes:
        name: Name in the names of experiments.
        label: Name in model cards, with the licence.
        talker_width: Factor of the channels of talkers.
        sync_weights: Bundled weights of the sync expert.
    """

    name: str
    label: str
    talker_width: float
    sync_weights: str

    @property
    def root(self) -> str:
        """Folder of the corpus."""
        return f"corpora/{self.name}"

    @property
    def frozen(self) -> Mapping[str, str]:
        """Weights of the frozen networks, for `Experiment.init_from`."""
        return {"sync_expert": self.sync_weights, "lip_landmarks": LANDMARK_WEIGHTS}

    def weights(self, experiment: str) -> str:
        """Name the folder of the weights that an experiment on this corpus released.

        Args:
            experiment: Name of the experiment, without that of the corpus.

        Returns:
            The folder, below `runs`.
        """
        return f"runs/{experiment}_{self.name}/weights"


# Talkers: 0.8 million parameters, 1.5 MB at half precision.
PUPPET = SmallCorpus("puppet", "puppets", 0.125, "sync-puppet")
# Talkers: 1.7 million parameters, 3.4 MB at half precision.
GRID = SmallCorpus("grid", "GRID s1 (CC BY 4.0)", 0.1875, "sync-grid-s1")
