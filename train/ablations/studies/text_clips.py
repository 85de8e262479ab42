"""Whole test clips of text-driven talking, with the latents of their audio."""

from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np

from avjax.data.examples.base import Example, Record, frame_mel_windows
from avjax.data.examples.text_to_lip import TextEvalClip
from avjax.data.loader import NumpyBatch
from avjax.data.split_source import SplitSource
from avjax.typing import Array

EVAL_BATCH_SIZE = 4

AudioEncoder = Callable[[np.ndarray, np.ndarray], Array]


class TextTestClips:
    """Whole test clips in memory, with the latents of their audio."""

    def __init__(self, records: SplitSource, encode_audio: AudioEncoder):
        """Load the clips.

        Args:
            records: The records.
            encode_audio: Computes latents from mel windows and frame mask.
        """
        self.records = list(records)
        self.num_frames = max(len(record["face"]) for record in self.records)
        self.examples = [self.example(record, encode_audio) for record in self.records]

    def example(self, record: Record, encode_audio: AudioEncoder) -> Example:
        """Make the example of a clip, with latents in place of mel windows."""
        example = dict(TextEvalClip(self.num_frames).at(record, 0, 1))
        for name in ("mels", "cascade_mels"):
            latents = encode_audio(example[name][None], example["frame_mask"][None])
            example[name] = np.asarray(latents)[0]
        return example

    def batches(self) -> Iterator[tuple[Sequence[Record], NumpyBatch]]:
        """Iterate over records and their batch."""
        for first in range(0, len(self.records), EVAL_BATCH_SIZE):
            part = slice(first, first + EVAL_BATCH_SIZE)
            yield self.records[part], stack(self.examples[part])


def clip_latents(
    encode_audio: AudioEncoder, record: Record, num_frames: int
) -> np.ndarray:
    """Compute the latents of a clip, [t d], padded to `num_frames` for the network."""
    length = len(record["face"])
    mels = frame_mel_windows(record, np.arange(num_frames))
    frame_mask = (np.arange(num_frames) < length).astype(np.float32)
    return np.asarray(encode_audio(mels[None], frame_mask[None]))[0, :length]


def stack(examples: Sequence[Example]) -> NumpyBatch:
    """Stack examples to a batch."""
    return jax.tree.map(lambda *arrays: np.stack(arrays), *map(dict, examples))
