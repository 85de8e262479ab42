"""Training and evaluation of the variants of the text ablation."""

import collections
import dataclasses
import functools
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from avjax.compilation import cpu_options
from avjax.data.examples.base import Record
from avjax.data.examples.text_to_lip import TextToLipExample
from avjax.data.loader import NumpyBatch
from avjax.data.split_source import open_split
from avjax.metrics.base import Mean
from avjax.metrics.landmarks import landmark_distance, lip_gap
from avjax.metrics.lip_motion import lmd_by_class
from avjax.metrics.talking_face import (
    predict_landmarks,
    talking_metrics_no_baselines,
    target_lips,
)
from avjax.models.taem import TEXT_PART, TaemConfig, init_text_encoder
from avjax.nn.pixels import normalize_pixels, to_uint8
from avjax.text.phonemes import PHONEME_CLASSES
from avjax.train.ablations.studies.mouth_reader import MouthReader, crop_mouths
from avjax.train.ablations.studies.text_clips import (
    AudioEncoder,
    TextTestClips,
    clip_latents,
    stack,
)
from avjax.train.ablations.studies.variants import (
    average,
    convert_task,
    load_part,
    run_variant,
    training_corpus,
)
from avjax.train.experiments import EXPERIMENTS
from avjax.train.optimizers import make_optimizer
from avjax.train.step import TrainState, make_step
from avjax.train.tasks.parts import split_variables, variables_of
from avjax.train.tasks.taem import TaemTask
from avjax.train.tasks.text_driven.metrics import roll_portrait
from avjax.train.tasks.text_driven.phoneme_means import init_phoneme_means
from avjax.typing import Array, Batch, Params

STEPS = 600
FULL_VARIANT = "taem"  # as the experiment trains it
SPEAKER_INPUTS = {
    "no_speaker": (),
    "encoder": ("encoder",),
    "predictor": ("predictor",),
    "refiner": ("refiner",),
}
VARIANTS = FULL_VARIANT, *SPEAKER_INPUTS, "no_refiner", "other_loss"
BASELINES = "wrong_speaker", "phoneme_mean", "audio", "tts_cascade"


@dataclasses.dataclass(frozen=True)
class KnownLatentsTask(TaemTask):
    """Train TAEM on latents of the talker that batches hold in place of `mels`."""

    def encode_audio(
        self, params: Params, stats: Params, mels: Array, frame_mask: Array
    ) -> Array:
        """Return the latents of a batch."""
        return mels


class TextStudy:
    """One talker and one seed: the latents of its audio, and the variants."""

    def __init__(
        self,
        experiment: str,
        talker: str,
        corpus: str,
        split: str,
        reader: str,
        out: str,
        seed: int,
    ):
        """Load the networks and the test clips.

        Args:
            experiment: Name of an experiment of TAEM.
            talker: Weights of its talker.
            corpus: Folder of the test clips.
            split: Their split.
            reader: Weights of a lip reader.
            out: Folder of the variants.
            seed: The seed.
        """
        self.experiment, self.seed = EXPERIMENTS[experiment](), seed
        self.out = pathlib.Path(out)
        self.task = convert_task(KnownLatentsTask, self.experiment.task)
        init_from = self.experiment.init_from
        self.frozen = {
            name: load_part(init_from[name], name)
            for name in ("sync_expert", "lip_landmarks")
        }
        space = self.task.latent_space
        self.frozen |= {name: load_part(talker, name) for name in space.parts}
        self.encode_audio: AudioEncoder = jax.jit(
            functools.partial(space.encode_audio, self.frozen),
            compiler_options=cpu_options(),
        )
        self.evaluate_frames = jax.jit(
            functools.partial(evaluate_frames, self.task),
            compiler_options=cpu_options(),
        )
        self.test_clips = TextTestClips(open_split(corpus, split), self.encode_audio)
        self.reader = MouthReader(reader, self.test_clips.num_frames)
        self.loader = training_corpus(self.experiment)
        self.records = open_split(self.loader.root, self.loader.split)

    @functools.cached_property
    def latents(self) -> list[np.ndarray]:
        """Latents of the audio of each training clip, [t d]."""
        longest = max(len(record["face"]) for record in self.records)
        return [clip_latents(self.encode_audio, x, longest) for x in self.records]

    def run(self, variant: str) -> None:
        """Train and evaluate a variant, unless it exists already.

        Args:
            variant: One of `VARIANTS`.
        """
        run_variant(
            self.out / f"{variant}-{self.seed}",
            functools.partial(self.train_variant, variant),
            functools.partial(self.evaluate, variant),
        )

    def train_variant(self, variant: str) -> tuple[KnownLatentsTask, TrainState]:
        """Train a variant on the latents."""
        task = dataclasses.replace(self.task, model=self.model_config(variant))
        if variant == "other_loss":
            task = dataclasses.replace(task, l2=not task.l2)
        optimizer = make_optimizer(self.experiment.optim["text"], STEPS)
        key, logs = jax.random.key(self.seed), {}
        text_encoder = init_text_encoder(task.model, key)
        params, stats = split_variables({TEXT_PART: text_encoder, **self.frozen})
        means = init_phoneme_means(
            task.model.num_phonemes, task.model.talker.latent_dim
        )
        opt = {"text": optimizer.init({TEXT_PART: params[TEXT_PART]})}
        state = TrainState(
            jnp.zeros((), jnp.int32), params, {**stats, "means": means}, opt
        )
        step = jax.jit(
            make_step(task, {"text": optimizer}), compiler_options=cpu_options()
        )
        batches = self.train_batches()
        for _ in range(STEPS):
            state, logs = step(state, next(batches), key)
        print({name: round(float(x), 4) for name, x in logs.items()}, flush=True)
        return task, state

    def model_config(self, variant: str) -> TaemConfig:
        """Return the config of a variant's model."""
        config = self.task.model
        if variant in SPEAKER_INPUTS:
            inputs: Any = SPEAKER_INPUTS[variant]
            return dataclasses.replace(config, speaker_inputs=inputs)
        if variant == "no_refiner":
            return dataclasses.replace(config, refiner_layers=0)
        return config

    def train_batches(self) -> Iterator[NumpyBatch]:
        """Sample batches of the experiment, with latents [b t d] as `mels`."""
        rng = np.random.default_rng(self.seed)
        transform = self.loader.transform
        assert isinstance(transform, TextToLipExample)
        transform = dataclasses.replace(transform, border_frames=0)
        records = list(self.records)
        while True:
            examples = []
            for index in rng.integers(len(records), size=self.loader.batch_size):
                first, offset = transform.sample(records[index], rng)
                latents = self.latents[index][first : first + transform.num_frames]
                missing = transform.num_frames - len(latents)
                latents = np.pad(latents, ((0, missing), (0, 0)), "edge")
                example = transform.example_without_audio(records[index], first, offset)
                examples.append({**example, "mels": latents})
            yield stack(examples)

    def evaluate(
        self, variant: str, task: KnownLatentsTask, state: TrainState
    ) -> dict[str, float]:
        """Measure a variant; the first time also the baselines of the full variant.

        Returns:
            `{"ROW/METRIC": value}`, with rows "text" and the baselines; and metrics of
            durations without a row.
        """
        rows = self.generated_rows(variant)
        compile_all = functools.partial(jax.jit, compiler_options=cpu_options())
        predict, lookup = (
            compile_all(task.predict_latents),
            compile_all(task.table_lookup),
        )
        compare, durations = map(
            compile_all, (task.compare_latents, task.duration_metrics)
        )
        params, stats = state.params, state.stats
        encoder = variables_of(params, stats, TEXT_PART)
        batches, words = [], collections.defaultdict(lambda: np.zeros(2))
        for records, batch in self.test_clips.batches():
            latents = {
                "text": predict(params, stats, batch),
                "wrong_speaker": predict(params, stats, roll_portrait(batch)),
                "phoneme_mean": lookup(stats["means"], batch),
                "audio": batch["mels"],
                "tts_cascade": batch["cascade_mels"],
            }
            metrics = dict(durations(params, stats, batch))
            weight = batch["frame_mask"] * batch["weight"][:, None]
            for row, pred in latents.items():
                values = dict(compare(encoder, pred, batch["mels"], weight))
                if row in rows:
                    frame_metrics, frames = self.evaluate_frames(
                        *split_variables(self.frozen), pred, batch
                    )
                    values |= frame_metrics
                    if variant == FULL_VARIANT:
                        words[row] += self.count_errors(records, np.asarray(frames))
                metrics |= {f"{row}/{name}": x for name, x in values.items()}
            batches.append(metrics)
        read = {f"{row}/read": 1 - x[0] / x[1] for row, x in words.items()}
        return average(batches) | read

    def generated_rows(self, variant: str) -> tuple[str, ...]:
        """Select the rows whose frames are generated: baselines only once."""
        first = variant == FULL_VARIANT and not list(
            self.out.glob(f"{FULL_VARIANT}-*.json")
        )
        return ("text", *BASELINES) if first else ("text",)

    def count_errors(self, records: Sequence[Record], frames: np.ndarray) -> np.ndarray:
        """Count errors and words of the lip reader on generated clips, [2]."""
        counts = [
            self.reader.count_errors(
                crop_mouths(clip[: len(record["face"])]), record["text"]
            )
            for record, clip in zip(records, frames, strict=False)
        ]
        return np.sum(counts, axis=0)


def evaluate_frames(
    task: TaemTask, params: Params, stats: Params, latents: Array, batch: Batch
) -> tuple[Mapping[str, Mean], Array]:
    """Generate frames from latents and measure them.

    Args:
        task: The task.
        params: Parameters of the frozen parts.
        stats: Running statistics of the frozen parts.
        latents: Latents, [b t d].
        batch: A batch of `TextEvalClip`.

    Returns:
        `{metric: Mean}`, and the frames, u8 [b t h w c=3].
    """
    frames = task.decode_frames(params, stats, latents, batch)
    networks = task.auxiliary.evaluation_networks(params, stats)
    real = normalize_pixels(batch["faces"], "[0,1]")
    lips = target_lips(networks, real, batch["landmarks"])
    pred = predict_landmarks(networks, frames)
    is_pause = batch["phoneme_class"] == 0
    pauses = batch["weight"][:, None] * batch["frame_mask"] * is_pause
    metrics = {
        **talking_metrics_no_baselines(networks, frames, batch),
        **lmd_by_class(pred, lips, batch, tuple(PHONEME_CLASSES)),
        "lmd_pause": Mean.from_values(landmark_distance(pred, lips), pauses),
        "gap_pause": Mean.from_values(lip_gap(pred) - lip_gap(lips), pauses),
    }
    return metrics, to_uint8(frames, "[0,1]")
