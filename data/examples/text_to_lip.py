"""Training and evaluation examples of text-driven talking faces.

The text is given as timed phonemes: those of a stretch of a clip and those near it.

- `phoneme_ids` i32 [l], as `avjax.text.phonemes` numbers them; BLANK after the last.
- `phoneme_edges` f32 [l + 1], start of the first phoneme and end of every phoneme, in
  seconds from the first frame of the stretch.
"""

import dataclasses
import difflib
from typing import ClassVar

import grain
import numpy as np

from avjax.audio.mel import mel_window_starts
from avjax.constants import FPS, SAMPLE_RATE
from avjax.data import schema
from avjax.data.examples.base import (
    Example,
    Record,
    clip_mel_windows,
    frame_mel_windows,
    frames_exist,
    label_weight,
)
from avjax.data.examples.lip_codes import count_frames
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.text.intervals import PhonemeTier
from avjax.text.phonemes import BLANK, PAUSE, intervals_to_columns, to_phoneme_tier
from avjax.text.tts import synthesize

PHONEME_MARGIN_SECONDS = 1.0  # phonemes this close to a stretch are included


@dataclasses.dataclass(frozen=True)
class TextToLipExample(grain.transforms.RandomMap):
    """A stretch of a clip with its phonemes and audio, and a portrait of the speaker.

    Attributes:
        num_frames: t; a shorter clip is filled up.
        max_phonemes: l; frames whose phonemes do not fit in are left out of the loss.
        border_frames: Frames at either end that are left out of the loss, if the clip
            continues there.

    Keys:
        phoneme_ids, phoneme_edges: See the module.
        mels: f32 [t 16 k], one window for each frame; it begins 40 ms before it.
        frame_mask: f32 [t], 1 if the clip has such a frame.
        loss_mask: f32 [t], 1 if the frame counts in the loss.
        portrait: u8 [h w c]; from outside of the stretch if the clip is longer. Records
            without faces, such as those of `PseudoSpeechSource`, have none.
        weight: f32 [], 1; 0 if the phones of the clip are unknown.
    """

    required_labels: ClassVar = ("phones",)
    num_frames: int = 75
    max_phonemes: int = 64
    border_frames: int = 0

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample a stretch and a portrait. See `ExampleTransform`."""
        first, offset = self.sample(record, rng)
        return self.example(record, first, offset)

    def sample(self, record: Record, rng: np.random.Generator) -> tuple[int, int]:
        """Sample the place of a stretch and of its portrait.

        Args:
            record: The record.
            rng: Random generator.

        Returns:
            Number of the first frame, and offset of the portrait (see `example`).
        """
        last = max(count_frames(record) - self.num_frames, 0)
        first, offset = rng.integers(last + 1), rng.integers(self.num_outside(record))
        return int(first), int(offset)

    def at(self, record: Record, index: int, count: int) -> Example:
        """Spread the stretches evenly; the portrait is the middle frame outside.

        See `ExampleTransform.at`.
        """
        last = max(count_frames(record) - self.num_frames, 0)
        first = int((index + 0.5) * (last + 1) / count)
        return self.example(record, first, self.num_outside(record) // 2)

    def num_outside(self, record: Record) -> int:
        """Count the frames outside of a stretch.

        Args:
            record: The record.

        Returns:
            Number of frames; that of all frames if the clip is not longer.
        """
        length = count_frames(record)
        return max(length - self.num_frames, 0) or length

    def example(self, record: Record, first: int, offset: int) -> Example:
        """Make the example of the stretch that begins at this frame.

        Args:
            record: The record.
            first: Number of the first frame.
            offset: Frames from the end of the stretch to the portrait; after the end of
                the clip, counting continues at its start.

        Returns:
            The example, as the class describes it.
        """
        mels = frame_mel_windows(record, first + np.arange(self.num_frames))
        return {**self.example_without_audio(record, first, offset), "mels": mels}

    def example_without_audio(self, record: Record, first: int, offset: int) -> Example:
        """Make the example without `mels`. See `example`."""
        length = count_frames(record)
        frames = np.arange(self.num_frames)
        phonemes = phoneme_inputs(record, first, self.num_frames, self.max_phonemes)
        exists = frames_exist(first + frames, length)
        in_loss = exists & ((frames + 0.5) / FPS < phonemes["phoneme_edges"][-1])
        if first:
            in_loss &= frames >= self.border_frames
        if first + self.num_frames < length:
            in_loss &= frames < self.num_frames - self.border_frames
        portrait = (first + self.num_frames + offset) % length
        return {
            **phonemes,
            "frame_mask": exists.astype(np.float32),
            "loss_mask": in_loss.astype(np.float32),
            **({"portrait": record["face"][portrait]} if "face" in record else {}),
            "weight": label_weight(record, self.required_labels),
        }


@dataclasses.dataclass(frozen=True)
class TextEvalClip:
    """A stretch of a clip, to be generated from its text or from its audio.

    Attributes:
        num_frames: t; a shorter clip is filled up with its last frame.
        max_phonemes: l.

    Keys:
        All keys of `TalkEvalClip`, and in addition:
        phoneme_ids, phoneme_edges: See the module.
        portrait: u8 [h w c], the reference.
        cascade_mels: f32 [t 16 k], windows of the same moments of the speech that
            eSpeak makes of the text: the input of a cascade of speech synthesis and an
            audio-driven model.
        weight: f32 [], 1; 0 if the phones or the text of the clip are unknown.
    """

    required_labels: ClassVar = ("phones", "text")
    num_frames: int = 50
    max_phonemes: int = 64

    def at(self, record: Record, index: int, count: int) -> Example:
        """Spread the stretches evenly over the clip; the first begins at frame 0.

        See `ExampleTransform.at`.
        """
        clip = TalkEvalClip(self.num_frames)
        example = clip.at(record, index, count)
        first = clip.first_frame(record, index, count)
        return {
            **example,
            **phoneme_inputs(record, first, self.num_frames, self.max_phonemes),
            "portrait": example["reference"],
            "cascade_mels": cascade_mels(record, first + np.arange(self.num_frames)),
            "weight": label_weight(record, self.required_labels),
        }


def cascade_mels(record: Record, frames: np.ndarray) -> np.ndarray:
    """Compute mel windows of eSpeak's version of a clip, aligned to the clip's frames.

    A window begins 40 ms before the moment at which eSpeak pronounces the phoneme of
    the frame. Where only the clip pauses, eSpeak's speech gets a pause of equal length.

    Args:
        record: The record.
        frames: Frame numbers, [t].

    Returns:
        Windows, f32 [t 16 k].
    """
    speech = synthesize(record["text"])
    seconds = len(speech.wave) / SAMPLE_RATE
    synthetic = to_phoneme_tier(intervals_to_columns(speech.phones), seconds)
    recorded = to_phoneme_tier(record["phones"], len(record["face"]) / FPS)
    wave = np.round(speech.wave * float(schema.INT16_SCALE)).astype(np.int16)
    wave, synthetic = insert_pauses(wave, synthetic, recorded)
    lead = mel_window_starts(1, FPS)[0]
    times = warp_times(frames / FPS, recorded, synthetic)
    return clip_mel_windows({"wave": wave}, times + lead)


def insert_pauses(
    wave: np.ndarray, synthetic: PhonemeTier, recorded: PhonemeTier
) -> tuple[np.ndarray, PhonemeTier]:
    """Insert the pauses that only the recording has into synthetic speech.

    Args:
        wave: Synthetic speech, i16 [n] at 16 kHz.
        synthetic: Its phonemes.
        recorded: The phonemes of the recording.

    Returns:
        The longer speech, i16 [n], and its phonemes.
    """
    count = len(recorded.ids)
    preceding, matched = np.zeros(count, int), np.zeros(count, bool)
    for start, synthetic_start, size in match_phonemes(recorded, synthetic):
        matched[start : start + size] = True
        # Number of synthetic phonemes before each recorded one.
        preceding[start + size :] = synthetic_start + size
    missing = (recorded.ids == PAUSE) & ~matched
    positions, seconds = preceding[missing], np.diff(recorded.edges)[missing]
    num_samples = np.round(seconds * SAMPLE_RATE).astype(int)
    starts = np.round(synthetic.edges[positions] * SAMPLE_RATE).astype(int)
    durations = np.insert(np.diff(synthetic.edges), positions, seconds)
    first = synthetic.edges[0]
    edges = np.concatenate([synthetic.edges[:1], first + np.cumsum(durations)])
    longer = np.insert(wave, np.repeat(starts, num_samples), 0)
    return longer, PhonemeTier(np.insert(synthetic.ids, positions, PAUSE), edges)


def warp_times(
    seconds: np.ndarray, source: PhonemeTier, target: PhonemeTier
) -> np.ndarray:
    """Map times of one utterance to those of another one of the same text.

    The edges of phonemes that both have are mapped to each other; times between them
    are interpolated linearly.

    Args:
        seconds: Times in the source utterance, [t].
        source: Phonemes of the source utterance.
        target: Phonemes of the target utterance.

    Returns:
        Times in the target utterance in seconds, [t].
    """
    edges = {
        (source_start + offset, target_start + offset)
        for source_start, target_start, size in match_phonemes(source, target)
        for offset in range(size + 1)
    }
    source_edges, target_edges = np.array(sorted({(0, 0), *edges})).T
    return np.interp(seconds, source.edges[source_edges], target.edges[target_edges])


def match_phonemes(first: PhonemeTier, second: PhonemeTier) -> list[difflib.Match]:
    """Find the runs of phonemes that two utterances share.

    Args:
        first: Phonemes of one utterance.
        second: Phonemes of another utterance.

    Returns:
        Runs (index in the first, index in the second, length).
    """
    matcher = difflib.SequenceMatcher(
        None, first.ids.tolist(), second.ids.tolist(), autojunk=False
    )
    return matcher.get_matching_blocks()


def phoneme_inputs(
    record: Record, first: int, num_frames: int, max_phonemes: int
) -> dict[str, np.ndarray]:
    """Return the phonemes of a stretch and those within a second of it.

    Args:
        record: The record.
        first: Number of the first frame of the stretch.
        num_frames: Number of frames of the stretch.
        max_phonemes: l, the largest number of phonemes; later ones are left out.

    Returns:
        `phoneme_ids` and `phoneme_edges`, as the module describes them.
    """
    tier = to_phoneme_tier(record["phones"], count_frames(record) / FPS)
    edges = tier.edges - np.float32(first / FPS)
    end = num_frames / FPS + PHONEME_MARGIN_SECONDS
    in_range = (edges[1:] > -PHONEME_MARGIN_SECONDS) & (edges[:-1] < end)
    chosen = np.flatnonzero(in_range)[:max_phonemes]
    ids = np.full(max_phonemes, BLANK, np.int32)
    ids[: len(chosen)] = tier.ids[chosen]
    padded = np.full(max_phonemes + 1, edges[chosen[-1] + 1], np.float32)
    padded[: len(chosen) + 1] = edges[chosen[0] : chosen[-1] + 2]
    return {"phoneme_ids": ids, "phoneme_edges": padded}
