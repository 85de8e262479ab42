"""A small corpus whose frames encode their number, made without any video."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest

from avjax.data.builders.corpus import build_corpus
from avjax.data.builders.source import CorpusSource
from avjax.data.schema import Reel, make_record
from avjax.errors import InputError

LEVEL_STEP = 3  # grey levels from frame to frame: more than JPEG can blur


@dataclasses.dataclass(frozen=True)
class NumberedSource(CorpusSource):
    """Clip c has 9 + c frames; frame i has the grey level LEVEL_STEP * i."""

    num_clips: int = 20
    damaged: tuple[int, ...] = ()

    name: ClassVar[str] = "numbered"
    face_size: ClassVar[int] = 16
    num_articulators: ClassVar[int] = 2

    def list_clips(self):
        numbers = list(range(self.num_clips))
        return {"train": numbers[:-3], "test": numbers[-3:]}

    def read_clip(self, number):
        if number in self.damaged:
            raise InputError(f"number {number} is damaged")
        frames = 9 + number
        level = np.arange(frames, dtype=np.uint8)[:, None, None, None] * LEVEL_STEP
        wave = np.random.default_rng(number).uniform(-1, 1, frames * 640)
        points = np.arange(frames)[:, None, None] * np.ones((20, 2))
        return make_record(
            face=Reel.from_frames(level * np.ones((16, 16, 3), np.uint8)),
            mouth=Reel.from_frames(level * np.ones((96, 96, 1), np.uint8)),
            wave=(wave * np.linspace(0.01, 1, len(wave))).astype(np.float32),
            landmarks=points if number % 2 else None,
            articulation=points[:, 0],
            words=[("söft", 0.1, 0.25), ("words", 0.25, 0.3)] if number else (),
            phones=[("s", 0.1, 0.2)],
            text="söft words",
            speaker=f"s{number % 2}",
            clip=f"clip {number}",
        )


@pytest.fixture(scope="session")
def numbered(tmp_path_factory):
    """The folder of a built corpus."""
    folder = tmp_path_factory.mktemp("corpora") / "numbered"
    build_corpus(NumberedSource(), folder, num_workers=0)
    return str(folder)


@pytest.fixture(scope="session")
def numbered_source():
    return NumberedSource


def decode_numbers(frames):
    """Return the numbers [...] of uniform frames u8 [... h w c]."""
    means = frames.reshape(*frames.shape[:-3], -1).mean(-1)
    return np.round(means / LEVEL_STEP).astype(int)


@pytest.fixture(scope="session")
def number_of():
    return decode_numbers
