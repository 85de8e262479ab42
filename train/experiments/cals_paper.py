"""Experiments of CALS at full size, none of which has been run yet.

Command for HDTF: avjax data build hdtf --raw HDTF --size 128 --out corpora/hdtf-128
"""

from avjax.data.examples.cals import CalsTrainExample, CalsUnitExample
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.loader import Loader
from avjax.models.cals import CalsConfig
from avjax.train.experiment import Experiment
from avjax.train.experiments.corpora import FROZEN_LANDMARK_WIDTH, LANDMARK_WEIGHTS
from avjax.train.experiments.synctalkface import paper_optimizers
from avjax.train.optimizers import Adam
from avjax.train.registry import experiment
from avjax.train.tasks.cals import CalsTask
from avjax.train.tasks.cals_units import CalsUnitsTask
from avjax.train.tasks.talking.auxiliary import AuxiliaryNetworks

# Frames of context on either side, W, as published; W for HDTF is not published.
CONTEXT_FRAMES = {"lrs2": 13, "lrw": 15, "hdtf": 15}
LABELS = {"lrs2": "LRS2", "lrw": "LRW", "hdtf": "HDTF"}


@experiment
def cals_units_lrs2() -> Experiment:
    """Train the lip motion units of CALS on LRS2, 128 px; run sync_lrs2 first.

    Data: corpora/lrs2-128.
    """
    return paper_units("lrs2", CalsUnitExample())


@experiment
def cals_units_lrw() -> Experiment:
    """Train the lip motion units of CALS on LRW, 128 px; run sync_lrs2 first.

    Data: corpora/lrw-128.
    """
    return paper_units("lrw", CalsUnitExample(29))


@experiment
def cals_units_hdtf() -> Experiment:
    """Train the lip motion units of CALS on HDTF, 128 px; run sync_lrs2 first.

    Data: corpora/hdtf-128.
    """
    return paper_units("hdtf", CalsUnitExample())


@experiment
def cals_lrs2() -> Experiment:
    """Train CALS on LRS2, 128 px, with the paper's context; run cals_units_lrs2 first.

    Data: corpora/lrs2-128. Published: LMD 1.059.
    """
    return paper_face("lrs2")


@experiment
def cals_lrw() -> Experiment:
    """Train CALS on LRW, 128 px, with the paper's context; run cals_units_lrw first.

    Data: corpora/lrw-128. Published: LMD 1.162.
    """
    return paper_face("lrw")


@experiment
def cals_hdtf() -> Experiment:
    """Train CALS on HDTF, 128 px; run cals_units_hdtf first.

    Data: corpora/hdtf-128. The paper's split and score are not known.
    """
    return paper_face("hdtf")


def paper_model(corpus: str) -> CalsConfig:
    """Make the config of CALS at full size.

    Args:
        corpus: Name of the corpus.

    Returns:
        The config.
    """
    return CalsConfig(context_frames=CONTEXT_FRAMES[corpus])


def paper_units(corpus: str, transform: CalsUnitExample) -> Experiment:
    """Train lip motion units at full size.

    The paper gives no details of the masked learning; these numbers are our choice.

    Args:
        corpus: Name of the corpus.
        transform: Makes the examples.

    Returns:
        The experiment.
    """
    root = f"corpora/{corpus}-128"
    description = "Units of lip motion by masked learning, trained on"
    return Experiment(
        task=CalsUnitsTask(paper_model(corpus)),
        train=Loader(root, "train", transform, batch_size=64, num_workers=16),
        evals={
            "val": Loader(
                root,
                "val",
                transform,
                batch_size=64,
                examples_per_clip=2,
                num_workers=4,
            )
        },
        optim={"units": Adam(learning_rate=1e-4, warmup=5000, max_grad_norm=1.0)},
        steps=200_000,
        dtype="bfloat16",
        min_batch_per_device=8,
        init_from={"sync_expert": "runs/sync_lrs2/weights"},
        save_every=5000,
        evaluate_every=5000,
        select_by=("val/error", "min"),
        description=f"{description} {LABELS[corpus]}.",
    )


def paper_face(corpus: str) -> Experiment:
    """Train CALS at full size.

    Learning rates and batch size are those of SyncTalkFace's code; the paper does not
    give its own.

    Args:
        corpus: Name of the corpus.

    Returns:
        The experiment.
    """
    root, transform = f"corpora/{corpus}-128", CalsTrainExample(max_offset=15)
    clip = TalkEvalClip(num_frames=50)
    aux = AuxiliaryNetworks(landmark_width=FROZEN_LANDMARK_WIDTH)
    return Experiment(
        task=CalsTask(paper_model(corpus), aux=aux),
        train=Loader(root, "train", transform, batch_size=40, num_workers=16),
        evals={"val": Loader(root, "val", clip, batch_size=8, num_workers=4)},
        optim=paper_optimizers(),
        steps=500_000,
        dtype="bfloat16",
        min_batch_per_device=5,
        init_from={
            "sync_expert": "runs/sync_lrs2/weights",
            "lip_landmarks": LANDMARK_WEIGHTS,
            "audio_to_lip": f"runs/cals_units_{corpus}/weights",
        },
        save_every=5000,
        evaluate_every=5000,
        select_by=("val/lmd", "min"),
        description=f"CALS at full size, trained on {LABELS[corpus]}.",
    )
