"""Recipes of SyncTalkFace, and of Wav2Lip, which is the same without memory."""

import dataclasses

from avjax.data.pipeline import Loader
from avjax.data.whole import TalkClip
from avjax.models.synctalkface import LossWeights, SyncTalkFaceConfig
from avjax.train.experiment import Experiment
from avjax.train.optim import Adam, Muon
from avjax.train.tasks.synctalkface import SyncTalkFaceTask

PUPPET_WIDTH = 0.125  # 0.8 million parameters, 1.5 MB at half precision
GRID_WIDTH = 0.1875  # 1.7 million parameters, 3.4 MB at half precision
EXPERT_WIDTH = 0.25  # of experiments.sync.small
PUPPET = {"expert": "sync-puppet", "landmarks": "landmarks-puppet"}
GRID = {"expert": "sync-grid-s1", "landmarks": "landmarks-puppet"}


def wav2lip_puppet() -> Experiment:
    """Puppets say what they hear, 96 px, an eighth of the channels; no memory yet."""
    doc = "Wav2Lip with SyncTalkFace's losses, trained on puppets."
    return without_memory("corpora/puppet", PUPPET_WIDTH, PUPPET, doc)


def synctalkface_puppet() -> Experiment:
    """The same puppets with a memory of lips; run wav2lip_puppet first."""
    doc = "SyncTalkFace, trained on puppets after Wav2Lip."
    return with_memory(wav2lip_puppet(), "runs/wav2lip_puppet/weights", doc)


def wav2lip_grid() -> Experiment:
    """GRID's speaker s1 says what he hears, 96 px, a fifth of the channels."""
    doc = "Wav2Lip with SyncTalkFace's losses, trained on GRID s1 (CC BY 4.0)."
    return without_memory("corpora/grid", GRID_WIDTH, GRID, doc)


def synctalkface_grid() -> Experiment:
    """The same speaker with a memory of lips; run wav2lip_grid first."""
    doc = "SyncTalkFace, trained on GRID s1 (CC BY 4.0) after Wav2Lip."
    return with_memory(wav2lip_grid(), "runs/wav2lip_grid/weights", doc)


def synctalkface_lrs2() -> Experiment:
    """The paper's recipe on LRS2, 128 px: published LMD 1.387, LSE-D 6.352."""
    return published("corpora/lrs2-128", "SyncTalkFace at full size, trained on LRS2.")


def synctalkface_lrw() -> Experiment:
    """The paper's recipe on LRW, 128 px: published LMD 1.253, LSE-D 7.013."""
    return published("corpora/lrw-128", "SyncTalkFace at full size, trained on LRW.")


def without_memory(
    root: str, width: float, start: dict[str, str], doc: str
) -> Experiment:
    """What two cores train in ten minutes to half an hour.

    A memory learns nothing before the drawn mouth depends on what is recalled, and that
    takes some hundred steps; without one they take half the time.
    """
    betas = (0.5, 0.999)  # as published
    return Experiment(
        task=SyncTalkFaceTask(
            SyncTalkFaceConfig(size=96, width=width, slots=0),
            # Against a small expert and critic 0.2 each draws what pleases them.
            LossWeights(audio_visual=0.03, critic=0.02),
            doubt=0.05,  # the expert is wrong about one in twenty
            expert_width=EXPERT_WIDTH,
            critic_width=0.125,
            landmark_width=0.5,  # of experiments.landmarks
        ),
        train=Loader(root, "train", batch=4, workers=1),
        evals={"test": Loader(root, "test[:40]", TalkClip(frames=50), batch=4)},
        optim={
            "face": Muon(
                rate=6e-3, betas=betas, warmup=100, schedule="cosine", clip=10.0
            ),
            "critic": Adam(rate=3e-4, betas=betas, warmup=100),
        },
        steps=1000,
        start=start,
        log_every=50,
        evaluate_every=500,
        save_every=250,
        doc=doc,
    )


def with_memory(trunk: Experiment, weights: str, doc: str) -> Experiment:
    """A trained face gets a memory, which begins empty."""
    model = dataclasses.replace(trunk.task.model, slots=96)
    known = {f"face/{organ}": weights for organ in ("audio", "identity", "decoder")}
    face = dataclasses.replace(trunk.optim["face"], rate=3e-3, warmup=50)
    return dataclasses.replace(
        trunk,
        task=dataclasses.replace(trunk.task, model=model),
        optim={**trunk.optim, "face": face},
        steps=300,
        start={**trunk.start, **known},
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
