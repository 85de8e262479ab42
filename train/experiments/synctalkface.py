"""Recipes of SyncTalkFace, and of Wav2Lip, which is the same without memory."""

import dataclasses

from avjax.data.pipeline import Loader
from avjax.data.whole import TalkClip
from avjax.models.synctalkface import WAV2LIP, LossWeights, SyncTalkFaceConfig
from avjax.train.experiment import Experiment
from avjax.train.optim import Adam, Muon
from avjax.train.tasks.synctalkface import SyncTalkFaceTask

PUPPET_WIDTH = 0.125  # 0.7 million parameters, 1.5 MB at half precision
GRID_WIDTH = 0.1875  # 1.7 million parameters, 3.3 MB at half precision
EXPERT_WIDTH = 0.25  # of experiments.sync.small


def synctalkface_puppet() -> Experiment:
    """Puppets say what they hear, 96 px, an eighth of the channels."""
    return small(
        "corpora/puppet",
        SyncTalkFaceConfig(size=96, width=PUPPET_WIDTH),
        {"expert": "sync-puppet", "landmarks": "landmarks-puppet"},
        "SyncTalkFace, trained on puppets.",
    )


def wav2lip_puppet() -> Experiment:
    """The same puppets without memory, and so without the losses of lips and memory.

    A control, not Wav2Lip's own recipe: what is left keeps SyncTalkFace's weights.
    """
    with_memory = synctalkface_puppet()
    model = dataclasses.replace(WAV2LIP, width=PUPPET_WIDTH)
    task = dataclasses.replace(with_memory.task, model=model)
    return dataclasses.replace(
        with_memory, task=task, doc="Wav2Lip, trained on puppets."
    )


def synctalkface_grid() -> Experiment:
    """GRID's speaker s1 says what he hears, 96 px, a fifth of the channels."""
    return small(
        "corpora/grid",
        SyncTalkFaceConfig(size=96, width=GRID_WIDTH),
        {"expert": "sync-grid-s1", "landmarks": "landmarks-puppet"},
        "SyncTalkFace, trained on clips of GRID's speaker s1 (CC BY 4.0).",
    )


def synctalkface_lrs2() -> Experiment:
    """The paper's recipe on LRS2, 128 px: published LMD 1.387, LSE-D 6.352."""
    return published("corpora/lrs2-128", "SyncTalkFace at full size, trained on LRS2.")


def synctalkface_lrw() -> Experiment:
    """The paper's recipe on LRW, 128 px: published LMD 1.253, LSE-D 7.013."""
    return published("corpora/lrw-128", "SyncTalkFace at full size, trained on LRW.")


def small(
    root: str, model: SyncTalkFaceConfig, start: dict[str, str], doc: str
) -> Experiment:
    """What two cores train in half an hour to an hour."""
    task = SyncTalkFaceTask(
        model,
        # Against a small expert and critic the published 0.2 draws what pleases them.
        LossWeights(audio_visual=0.03, critic=0.02),
        expert_width=EXPERT_WIDTH,
        critic_width=0.125,
        landmark_width=0.5,  # of experiments.landmarks
    )
    betas = (0.5, 0.999)  # as published
    return Experiment(
        task=task,
        train=Loader(root, "train", batch=4, workers=1),
        evals={"test": Loader(root, "test[:40]", TalkClip(frames=50), batch=4)},
        optim={
            "face": Muon(
                rate=6e-3, betas=betas, warmup=100, schedule="cosine", clip=10.0
            ),
            "critic": Adam(rate=5e-4, betas=betas),
        },
        steps=1000,
        start=start,
        log_every=50,
        evaluate_every=1000,
        save_every=200,
        doc=doc,
    )


def published(root: str, doc: str) -> Experiment:
    """Adam (0.5, 0.999), 1e-4 and 5e-4, batch 40, as in the authors' code.

    The expert is experiments.sync.sync_lrs2's.  How long they trained is not known.
    """
    betas = (0.5, 0.999)
    return Experiment(
        task=SyncTalkFaceTask(landmark_width=0.5),
        train=Loader(root, "train", batch=40, workers=16),
        evals={"val": Loader(root, "val", TalkClip(frames=50), batch=8, workers=4)},
        optim={
            "face": Adam(rate=1e-4, betas=betas),
            "critic": Adam(rate=5e-4, betas=betas),
        },
        steps=500_000,
        start={"expert": "runs/sync_lrs2/weights", "landmarks": "landmarks-puppet"},
        save_every=5000,
        evaluate_every=5000,
        best=("val/lmd", "min"),
        doc=doc,
    )
