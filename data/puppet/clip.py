"""A complete clip of the puppet corpus, from a seed and an index.

Splits: every fifth index is held out, and is in val or in test by its speaker. Each
split has its own speakers. The sentences of val and test, which are selected by their
checksum (sentences.is_held_out), do not occur in train. Single words occur in all
splits.
"""

import dataclasses

import numpy as np

from avjax.audio.resampling import quantize_16_bit
from avjax.constants import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from avjax.data.puppet.articulation import articulate
from avjax.data.puppet.identity import Puppet, Uniform, make_puppet
from avjax.data.puppet.pose import sample_pose
from avjax.data.puppet.renderer import locate_face, render_face
from avjax.data.puppet.sentences import (
    restore_spelling,
    sample_sentence,
    spell_for_espeak,
)
from avjax.data.puppet.voice import speak
from avjax.media.video_writer import VideoWriter
from avjax.text.intervals import Interval, Intervals
from avjax.typing import PathLike

NUM_SPEAKERS = 200
NUM_HELD_SPEAKERS = 40
HELD_OUT_SPLITS = "val", "test"  # of speakers with even and with odd numbers
MIN_FRAMES, MAX_FRAMES = 25, 100
SENTENCE_KINDS = ("grid", "grid", "word", "free")  # one of these, with equal chances


@dataclasses.dataclass(frozen=True)
class ClipPlan:
    """Speaker and text of a clip, which are cheap to compute before rendering.

    Attributes:
        seed: Seed of the corpus.
        index: Number of the clip.
        split: "train", "val" or "test".
        kind: "grid", "word" or "free".
        text: The sentence.
        puppet: The speaker.
    """

    seed: int
    index: int
    split: str
    kind: str
    text: str
    puppet: Puppet


@dataclasses.dataclass(frozen=True)
class PuppetClip:
    """A clip of a talking puppet with its ground truth.

    Attributes:
        frames: The face square at 25 fps, u8 [t s s 3].
        landmarks: Points 48 to 67 of the 68-point scheme in pixels, f32 [t 20 2].
        face_landmarks: Eyes, nose, corners of the mouth at rest, f32 [t 5 2].
        articulation: Values of TRACKS, f32 [t a].
        wave: Waveform at 16 kHz, f32 [n] with n = 640 t.
        phones: Phones in IPA with their times.
        words: Words with their times.
        text: The sentence.
        kind: "grid", "word" or "free".
        speaker: Name of the puppet.
        split: "train", "val" or "test".
    """

    frames: np.ndarray
    landmarks: np.ndarray
    face_landmarks: np.ndarray
    articulation: np.ndarray
    wave: np.ndarray
    phones: Intervals
    words: Intervals
    text: str
    kind: str
    speaker: str
    split: str

    def save(self, path: PathLike) -> None:
        """Write the clip with its sound as an mp4 file.

        Args:
            path: The file to write.

        Raises:
            InputError: The file cannot be written.
        """
        with VideoWriter(path, FPS, self.wave) as writer:
            for frame in self.frames:
                writer.write(frame)


def plan_clip(
    seed: int, index: int, kinds: tuple[str, ...] = SENTENCE_KINDS
) -> ClipPlan:
    """Choose speaker and text of a clip; a pure function.

    Args:
        seed: Seed of the corpus.
        index: Number of the clip.
        kinds: Kinds of sentence, chosen with equal chances; a kind may be repeated.

    Returns:
        The plan of the clip.
    """
    uniform = np.random.default_rng([seed, index, 2]).random
    held_out = index % 5 == 4
    kind = kinds[int(len(kinds) * uniform())]
    text = sample_sentence(kind, held_out, uniform)
    speaker = _sample_speaker(held_out, uniform)
    return ClipPlan(
        seed=seed,
        index=index,
        split=HELD_OUT_SPLITS[speaker % 2] if held_out else "train",
        kind=kind,
        text=text,
        puppet=make_puppet(seed, speaker),
    )


def make_clip(
    seed: int, index: int, size: int = 96, kinds: tuple[str, ...] = SENTENCE_KINDS
) -> PuppetClip:
    """Make a clip; a pure function, in any order of calls and in any process.

    Args:
        seed: Seed of the corpus.
        index: Number of the clip.
        size: Side of the frames in pixels.
        kinds: Kinds of sentence, chosen with equal chances; a kind may be repeated.

    Returns:
        The clip with its ground truth.
    """
    plan = plan_clip(seed, index, kinds)
    uniform = np.random.default_rng([seed, index, 3]).random
    speech = speak(plan.puppet, spell_for_espeak(plan.kind, plan.text), seed=index)
    wave, lead = _surround_by_silence(speech.wave, uniform)
    count = len(wave) // SAMPLES_PER_FRAME
    phones = _shift(speech.phones, lead, count / FPS)
    words = restore_spelling(_shift(speech.words, lead, count / FPS))
    articulation = articulate(phones, count, FPS)
    pose = sample_pose(count, FPS, [seed, index, 4])
    frames, landmarks = render_face(plan.puppet, articulation, pose, size)
    return PuppetClip(
        frames=frames,
        landmarks=landmarks,
        face_landmarks=locate_face(plan.puppet, pose, size),
        articulation=articulation,
        wave=wave,
        phones=phones,
        words=words,
        text=plan.text,
        kind=plan.kind,
        speaker=plan.puppet.name,
        split=plan.split,
    )


def _sample_speaker(held_out: bool, uniform: Uniform) -> int:
    """Sample a speaker: 0 to 159 in train, 160 to 199 if the clip is held out."""
    num_train = NUM_SPEAKERS - NUM_HELD_SPEAKERS
    if held_out:
        return num_train + int(NUM_HELD_SPEAKERS * uniform())
    return int(num_train * uniform())


def _surround_by_silence(
    wave: np.ndarray, uniform: Uniform
) -> tuple[np.ndarray, float]:
    """Pad speech [n] to a whole number of frames: -> waveform, start of the speech."""
    lead = int((0.12 + 0.2 * uniform()) * SAMPLE_RATE)
    tail = int((0.08 + 0.2 * uniform()) * SAMPLE_RATE)
    frames = -(-(lead + len(wave) + tail) // SAMPLES_PER_FRAME)
    frames = min(max(frames, MIN_FRAMES), MAX_FRAMES)
    padded = np.zeros(max(frames * SAMPLES_PER_FRAME, lead + len(wave)))
    padded[lead : lead + len(wave)] = wave
    padded += (uniform(len(padded)) - 0.5) * 1e-3  # background noise of a quiet room
    return quantize_16_bit(padded[: frames * SAMPLES_PER_FRAME]), lead / SAMPLE_RATE


def _shift(intervals: Intervals, lead: float, seconds: float) -> Intervals:
    """Shift intervals by `lead`, and cut them at the end of the clip."""
    return tuple(
        Interval(label, round(start + lead, 4), round(min(end + lead, seconds), 4))
        for label, start, end in intervals
        if start + lead < seconds
    )
