"""An evaluation of talking faces looks at whole clips, as far as they go."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from avjax.audio import mel as audio
from avjax.data import schema
from avjax.data.examples.talking import Example, mel_windows
from avjax.text import phonemes as phones


@dataclasses.dataclass(frozen=True)
class TalkClip:
    """The beginning of a clip, to be said again by a face that is seen once.

    frames   t, at most; a shorter clip is filled up, and mask [t] is 0 there

    Gives  faces u8 [t h w c];
           reference u8 [h w c], from outside of them if the clip is longer;
           mels f32 [t 16 k], for each frame, beginning 40 ms before it;
           heard f32 [t 16 k], beginning with the frame, for sync experts;
           landmarks f32 [t 20 2], zeros if unknown;  mask f32 [t];  weight f32 [], 1;
           sounds i32 [t], the class of what is said, as text.phonemes numbers them.
    """

    frames: int = 50

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """One of so many beginnings, spread evenly over the clip."""
        length = len(record["face"])
        first = self.first(record, place, places)
        shown = np.minimum(first + np.arange(self.frames), length - 1)
        exists = first + np.arange(self.frames) < length
        outside = max(length - self.frames, 0)
        away = self.frames + outside // 2 if outside else length // 2
        reference = (first + away) % length
        starts = audio.frame_starts(length, schema.FPS)[shown]
        mels = mel_windows(record["wave"], [*starts, *(shown / schema.FPS)])
        known = (
            record["landmarks"] if len(record["landmarks"]) else np.zeros((1, 20, 2))
        )
        return {
            "faces": record["face"].take(shown),
            "reference": record["face"][reference],
            "mels": mels[: self.frames],
            "heard": mels[self.frames :],
            "landmarks": known[np.minimum(shown, len(known) - 1)].astype(np.float32),
            "sounds": phones.classes_at(record["phones"], shown / schema.FPS),
            "mask": exists.astype(np.float32),
            "weight": np.float32(1),
        }

    def first(self, record: Mapping, place: int, places: int) -> int:
        """The number of the first frame that is shown."""
        return max(len(record["face"]) - self.frames, 0) * place // places
