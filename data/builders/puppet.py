"""The corpus of puppets: nothing to download, every truth known."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from avjax.data import schema
from avjax.data.puppet import KINDS, TRACKS, make_clip, plan_clip
from avjax.media import face


@dataclasses.dataclass(frozen=True)
class Puppet:
    """Drawn faces that speak with a synthetic voice; every landmark and phone known.

    clips  how many, over both splits
    seed   of everything; one seed is one corpus, on any machine
    size   pixels of the side of a face crop, at which the puppets are drawn
    kinds  what they say: grid sentences, free ones, or single words
    """

    clips: int = 1000
    seed: int = 0
    size: int = 96
    kinds: tuple[str, ...] = KINDS

    name = "puppet"
    tracks = len(TRACKS)

    def listing(self) -> Mapping[str, list[int]]:
        splits = {"train": [], "test": []}
        for index in range(self.clips):
            splits[plan_clip(self.seed, index, self.kinds).split].append(index)
        return splits

    def read(self, index: int) -> dict:
        """The frame of a puppet is its face crop; the mouth is cut out of that."""
        clip = make_clip(self.seed, index, self.size, self.kinds)
        box = np.array([0, 0, self.size, self.size], np.float32)
        return schema.record(
            face=schema.Reel.of(clip.frames),
            mouth=schema.Reel.of(face.mouth(frame, box) for frame in clip.frames),
            wave=clip.wave,
            landmarks=clip.landmarks,
            articulation=clip.articulation,
            words=clip.words,
            phones=clip.phones,
            text=clip.text,
            speaker=clip.speaker,
            clip=f"{clip.kind}-{index:06d}",
        )
