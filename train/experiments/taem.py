"""Recipes of TAEM: a talker that was trained before is taught to take text for sound.

    avjax train taem_wav2lip_puppet     begins with the talker of runs/wav2lip_puppet

Corpora     as of the talkers, where phones are known: of puppets always, of others as
            far as their sound was aligned with their text
Ablations   task.model.speaker=() for no speaker, or of "encoder", "predictor" and
            "refiner" one or two, as '("encoder",)';  task.model.refiner=0
"""

from avjax.data.examples.text_to_lip import TextClip, TextWindow
from avjax.data.loader import Loader
from avjax.models.cals import CalsConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import TaemConfig
from avjax.text.phonemes import SOUNDS
from avjax.train.experiment import Experiment
from avjax.train.experiments.cals import cals_puppet
from avjax.train.experiments.synctalkface import (
    EXPERT_WIDTH,
    GRID,
    PUPPET,
    synctalkface_grid,
    synctalkface_puppet,
    wav2lip_puppet,
)
from avjax.train.optimizers import Adam
from avjax.train.tasks.taem import TaemTask


def taem_wav2lip_puppet() -> Experiment:
    """Puppets say what is written, by Wav2Lip; run wav2lip_puppet first."""
    return small(wav2lip_puppet(), "wav2lip_puppet", PUPPET, "Wav2Lip of puppets")


def taem_synctalkface_puppet() -> Experiment:
    """Puppets say what is written, by SyncTalkFace; run synctalkface_puppet first."""
    talker, about = synctalkface_puppet(), "SyncTalkFace of puppets"
    return small(talker, "synctalkface_puppet", PUPPET, about)


def taem_cals_puppet() -> Experiment:
    """Puppets say what is written, by CALS; run cals_puppet first."""
    return small(cals_puppet(), "cals_puppet", PUPPET, "CALS of puppets")


def taem_synctalkface_grid() -> Experiment:
    """GRID's speaker s1 says what is written; run synctalkface_grid first."""
    talker, about = synctalkface_grid(), "SyncTalkFace of GRID s1 (CC BY 4.0)"
    return small(talker, "synctalkface_grid", GRID, about)


def taem_wav2lip_lrs2() -> Experiment:
    """At full size on LRS2, by a Wav2Lip of 128 px that was trained there before.

    avjax train synctalkface_lrs2 task.model.slots=0 --out runs/wav2lip_lrs2
    """
    root, window = "corpora/lrs2-128", TextWindow(frames=160, sounds=160)
    clip = TextClip(frames=50, sounds=96)
    return Experiment(
        task=TaemTask(talking(SyncTalkFaceConfig(slots=0)), landmark_width=0.5),
        train=Loader(root, "train", window, batch=32, workers=16),
        evals={"val": Loader(root, "val", clip, batch=8, workers=4)},
        optim={"text": Adam(rate=3e-4, betas=(0.9, 0.98), warmup=4000, clip=1.0)},
        steps=200_000,
        start={
            "face": "runs/wav2lip_lrs2/weights",
            "expert": "runs/sync_lrs2/weights",
            "landmarks": "landmarks-puppet",
        },
        save_every=5000,
        evaluate_every=5000,
        best=("val/r2", "max"),
        doc="Text for a Wav2Lip, trained on LRS2.",
    )


def small(
    talker: Experiment, name: str, judges: dict[str, str], about: str
) -> Experiment:
    """What two cores train in ten minutes."""
    model, root = talker.task.model, talker.train.root
    own, window = ("face",), TextWindow()
    if isinstance(model, CalsConfig):
        own = "audio_to_lip", "lip_to_face"
        window = TextWindow(border=model.window)  # units there lack their context
    clip = TextClip(frames=50)
    return Experiment(
        task=TaemTask(
            talking(model, dim=128, heads=4, encoder=2, refiner=2),
            squared=True,
            expert_width=EXPERT_WIDTH,
            landmark_width=0.5,
        ),
        train=Loader(root, "train", window, batch=16, workers=1),
        evals={"test": Loader(root, "test[:40]", clip, batch=4)},
        optim={
            "text": Adam(
                rate=1e-3, betas=(0.9, 0.98), warmup=100, schedule="cosine", clip=1.0
            )
        },
        steps=1500,
        start={**judges, **dict.fromkeys(own, f"runs/{name}/weights")},
        log_every=50,
        evaluate_every=500,
        save_every=250,
        doc=f"Text for {about}.",
    )


def talking(talker: SyncTalkFaceConfig | CalsConfig, **sizes) -> TaemConfig:
    return TaemConfig(talker, len(SOUNDS), **sizes)
