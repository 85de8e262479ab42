"""Clips in memory with their true lip motion units, which are computed only once.

All variants of an ablation share the units: the sync expert need not run in each step.
"""

import collections
import dataclasses
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from avjax.compilation import cpu_options
from avjax.constants import SYNC_FRAMES
from avjax.data.examples.cals import CalsUnitExample
from avjax.data.examples.talking import MARGIN_FRAMES
from avjax.data.loader import NumpyBatch
from avjax.data.split_source import open_split
from avjax.nn.apply import apply_network
from avjax.nn.pixels import normalize_pixels
from avjax.train.tasks.cals import CalsTask
from avjax.train.tasks.cals_units import CalsUnitsTask, encode_lip_units
from avjax.typing import Array, Batch, Key, Params

MAX_CLIP_FRAMES = 90
STRETCH_FRAMES = 35  # of an example with units
MAX_CANDIDATE_OFFSET = 5  # frames between a candidate and the targets
BATCH_SIZE = 8
MELS_FIELDS = "mels", "frame_mask", "units"


@dataclasses.dataclass(frozen=True)
class KnownUnitsTask(CalsUnitsTask):
    """Train Audio-to-Lip on true units that the batch holds."""

    def target_units(self, params: Params, stats: Params, batch: Batch) -> Array:
        """Return the true units of a batch."""
        return batch["units"]


@dataclasses.dataclass(frozen=True)
class KnownUnitsFaceTask(CalsTask):
    """Train Lip-to-Face on units that the batch holds, true or predicted."""

    def predict_units(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Params]:
        """Return the units of a batch; no statistics change."""
        return batch["units"], {}


class ClipsWithUnits:
    """Clips in memory, padded to one length."""

    def __init__(
        self, corpus: str, split: str, encode_units: Callable[[np.ndarray], Array]
    ):
        """Load the clips and compute their true units.

        Args:
            corpus: Folder of the corpus.
            split: Its split.
            encode_units: Computes true units, u8 [t+4 h w c] -> [t d].
        """
        transform = CalsUnitExample(MAX_CLIP_FRAMES)
        columns = collections.defaultdict(list)
        for record in open_split(corpus, split):
            example = transform.at(record, 0, 1)
            for name in ("faces", "mels", "frame_mask"):
                columns[name].append(example[name])
            columns["units"].append(np.asarray(encode_units(example["faces"])))
        self.arrays = {name: np.stack(rows) for name, rows in columns.items()}
        self.lengths = self.arrays["frame_mask"].sum(axis=1).astype(int)

    def unit_batches(self, rng: np.random.Generator) -> Iterator[NumpyBatch]:
        """Sample batches of `CalsUnitExample` with the true units.

        Args:
            rng: Random generator.

        Yields:
            Batches with `units`, [b t d], in place of `faces`.
        """
        while True:
            clips = rng.integers(len(self.lengths), size=BATCH_SIZE)
            last = np.maximum(self.lengths[clips] - STRETCH_FRAMES, 0)
            frames = rng.integers(last + 1)[:, None] + np.arange(STRETCH_FRAMES)
            index = clips[:, None], frames
            batch = {name: self.arrays[name][index] for name in MELS_FIELDS}
            yield {**batch, "weight": np.ones(BATCH_SIZE, np.float32)}

    def face_batches(
        self, rng: np.random.Generator, units: np.ndarray
    ) -> Iterator[NumpyBatch]:
        """Sample batches of `CalsTrainExample` with units in place of `mels`.

        One reference in fifty is the target itself.

        Args:
            rng: Random generator.
            units: Units of all clips, [clips t d].

        Yields:
            Batches with `units`, [b t=5 d].
        """
        margin = np.arange(-MAX_CANDIDATE_OFFSET, MAX_CANDIDATE_OFFSET + 1)
        offsets = np.arange(-MAX_CANDIDATE_OFFSET, MAX_CANDIDATE_OFFSET + SYNC_FRAMES)
        faces = self.arrays["faces"]  # with MARGIN_FRAMES before and after the clip
        five = np.arange(SYNC_FRAMES)
        while True:
            clips = rng.integers(len(self.lengths), size=BATCH_SIZE)
            length, row = self.lengths[clips][:, None], clips[:, None]
            last = self.lengths[clips] - SYNC_FRAMES
            target = rng.integers(last + 1)[:, None]
            reference = rng.integers(last + 1)[:, None]
            starts, frames = target + margin, target + offsets
            candidates = (starts >= 0) & (starts + SYNC_FRAMES <= length)
            yield {
                "frames": faces[row, np.clip(frames, 0, length - 1) + MARGIN_FRAMES],
                "reference": faces[row, reference + five + MARGIN_FRAMES],
                "units": units[row, target + five],
                # A window starts 40 ms before its frame; that of the sync expert
                # starts with the frame.
                "mel": self.arrays["mels"][clips, target[:, 0] + 1],
                "candidate_mask": candidates.astype(np.float32),
                "weight": np.ones(BATCH_SIZE, np.float32),
            }

    def predict_units(
        self, predict: Callable[[np.ndarray, np.ndarray], Array]
    ) -> np.ndarray:
        """Predict the units of all clips from their audio.

        Args:
            predict: Predicts units from mel windows and frame mask.

        Returns:
            Units, [clips t d].
        """
        mels, frame_mask = self.arrays["mels"], self.arrays["frame_mask"]
        batches = [
            slice(first, first + BATCH_SIZE)
            for first in range(0, len(self.lengths), BATCH_SIZE)
        ]
        return np.concatenate([predict(mels[b], frame_mask[b]) for b in batches])


def unit_encoder(task: CalsTask, sync_expert: Params) -> Callable[[np.ndarray], Array]:
    """Compile the function that computes the true units of one clip.

    Args:
        task: The task, with the config of the sync expert.
        sync_expert: Variables of the sync expert.

    Returns:
        Function from frames, u8 [t+4 h w c], to units, [t d].
    """

    def encode_units(faces: Array) -> Array:
        frames = normalize_pixels(faces[None], "[0,1]")
        return encode_lip_units(task.auxiliary.sync_expert, sync_expert, frames)[0]

    return jax.jit(encode_units, compiler_options=cpu_options())


def unit_predictor(
    task: CalsTask, audio_to_lip: Params
) -> Callable[[np.ndarray, np.ndarray], Array]:
    """Compile the function that predicts units with the longest lookahead.

    Args:
        task: The task, with the config of Audio-to-Lip.
        audio_to_lip: Variables of Audio-to-Lip.

    Returns:
        Function from mel windows [b t f k] and frame mask [b t] to units, [b t d].
    """

    def predict(mels: Array, frame_mask: Array) -> Array:
        lookahead = jnp.full(len(mels), task.model.context_frames, jnp.int32)
        return apply_network(
            task.audio_to_lip, audio_to_lip, mels, frame_mask, lookahead
        )

    return jax.jit(predict, compiler_options=cpu_options())
