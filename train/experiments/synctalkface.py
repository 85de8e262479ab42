"""Recipes of SyncTalkFace, and of Wav2Lip, which is the same without memory.

avjax train wav2lip_trunk_puppet    a face, from nothing
avjax train wav2lip_puppet          its lips move: squared errors, hardly judged
avjax train synctalkface_puppet     and it gets a memory
"""

import dataclasses

from avjax.data.examples.talking_eval import TalkClip
from avjax.data.loader import Loader
from avjax.models.synctalkface import LossWeights, SyncTalkFaceConfig
from avjax.train.experiment import Experiment
from avjax.train.optimizers import Adam, Muon
from avjax.train.tasks.synctalkface import SyncTalkFaceTask

PUPPET_WIDTH = 0.125  # 0.8 million parameters, 1.5 MB at half precision
GRID_WIDTH = 0.1875  # 1.7 million parameters, 3.4 MB at half precision
EXPERT_WIDTH = 0.25  # of experiments.sync.small
PUPPET = {"expert": "sync-puppet", "landmarks": "landmarks-puppet"}
GRID = {"expert": "sync-grid-s1", "landmarks": "landmarks-puppet"}
# Weights of losses of squared errors: judges count for little, of CALS as well.
LIGHTLY = {
    "pixels": 100.0,
    "audio_visual": 3e-3,
    "visual_visual": 3e-3,
    "critic": 2e-3,
}


def wav2lip_trunk_puppet() -> Experiment:
    """Puppets are drawn, 96 px, an eighth of the channels: others go on from there."""
    doc = "Wav2Lip with SyncTalkFace's losses, trained on puppets."
    return trunk("corpora/puppet", PUPPET_WIDTH, PUPPET, doc)


def wav2lip_puppet() -> Experiment:
    """Puppets say what they hear; run wav2lip_trunk_puppet first."""
    doc = "Wav2Lip, trained on puppets by squared errors."
    return by_squares(wav2lip_trunk_puppet(), "puppet", 1750, doc)


def synctalkface_puppet() -> Experiment:
    """The same puppets with a memory of lips; run wav2lip_puppet first."""
    doc = "SyncTalkFace, trained on puppets after Wav2Lip."
    return with_memory(wav2lip_puppet(), "puppet", doc)


def wav2lip_trunk_grid() -> Experiment:
    """GRID's speaker s1 is drawn, 96 px, a fifth of the channels."""
    doc = "Wav2Lip with SyncTalkFace's losses, trained on GRID s1 (CC BY 4.0)."
    return trunk("corpora/grid", GRID_WIDTH, GRID, doc)


def wav2lip_grid() -> Experiment:
    """GRID's speaker s1 says what he hears; run wav2lip_trunk_grid first."""
    doc = "Wav2Lip, trained on GRID s1 (CC BY 4.0) by squared errors."
    return by_squares(wav2lip_trunk_grid(), "grid", 850, doc)


def synctalkface_grid() -> Experiment:
    """The same speaker with a memory of lips; run wav2lip_grid first."""
    doc = "SyncTalkFace, trained on GRID s1 (CC BY 4.0) after Wav2Lip."
    return with_memory(wav2lip_grid(), "grid", doc)


def synctalkface_lrs2() -> Experiment:
    """The paper's recipe on LRS2, 128 px: published LMD 1.387, LSE-D 6.352."""
    return published("corpora/lrs2-128", "SyncTalkFace at full size, trained on LRS2.")


def synctalkface_lrw() -> Experiment:
    """The paper's recipe on LRW, 128 px: published LMD 1.253, LSE-D 7.013."""
    return published("corpora/lrw-128", "SyncTalkFace at full size, trained on LRW.")


def trunk(root: str, width: float, start: dict[str, str], doc: str) -> Experiment:
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


def by_squares(begun: Experiment, name: str, steps: int, doc: str) -> Experiment:
    """Half an hour to an hour more, in which a mouth learns to move.

    Errors are squared, for the least absolute error is that of a mouth which hardly
    moves; what pleases small judges is not yet a mouth, and they count for little.
    """
    losses = LossWeights(**LIGHTLY)
    face = dataclasses.replace(begun.optim["face"], rate=1e-2)
    return dataclasses.replace(
        begun,
        task=dataclasses.replace(begun.task, losses=losses, squared=True),
        train=dataclasses.replace(begun.train, batch=8),
        optim={**begun.optim, "face": face},
        steps=steps,
        start={**begun.start, "face": f"runs/wav2lip_trunk_{name}/weights"},
        evaluate_every=steps,
        doc=doc,
    )


def with_memory(trained: Experiment, name: str, doc: str) -> Experiment:
    """A trained face gets a memory, which begins empty.

    A clip is drawn twice, as spoken and as taught; hence half as many clips a step.
    """
    weights = f"runs/wav2lip_{name}/weights"
    known = {f"face/{organ}": weights for organ in ("audio", "identity", "decoder")}
    judges = {part: trained.start[part] for part in ("expert", "landmarks")}
    model = dataclasses.replace(trained.task.model, slots=96)
    face = dataclasses.replace(trained.optim["face"], rate=3e-3, warmup=50)
    return dataclasses.replace(
        trained,
        task=dataclasses.replace(trained.task, model=model),
        train=dataclasses.replace(trained.train, batch=4),
        optim={**trained.optim, "face": face},
        steps=300,
        start={**judges, **known},
        evaluate_every=300,
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
