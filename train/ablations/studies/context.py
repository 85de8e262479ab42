"""Training and evaluation of the variants of the context ablation."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from avjax.compilation import cpu_options
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.loader import Loader
from avjax.losses.sync import cosine_distance
from avjax.metrics.base import Mean
from avjax.metrics.lip_motion import lmd_by_class
from avjax.metrics.talking_face import (
    predict_landmarks,
    talking_metrics_no_baselines,
    target_lips,
)
from avjax.models.cals import CalsConfig
from avjax.nn.pixels import normalize_pixels
from avjax.text.phonemes import PHONEME_CLASSES
from avjax.train.ablations.studies.context_variants import VARIANTS, ContextVariant
from avjax.train.ablations.studies.known_units import (
    ClipsWithUnits,
    KnownUnitsFaceTask,
    KnownUnitsTask,
    unit_encoder,
    unit_predictor,
)
from avjax.train.ablations.studies.variants import (
    average,
    convert_task,
    load_or_train,
    load_part,
    part_of_state,
    run_variant,
    train,
    training_corpus,
)
from avjax.train.experiments import EXPERIMENTS
from avjax.train.optimizers import OptimizerConfig
from avjax.train.step import TrainState
from avjax.train.tasks.cals import CalsTask
from avjax.train.tasks.cals_units import CalsUnitsTask
from avjax.typing import Array, Batch, Params

FROZEN_PARTS = "sync_expert", "lip_landmarks"
TALKER_PARTS = "audio_to_lip", "lip_to_face"
EVAL_SPLIT = "val[:40]"


AUDIO_ENCODER_STEPS = 300  # training of the audio encoder without context
SHARED_FACE_STEPS = 300  # training of the face on true units
FACE_STEPS = 80  # training of the face on the predicted units of a variant
ADVERSARIAL_STEPS = 100  # training of the face with the auxiliary networks
ADVERSARIAL_RATE = 1e-3  # a third of the rate in the experiment


class ContextStudy:
    """One seed: its clips, the modules that all variants share, and the variants."""

    def __init__(self, corpus: str, talker: str, out: str, seed: int):
        """Load the clips and the frozen networks.

        Args:
            corpus: "puppet" or "grid", as in the names of the experiments.
            talker: Weights of Wav2Lip or SyncTalkFace to start from.
            out: Folder of the variants.
            seed: The seed.
        """
        self.talker, self.seed = talker, seed
        self.out = pathlib.Path(out)
        self.units_experiment = EXPERIMENTS[f"cals_units_{corpus}"]()
        self.face_experiment = EXPERIMENTS[f"cals_face_{corpus}"]()
        self.full_experiment = EXPERIMENTS[f"cals_{corpus}"]()
        self.task = convert_task(KnownUnitsFaceTask, self.face_experiment.task)
        init_from = self.face_experiment.init_from
        self.frozen = {name: load_part(init_from[name]) for name in FROZEN_PARTS}
        encode = unit_encoder(self.task, self.frozen["sync_expert"])
        loader = training_corpus(self.face_experiment)
        self.root = loader.root
        self.clips = ClipsWithUnits(self.root, loader.split, encode)
        self.val_clips = ClipsWithUnits(self.root, EVAL_SPLIT, encode)

    def run(self, name: str) -> None:
        """Train and evaluate a variant, unless it exists already.

        Args:
            name: One of `VARIANTS`.
        """
        train_variant = functools.partial(self.train_variant, VARIANTS[name])
        run_variant(self.folder(name), train_variant, self.evaluate)

    def folder(self, name: str) -> pathlib.Path:
        """Return the folder of a variant, or of a shared module."""
        return self.out / f"{name}-{self.seed}"

    def train_audio_encoder(self) -> dict[str, Params]:
        """Train the talker's audio encoder to predict units without context."""
        initial = {"audio_to_lip/audio": load_part(self.talker, "generator", "audio")}
        config = self.model_config(ContextVariant(0))
        state = self.train_units(config, 0.5, AUDIO_ENCODER_STEPS, initial)
        variables = part_of_state(state, "audio_to_lip")
        return {collection: tree["audio"] for collection, tree in variables.items()}

    def train_shared_face(self) -> dict[str, Params]:
        """Train Lip-to-Face on true units, from the talker's modules."""
        initial = {
            f"lip_to_face/{module}": load_part(self.talker, "generator", module)
            for module in ("identity", "decoder")
        }
        state = self.train_face(
            self.task,
            self.face_experiment.optim,
            SHARED_FACE_STEPS,
            initial,
            self.clips.arrays["units"],
        )
        return part_of_state(state, "lip_to_face")

    def train_units(
        self,
        config: CalsConfig,
        mask_ratio: float,
        steps: int,
        initial: Mapping[str, Mapping[str, Params]],
    ) -> TrainState:
        """Train Audio-to-Lip on the true units."""
        experiment_task = self.units_experiment.task
        assert isinstance(experiment_task, CalsUnitsTask)
        task = KnownUnitsTask(
            config, mask_ratio, sync_expert_width=experiment_task.sync_expert_width
        )
        batches = self.clips.unit_batches(np.random.default_rng(self.seed))
        optim = self.units_experiment.optim
        return train(task, optim, steps, self.seed, initial, batches)

    def train_face(
        self,
        task: KnownUnitsFaceTask,
        optim: Mapping[str, OptimizerConfig],
        steps: int,
        initial: Mapping[str, Mapping[str, Params]],
        units: np.ndarray,
    ) -> TrainState:
        """Train Lip-to-Face on the given units, [clips t d]."""
        batches = self.clips.face_batches(np.random.default_rng(self.seed), units)
        initial = {**initial, **self.frozen}
        return train(task, optim, steps, self.seed, initial, batches)

    def model_config(self, variant: ContextVariant) -> CalsConfig:
        """Return the config of a variant's model."""
        return dataclasses.replace(
            self.task.model,
            context_frames=variant.context_frames,
            layers=variant.layers,
        )

    def train_variant(
        self, variant: ContextVariant
    ) -> tuple[KnownUnitsFaceTask, TrainState]:
        """Train a variant: its units and its face, or its face with other losses."""
        task = dataclasses.replace(self.task, model=self.model_config(variant))
        if variant.after:
            return self.train_adversarial(variant, task)
        audio_encoder = load_or_train(
            self.folder("audio_encoder"), self.train_audio_encoder
        )
        face = load_or_train(self.folder("shared_face"), self.train_shared_face)
        initial = {"audio_to_lip/audio": audio_encoder}
        state = self.train_units(task.model, variant.mask_ratio, variant.steps, initial)
        audio_to_lip = part_of_state(state, "audio_to_lip")
        initial = {"audio_to_lip": audio_to_lip, "lip_to_face": face}
        units = self.clips.predict_units(unit_predictor(task, audio_to_lip))
        optim = self.face_experiment.optim
        return task, self.train_face(task, optim, FACE_STEPS, initial, units)

    def train_adversarial(
        self, variant: ContextVariant, task: KnownUnitsFaceTask
    ) -> tuple[KnownUnitsFaceTask, TrainState]:
        """Train the face of another variant further, with the auxiliary networks."""
        self.run(variant.after)
        folder = self.folder(variant.after)
        initial = {name: load_part(folder, name) for name in TALKER_PARTS}
        experiment = self.full_experiment
        assert isinstance(experiment.task, CalsTask)
        losses = dataclasses.replace(
            experiment.task.losses, visual_visual=variant.visual_weight
        )
        task = dataclasses.replace(task, losses=losses, infonce=variant.infonce)
        optimizer = dataclasses.replace(
            experiment.optim["generator"], learning_rate=ADVERSARIAL_RATE
        )
        optim = {**experiment.optim, "generator": optimizer}
        predict = unit_predictor(task, initial["audio_to_lip"])
        units = self.clips.predict_units(predict)
        return task, self.train_face(task, optim, ADVERSARIAL_STEPS, initial, units)

    def evaluate(self, task: KnownUnitsFaceTask, state: TrainState) -> dict[str, float]:
        """Measure validation clips that are generated from their own audio."""
        loader = Loader(self.root, EVAL_SPLIT, TalkEvalClip(), batch_size=4)
        metrics = jax.jit(
            functools.partial(talking_metrics_of, task), compiler_options=cpu_options()
        )
        predict = unit_predictor(task, part_of_state(state, "audio_to_lip"))
        arrays = self.val_clips.arrays
        units = jnp.asarray(self.val_clips.predict_units(predict))
        error = cosine_distance(units, jnp.asarray(arrays["units"]))
        mean = Mean.from_values(error, jnp.asarray(arrays["frame_mask"]))
        batches = loader.eval_batches()
        values = average(metrics(state.params, state.stats, x) for x in batches)
        return {**values, "cosine_distance": mean.compute()}


def talking_metrics_of(
    task: CalsTask, params: Params, stats: Params, batch: Batch
) -> dict[str, Mean]:
    """Measure a batch of whole clips, also by phoneme class.

    Args:
        task: The task.
        params: Parameters, `{part: tree}`.
        stats: Running statistics, `{part: tree}`.
        batch: A batch of `TalkEvalClip`.

    Returns:
        `{metric: Mean}`.
    """
    networks = task.auxiliary.evaluation_networks(params, stats)
    frames: Array = task.generate(params, stats, batch)
    real = normalize_pixels(batch["faces"], "[0,1]")
    lips = target_lips(networks, real, batch["landmarks"])
    pred = predict_landmarks(networks, frames)
    return {
        **talking_metrics_no_baselines(networks, frames, batch),
        **lmd_by_class(pred, lips, batch, tuple(PHONEME_CLASSES)),
    }
