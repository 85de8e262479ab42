"""Clips of which the units are known: the expert looks at every frame once for all."""

import collections
import dataclasses
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from avjax.data import loader as pipeline
from avjax.data.examples.cals import UnitWindow
from avjax.data.examples.talking import TARGETS
from avjax.models.synctalkface import from_pixels
from avjax.train.ablations.variants import fast
from avjax.train.tasks.cals import CalsTask
from avjax.train.tasks.cals_units import CalsUnitsTask, true_units

HEARD_WITH = "mels", "exists", "units"
LONGEST, STRETCH, NEAR = 90, 35, 5  # frames of a clip, of a stretch, around targets
BATCH = 8


@dataclasses.dataclass(frozen=True)
class Units(CalsUnitsTask):
    """The true units come along: the expert looks at every frame once for all arms."""

    def truth(self, params, stats, batch):
        return batch["units"]


@dataclasses.dataclass(frozen=True)
class Face(CalsTask):
    """What the face is told comes along, true or heard."""

    def listen(self, params, stats, batch, key):
        return batch["units"], {}


class Clips:
    """Clips of one length, in memory."""

    def __init__(self, corpus: str, split: str, watch: Callable):
        window, found = UnitWindow(LONGEST), collections.defaultdict(list)
        for record in pipeline.source(corpus, split):
            clip = window.at(record, 0, 1)
            for name in ("faces", "mels", "exists"):
                found[name].append(clip[name])
            found["units"].append(np.asarray(watch(clip["faces"])))
        self.arrays = {name: np.stack(parts) for name, parts in found.items()}
        self.lengths = self.arrays["exists"].sum(axis=1).astype(int)

    def stretches(self, rng: np.random.Generator) -> Iterator[Mapping]:
        """Batches as of a UnitWindow, with units [b t d]."""
        while True:
            clips = rng.integers(len(self.lengths), size=BATCH)
            last = np.maximum(self.lengths[clips] - STRETCH, 0)
            shown = rng.integers(last + 1)[:, None] + np.arange(STRETCH)
            at = clips[:, None], shown
            given = {name: self.arrays[name][at] for name in HEARD_WITH}
            yield {**given, "weight": np.ones(BATCH, np.float32)}

    def moments(self, rng: np.random.Generator, told: np.ndarray) -> Iterator[Mapping]:
        """Batches as of a ContextWindow, with told [clips t d] in place of sounds.

        But one time in fifty the reference is the target itself.
        """
        while True:
            clips = rng.integers(len(self.lengths), size=BATCH)
            length, row = self.lengths[clips][:, None], clips[:, None]
            target, other = (
                rng.integers(self.lengths[clips] - TARGETS + 1)[:, None] for _ in "ab"
            )
            five = np.arange(TARGETS)
            begins = target + np.arange(-NEAR, NEAR + 1)
            around = target + np.arange(-NEAR, NEAR + TARGETS)
            faces = self.arrays["faces"]  # which begin two frames before the clip
            yield {
                "window": faces[row, np.clip(around, 0, length - 1) + 2],
                "reference": faces[row, other + five + 2],
                "units": told[row, target + five],
                # A mel begins 40 ms before its frame; the expert's begins with it.
                "mel": self.arrays["mels"][clips, target[:, 0] + 1],
                "there": ((begins >= 0) & (begins + TARGETS <= length)).astype("f4"),
                "weight": np.ones(BATCH, np.float32),
            }

    def told(self, ask: Callable) -> np.ndarray:
        """What an Audio-to-Lip tells of all clips: [clips t d]."""
        given = self.arrays["mels"], self.arrays["exists"]
        starts = range(0, len(self.lengths), BATCH)
        return np.concatenate([ask(*(x[i : i + BATCH] for x in given)) for i in starts])


def watched(task: Face, expert: Mapping, faces):
    """The true units of one clip: u8 [t+4 h w c] -> [t d]."""
    return true_units(task.jury.expert, expert, from_pixels(faces[None], False))[0]


def asked(task: Face, hearing: Mapping) -> Callable:
    """(mels, exists) -> units, heard as far ahead as may be."""

    def ask(mels, exists):
        ahead = np.full(len(mels), task.model.window, np.int32)
        return task.hearing.apply(hearing, mels, exists, ahead)

    return fast(ask)
