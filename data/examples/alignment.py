"""Training examples of forced alignment: the audio of a clip and its phonemes."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import grain
import numpy as np

from avjax.audio.loudness import speech_span
from avjax.audio.mel import standardized_log_mel
from avjax.constants import FPS, MELS_PER_SECOND
from avjax.data import schema
from avjax.data.examples.augmentation import spec_augment
from avjax.data.examples.base import Example, Record, label_weight
from avjax.errors import InputError
from avjax.text.alignment_graph import (
    UNKNOWN_TIME,
    AlignmentGraph,
    AlignmentWord,
    allowed_by_even_spacing,
    allowed_by_word_times,
    build_alignment_graph,
)
from avjax.text.intervals import Interval
from avjax.text.tts import pronounce_word


@dataclasses.dataclass(frozen=True)
class AlignmentClip(grain.transforms.RandomMap):
    """The audio of a whole clip, and the graph of its phonemes.

    Attributes:
        num_frames: Largest number of video frames; f is the number of mel frames in
            them. A longer clip is an error.
        max_phonemes: l, the largest number of states of the graph.
        language: eSpeak voice that pronounces words whose phones are unknown.
        constrain_by: Each phoneme is allowed near the time of its word ("words"), or
            near the time that it would have if all were equally long ("evenly").

    Keys:
        mel: f32 [f k], as `avjax.audio.mel.standardized_log_mel` computes it.
        frame_mask: f32 [f], 1 if the clip has such a mel frame.
        phoneme_ids: i32 [l], phoneme of each state.
        optional: f32 [l], 1 for a pause, which may be skipped.
        length: i32 [], number of states.
        allowed: u8 [f l], 1 if a state is allowed in a mel frame.
        start, end: f32 [l], true times in seconds; NaN: unknown.
        word_start, word_end: f32 [l], 1 for the first and the last state of a word.
        weight: f32 [], 1; 0 if the text of the clip is unknown.
    """

    required_labels: ClassVar = ("text",)
    num_frames: int = 100
    max_phonemes: int = 64
    language: str = "en-gb"
    constrain_by: Literal["words", "evenly"] = "words"

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Return the clip with some bands and some frames of its mel masked.

        See `ExampleTransform`.
        """
        example = self.at(record, 0, 1)
        spec_augment(example["mel"], rng)
        return example

    def at(self, record: Record, index: int, count: int) -> Example:
        """Return the whole clip, for every index. See `ExampleTransform.at`.

        Raises:
            InputError: The clip has too many frames or too many phonemes.
        """
        words = alignment_words(record, self.language)
        graph = build_alignment_graph(words)
        num_states = len(graph.phoneme_ids)
        clip = record["clip"]
        _check_size(clip, "frames", len(record["mouth"]), self.num_frames)
        _check_size(clip, "phonemes and pauses", num_states, self.max_phonemes)
        num_mels = self.num_frames * MELS_PER_SECOND // FPS
        wave = schema.to_float(record["wave"])
        mel = standardized_log_mel(wave)[:num_mels]
        if self.constrain_by == "words":
            allowed = allowed_by_word_times(graph, words, num_mels)
        else:
            allowed = allowed_by_even_spacing(graph, speech_span(wave), num_mels)
        padding = (0, self.max_phonemes - num_states)
        times, word_edges = state_times(record, words, graph)
        return {
            "mel": np.pad(mel, ((0, num_mels - len(mel)), (0, 0))),
            "frame_mask": (np.arange(num_mels) < len(mel)).astype(np.float32),
            "length": np.int32(num_states),
            "allowed": np.pad(allowed, ((0, 0), padding)),
            "weight": label_weight(record, self.required_labels),
            "phoneme_ids": np.pad(graph.phoneme_ids, padding),
            "optional": np.pad((graph.word < 0).astype(np.float32), padding),
            "start": np.pad(times[0], padding, constant_values=UNKNOWN_TIME),
            "end": np.pad(times[1], padding, constant_values=UNKNOWN_TIME),
            "word_start": np.pad(word_edges[0], padding),
            "word_end": np.pad(word_edges[1], padding),
        }


def alignment_words(record: Record, language: str) -> list[AlignmentWord]:
    """Return the words of a clip with their phones.

    Args:
        record: The record.
        language: eSpeak voice that pronounces each word if the corpus has no phones.

    Returns:
        The words, of unknown time if the corpus has only the text.
    """
    words = label_intervals(record["words"], "word") or [
        Interval(word, UNKNOWN_TIME, UNKNOWN_TIME) for word in record["text"].split()
    ]
    phones = [
        tuple(phone.label for phone in inside)
        for inside in phones_by_word(record, [word.start for word in words])
    ]
    if not any(phones):
        phones = [pronounce_word(word.label, language) for word in words]
    return [
        AlignmentWord(word.label, inside, word.start, word.end)
        for word, inside in zip(words, phones, strict=True)
    ]


def phones_by_word(record: Record, starts: Sequence[float]) -> list[list[Interval]]:
    """Assign the phones of a clip to its words, by the middle of each phone.

    Args:
        record: The record.
        starts: Start times of the words in seconds.

    Returns:
        The phones of each word.
    """
    phones: list[list[Interval]] = [[] for _ in starts]
    for phone in label_intervals(record["phones"], "phone"):
        number = np.searchsorted(starts, (phone.start + phone.end) / 2) - 1
        phones[max(number, 0)].append(phone)
    return phones


def state_times(
    record: Record, words: Sequence[AlignmentWord], graph: AlignmentGraph
) -> tuple[np.ndarray, np.ndarray]:
    """Find the known times of the states of a graph.

    Of a phone of several phonemes, only the start of the first and the end of the last
    are known.

    Args:
        record: The record.
        words: Its words.
        graph: The graph of the words.

    Returns:
        Start and end in seconds, f32 [2 l], NaN where unknown; and 1 for the first and
        the last state of a word, f32 [2 l].
    """
    num_states = len(graph.phoneme_ids)
    starts, ends = np.full((2, num_states), UNKNOWN_TIME, np.float32)
    firsts, lasts = np.zeros((2, num_states), np.float32)
    phones = phones_by_word(record, [word.start for word in words])
    for index, word in enumerate(words):
        states = np.flatnonzero(graph.word == index)
        if not len(states):
            continue
        firsts[states[0]] = lasts[states[-1]] = 1
        starts[states[0]], ends[states[-1]] = word.start, word.end
        for position, phone in enumerate(phones[index]):
            inside = states[graph.phone[states] == position]
            starts[inside[:1]], ends[inside[-1:]] = phone.start, phone.end
    return np.stack([starts, ends]), np.stack([firsts, lasts])


def label_intervals(labels: Mapping[str, Any], name: str) -> list[Interval]:
    """Convert the words or phones of a record to intervals.

    Args:
        labels: `record["words"]` or `record["phones"]`.
        name: "word" or "phone".

    Returns:
        The labels with their times.
    """
    columns = zip(labels[name], labels["start"], labels["end"], strict=True)
    return [Interval(label, start, end) for label, start, end in columns]


def _check_size(clip: str, name: str, count: int, limit: int) -> None:
    """Raise InputError if a clip has more of something than an example holds."""
    if count > limit:
        raise InputError(f"{clip} has {count} {name}; at most {limit} are allowed")
