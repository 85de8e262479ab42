"""Training examples of lip reading and of lip-to-speech.

A frame beyond the end of a clip is its last frame, and `frame_mask` is 0 there; the mel
spectrogram continues with its last frame. Training shifts, mirrors and masks inputs.
"""

import dataclasses
from typing import Literal

import grain
import numpy as np

from avjax.constants import FPS, SAMPLES_PER_FRAME
from avjax.data import schema
from avjax.data.examples.augmentation import Augmentation
from avjax.data.examples.base import Example, Record, label_weight
from avjax.data.examples.lip_inputs import load_inputs, voice_mel
from avjax.errors import InputError
from avjax.text.tokenizer import BLANK, CHARACTERS, SPACE, to_ids

LABEL_MARGIN_SECONDS = 0.08  # a label may be emitted this much too early or too late


@dataclasses.dataclass(frozen=True)
class LipreadClip(grain.transforms.RandomMap):
    """A whole clip and its transcript.

    Attributes:
        num_frames: t; a longer clip is an error.
        size: Side of the mouth images in pixels.
        vocabulary: Words of which each clip is one; or an alphabet that begins with the
            blank.
        label_unit: Kind of the entries of the vocabulary.
        max_labels: l, of characters or phones; a longer transcript is an error.
        augmentation: Random changes of training examples.

    Keys:
        lips: u8 [t h w 1].
        mel: f32 [f=4t k], as `avjax.audio.speech_mel.encoder_mel` computes it.
        frame_mask: f32 [t], 1 if the clip has such a frame.
        labels: i32 [l]; of words, l is 1.
        label_mask: f32 [l], 1 if there is a label.
        allowed: u8 [t v], 1 if a label may be emitted in a frame, as far as times are
            known; not of words.
        weight: f32 [], 1; 0 if the text (or the phones) of the clip are unknown.
    """

    num_frames: int = 75
    size: int = 64
    vocabulary: tuple[str, ...] = CHARACTERS
    label_unit: Literal["words", "characters", "phones"] = "characters"
    max_labels: int = 64
    augmentation: Augmentation = Augmentation()

    @property
    def required_labels(self) -> tuple[str, ...]:
        """Labels that a record needs. See `ExampleTransform`."""
        return ("phones",) if self.label_unit == "phones" else ("text",)

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Return the clip with random augmentation. See `ExampleTransform`."""
        return self.example(record, rng)

    def at(self, record: Record, index: int, count: int) -> Example:
        """Return the clip without augmentation. See `ExampleTransform.at`."""
        return self.example(record, None)

    def example(self, record: Record, rng: np.random.Generator | None) -> Example:
        """Make the example of the whole clip.

        Args:
            record: The record.
            rng: Random generator of the augmentation; None: no augmentation.

        Returns:
            The example, as the class describes it.

        Raises:
            InputError: The clip or its transcript is too long, or a label is not in
                the vocabulary.
        """
        length = len(record["mouth"])
        if length > self.num_frames:
            raise InputError(
                f"{record['clip']} has {length} frames; at most {self.num_frames} are "
                "allowed"
            )
        example = load_inputs(
            record,
            first=0,
            num_frames=self.num_frames,
            size=self.size,
            augmentation=self.augmentation,
            rng=rng,
        )
        example |= self.transcript(record)
        example["weight"] = label_weight(record, self.required_labels)
        if self.label_unit != "words":
            example["allowed"] = self.allowed(record)
        return example

    def allowed(self, record: Record) -> np.ndarray:
        """Compute the labels that may be emitted in each frame.

        The blank is always allowed, a label during its word or phone, and a space
        between the first and the last word. Without times, everything is allowed.

        Args:
            record: The record.

        Returns:
            1 where a label is allowed, u8 [t v].
        """
        if self.label_unit == "phones":
            times, names = record["phones"], record["phones"]["phone"]
        else:
            times, names = record["words"], record["words"]["word"]
        shape = (self.num_frames, len(self.vocabulary))
        if not names:
            return np.ones(shape, np.uint8)
        starts = times["start"] - LABEL_MARGIN_SECONDS
        ends = times["end"] + LABEL_MARGIN_SECONDS
        middle = (np.arange(self.num_frames) + 0.5) / FPS
        allowed = np.zeros(shape, np.uint8)
        allowed[:, BLANK] = 1
        if SPACE in self.vocabulary:
            between = (starts[0] < middle) & (middle < ends[-1])
            allowed[between, self.vocabulary.index(SPACE)] = 1
        for name, start, end in zip(names, starts, ends, strict=True):
            during = (start < middle) & (middle < end)
            labels = [name] if self.label_unit == "phones" else name
            allowed[np.ix_(during, to_ids(labels, self.vocabulary))] = 1
        return allowed

    def transcript(self, record: Record) -> dict[str, np.ndarray]:
        """Convert the transcript to labels.

        Args:
            record: The record.

        Returns:
            `labels` and `label_mask`, as the class describes them.

        Raises:
            InputError: The transcript is too long, or not in the vocabulary.
        """
        if self.label_unit == "words":
            if record["text"] not in self.vocabulary:
                raise InputError(
                    f"{record['text']!r} is not in the vocabulary of the lip reader"
                )
            ids = [self.vocabulary.index(record["text"])]
        elif self.label_unit == "phones":
            ids = to_ids(record["phones"]["phone"], self.vocabulary)
        else:
            ids = to_ids(record["text"], self.vocabulary)
        max_count = 1 if self.label_unit == "words" else self.max_labels
        if len(ids) > max_count:
            raise InputError(
                f"{record['clip']} has {len(ids)} labels; at most {max_count} are "
                "allowed"
            )
        labels = np.zeros(max_count, np.int32)
        labels[: len(ids)] = ids
        mask = (np.arange(max_count) < len(ids)).astype(np.float32)
        return {"labels": labels, "label_mask": mask}


@dataclasses.dataclass(frozen=True)
class LipToSpeechClip(grain.transforms.RandomMap):
    """A stretch of a clip, and the audio that is to be generated for it.

    Attributes:
        num_frames: t; training samples a stretch, evaluation uses the clip's start.
        size: Side of the mouth images in pixels.
        augmentation: Random changes of training examples.

    Keys:
        lips: u8 [t h w 1].
        mel: f32 [f=4t k], as `avjax.audio.speech_mel.encoder_mel` computes it.
        frame_mask: f32 [t], 1 if the clip has such a frame.
        voice: f32 [f k], the target, as `avjax.audio.speech_mel.vocoder_mel` computes
            it.
        wave: f32 [640 t], the recording.
        weight: f32 [], 1.
    """

    num_frames: int = 40
    size: int = 64
    augmentation: Augmentation = Augmentation(mask_mel=False)

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample a stretch, with augmentation. See `ExampleTransform`."""
        last = max(len(record["mouth"]) - self.num_frames, 0)
        return self.example(record, int(rng.integers(last + 1)), rng)

    def at(self, record: Record, index: int, count: int) -> Example:
        """Return the start of the clip, unchanged. See `ExampleTransform.at`."""
        return self.example(record, 0, None)

    def example(
        self, record: Record, first: int, rng: np.random.Generator | None
    ) -> Example:
        """Make the example of the stretch that begins at this frame.

        Args:
            record: The record.
            first: Number of the first frame.
            rng: Random generator of the augmentation; None: no augmentation.

        Returns:
            The example, as the class describes it.
        """
        example = load_inputs(
            record,
            first=first,
            num_frames=self.num_frames,
            size=self.size,
            augmentation=self.augmentation,
            rng=rng,
        )
        example["voice"] = voice_mel(record, first, self.num_frames)
        num_samples = SAMPLES_PER_FRAME * self.num_frames
        samples = record["wave"][SAMPLES_PER_FRAME * first :][:num_samples]
        samples = np.pad(samples, (0, num_samples - len(samples)))
        example["wave"] = schema.to_float(samples)
        return example
