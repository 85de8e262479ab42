"""Training of the variants of LipWarp's editor."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from avjax.data.examples.base import Record
from avjax.data.examples.lip_editing import LipEditExample
from avjax.models.lipwarp import LipWarpConfig
from avjax.train.ablations.studies import variants
from avjax.train.ablations.studies.lip_editors import (
    DisplacedFaces,
    PaintConfig,
    PaperConfig,
    PlainExample,
    WarpConfig,
)
from avjax.train.experiments.lipwarp import editor
from avjax.train.step import TrainState
from avjax.train.tasks.lipwarp.editing import LipEditingTask

SIZE, BATCH_SIZE = 64, 16


class Variant(NamedTuple):
    """One variant.

    Attributes:
        config: Class of its config.
        example: Class of its examples.
        people: Number of people in training; 0: all.
        aligned: Crops are aligned.
    """

    config: type[LipWarpConfig] = LipWarpConfig
    example: type[LipEditExample] = LipEditExample
    people: int = 0
    aligned: bool = True


VARIANTS = {
    "full": Variant(),
    "paint only": Variant(PaintConfig),
    "warp only": Variant(WarpConfig),
    "paper": Variant(PaperConfig),
    "plain": Variant(example=PlainExample),
    "1 person": Variant(people=1),
    "5 people": Variant(people=5),
    "30 people": Variant(people=30),
    "not aligned": Variant(aligned=False),
}


def make_batches(
    records: Sequence[Record], variant: Variant, seed: int
) -> Iterator[Mapping[str, np.ndarray]]:
    """Make endless batches of random examples."""
    rng, example = np.random.default_rng(seed), variant.example(SIZE)
    people = sorted({record["speaker"] for record in records})
    chosen = set(people[: variant.people or None])
    records = [record for record in records if record["speaker"] in chosen]
    while True:
        examples = []
        for number in rng.integers(len(records), size=BATCH_SIZE):
            record = records[number]
            if not variant.aligned:
                faces = DisplacedFaces(record["lower_face"], rng)
                record = {**record, "lower_face": faces}
            examples.append(example.random_map(record, rng))
        yield {key: np.stack([x[key] for x in examples]) for key in examples[0]}


def train(
    variant: Variant, records: Sequence[Record], seed: int, steps: int
) -> tuple[LipEditingTask, TrainState]:
    """Train a variant by the optimiser of `lipwarp_editor_clips`."""
    task = LipEditingTask(
        variant.config(size=SIZE), altered_share=0.33, altered_gain=1.0
    )
    optim = editor("", task, steps=steps, learning_rate=2e-3).optim
    batches = make_batches(records, variant, seed)
    return task, variants.train(task, optim, steps, seed, {}, batches)
