"""Batches of synthetic speech, which is made while it is read."""

import dataclasses
from collections.abc import Iterator

import grain

from avjax.data.examples.articulation import ArticulationExample
from avjax.data.examples.text_to_lip import TextToLipExample
from avjax.data.loader import NumpyBatch, local_batch_size
from avjax.data.puppet.pseudo_speech import PseudoSpeechSource
from avjax.data.read_ahead import (
    close_after,
    close_at_exit,
    local_batches,
    read_ahead,
)
from avjax.data.split_source import EvalExamples, PaddedExamples


@dataclasses.dataclass(frozen=True)
class PseudoSpeechLoader:
    """Batches of pseudo-speech. See `avjax.data.loader.DataLoader`.

    Attributes:
        clips: Number of different clips.
        transform: Turns a record into an example.
        batch_size: Examples in one batch, over all processes.
        seed: Seed of the clips, of their order and of random examples.
        num_workers: Processes that read ahead; 0: threads of this process.
    """

    clips: int = 8000
    transform: ArticulationExample | TextToLipExample = ArticulationExample()
    batch_size: int = 32
    seed: int = 0
    num_workers: int = 0

    def train_batches(
        self, process_index: int = 0, process_count: int = 1, start: int = 0
    ) -> grain.DatasetIterator:
        """Return an endless iterator of batches. See `DataLoader.train_batches`."""
        size = local_batch_size(self, process_count, clips=1)
        source = PseudoSpeechSource(self.clips, self.seed)
        data = grain.MapDataset.source(source).seed(self.seed).shuffle()
        data = data.random_map(self.transform).repeat()
        data = local_batches(data, size, process_index, process_count)
        return close_at_exit(iter(read_ahead(data[start:], self.num_workers)))

    def eval_batches(
        self, process_index: int = 0, process_count: int = 1
    ) -> Iterator[NumpyBatch]:
        """Return an iterator over all clips. See `DataLoader.eval_batches`."""
        size = local_batch_size(self, process_count, clips=1)
        source = PseudoSpeechSource(self.clips, self.seed)
        examples = EvalExamples(source, self.transform, 1)
        data = grain.MapDataset.source(PaddedExamples(examples, self.batch_size))
        data = local_batches(data, size, process_index, process_count)
        return close_after(close_at_exit(iter(read_ahead(data, self.num_workers))))
