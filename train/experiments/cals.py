"""Experiments of CALS on small corpora: units, a face on fixed units, then both.

    avjax train cals_units_puppet    starts from the audio encoder of
                                     wav2lip_pretrain_puppet
    avjax train cals_face_puppet     starts from its other modules and from the units
    avjax train cals_puppet          trains both together, with the auxiliary networks

Ablations: task.model.context_frames=0 … 15 in all three; task.mask_ratio=0 in the
first; task.model.phones_to_face=true in the second and the third;
task.losses.visual_visual=0, task.infonce=false, task.infonce_margin=1 or
task.freeze_units=true in the third; and task.lookahead=0 … 15 with `avjax evaluate`.
The experiments at full size are in `cals_paper.py`.
"""

from collections.abc import Mapping

from avjax.data.examples.cals import CalsTrainExample, CalsUnitExample
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.loader import Loader
from avjax.losses.weights import CalsLossWeights
from avjax.models.cals import CalsConfig
from avjax.train.experiment import Experiment
from avjax.train.experiments.corpora import (
    FROZEN_SYNC_WIDTH,
    GRID,
    PUPPET,
    SmallCorpus,
)
from avjax.train.experiments.synctalkface import BETAS, SMALL_AUX
from avjax.train.optimizers import Adam, Muon, Optimizer
from avjax.train.registry import experiment
from avjax.train.tasks.cals import CalsTask
from avjax.train.tasks.cals_units import CalsUnitsTask

REL_BIAS = ("rel_bias",)  # attention bias of the transformer; it is not a kernel
PIXELS_ONLY = CalsLossWeights(
    pixels=100.0, audio_visual=0.0, visual_visual=0.0, adversarial=0.0
)
LOW_ADVERSARIAL_WEIGHTS = CalsLossWeights(
    pixels=100.0, audio_visual=3e-3, visual_visual=3e-3, adversarial=2e-3
)


@experiment
def cals_units_puppet() -> Experiment:
    """Train the lip motion units of CALS on puppets; run wav2lip_pretrain_puppet first.

    Data: corpora/puppet. Time: 15 minutes on two cores.
    """
    return small_units(PUPPET)


@experiment
def cals_units_grid() -> Experiment:
    """Train the lip motion units of CALS on GRID s1; run wav2lip_pretrain_grid first.

    Data: corpora/grid. Time: 15 minutes on two cores.
    """
    return small_units(GRID)


@experiment
def cals_face_puppet() -> Experiment:
    """Train the face of CALS on fixed units of puppets; run cals_units_puppet first.

    Data: corpora/puppet. Time: 30 to 60 minutes on two cores.
    """
    return small_face(PUPPET, steps=1600)


@experiment
def cals_face_grid() -> Experiment:
    """Train the face of CALS on fixed units of GRID s1; run cals_units_grid first.

    Data: corpora/grid. Time: 30 to 60 minutes on two cores.
    """
    return small_face(GRID, steps=700)


@experiment
def cals_puppet() -> Experiment:
    """Train all of CALS on puppets; run cals_face_puppet first.

    Data: corpora/puppet. Time: 0.5 hours on two cores. LMD 0.71 pixels, PSNR 35.1 dB;
    `cals-puppet` was trained further by cals_reading_puppet.
    """
    return small_both(PUPPET, steps=400)


@experiment
def cals_grid() -> Experiment:
    """Train all of CALS on GRID s1; run cals_face_grid first.

    Data: corpora/grid. Time: 0.5 hours on two cores. LMD 0.35 pixels, PSNR 36.5 dB;
    `cals-grid-s1` was trained further by cals_reading_grid.
    """
    return small_both(GRID, steps=300)


def small_model(corpus: SmallCorpus) -> CalsConfig:
    """Make the config of a small CALS.

    Args:
        corpus: The corpus.

    Returns:
        The config.
    """
    unit_dim = 128  # of a sync expert with a quarter of the channels
    return CalsConfig(size=96, width=corpus.talker_width, unit_dim=unit_dim)


def small_units(corpus: SmallCorpus) -> Experiment:
    """Train lip motion units in a quarter of an hour on two cores.

    Args:
        corpus: The corpus.

    Returns:
        The experiment.
    """
    transform = CalsUnitExample()
    optimizer = Muon(
        learning_rate=3e-3,
        adam_params=REL_BIAS,
        warmup=100,
        schedule="cosine",
        max_grad_norm=1.0,
    )
    return Experiment(
        task=CalsUnitsTask(small_model(corpus), sync_expert_width=FROZEN_SYNC_WIDTH),
        train=Loader(corpus.root, "train", transform, batch_size=8, num_workers=1),
        evals={
            "val": Loader(
                corpus.root, "val", transform, batch_size=8, examples_per_clip=2
            )
        },
        optim={"units": optimizer},
        steps=1000,
        init_from={
            "sync_expert": corpus.sync_weights,
            "audio_to_lip/audio": corpus.weights("wav2lip_pretrain"),
        },
        log_every=50,
        evaluate_every=500,
        save_every=250,
        description=f"Units of lip motion by masked learning, trained on "
        f"{corpus.label}.",
    )


def small_face(corpus: SmallCorpus, steps: int) -> Experiment:
    """Train a face on fixed units, in half an hour to an hour on two cores.

    Errors are squared, because the mouth with the smallest absolute error hardly moves.
    The auxiliary networks are not used yet: they can be deceived by frames without a
    mouth.

    Args:
        corpus: The corpus.
        steps: Number of steps.

    Returns:
        The experiment.
    """
    task = CalsTask(
        small_model(corpus), PIXELS_ONLY, l2=True, aux=SMALL_AUX, freeze_units=True
    )
    face = corpus.weights("wav2lip_pretrain")
    init_from = {
        "lip_to_face/identity": face,
        "lip_to_face/decoder": face,
        "audio_to_lip": corpus.weights("cals_units"),
    }
    description = f"Lip-to-Face by pixels alone, trained on {corpus.label} after"
    return small_talker(
        corpus,
        task,
        {"generator": small_optimizer(0.01)},
        steps=steps,
        evaluate_every=350,
        init_from=init_from,
        description=f"{description} Wav2Lip.",
    )


def small_both(corpus: SmallCorpus, steps: int) -> Experiment:
    """Train units and face together, in half an hour on two cores.

    Trained units, more steps and a longer context make the lips easier to read than
    fixed units do. With ten times these weights of the auxiliary networks, PSNR drops
    by 1.9 dB on GRID.

    Args:
        corpus: The corpus.
        steps: Number of steps.

    Returns:
        The experiment.
    """
    task = CalsTask(
        small_model(corpus), LOW_ADVERSARIAL_WEIGHTS, l2=True, aux=SMALL_AUX
    )
    weights = corpus.weights("cals_face")
    discriminator = Adam(learning_rate=3e-4, betas=BETAS, warmup=100)
    return small_talker(
        corpus,
        task,
        {"generator": small_optimizer(0.003), "discriminator": discriminator},
        steps=steps,
        evaluate_every=steps,
        init_from={"audio_to_lip": weights, "lip_to_face": weights},
        description=f"CALS, trained on {corpus.label} after its units and its face.",
    )


def small_talker(
    corpus: SmallCorpus,
    task: CalsTask,
    optim: Mapping[str, Optimizer],
    *,
    steps: int,
    evaluate_every: int,
    init_from: Mapping[str, str],
    description: str,
) -> Experiment:
    """Make an experiment of a small CALS.

    Args:
        corpus: The corpus.
        task: The task.
        optim: `{objective: optimizer}`.
        steps: Number of steps.
        evaluate_every: Steps between two evaluations.
        init_from: Weights to start from, in addition to the frozen networks'.
        description: First line of the model card.

    Returns:
        The experiment.
    """
    transform, clip = CalsTrainExample(), TalkEvalClip(num_frames=50)
    return Experiment(
        task=task,
        train=Loader(corpus.root, "train", transform, batch_size=8, num_workers=1),
        evals={"val": Loader(corpus.root, "val[:40]", clip, batch_size=4)},
        optim=optim,
        steps=steps,
        init_from={**corpus.frozen, **init_from},
        log_every=50,
        evaluate_every=evaluate_every,
        save_every=150,
        description=description,
    )


def small_optimizer(learning_rate: float) -> Muon:
    """Make the optimizer of units and face.

    Args:
        learning_rate: Peak learning rate.

    Returns:
        The optimizer.
    """
    return Muon(
        learning_rate=learning_rate,
        betas=BETAS,
        adam_params=REL_BIAS,
        warmup=50,
        schedule="cosine",
        max_grad_norm=10.0,
    )
