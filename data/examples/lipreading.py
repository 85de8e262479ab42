"""From a clip of a speaker to one example of lip reading, or of speech from lips.

Frames beyond the end of a clip are its last one, and mask is 0 there; the sound goes on
with its last column.  Training shifts, mirrors and covers what is seen and heard.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import grain
import numpy as np

from avjax.audio import speech_mel as spectrum
from avjax.data import schema
from avjax.data.examples.talking import Example
from avjax.errors import InputError
from avjax.media import mouth_crop as lips
from avjax.text import tokenizer as text

COLUMNS = spectrum.COLUMNS_PER_FRAME
BANDS_COVERED, COLUMNS_COVERED = 10, 20  # of a mel: always less than these
REACH = 0.08  # seconds by which a symbol may be named too early or too late


@dataclasses.dataclass(frozen=True)
class Cover:
    """What training moves and hides, so that a small corpus is not learnt by heart.

    shift   pixels of the mouth crop, to every side
    mirror  the share of clips that are mirrored
    erase   sides of a square that turns grey in all frames, as a share of the picture
    sound   whether a stretch of bands and one of columns of the heard mel is hidden
    """

    shift: int = lips.MARGIN
    mirror: float = 0.5
    erase: float = 0.0
    sound: bool = True


@dataclasses.dataclass(frozen=True)
class ReadClip(grain.transforms.RandomMap):
    """A whole clip, and what is said in it.

    frames   t; a longer clip is an InputError
    size     sides of the picture of the mouth
    symbols  words of which a clip is one, or an alphabet that begins with the blank
    of       what they are symbols of
    longest  l, for a text; one of more symbols is an InputError

    Gives  lips u8 [t h w 1];  mel f32 [f=4t k], as audio.speech_mel.heard_mel;
           mask f32 [t];  symbols i32 [l];  spoken f32 [l], 1 where there is one;
           allowed u8 [t v], 1 where a symbol may be named in a frame, as far as it is
           known when what is said;  weight f32 [], 1.  Of words l is 1, and nothing is
           told of when.
    """

    frames: int = 75
    size: int = 64
    symbols: tuple[str, ...] = text.CHARACTERS
    of: Literal["words", "characters", "phones"] = "characters"
    longest: int = 64
    cover: Cover = Cover()

    def random_map(self, record: Mapping, rng: np.random.Generator) -> Example:
        """The clip, moved and covered."""
        return self.example(record, rng)

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """The clip as it is, at every place."""
        return self.example(record, None)

    def example(self, record: Mapping, rng: np.random.Generator | None) -> Example:
        if len(record["mouth"]) > self.frames:
            found = f"{record['clip']} has {len(record['mouth'])} frames"
            raise InputError(f"{found}, and {self.frames} are the most")
        given = perceived(record, 0, self.frames, self.size, self.cover, rng)
        given = given | self.transcript(record)
        return (
            given if self.of == "words" else given | {"allowed": self.allowed(record)}
        )

    def allowed(self, record: Mapping) -> np.ndarray:
        """u8 [t v]: the blank anywhere, a symbol while its word or phone is said, the
        space from the first word to the last.  Without times, everything.
        """
        spans, name = {
            "characters": (record["words"], "word"),
            "phones": (record["phones"], "phone"),
        }[self.of]
        if not spans[name]:
            return np.ones((self.frames, len(self.symbols)), np.uint8)
        begins, ends = spans["start"] - REACH, spans["end"] + REACH
        middle = (np.arange(self.frames) + 0.5) / schema.FPS
        may = np.zeros((self.frames, len(self.symbols)), np.uint8)
        may[:, text.BLANK] = 1
        if text.SPACE in self.symbols:
            between = (begins[0] < middle) & (middle < ends[-1])
            may[between, self.symbols.index(text.SPACE)] = 1
        for said, begin, end in zip(spans[name], begins, ends, strict=True):
            here = (begin < middle) & (middle < end)
            said = said if self.of == "characters" else [said]
            may[np.ix_(here, text.to_ids(said, self.symbols))] = 1
        return may

    def transcript(self, record: Mapping) -> Example:
        """The symbols of a record, and how many there are."""
        if self.of == "words":
            if record["text"] not in self.symbols:
                raise InputError(f"{record['text']!r} is none of the words to be read")
            ids = [self.symbols.index(record["text"])]
        else:
            said = {"characters": record["text"], "phones": record["phones"]["phone"]}
            ids = text.to_ids(said[self.of], self.symbols)
        room = 1 if self.of == "words" else self.longest
        if len(ids) > room:
            raise InputError(f"{record['clip']} has {len(ids)} symbols, not {room}")
        symbols = np.zeros(room, np.int32)
        symbols[: len(ids)] = ids
        spoken = (np.arange(room) < len(ids)).astype(np.float32)
        return {"symbols": symbols, "spoken": spoken}


@dataclasses.dataclass(frozen=True)
class VoiceClip(grain.transforms.RandomMap):
    """A stretch of a clip, and its sound as what is to be said.

    frames   t; training draws a stretch, evaluation takes the beginning of the clip
    size     sides of the picture of the mouth

    Gives  lips u8 [t h w 1];  mel f32 [f=4t k], heard;  mask f32 [t];
           voice f32 [f k], as audio.speech_mel.voice_mel of a prepared voice;
           wave f32 [640 t], as it was recorded;  weight f32 [], 1.
    """

    frames: int = 40
    size: int = 64
    cover: Cover = Cover(sound=False)

    def random_map(self, record: Mapping, rng: np.random.Generator) -> Example:
        """A stretch at random, moved and covered."""
        last = max(len(record["mouth"]) - self.frames, 0)
        return self.example(record, int(rng.integers(last + 1)), rng)

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """The beginning of the clip, as it is."""
        return self.example(record, 0, None)

    def example(self, record: Mapping, first: int, rng) -> Example:
        given = perceived(record, first, self.frames, self.size, self.cover, rng)
        wave = schema.sound(record["wave"])
        mel = spectrum.voice_mel(spectrum.prepare_voice(wave))
        voice = stretch(mel, first, self.frames)
        start, count = schema.SAMPLES_PER_FRAME * np.array([first, self.frames])
        there = wave[start : start + count]
        return given | {"voice": voice, "wave": np.pad(there, (0, count - len(there)))}


def perceived(
    record: Mapping,
    first: int,
    frames: int,
    size: int,
    cover: Cover,
    rng: np.random.Generator | None,
) -> Example:
    """What is seen and heard from a frame on; with an rng, moved and covered."""
    places = first + np.arange(frames)
    exists = places < len(record["mouth"])
    mouths = record["mouth"].take(places[exists])
    if rng is None:
        pictures = lips.mouth_pictures(mouths, size)
    else:
        shift = rng.integers(-cover.shift, cover.shift + 1, 2)
        mirrored = rng.random() < cover.mirror
        pictures = lips.mouth_pictures(mouths, size, tuple(shift), mirrored)
        erase(pictures, cover.erase, rng)
    mel = stretch(spectrum.heard_mel(schema.sound(record["wave"])), first, frames)
    if rng is not None and cover.sound:
        hide(mel, rng)
    return {
        "lips": np.pad(pictures, ((0, frames - len(pictures)), *((0, 0),) * 3), "edge"),
        "mel": mel,
        "mask": exists.astype(np.float32),
        "weight": np.float32(1),
    }


def stretch(mel: np.ndarray, first: int, frames: int) -> np.ndarray:
    """Columns of some frames [f=4t k]; after the end, the last one."""
    columns = COLUMNS * first + np.arange(COLUMNS * frames)
    return mel[np.minimum(columns, len(mel) - 1)]


def erase(pictures: np.ndarray, share: float, rng: np.random.Generator) -> None:
    """One square, at most a third of it outside, turns grey in all pictures."""
    side = round(share * pictures.shape[1])
    if not side:
        return
    outside = side // 3
    last = pictures.shape[1] - side + outside
    top, left = rng.integers(-outside, last + 1, 2)
    rows, columns = (slice(max(at, 0), at + side) for at in (top, left))
    pictures[:, rows, columns] = lips.GREY


def hide(mel: np.ndarray, rng: np.random.Generator) -> None:
    """Some bands and some columns of a heard mel become their mean, zero."""
    columns, bands = mel.shape
    for axis, (size, most) in enumerate(
        ((columns, COLUMNS_COVERED), (bands, BANDS_COVERED))
    ):
        width = int(rng.integers(min(most, size)))
        start = int(rng.integers(size - width + 1))
        np.moveaxis(mel, axis, 0)[start : start + width] = 0
