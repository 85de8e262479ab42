"""The corpus of puppets: synthetic talking faces whose labels are all known."""

import dataclasses
from typing import Any, ClassVar

import numpy as np

from avjax.data.builders.source import CorpusSource
from avjax.data.puppet import SENTENCE_KINDS, TRACKS, make_clip, plan_clip
from avjax.data.schema import Reel, make_record
from avjax.faces.alignment import fit_similarity
from avjax.faces.crop import crop_mouth
from avjax.faces.editing import AlignedFrame, crop_lower_face_aligned, relative_pose


@dataclasses.dataclass(frozen=True)
class PuppetSource(CorpusSource):
    """Rendered faces with synthetic voices; all landmarks and phones are known.

    Attributes:
        num_clips: Number of clips, over all splits.
        seed: Seed of the corpus; one seed gives one corpus, on any machine.
        face_size: Side of a face crop in pixels, at which the puppets are rendered.
        kinds: Kinds of sentences: "grid", "word" and "free"; one is sampled for
            each clip, and a kind may be repeated.
    """

    num_clips: int = 1000
    seed: int = 0
    face_size: int = 96
    kinds: tuple[str, ...] = SENTENCE_KINDS

    name: ClassVar[str] = "puppet"
    num_articulators: ClassVar[int] = len(TRACKS)

    def list_clips(self) -> dict[str, list[int]]:
        """List the clips of each split. See `CorpusSource.list_clips`."""
        splits = {"train": [], "val": [], "test": []}
        for index in range(self.num_clips):
            splits[plan_clip(self.seed, index, self.kinds).split].append(index)
        return splits

    def read_clip(self, index: int) -> dict[str, Any]:
        """Render one clip. The frame is the face crop; the mouth is cut out of it.

        See `CorpusSource.read_clip`.
        """
        clip = make_clip(self.seed, index, self.face_size, self.kinds)
        box = np.array([0, 0, self.face_size, self.face_size], np.float32)
        similarities = fit_similarity(clip.face_landmarks)
        aligned = map(AlignedFrame, clip.frames, similarities)
        return make_record(
            face=Reel.from_frames(clip.frames),
            mouth=Reel.from_frames(crop_mouth(frame, box) for frame in clip.frames),
            lower_face=Reel.from_frames(map(crop_lower_face_aligned, aligned)),
            pose=relative_pose(clip.face_landmarks, similarities),
            wave=clip.wave,
            landmarks=clip.landmarks,
            articulation=clip.articulation,
            words=clip.words,
            phones=clip.phones,
            text=clip.text,
            speaker=clip.speaker,
            clip=f"{clip.kind}-{index:06d}",
        )
