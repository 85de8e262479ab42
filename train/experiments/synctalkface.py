"""Experiments of SyncTalkFace, and of Wav2Lip, which is SyncTalkFace without memory.

On a small corpus a talker is trained in three stages, here for puppets:

    avjax train wav2lip_pretrain_puppet  a face, from random weights
    avjax train wav2lip_puppet           its lips learn to move: squared errors
    python -m avjax.train.ablations.lip_memory.start puppet FACE runs/lip_memory_puppet
    avjax train synctalkface_puppet      it gets a memory, which was fitted to it
"""

import dataclasses
from collections.abc import Mapping

from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.loader import Loader
from avjax.losses.weights import SyncTalkFaceLossWeights
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.nn.wav2lip import scale_width
from avjax.train.experiment import Experiment
from avjax.train.experiments.corpora import (
    FROZEN_LANDMARK_WIDTH,
    FROZEN_SYNC_WIDTH,
    GRID,
    LANDMARK_WEIGHTS,
    PUPPET,
    SmallCorpus,
)
from avjax.train.optimizers import Adam, Muon, Optimizer
from avjax.train.registry import experiment
from avjax.train.tasks.synctalkface import SyncTalkFaceTask
from avjax.train.tasks.talking.auxiliary import AuxiliaryNetworks

BETAS = (0.5, 0.999)  # as published
SMALL_AUX = AuxiliaryNetworks(
    sync_expert_width=FROZEN_SYNC_WIDTH,
    discriminator_width=0.125,
    landmark_width=FROZEN_LANDMARK_WIDTH,
    prob_floor=0.05,  # the small sync expert is wrong about one pair in twenty
)
# With squared errors the auxiliary networks have low weights: a small discriminator and
# a small sync expert are easily deceived.
LOW_ADVERSARIAL_WEIGHTS = SyncTalkFaceLossWeights(
    pixels=100.0, audio_visual=3e-3, visual_visual=3e-3, adversarial=2e-3
)
MEMORY_WEIGHTS = dataclasses.replace(
    LOW_ADVERSARIAL_WEIGHTS, visual_visual=0.02, memory=0.02
)


@experiment
def wav2lip_pretrain_puppet() -> Experiment:
    """Train Wav2Lip's first stage on puppets, 96 px, an eighth of the channels.

    Data: corpora/puppet. Time: 10 to 30 minutes on two cores.
    """
    return pretrain(PUPPET)


@experiment
def wav2lip_puppet() -> Experiment:
    """Train Wav2Lip's second stage on puppets; run wav2lip_pretrain_puppet first.

    Data: corpora/puppet. Time: 30 to 60 minutes on two cores.
    """
    return l2_finetune(PUPPET, steps=1750)


@experiment
def synctalkface_puppet() -> Experiment:
    """Train SyncTalkFace on puppets; run wav2lip_puppet, then fit the memory.

    Data: corpora/puppet. Time: 0.1 hours on two cores. Score: LMD 0.76 to 0.82 pixels
    (three seeds).
    """
    return add_memory(PUPPET)


@experiment
def wav2lip_pretrain_grid() -> Experiment:
    """Train Wav2Lip's first stage on GRID s1, 96 px, a fifth of the channels.

    Data: corpora/grid. Time: 10 to 30 minutes on two cores.
    """
    return pretrain(GRID)


@experiment
def wav2lip_grid() -> Experiment:
    """Train Wav2Lip's second stage on GRID s1; run wav2lip_pretrain_grid first.

    Data: corpora/grid. Time: 30 to 60 minutes on two cores.
    """
    return l2_finetune(GRID, steps=850)


@experiment
def synctalkface_grid() -> Experiment:
    """Train SyncTalkFace on GRID s1; run wav2lip_grid, then fit the memory.

    Data: corpora/grid. Time: 0.2 hours on two cores. Score: LMD 0.35 pixels.
    """
    return add_memory(GRID)


@experiment
def synctalkface_lrs2() -> Experiment:
    """Train SyncTalkFace on LRS2, 128 px, as published; run sync_lrs2 first.

    Data: corpora/lrs2-128. Not run yet. Published: LMD 1.387, LSE-D 6.352.
    """
    return paper_experiment("corpora/lrs2-128", "LRS2")


@experiment
def synctalkface_lrw() -> Experiment:
    """Train SyncTalkFace on LRW, 128 px, as published; run sync_lrs2 first.

    Data: corpora/lrw-128. Not run yet. Published: LMD 1.253, LSE-D 7.013.
    """
    return paper_experiment("corpora/lrw-128", "LRW")


def small_experiment(
    corpus: SmallCorpus,
    task: SyncTalkFaceTask,
    generator: Muon,
    *,
    batch_size: int,
    steps: int,
    init_from: Mapping[str, str],
    description: str,
    evaluate_every: int = 500,
) -> Experiment:
    """Make an experiment of a small talker.

    Args:
        corpus: The corpus.
        task: The task.
        generator: Optimizer of the generator.
        batch_size: Examples in a batch.
        steps: Number of steps.
        init_from: Weights to start from, in addition to the frozen networks'.
        description: First line of the model card.
        evaluate_every: Steps between two evaluations.

    Returns:
        The experiment.
    """
    return Experiment(
        task=task,
        train=Loader(corpus.root, "train", batch_size=batch_size, num_workers=1),
        evals={"val": Loader(corpus.root, "val[:40]", TalkEvalClip(), batch_size=4)},
        optim={
            "generator": generator,
            "discriminator": Adam(learning_rate=3e-4, betas=BETAS, warmup=100),
        },
        steps=steps,
        init_from={**corpus.frozen, **init_from},
        log_every=50,
        evaluate_every=evaluate_every,
        save_every=250,
        description=description,
    )


def pretrain(corpus: SmallCorpus) -> Experiment:
    """Train a face without memory.

    Without a memory a step takes half the time.

    Args:
        corpus: The corpus.

    Returns:
        The experiment.
    """
    # With weights of 0.2 the generator would only deceive the small auxiliary networks.
    losses = SyncTalkFaceLossWeights(audio_visual=0.03, adversarial=0.02)
    model = SyncTalkFaceConfig(size=96, width=corpus.talker_width, num_slots=0)
    return small_experiment(
        corpus,
        SyncTalkFaceTask(model, losses, aux=SMALL_AUX),
        small_optimizer(6e-3),
        batch_size=4,
        steps=1000,
        init_from={},
        description=f"Wav2Lip with SyncTalkFace's losses, trained on {corpus.label}.",
    )


def l2_finetune(corpus: SmallCorpus, steps: int) -> Experiment:
    """Continue with squared errors, so that the mouth learns to move.

    The mouth with the smallest absolute error hardly moves.

    Args:
        corpus: The corpus.
        steps: Number of steps.

    Returns:
        The experiment.
    """
    model = SyncTalkFaceConfig(size=96, width=corpus.talker_width, num_slots=0)
    task = SyncTalkFaceTask(model, LOW_ADVERSARIAL_WEIGHTS, l2=True, aux=SMALL_AUX)
    return small_experiment(
        corpus,
        task,
        small_optimizer(1e-2),
        batch_size=8,
        steps=steps,
        evaluate_every=steps,
        init_from={"generator": corpus.weights("wav2lip_pretrain")},
        description=f"Wav2Lip, trained on {corpus.label} by squared errors.",
    )


def add_memory(corpus: SmallCorpus) -> Experiment:
    """Train a face together with a memory that was fitted to it.

    The lip codes are those of the frozen sync expert. Muon would hardly move the slots.
    Each clip is generated twice, from the audio and by the teacher; the batch is half
    as large.

    Args:
        corpus: The corpus.

    Returns:
        The experiment.
    """
    width, code_dim = corpus.talker_width, scale_width(512, FROZEN_SYNC_WIDTH)
    model = SyncTalkFaceConfig(96, width, dropout=0.0, lip_code_length=code_dim)
    task = SyncTalkFaceTask(model, MEMORY_WEIGHTS, l2=True, aux=SMALL_AUX)
    return small_experiment(
        corpus,
        task,
        small_optimizer(3e-3, warmup=20),
        batch_size=4,
        steps=300,
        init_from={"generator": f"runs/lip_memory_{corpus.name}/96-0"},
        description=f"SyncTalkFace, trained on {corpus.label} after Wav2Lip.",
    )


def small_optimizer(learning_rate: float, warmup: int = 100) -> Muon:
    """Make the optimizer of a small generator.

    Args:
        learning_rate: Peak learning rate.
        warmup: Steps of warm-up.

    Returns:
        The optimizer.
    """
    return Muon(
        learning_rate=learning_rate,
        betas=BETAS,
        adam_params=("keys", "values"),  # of the memory, which Muon would hardly move
        warmup=warmup,
        schedule="cosine",
        max_grad_norm=10.0,
    )


def paper_optimizers() -> dict[str, Optimizer]:
    """Return the optimizers of the authors' code, `{objective: optimizer}`."""
    return {
        "generator": Adam(learning_rate=1e-4, betas=BETAS),
        "discriminator": Adam(learning_rate=5e-4, betas=BETAS),
    }


def paper_experiment(root: str, name: str) -> Experiment:
    """Make an experiment with the optimizers and the batch size of the authors' code.

    The sync expert is that of `sync_lrs2`. The authors' number of steps is not known.

    Args:
        root: Folder of the corpus.
        name: Name of the corpus.

    Returns:
        The experiment.
    """
    aux = AuxiliaryNetworks(landmark_width=FROZEN_LANDMARK_WIDTH)
    expert, landmarks = "runs/sync_lrs2/weights", LANDMARK_WEIGHTS
    return Experiment(
        task=SyncTalkFaceTask(aux=aux),
        train=Loader(root, "train", batch_size=40, num_workers=16),
        evals={"val": Loader(root, "val", TalkEvalClip(), batch_size=8, num_workers=4)},
        optim=paper_optimizers(),
        steps=500_000,
        dtype="bfloat16",
        min_batch_per_device=5,
        init_from={"sync_expert": expert, "lip_landmarks": landmarks},
        save_every=5000,
        evaluate_every=5000,
        select_by=("val/lmd", "min"),
        description=f"SyncTalkFace at full size, trained on {name}.",
    )
