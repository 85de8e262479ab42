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

import numpy as np

from avjax.audio.loudness import find_pauses
from avjax.constants import FPS, SAMPLES_PER_FRAME
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
from avjax.train.ablations.studies.talking_clips import (
    TalkingClip,
    join_clips,
    read_clips,
    vary_clip,
)

MIN_SHIFT, MAX_SHIFT = 5, 15  # frames of the windows that are out of step
WINDOW_STEP = 6  # frames from one window to the next
MAX_PAUSE = 0.4  # of a window


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
