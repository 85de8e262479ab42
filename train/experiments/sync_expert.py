"""Experiments of sync models.

For the sync expert, a loss of ln 2 = 0.69 is the level of chance.
"""

from avjax.data.examples.talking import SyncExample
from avjax.data.loader import Loader
from avjax.models.sync_expert import SyncExpertConfig
from avjax.train.experiment import Experiment
from avjax.train.experiments.corpora import (
    CLIPS_ROOT,
    FROZEN_SYNC_WIDTH,
    GRID,
    PUPPET,
    SmallCorpus,
)
from avjax.train.optimizers import Adam, Muon
from avjax.train.registry import experiment
from avjax.train.tasks.lipwarp.code_loader import CodeLoader
from avjax.train.tasks.lipwarp.sync import SyncPeopleTask
from avjax.train.tasks.sync_expert import SyncExpertTask


@experiment
def sync_puppet() -> Experiment:
    """Train the sync expert on puppets, 96 px, a quarter of the channels.

    Data: corpora/puppet. Time: 1.2 hours on two cores. Score: accuracy 0.96.
    """
    return small_sync(PUPPET)


@experiment
def sync_grid() -> Experiment:
    """Train the sync expert on GRID s1, 96 px, a quarter of the channels.

    Data: corpora/grid. Time: 0.5 hours on two cores. Score: accuracy 0.95.
    """
    return small_sync(GRID)


@experiment
def sync_people_clips() -> Experiment:
    """Train the sync model for people never seen, on many people.

    Data: corpora/clips. Time: 20 minutes on two cores. Score: see the table of results.
    """
    return sync_people(CLIPS_ROOT, "val", steps=2000, batch_size=64)


@experiment
def sync_people_puppet() -> Experiment:
    """Train the sync model for people never seen, on puppets, for a short time.

    Data: corpora/puppet. Time: a few minutes on two cores.
    """
    return sync_people(PUPPET.root, "val[:40]", steps=200, batch_size=8)


@experiment
def sync_lrs2() -> Experiment:
    """Train the sync expert of SyncTalkFace on LRS2, 128 px, as published.

    Data: corpora/lrs2-128. Not run yet. Batch 256 and learning rate 1e-4 as in the
    authors' code.
    """
    root, transform = "corpora/lrs2-128", SyncExample()
    return Experiment(
        task=SyncExpertTask(SyncExpertConfig(size=128)),
        train=Loader(root, "train", transform, batch_size=256, num_workers=16),
        evals={
            "val": Loader(
                root,
                "val",
                transform,
                batch_size=256,
                examples_per_clip=2,
                num_workers=4,
            )
        },
        optim={"sync_expert": Adam(learning_rate=1e-4)},
        steps=500_000,
        dtype="bfloat16",
        min_batch_per_device=32,
        select_by=("val/loss", "min"),
        description="The sync expert of SyncTalkFace at full size, trained on LRS2.",
    )


def small_sync(corpus: SmallCorpus) -> Experiment:
    """Train a small sync expert in half an hour on two cores.

    Four moments of a clip are compared with each other. With one, training on puppets
    stayed at the level of chance for 1100 steps, since faces differ more than moments
    of one clip do.

    Args:
        corpus: The corpus.

    Returns:
        The experiment.
    """
    root, transform = corpus.root, SyncExample(num_moments=4)
    optimizer = Muon(
        learning_rate=3e-3, warmup=100, schedule="cosine", max_grad_norm=1.0
    )
    return Experiment(
        task=SyncExpertTask(SyncExpertConfig(size=96, width=FROZEN_SYNC_WIDTH)),
        train=Loader(root, "train", transform, batch_size=16, num_workers=1),
        evals={
            "val": Loader(root, "val", transform, batch_size=16, examples_per_clip=4)
        },
        optim={"sync_expert": optimizer},
        steps=1600,
        log_every=50,
        evaluate_every=400,
        save_every=400,
        select_by=("val/accuracy", "max"),
        description=f"The sync expert, trained on {corpus.label}.",
    )


def sync_people(root: str, split: str, *, steps: int, batch_size: int) -> Experiment:
    """Train the embeddings of the sync model for people never seen.

    Args:
        root: Folder of the corpus.
        split: The split that is evaluated.
        steps: Number of steps.
        batch_size: Clips in one batch.

    Returns:
        The experiment.
    """
    lipwarp = "lipwarp-people"
    optimizer = Adam(
        learning_rate=2e-3,
        weight_decay=0.05,
        warmup=50,
        schedule="cosine",
        max_grad_norm=1.0,
    )
    return Experiment(
        task=SyncPeopleTask(),
        train=CodeLoader(root, "train", batch_size=batch_size, num_workers=1),
        evals={"val": CodeLoader(root, split, batch_size=16)},
        optim={"embeddings": optimizer},
        steps=steps,
        init_from={"mouth_encoder": lipwarp, "audio_to_code": lipwarp},
        evaluate_every=500,
        save_every=500,
        description="The sync model for people never seen.",
    )
