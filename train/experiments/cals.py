"""Recipes of CALS, after a sync expert (experiments.sync): units, a face, and both.

    avjax train cals_units_puppet       begins with the ears of wav2lip_trunk_puppet
    avjax train cals_face_puppet        with its eyes and hand; told those units
    avjax train cals_puppet             goes on with both together, judged

Corpora     as of the other systems; avjax data build hdtf --raw HDTF --size 128 --out
            corpora/hdtf-128
Ablations   task.model.window=0 ... 15 in all three;  task.masked=0 in the first;
            task.losses.visual_visual=0, task.contrast=false, task.frozen=true; and, of
            avjax evaluate, task.lookahead=0 ... 15
"""

import dataclasses

from avjax.data.examples.cals import ContextWindow, UnitWindow
from avjax.data.examples.talking_eval import TalkClip
from avjax.data.loader import Loader
from avjax.models.cals import CalsConfig, LossWeights
from avjax.train.experiment import Experiment
from avjax.train.experiments.synctalkface import (
    EXPERT_WIDTH,
    GRID,
    GRID_WIDTH,
    LIGHTLY,
    PUPPET,
    PUPPET_WIDTH,
)
from avjax.train.optimizers import Adam, Muon
from avjax.train.tasks.cals import CalsTask
from avjax.train.tasks.cals_units import CalsUnitsTask

BETAS = (0.5, 0.999)
PLACES = ("places",)  # of the transformer: numbers, no kernels


def cals_units_puppet() -> Experiment:
    """What lips of puppets do, by the sound around; run wav2lip_trunk_puppet first."""
    doc = "Units of lip motion by masked learning, trained on puppets."
    root, hears = "corpora/puppet", "runs/wav2lip_trunk_puppet/weights"
    return small_units(root, PUPPET_WIDTH, PUPPET["expert"], hears, doc)


def cals_units_grid() -> Experiment:
    """The same of GRID's speaker s1; run wav2lip_trunk_grid first."""
    doc = "Units of lip motion by masked learning, trained on GRID s1 (CC BY 4.0)."
    root, hears = "corpora/grid", "runs/wav2lip_trunk_grid/weights"
    return small_units(root, GRID_WIDTH, GRID["expert"], hears, doc)


def cals_face_puppet() -> Experiment:
    """Puppets move as their units say, which stay; run cals_units_puppet first."""
    doc = "Lip-to-Face by pixels alone, trained on puppets after Wav2Lip."
    return small_face(cals_units_puppet(), PUPPET, "puppet", 1600, doc)


def cals_face_grid() -> Experiment:
    """GRID's speaker s1 moves as his units say; run cals_units_grid first."""
    doc = "Lip-to-Face by pixels alone, trained on GRID s1 (CC BY 4.0) after Wav2Lip."
    return small_face(cals_units_grid(), GRID, "grid", 700, doc)


def cals_puppet() -> Experiment:
    """Puppets say what they hear, in its context; run cals_face_puppet first."""
    doc = "CALS, trained on puppets after its units and its face."
    return small_both(cals_face_puppet(), PUPPET, "puppet", 400, doc)


def cals_grid() -> Experiment:
    """GRID's speaker s1 says what he hears, in its context; after cals_face_grid."""
    doc = "CALS, trained on GRID s1 (CC BY 4.0) after its units and its face."
    return small_both(cals_face_grid(), GRID, "grid", 300, doc)


def cals_units_lrs2() -> Experiment:
    """Units at full size on LRS2; run sync_lrs2 first."""
    return published_units("lrs2", 13, UnitWindow(), "LRS2")


def cals_units_lrw() -> Experiment:
    """Units at full size on LRW, whose clips have 29 frames; run sync_lrs2 first."""
    return published_units("lrw", 15, UnitWindow(29), "LRW")


def cals_units_hdtf() -> Experiment:
    """Units at full size on HDTF; run sync_lrs2 first."""
    return published_units("hdtf", 15, UnitWindow(), "HDTF")


def cals_lrs2() -> Experiment:
    """The paper's window on LRS2, 13 frames, 128 px: published LMD 1.059."""
    return published_face(
        cals_units_lrs2(), "lrs2", "CALS at full size, trained on LRS2."
    )


def cals_lrw() -> Experiment:
    """The paper's window on LRW, 15 frames, 128 px: published LMD 1.162."""
    return published_face(cals_units_lrw(), "lrw", "CALS at full size, trained on LRW.")


def cals_hdtf() -> Experiment:
    """HDTF, 128 px: what the paper scores there is not known, nor its split."""
    return published_face(
        cals_units_hdtf(), "hdtf", "CALS at full size, trained on HDTF."
    )


def small_units(
    root: str, width: float, expert: str, hears: str, doc: str
) -> Experiment:
    """What two cores train in a quarter of an hour."""
    window = UnitWindow()
    return Experiment(
        task=CalsUnitsTask(
            CalsConfig(size=96, width=width, units=128),  # of an expert so wide
            expert_width=EXPERT_WIDTH,
        ),
        train=Loader(root, "train", window, batch=8, workers=1),
        evals={"test": Loader(root, "test", window, batch=8, windows=2)},
        optim={
            "units": Muon(
                rate=3e-3, apart=PLACES, warmup=100, schedule="cosine", clip=1.0
            )
        },
        steps=1000,
        start={"expert": expert, "audio_to_lip/audio": hears},
        log_every=50,
        evaluate_every=500,
        save_every=250,
        doc=doc,
    )


def small_face(
    units: Experiment, judges: dict[str, str], name: str, steps: int, doc: str
) -> Experiment:
    """Half an hour to an hour of two cores: a mouth is drawn as it is told.

    Errors are squared, for the least absolute error is that of a mouth which hardly
    moves; and nobody judges yet, for what pleases a judge is not yet a mouth.
    """
    root, face = units.train.root, f"runs/wav2lip_trunk_{name}/weights"
    drawn = {f"lip_to_face/{organ}": face for organ in ("identity", "decoder")}
    return Experiment(
        task=CalsTask(
            units.task.model,
            LossWeights(pixels=100.0, audio_visual=0.0, visual_visual=0.0, critic=0.0),
            frozen=True,
            squared=True,
            doubt=0.05,
            expert_width=EXPERT_WIDTH,
            critic_width=0.125,
            landmark_width=0.5,
        ),
        train=Loader(root, "train", ContextWindow(), batch=8, workers=1),
        evals={"test": Loader(root, "test[:40]", TalkClip(frames=50), batch=4)},
        optim={"face": both_by(0.01)},
        steps=steps,
        start={**judges, **drawn, "audio_to_lip": f"runs/cals_units_{name}/weights"},
        log_every=50,
        evaluate_every=350,
        save_every=150,
        doc=doc,
    )


def small_both(
    face: Experiment, judges: dict[str, str], name: str, steps: int, doc: str
) -> Experiment:
    """Half an hour more, units and face together, judged.

    With units that learn, more steps and more of context, more words are read than from
    units that stay (docs/figures.md).  Ten times these weights of judges undo what was
    drawn: 1.9 dB on GRID.
    """
    heard = f"runs/cals_face_{name}/weights"
    judged = LossWeights(**LIGHTLY)
    critic = Adam(rate=3e-4, betas=BETAS, warmup=100)
    return dataclasses.replace(
        face,
        task=dataclasses.replace(face.task, losses=judged, frozen=False),
        optim={"face": both_by(0.003), "critic": critic},
        steps=steps,
        start={**judges, "audio_to_lip": heard, "lip_to_face": heard},
        evaluate_every=steps,
        doc=doc,
    )


def both_by(rate: float) -> Muon:
    """How units and face learn."""
    schedule = {"warmup": 50, "schedule": "cosine", "clip": 10.0}
    return Muon(rate=rate, betas=BETAS, apart=PLACES, **schedule)


def published_units(
    name: str, window: int, stretch: UnitWindow, corpus: str
) -> Experiment:
    """Nothing is known of the paper's masked learning but that there is one."""
    root = f"corpora/{name}-128"
    return Experiment(
        task=CalsUnitsTask(CalsConfig(window=window)),
        train=Loader(root, "train", stretch, batch=64, workers=16),
        evals={"val": Loader(root, "val", stretch, batch=64, windows=2, workers=4)},
        optim={"units": Adam(rate=1e-4, warmup=5000, clip=1.0)},
        steps=200_000,
        start={"expert": "runs/sync_lrs2/weights"},
        save_every=5000,
        evaluate_every=5000,
        best=("val/error", "min"),
        doc=f"Units of lip motion by masked learning, trained on {corpus}.",
    )


def published_face(units: Experiment, name: str, doc: str) -> Experiment:
    """Rates and batch of SyncTalkFace's code: those of CALS are not known."""
    root = units.train.root
    return Experiment(
        task=CalsTask(units.task.model, landmark_width=0.5),
        train=Loader(root, "train", ContextWindow(near=15), batch=40, workers=16),
        evals={"val": Loader(root, "val", TalkClip(frames=50), batch=8, workers=4)},
        optim={
            "face": Adam(rate=1e-4, betas=BETAS),
            "critic": Adam(rate=5e-4, betas=BETAS),
        },
        steps=500_000,
        start={
            "expert": "runs/sync_lrs2/weights",
            "landmarks": "landmarks-puppet",
            "audio_to_lip": f"runs/cals_units_{name}/weights",
        },
        save_every=5000,
        evaluate_every=5000,
        best=("val/lmd", "min"),
        doc=doc,
    )
