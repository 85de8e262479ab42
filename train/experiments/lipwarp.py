"""Experiments of LipWarp: the editor, then the audio.

    avjax train lipwarp_editor_clips      mouth encoder and editor at 64 pixels
    avjax train lipwarp_editor96_clips    the editor at 96 pixels, on these lip codes
    avjax train lipwarp_articulation      audio network on synthetic speech
    avjax train lipwarp_audio_clips       audio to lip codes; releases the talker

On puppets, two short runs show that everything works: `lipwarp_editor_puppet`, then
`lipwarp_audio_puppet`. Any corpus of talking faces can be used: `root=FOLDER`.
"""

import dataclasses
from collections.abc import Mapping

from avjax.data.examples.lip_codes import LipCodeExample
from avjax.data.examples.lip_editing import LipEditClip, LipEditExample
from avjax.data.loader import Loader
from avjax.models.lipwarp import LipWarpConfig
from avjax.train.experiment import Experiment
from avjax.train.experiments.corpora import CLIPS_ROOT, PUPPET
from avjax.train.optimizers import Adam
from avjax.train.registry import experiment
from avjax.train.tasks.lipwarp.articulation import ArticulationTask
from avjax.train.tasks.lipwarp.audio import AudioToCodeTask
from avjax.train.tasks.lipwarp.editing import LipEditingTask
from avjax.train.tasks.lipwarp.speech_loader import PseudoSpeechLoader

SMALL_SIZE, SIZE = 64, 96  # pixels
BETAS = 0.9, 0.99
AUDIO_DROPOUT = 0.2  # of the audio network, which sees few speakers


@experiment
def lipwarp_editor_clips() -> Experiment:
    """Train LipWarp's mouth encoder and editor on videos of people, 64 px.

    Data: corpora/clips. Time: hours on two cores.
    """
    # At first, an editor does not alter frames: fewer of them than later.
    task = LipEditingTask(
        LipWarpConfig(size=SMALL_SIZE), altered_share=0.33, altered_gain=1.0
    )
    return editor(CLIPS_ROOT, task, steps=6000, learning_rate=2e-3)


@experiment
def lipwarp_editor96_clips() -> Experiment:
    """Train LipWarp's editor at 96 px; run lipwarp_editor_clips first.

    Data: corpora/clips. Time: hours on two cores.
    """
    weights = "runs/lipwarp_editor_clips/weights"
    return editor(
        CLIPS_ROOT,
        LipEditingTask(LipWarpConfig(size=SIZE), freeze_encoder=True),
        steps=4000,
        learning_rate=1e-3,
        init_from={"mouth_encoder": weights, "editor": weights},
    )


@experiment
def lipwarp_articulation() -> Experiment:
    """Train LipWarp's audio network on synthetic speech.

    Data: none; speech is made during training. Time: half an hour on two cores.
    """
    return Experiment(
        task=ArticulationTask(LipWarpConfig(size=SIZE)),
        train=PseudoSpeechLoader(clips=100_000, num_workers=1),
        evals={"val": PseudoSpeechLoader(clips=160, seed=1)},
        optim={"audio": audio_optimizer()},
        steps=1600,
        ema=0.99,
        min_batch_per_device=4,
        evaluate_every=400,
        save_every=200,
        description="Audio network of LipWarp, trained on articulation.",
    )


@experiment
def lipwarp_audio_clips() -> Experiment:
    """Train LipWarp's audio network on videos of people.

    Run lipwarp_editor96_clips and lipwarp_articulation first. Data: corpora/clips.
    Time: hours on two cores.
    """
    model = LipWarpConfig(size=SIZE, dropout=AUDIO_DROPOUT)
    weights = "runs/lipwarp_editor96_clips/weights"
    experiment = audio(CLIPS_ROOT, model, weights, steps=4000)
    start = {"audio_to_code": "runs/lipwarp_articulation/weights"}
    return dataclasses.replace(experiment, init_from={**experiment.init_from, **start})


@experiment
def lipwarp_editor_puppet() -> Experiment:
    """Train LipWarp's mouth encoder and editor on puppets, 64 px, briefly.

    Data: corpora/puppet. Time: a few minutes on two cores.
    """
    task = LipEditingTask(
        LipWarpConfig(size=SMALL_SIZE), altered_share=0.33, altered_gain=1.0
    )
    return editor(PUPPET.root, task, steps=200, learning_rate=2e-3, batch_size=8)


@experiment
def lipwarp_audio_puppet() -> Experiment:
    """Train LipWarp's audio network on puppets; run lipwarp_editor_puppet first.

    Data: corpora/puppet. Time: a few minutes on two cores.
    """
    model = LipWarpConfig(size=SMALL_SIZE, dropout=AUDIO_DROPOUT)
    weights = PUPPET.weights("lipwarp_editor")
    return audio(PUPPET.root, model, weights, steps=200, batch_size=8)


def editor(
    root: str,
    task: LipEditingTask,
    *,
    steps: int,
    learning_rate: float,
    batch_size: int = 32,
    init_from: Mapping[str, str] | None = None,
) -> Experiment:
    """Make an experiment of the editor.

    Args:
        root: Folder of the corpus.
        task: The task.
        steps: Number of steps.
        learning_rate: Peak learning rate.
        batch_size: Examples in one batch.
        init_from: Weights to start from.

    Returns:
        The experiment.
    """
    size = task.model.size
    optimizer = Adam(
        learning_rate=learning_rate,
        betas=BETAS,
        weight_decay=1e-3,
        warmup=100,
        schedule="cosine",
        max_grad_norm=1.0,
    )
    example, clip = LipEditExample(size), LipEditClip(size=size)
    return Experiment(
        task=task,
        train=Loader(root, "train", example, batch_size=batch_size, num_workers=1),
        evals={"val": Loader(root, "val[:40]", clip, batch_size=4)},
        optim={"editor": optimizer},
        steps=steps,
        min_batch_per_device=4,
        init_from=init_from or {},
        evaluate_every=500,
        save_every=250,
        description=f"Mouth encoder and editor of LipWarp at {size} pixels.",
    )


def audio(
    root: str,
    model: LipWarpConfig,
    weights: str,
    *,
    steps: int,
    batch_size: int = 32,
) -> Experiment:
    """Make an experiment that completes a talker.

    Args:
        root: Folder of the corpus.
        model: Config of the talker.
        weights: Weights of mouth encoder and editor.
        steps: Number of steps.
        batch_size: Examples in one batch.

    Returns:
        The experiment.
    """
    example = LipCodeExample()
    return Experiment(
        task=AudioToCodeTask(model),
        train=Loader(root, "train", example, batch_size=batch_size, num_workers=1),
        evals={"val": Loader(root, "val[:80]", example, batch_size=8)},
        optim={"audio": audio_optimizer()},
        steps=steps,
        min_batch_per_device=4,
        init_from={"mouth_encoder": weights, "editor": weights},
        evaluate_every=250,
        save_every=250,
        description=f"LipWarp, a talker that edits mouths, at {model.size} pixels.",
    )


def audio_optimizer() -> Adam:
    """Make the optimizer of the audio network."""
    return Adam(
        learning_rate=1e-3,
        weight_decay=0.05,
        warmup=100,
        schedule="cosine",
        max_grad_norm=1.0,
    )
