"""How well `sync-people` works on people that it has not seen.

    python -m avjax.train.ablations.sync_people --root corpora/clips --split val \
        --music MUSIC.wav

Table 1: of 1 s windows of speech, the fraction that is classified as in step, or out of
step by 5 to 15 frames, in equal shares. The networks see these 25 frames only.

Table 2: of clips of 3 s or more, which shorter clips of one person are joined to, the
fractions whose offset is found to one frame, is stated and right to one frame, and of
which "cannot tell" is said. In some rows the audio or the mouths are not what belongs
to the clip, so "cannot tell" is right:

    as it is    the audio of the clip
    shifted     the audio is moved by -12, -7, 4 and 9 frames
    swapped     the audio of another clip
    music       a part of a recording of music
    noise       white noise
    still       one frame, with noise, instead of a talking mouth
    covered     a grey patch over the mouth
    mask        cloth over the lower face that moves with the head
"""

from collections import defaultdict
from typing import NamedTuple

import cv2
import numpy as np

from avjax.audio.loudness import find_pauses
from avjax.constants import FPS, SAMPLES_PER_FRAME
from avjax.data import schema
from avjax.data.split_source import open_split
from avjax.faces.editing import crop_encoder_mouth
from avjax.media.audio_io import read_audio
from avjax.metrics.sync_evidence import OFFSETS
from avjax.pipelines.sync_models import SyncModel, load_sync_model
from avjax.pipelines.sync_people import (
    Series,
    embed_audio,
    embed_lips,
    encode_lips,
    find_offset,
    sum_evidence,
)
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.ablations.sync import shift_audio

SHIFTS = -12, -7, 4, 9  # frames
MIN_FRAMES = 3 * FPS - 1  # of a joined clip: clips of GRID are cut to 74 frames
MIN_SHIFT, MAX_SHIFT = 5, 15  # frames of the windows that are out of step
WINDOW_STEP = 6  # frames from one window to the next
MAX_PAUSE = 0.4  # of a window


class TalkingClip(NamedTuple):
    """Mouths and audio of one person.

    Attributes:
        speaker: Name of the speaker.
        mouths: u8 [t 40 56].
        wave: f32 [640 t] at 16 kHz.
    """

    speaker: str
    mouths: np.ndarray
    wave: np.ndarray


def read_clips(root: str, split: str) -> list[TalkingClip]:
    """Read the clips of a split."""
    clips = []
    for record in open_split(root, split):
        faces = record["lower_face"][:]
        mouths = np.stack([np.rint(crop_encoder_mouth(face)) for face in faces])
        wave = schema.to_float(record["wave"])
        clips.append(TalkingClip(record["speaker"], mouths.astype(np.uint8), wave))
    return clips


def join_clips(clips: list[TalkingClip]) -> list[TalkingClip]:
    """Join consecutive clips of one person up to at least 3 s; leave out the rest."""
    joined, waiting = [], defaultdict(list)
    for clip in clips:
        parts = waiting[clip.speaker]
        parts.append(clip)
        if sum(len(part.mouths) for part in parts) >= MIN_FRAMES:
            mouths, wave = (
                np.concatenate(values) for values in list(zip(*parts, strict=True))[1:]
            )
            joined.append(TalkingClip(clip.speaker, mouths, wave))
            waiting[clip.speaker] = []
    return joined


def score_windows(model: SyncModel, clip: TalkingClip) -> list[tuple[bool, float]]:
    """Score windows of 1 s: (in step, evidence for it) of each."""
    count, scores = len(clip.mouths), []
    codes = encode_lips(model, clip.mouths, np.ones(count)).values
    pauses = find_pauses(clip.wave)
    steps = len(pauses) // count
    rng = np.random.default_rng(0)
    for first in range(0, count - FPS + 1, WINDOW_STEP):
        others = [
            start
            for start in range(count - FPS + 1)
            if MIN_SHIFT <= abs(start - first) <= MAX_SHIFT
        ]
        if (
            not others
            or pauses[steps * first : steps * (first + FPS)].mean() > MAX_PAUSE
        ):
            continue
        lips = embed_lips(model, Series(codes[first : first + FPS], np.ones(FPS)))
        for start, in_step in ((first, True), (int(rng.choice(others)), False)):
            part = slice(start * SAMPLES_PER_FRAME, (start + FPS) * SAMPLES_PER_FRAME)
            audio = embed_audio(model, clip.wave[part], FPS)
            evidence, _ = sum_evidence(lips, audio)
            scores.append((in_step, in_step_score(evidence)))
    return scores


def in_step_score(evidence: np.ndarray) -> float:
    """Compare the evidence for offsets of at most 2 frames with that of all others."""
    near = np.abs(OFFSETS) <= 2
    others = np.append(evidence[~near], np.log(len(OFFSETS)))
    return float(np.logaddexp.reduce(evidence[near]) - np.logaddexp.reduce(others))


def vary_clip(
    clips: list[TalkingClip], index: int, music: np.ndarray | None
) -> dict[str, tuple[np.ndarray, list[tuple[int, np.ndarray]]]]:
    """Make the rows of table 2 of one clip.

    Args:
        clips: All joined clips.
        index: Number of the clip.
        music: Waveform f32 [n] at 16 kHz, if there is one.

    Returns:
        {row: (mouths, [(true offset, waveform)])}.
    """
    clip = clips[index]
    mouths, wave = clip.mouths, clip.wave
    others = [other.wave for other in clips if other.speaker != clip.speaker]
    rng = np.random.default_rng(index)
    own = [(0, wave)]
    rows = {
        "as it is": (mouths, own),
        "shifted": (mouths, [(shift, shift_audio(wave, shift)) for shift in SHIFTS]),
        "noise": (mouths, [(0, rng.normal(0, 0.1, len(wave)).astype(np.float32))]),
        "still": (still_mouths(mouths, rng), own),
        "covered": (cover_mouths(mouths, rng, moving=False), own),
        "mask": (cover_mouths(mouths, rng, moving=True), own),
    }
    if others:
        other = np.resize(others[int(rng.integers(len(others)))], len(wave))
        rows["swapped"] = mouths, [(0, other)]
    if music is not None:
        start = int(rng.integers(len(music) - len(wave)))
        rows["music"] = mouths, [(0, music[start : start + len(wave)])]
    return rows


def still_mouths(mouths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Repeat the first mouth, with the noise of a camera, u8 [t 40 56]."""
    still = mouths[:1] + rng.normal(0, 2, mouths.shape)
    return np.clip(still, 0, 255).astype(np.uint8)


def cover_mouths(
    mouths: np.ndarray, rng: np.random.Generator, moving: bool
) -> np.ndarray:
    """Cover mouths with a grey patch, or with cloth that moves at random.

    Args:
        mouths: u8 [t 40 56].
        rng: Random generator.
        moving: The cover is cloth, which moves.

    Returns:
        u8 [t 40 56].
    """
    covered = mouths.astype(np.float32)
    count, height, width = mouths.shape
    if not moving:
        covered[:, 6:36, 8:48] = 120 + rng.normal(0, 3, (count, 30, 40))
        return np.clip(covered, 0, 255).astype(np.uint8)
    cloth = cv2.GaussianBlur(
        rng.uniform(60, 200, (height + 20, width + 24)).astype(np.float32), (0, 0), 3
    )
    walk = np.cumsum(rng.normal(0, 0.5, (count, 2)), axis=0).clip(-8, 8)
    for image, (down, right) in zip(covered, np.rint(walk).astype(int), strict=True):
        top, left = 10 + down, 12 + right
        image[4:] = cloth[top + 4 : top + height, left : left + width]
    return covered.astype(np.uint8)


def measure_offsets(
    model: SyncModel, clips: list[TalkingClip], music: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Measure table 2: {row: error in frames, and 1 if an offset is stated, [n 2]}."""
    results = defaultdict(list)
    for index in range(len(clips)):
        for row, (mouths, waves) in vary_clip(clips, index, music).items():
            codes = encode_lips(model, mouths, np.ones(len(mouths)))
            for shift, wave in waves:
                finding = find_offset(model, codes, wave)
                error = abs(finding.offset - shift)
                results[row].append((error, not finding.reason))
    return {row: np.array(values) for row, values in results.items()}


def main() -> None:
    """Measure both tables, and print them; --json writes the second one."""
    parser = make_parser(__doc__)
    parser.add_argument("--root", default="corpora/clips", help="folder of the corpus")
    parser.add_argument("--split", default="val", help="split whose people are unseen")
    parser.add_argument("--weights", default="sync-people", help="weights to measure")
    parser.add_argument("--music", help="a recording without speech")
    options = parser.parse_args()
    model, clips = (
        load_sync_model(options.weights),
        read_clips(options.root, options.split),
    )
    music = None if options.music is None else read_audio(options.music)
    table = ResultTable("Windows of 1 s", "speaker", "windows", "accuracy, %")
    scores = {
        speaker: [
            score
            for clip in clips
            if clip.speaker == speaker
            for score in score_windows(model, clip)
        ]
        for speaker in dict.fromkeys(clip.speaker for clip in clips)
    }
    scores["all"] = [score for values in scores.values() for score in values]
    for speaker, values in scores.items():
        right = [(score > 0) == in_step for in_step, score in values]
        table.add(speaker, len(values), 100 * float(np.mean(right)))
    columns = "audio or mouths", "trials", "within 1 frame, %"
    answers = "stated and within 1 frame, %", "cannot tell, %"
    table = ResultTable("Offsets of clips of 3 s", *columns, *answers)
    for row, values in measure_offsets(model, join_clips(clips), music).items():
        near, is_stated = values[:, 0] <= 1, values[:, 1] > 0
        numbers = (near, near & is_stated, ~is_stated)
        table.add(row, len(values), *(100 * float(np.mean(x)) for x in numbers))
    table.write(options.json, data=f"split {options.split} of {options.root}")


if __name__ == "__main__":
    main()
