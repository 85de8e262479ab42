"""Batches of lip codes and audio features, which frozen networks compute once."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np

from avjax.compilation import cpu_options
from avjax.data.examples.lip_codes import LipCodeExample
from avjax.data.loader import Loader, NumpyBatch, local_batch_size
from avjax.data.read_ahead import (
    close_at_exit,
    local_batches,
    next_batch,
    read_ahead,
)
from avjax.data.split_source import open_split
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.registry import load_system
from avjax.models.sync_people import SyncPeopleConfig, encode_audio, encode_mouths
from avjax.train.tasks.lipwarp.mouths import interpolate_frames
from avjax.typing import Array

ENCODED_AT_ONCE = 16  # examples


@dataclasses.dataclass(frozen=True)
class CodeLoader(Loader):
    """Batches of examples of which frozen networks have seen mouths and audio.

    In training, every clip is encoded some times, each time with other random changes
    (see `LipCodeExample`), before the first step; every second time it is mirrored.

    Attributes:
        transform: Makes the examples that are encoded.
        weights: Weights of LipWarp: its mouth encoder and audio network are used.
        passes: How often each clip is encoded.

    Keys of a batch:
        codes: Lip codes, f32 [b t c].
        features: Features of the audio, `models.sync_people.encode_audio`, f32 [b t e].
        frame_mask: 1 where a frame exists, f32 [b t].
        weight: f32 [b], 1; 0 for padding.
    """

    transform: LipCodeExample = LipCodeExample(num_frames=40)
    weights: str = "lipwarp-people"
    passes: int = 4

    def train_batches(
        self, process_index: int = 0, process_count: int = 1, start: int = 0
    ) -> grain.DatasetIterator:
        """Return an endless iterator of batches. See `DataLoader.train_batches`."""
        size = local_batch_size(self, process_count, passes=1)
        data = grain.MapDataset.source(_encode_clips(self)).seed(self.seed).shuffle()
        data = local_batches(data.repeat(), size, process_index, process_count)
        return close_at_exit(iter(read_ahead(data[start:], num_workers=0)))

    def eval_batches(
        self, process_index: int = 0, process_count: int = 1
    ) -> Iterator[NumpyBatch]:
        """Return an iterator over all examples. See `DataLoader.eval_batches`."""
        for batch in super().eval_batches(process_index, process_count):
            yield _encode(self.weights, batch)


@functools.lru_cache(maxsize=2)
def _encode_clips(loader: CodeLoader) -> list[NumpyBatch]:
    """Encode random examples of all clips; return them one by one."""
    count = loader.passes * len(open_split(loader.root, loader.split))
    size = min(ENCODED_AT_ONCE, count)
    batches = Loader.train_batches(dataclasses.replace(loader, batch_size=size))
    examples: list[NumpyBatch] = []
    while len(examples) < count:
        batch = dict(next_batch(batches))
        mirrored = batch["mouths"][1::2, ..., ::-1]
        batch["mouths"] = np.concatenate([batch["mouths"][::2], mirrored])
        for key in ("mels", "positions", "frame_mask", "weight"):
            batch[key] = np.concatenate([batch[key][::2], batch[key][1::2]])
        encoded = _encode(loader.weights, batch)
        examples += [
            {key: value[index] for key, value in encoded.items()}
            for index in range(size)
        ]
    batches.close()
    return examples[:count]


def _encode(weights: str, batch: NumpyBatch) -> NumpyBatch:
    """Run the frozen networks over a batch of `LipCodeExample`."""
    encode, parts = _load_encoder(weights)
    inputs = (batch[key] for key in ("mouths", "positions", "mels", "frame_mask"))
    codes, features = map(np.asarray, encode(parts, *inputs))
    kept = {key: batch[key] for key in ("frame_mask", "weight")}
    return {"codes": codes, "features": features, **kept}


@functools.cache
def _load_encoder(weights: str) -> tuple[Any, Mapping[str, Any]]:
    """Load LipWarp; return a compiled function and its variables."""
    lipwarp, parts = load_system(weights, LipWarpConfig.system)
    config = SyncPeopleConfig(lipwarp)

    def encode(
        parts: Mapping[str, Any], mouths: Array, positions: Array, mels: Array, mask
    ) -> tuple[Array, Array]:
        codes = encode_mouths(config, parts, mouths.astype(jnp.float32) / 255)
        codes = interpolate_frames(codes, positions)
        return codes, encode_audio(config, parts, mels, mask)

    arrays = jax.tree.map(jnp.asarray, parts)
    return jax.jit(encode, compiler_options=cpu_options()), arrays
