"""A small corpus whose frames tell their number, made without any video."""

import dataclasses

import numpy as np
import pytest

from avjax.data import schema
from avjax.data.builders import corpus
from avjax.errors import InputError

LEVEL = 3  # grey levels from frame to frame: more than JPEG can blur


@dataclasses.dataclass(frozen=True)
class Numbered:
    """Clip c has 9 + c frames; frame i is flat grey LEVEL * i."""

    clips: int = 20
    torn: tuple[int, ...] = ()

    name = "numbered"
    size = 16
    tracks = 2

    def listing(self):
        numbers = list(range(self.clips))
        return {"train": numbers[:-3], "test": numbers[-3:]}

    def read(self, number):
        if number in self.torn:
            raise InputError(f"number {number} is torn")
        frames = 9 + number
        level = np.arange(frames, dtype=np.uint8)[:, None, None, None] * LEVEL
        wave = np.random.default_rng(number).uniform(-1, 1, frames * 640)
        marks = np.arange(frames)[:, None, None] * np.ones((20, 2))
        return schema.record(
            face=schema.Reel.of(level * np.ones((16, 16, 3), np.uint8)),
            mouth=schema.Reel.of(level * np.ones((96, 96, 1), np.uint8)),
            wave=(wave * np.linspace(0.01, 1, len(wave))).astype(np.float32),
            landmarks=marks if number % 2 else None,
            articulation=marks[:, 0],
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
    corpus.build(Numbered(), folder, workers=0)
    return str(folder)


@pytest.fixture(scope="session")
def recipe():
    return Numbered


def numbers(frames):
    """Flat grey frames u8 [... h w c] -> their numbers [...]."""
    means = frames.reshape(*frames.shape[:-3], -1).mean(-1)
    return np.round(means / LEVEL).astype(int)


@pytest.fixture(scope="session")
def number_of():
    return numbers
