"""From a clip to one example of alignment: its sound, and what is said as a chain."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import grain
import numpy as np

from avjax.audio import loudness as speech
from avjax.audio import mel as audio
from avjax.data import schema
from avjax.data.examples.lipreading import hide
from avjax.data.examples.talking import Example
from avjax.errors import InputError
from avjax.text.alignment_graph import (
    UNKNOWN,
    Chain,
    Spoken,
    allowed_at,
    chain_of,
    evenly_at,
)
from avjax.text.tts import pronounce

PADDING = {"begins": UNKNOWN, "ends": UNKNOWN}  # where it is not 0


@dataclasses.dataclass(frozen=True)
class HearClip(grain.transforms.RandomMap):
    """A whole clip, heard.

    frames    of the clip, at most; f is as many columns as they last
    longest   l, places of the chain, at most
    language  a voice of espeak, for words whose phones the corpus does not tell
    held      by what sounds are held near their times: the times of words, or nothing
              but that all last about equally long

    Gives  mel f32 [f k], as audio.mel.standard_mel;  exists f32 [f];
           sounds i32 [l];  optional f32 [l];  length i32 [], of the chain;
           allowed u8 [f l], 1 where a place may be heard;
           begins, ends f32 [l], true seconds, NaN where unknown;  opens, closes f32
           [l], 1 of the first and the last place of a word;  weight f32 [], 1.
    """

    frames: int = 100
    longest: int = 64
    language: str = "en-gb"
    held: Literal["words", "evenly"] = "words"

    def random_map(self, record: Mapping, rng: np.random.Generator) -> Example:
        """The clip, of which some bands and some columns are covered."""
        example = self.at(record, 0, 1)
        hide(example["mel"], rng)
        return example

    def at(self, record: Mapping, place: int, places: int) -> Example:
        """The clip as it is, at every place."""
        words = words_of(record, self.language)
        chain = chain_of(words)
        found, most = len(chain.sounds), self.longest
        sizes = (len(record["mouth"]), self.frames, "frames"), (found, most, "places")
        for found, most, what in sizes:
            if found > most:
                told = f"{record['clip']} has {found} {what}"
                raise InputError(f"{told}, and {most} are the most")
        count = self.frames * audio.COLUMNS_PER_SECOND // schema.FPS
        wave = schema.sound(record["wave"])
        mel = audio.standard_mel(wave)[:count]
        if self.held == "words":
            allowed = allowed_at(chain, words, count)
        else:
            allowed = evenly_at(chain, speech.loud_span(wave), count)
        each = {
            "sounds": chain.sounds,
            "optional": (chain.word < 0).astype(np.float32),
            **edges_of(record, words, chain),
        }
        rest = self.longest - len(chain.sounds)
        return {
            "mel": np.pad(mel, ((0, count - len(mel)), (0, 0))),
            "exists": (np.arange(count) < len(mel)).astype(np.float32),
            "length": np.int32(len(chain.sounds)),
            "allowed": np.pad(allowed, ((0, 0), (0, rest))),
            "weight": np.float32(1),
            **{
                key: np.pad(array, (0, rest), constant_values=PADDING.get(key, 0))
                for key, array in each.items()
            },
        }


def words_of(record: Mapping, language: str) -> list[Spoken]:
    """The words of a clip with their phones: those that the corpus tells, or those of
    each word alone.
    """
    spans = [*spans_in(record["words"], "word")]
    spans = spans or [(word, UNKNOWN, UNKNOWN) for word in record["text"].split()]
    phones = phones_in(record, [start for _, start, _ in spans])
    own = [tuple(phone for phone, _, _ in inside) for inside in phones]
    if not any(own):
        own = [pronounce(word, language) for word, _, _ in spans]
    return [
        Spoken(word, said, start, end)
        for (word, start, end), said in zip(spans, own, strict=True)
    ]


def phones_in(record: Mapping, starts: Sequence[float]) -> list[list[tuple]]:
    """The phones (phone, start, end) of each of the words that start then."""
    found = [[] for _ in starts]
    for phone, start, end in spans_in(record["phones"], "phone"):
        number = np.searchsorted(starts, (start + end) / 2) - 1
        found[max(number, 0)].append((phone, start, end))
    return found


def edges_of(
    record: Mapping, words: Sequence[Spoken], chain: Chain
) -> dict[str, np.ndarray]:
    """begins, ends, opens and closes [l], as of HearClip.

    Of a phone of several sounds it is known when the first begins and the last ends.
    """
    begins, ends = np.full((2, len(chain.sounds)), UNKNOWN, np.float32)
    opens, closes = np.zeros((2, len(chain.sounds)), np.float32)
    phones = phones_in(record, [word.start for word in words])
    for number, word in enumerate(words):
        own = np.flatnonzero(chain.word == number)
        if not len(own):
            continue
        opens[own[0]] = closes[own[-1]] = 1
        begins[own[0]], ends[own[-1]] = word.start, word.end
        for at, (_, start, end) in enumerate(phones[number]):
            inside = own[chain.phone[own] == at]
            begins[inside[:1]], ends[inside[-1:]] = start, end
    return {"begins": begins, "ends": ends, "opens": opens, "closes": closes}


def spans_in(spans: Mapping[str, Sequence], name: str) -> zip:
    """(symbol, start, end) of the words or phones of a record."""
    return zip(spans[name], spans["start"], spans["end"], strict=True)
