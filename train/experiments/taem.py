"""Experiments of TAEM: text instead of audio, for a talker that is already trained.

The corpora are those of the talkers. The phones of their clips must be known: those of
puppets always are, and those of others if `avjax data build` aligned audio and text.

Ablations: task.model.speaker_inputs=() for no speaker, or one or two of "encoder",
"predictor" and "refiner", such as '("encoder",)'; task.model.refiner_layers=0.
"""

import dataclasses

from avjax.data.examples.text_to_lip import TextEvalClip, TextToLipExample
from avjax.data.loader import Loader
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.registry import load_system
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import TaemConfig
from avjax.models.talker import TalkerConfig, latent_space
from avjax.text.phonemes import PHONEMES
from avjax.train.experiment import Experiment
from avjax.train.experiments.cals import small_model as small_cals
from avjax.train.experiments.corpora import (
    FROZEN_LANDMARK_WIDTH,
    FROZEN_SYNC_WIDTH,
    GRID,
    LANDMARK_WEIGHTS,
    PUPPET,
    SmallCorpus,
)
from avjax.train.optimizers import Adam
from avjax.train.registry import experiment
from avjax.train.tasks.lipwarp.speech_loader import PseudoSpeechLoader
from avjax.train.tasks.taem import TaemTask
from avjax.train.tasks.talking.auxiliary import AuxiliaryNetworks


@experiment
def taem_wav2lip_puppet() -> Experiment:
    """Train TAEM (text) for the Wav2Lip of puppets; run wav2lip_puppet first.

    Data: corpora/puppet. Time: 10 minutes on two cores. Score of `taem-puppet`: LMD
    0.67 pixels (0.69 with audio).
    """
    talker = SyncTalkFaceConfig(size=96, width=PUPPET.talker_width, num_slots=0)
    return small_taem(PUPPET, talker, "wav2lip", "Wav2Lip of puppets")


@experiment
def taem_synctalkface_puppet() -> Experiment:
    """Train TAEM (text) for the SyncTalkFace of puppets; run synctalkface_puppet first.

    Data: corpora/puppet. Time: 10 minutes on two cores.
    """
    talker = SyncTalkFaceConfig(size=96, width=PUPPET.talker_width, num_slots=96)
    return small_taem(PUPPET, talker, "synctalkface", "SyncTalkFace of puppets")


@experiment
def taem_cals_puppet() -> Experiment:
    """Train TAEM (text) for the CALS of puppets; run cals_puppet first.

    Data: corpora/puppet. Time: 10 minutes on two cores.
    """
    return small_taem(PUPPET, small_cals(PUPPET), "cals", "CALS of puppets")


@experiment
def taem_synctalkface_grid() -> Experiment:
    """Train TAEM (text) for the SyncTalkFace of GRID s1; run synctalkface_grid first.

    Data: corpora/grid, with phones. Time: 10 minutes on two cores. Score of
    `taem-grid-s1`: LMD 0.42 pixels (0.42 with audio).
    """
    talker = SyncTalkFaceConfig(size=96, width=GRID.talker_width, num_slots=96)
    name = "SyncTalkFace of GRID s1 (CC BY 4.0)"
    return small_taem(GRID, talker, "synctalkface", name)


@experiment
def taem_lipwarp_speech() -> Experiment:
    """Train TAEM (text) for `lipwarp-people`, on synthetic speech in 27 languages.

    Data: none; speech is made during training. Time: half an hour on two cores. Score
    of `taem-people`: r2 of lip codes from text against those from audio 0.43.
    """
    weights = "lipwarp-people"
    talker, _ = load_system(weights, LipWarpConfig.system)
    model = dataclasses.replace(small_model(talker), speaker_inputs=())
    transform = TextToLipExample(
        max_phonemes=96, border_frames=latent_space(talker).context_frames
    )
    return Experiment(
        task=TaemTask(model, l2=True, aux=None),
        train=PseudoSpeechLoader(100_000, transform, batch_size=16, num_workers=1),
        evals={"val": PseudoSpeechLoader(160, transform, batch_size=16, seed=1)},
        optim={"text": small_optimizer()},
        steps=1500,
        init_from=dict.fromkeys(latent_space(talker).parts, weights),
        log_every=50,
        evaluate_every=500,
        save_every=250,
        description="Text for LipWarp, a talker that edits the mouth of any face.",
    )


@experiment
def taem_wav2lip_lrs2() -> Experiment:
    """Train TAEM (text) at full size on LRS2, for a Wav2Lip of 128 px.

    Run first: avjax train synctalkface_lrs2 task.model.num_slots=0 --out
    runs/wav2lip_lrs2. Data: corpora/lrs2-128, with phones. Not run yet.
    """
    root = "corpora/lrs2-128"
    transform = TextToLipExample(num_frames=160, max_phonemes=160)
    clip = TextEvalClip(num_frames=50, max_phonemes=96)
    optimizer = Adam(
        learning_rate=3e-4, betas=(0.9, 0.98), warmup=4000, max_grad_norm=1.0
    )
    return Experiment(
        task=TaemTask(
            TaemConfig(SyncTalkFaceConfig(num_slots=0), len(PHONEMES)),
            aux=AuxiliaryNetworks(landmark_width=FROZEN_LANDMARK_WIDTH),
        ),
        train=Loader(root, "train", transform, batch_size=32, num_workers=16),
        evals={"val": Loader(root, "val", clip, batch_size=8, num_workers=4)},
        optim={"text": optimizer},
        steps=200_000,
        dtype="bfloat16",
        min_batch_per_device=4,
        init_from={
            "generator": "runs/wav2lip_lrs2/weights",
            "sync_expert": "runs/sync_lrs2/weights",
            "lip_landmarks": LANDMARK_WEIGHTS,
        },
        save_every=5000,
        evaluate_every=5000,
        select_by=("val/r2", "max"),
        description="Text for a Wav2Lip, trained on LRS2.",
    )


def small_taem(
    corpus: SmallCorpus, talker: TalkerConfig, name: str, label: str
) -> Experiment:
    """Train a small TAEM in ten minutes on two cores.

    Args:
        corpus: The corpus of the talker.
        talker: Config of the talker.
        name: Name of the talker's experiment, without that of the corpus.
        label: Name of the talker in the model card.

    Returns:
        The experiment.
    """
    space = latent_space(talker)
    # Latents at the borders of an example are left out if they lack their context.
    transform = TextToLipExample(border_frames=space.context_frames)
    aux = AuxiliaryNetworks(
        sync_expert_width=FROZEN_SYNC_WIDTH, landmark_width=FROZEN_LANDMARK_WIDTH
    )
    clip = TextEvalClip(num_frames=50)
    return Experiment(
        task=TaemTask(small_model(talker), l2=True, aux=aux),
        train=Loader(corpus.root, "train", transform, batch_size=16, num_workers=1),
        evals={"val": Loader(corpus.root, "val[:40]", clip, batch_size=4)},
        optim={"text": small_optimizer()},
        steps=1500,
        init_from={
            **corpus.frozen,
            **dict.fromkeys(space.parts, corpus.weights(name)),
        },
        log_every=50,
        evaluate_every=500,
        save_every=250,
        description=f"Text for {label}.",
    )


def small_model(talker: TalkerConfig) -> TaemConfig:
    """Make the config of a small TAEM.

    Args:
        talker: Config of the talker.

    Returns:
        The config.
    """
    return TaemConfig(
        talker,
        len(PHONEMES),
        dim=128,
        heads=4,
        encoder_layers=2,
        refiner_layers=2,
    )


def small_optimizer() -> Adam:
    """Make the optimizer of a small TAEM."""
    return Adam(
        learning_rate=1e-3,
        betas=(0.9, 0.98),
        warmup=100,
        schedule="cosine",
        max_grad_norm=1.0,
    )
