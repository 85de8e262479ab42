"""Lip reading of generated faces, by a lip reader that was trained on real ones.

    python -m avjax.train.ablations.readability READER CORPUS SPLIT TALKER...

READER is weights of a lip reader, of single words or of sentences in GRID's grammar.
TALKER is weights of a talking face, CORPUS the folder of a corpus, SPLIT a split such
as val or val[:100]. Each talker animates every clip by its own audio, with the middle
frame of the clip as reference. Talkers that edit
frames get the frames of the clip played backwards, so that they cannot see the mouths
that they are to produce. The first table has the words that are read correctly
(for sentences: one minus the word error rate), in percent:

    real      in the mouth crops of the corpus, on which the reader was trained
    pasted N  in the mouths of its face crops of N pixels, as coarse as those of a
              talker of this size
    TALKER    in its faces; also relative to `real` and to `pasted`
    still N   in the middle frame alone: what the reader guesses from the language

If the corpus has the times of phones, a second table shows in what fraction of the
phonemes p, b and m the lips are closed, next to the fraction of the frames of open
phonemes; and how often one of the former looks more closed than one of the latter
(chance: 50 %). The same for clips with the audio of the next clip (swapped). The
detector of closed lips was fitted to real mouths of the split `train`.
"""

import collections
import itertools
import pathlib
from collections.abc import Mapping
from fractions import Fraction

import cv2
import numpy as np

import avjax
from avjax.audio.mel import log_mel
from avjax.constants import FPS
from avjax.data import schema
from avjax.data.examples.base import Record
from avjax.data.split_source import open_split
from avjax.faces.crop import crop_box
from avjax.pipelines.talking.audio_talkers import Talker, load_talker
from avjax.pipelines.talking.talker_functions import CHUNK_FRAMES, edits_frames
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.ablations.studies.lip_closures import ClosureDetector
from avjax.train.ablations.studies.mouth_reader import MouthReader, crop_mouths

ENLARGED = 3  # of faces in which landmarks are searched

Talkers = Mapping[str, Talker]
Scores = tuple[np.ndarray, np.ndarray]  # of a clip, from ClosureDetector.scores


def crop_faces(record: Record, size: int) -> np.ndarray:
    """Scale the faces of a clip to the size of a talker, u8 [t s s 3]."""
    box = np.array([0, 0, *record["face"][0].shape[:2]], np.float32)
    return np.stack([crop_box(frame, box, size) for frame in record["face"][:]])


def animate(
    name: str, talker: Talker, wave: np.ndarray, crops: np.ndarray
) -> np.ndarray:
    """Animate the faces of a clip by audio, with the middle frame as reference.

    A talker that edits frames gets those of the clip, played backwards.

    Args:
        name: Name or folder of the talker's weights.
        talker: The talker.
        wave: Audio, i16 [n].
        crops: Face crops, u8 [t s s 3].

    Returns:
        The generated faces, u8 [t s s 3].
    """
    if edits_frames(talker.config):
        return edit_backwards(name, wave, crops)
    mel = log_mel(talker.preprocess_audio(schema.to_float(wave)))
    latents = talker.iter_latents(mel, len(crops), Fraction(FPS))
    reference = crops[len(crops) // 2]
    starts = range(0, len(crops), CHUNK_FRAMES)
    faces = [
        talker.decode_frames(chunk, crops[first : first + CHUNK_FRAMES], reference)
        for first, chunk in zip(starts, latents, strict=True)
    ]
    return np.concatenate(faces)


def edit_backwards(name: str, wave: np.ndarray, crops: np.ndarray) -> np.ndarray:
    """Edit the frames of a clip, played backwards; see `animate`."""
    size = crops.shape[1]
    large = [cv2.resize(crop, None, fx=ENLARGED, fy=ENLARGED) for crop in crops[::-1]]
    video = avjax.talk(np.stack(large), schema.to_float(wave), weights=name)
    frames = itertools.islice(video, len(crops))
    shape = (size, size)
    return np.stack(
        [cv2.resize(f, shape, interpolation=cv2.INTER_AREA) for f in frames]
    )


def mouths_by_row(record: Record, talkers: Talkers) -> dict[str, np.ndarray]:
    """Make the mouth crops of one clip for each row, u8 [t 96 96 1]."""
    rows = {"real": record["mouth"][:]}
    for name, talker in talkers.items():
        size = talker.config.size
        crops = crop_faces(record, size)
        rows[name] = crop_mouths(animate(name, talker, record["wave"], crops))
        if f"pasted {size}" not in rows:
            rows[f"pasted {size}"] = crop_mouths(crops)
            frozen_crops = np.repeat(crops[len(crops) // 2][None], len(crops), axis=0)
            rows[f"still {size}"] = crop_mouths(frozen_crops)
    return rows


def swapped_mouths(
    other: Record, record: Record, talkers: Talkers
) -> dict[str, np.ndarray]:
    """Make the mouth crops of one clip with the audio of another, by row."""
    rows = {}
    for name, talker in talkers.items():
        crops = crop_faces(record, talker.config.size)[: len(other["face"])]
        rows[f"{name}, swapped"] = crop_mouths(
            animate(name, talker, other["wave"], crops)
        )
    return rows


def tabulate_words(errors: Mapping[str, np.ndarray], talkers: Talkers) -> ResultTable:
    """Tabulate the words that were read correctly.

    Args:
        errors: Numbers of errors and of words by row.
        talkers: The talkers by row.

    Returns:
        The table.
    """
    columns = ("mouths", "words, %", "relative to real, %", "relative to pasted, %")
    table = ResultTable("Words read in generated faces", *columns)
    correct = {row: 1 - wrong / words for row, (wrong, words) in errors.items()}
    for row, fraction in correct.items():
        relative = [None, None]
        if row in talkers:
            pasted = correct[f"pasted {talkers[row].config.size}"]
            relative = [100 * fraction / correct["real"], 100 * fraction / pasted]
        table.add(row, 100 * fraction, *relative)
    return table


def tabulate_closures(
    scores: Mapping[str, list[Scores]], threshold: float
) -> ResultTable:
    """Tabulate how often the lips close.

    Args:
        scores: Scores of each clip, by row.
        threshold: Score from which on lips count as closed.

    Returns:
        The table.
    """
    columns = ("closed at p b m, %", "closed at open phonemes, %", "separated, %")
    table = ResultTable("Closed lips", "mouths", *columns, "number of p b m")
    for row, clips in scores.items():
        closed, others = (np.concatenate(parts) for parts in zip(*clips, strict=True))
        fractions = [100 * np.mean(x > threshold) for x in (closed, others)]
        separated = 100 * np.mean(closed[:, None] > others)
        table.add(row, *fractions, separated, len(closed))
    return table


def main() -> None:
    """Read the clips of a split, and print both tables."""
    parser = make_parser(__doc__)
    for name in ("reader", "corpus", "split"):
        parser.add_argument(name, metavar=name.upper())
    parser.add_argument("talkers", nargs="*", metavar="TALKER")
    parser.add_argument(
        "--json-closures",
        type=pathlib.Path,
        metavar="PATH",
        help="write the second table to a file",
    )
    options = parser.parse_args()
    records = open_split(options.corpus, options.split)
    reader = MouthReader(
        options.reader, max(len(record["mouth"]) for record in records)
    )
    talkers = {name: load_talker(name) for name in options.talkers}
    detector = None
    if len(records[0]["phones"]["phone"]):
        detector = ClosureDetector(open_split(options.corpus, "train"))
    errors = collections.defaultdict(lambda: np.zeros(2))
    scores = collections.defaultdict(list)
    for index, record in enumerate(records):
        rows = mouths_by_row(record, talkers)
        for row, mouths in rows.items():
            errors[row] += reader.count_errors(mouths, record["text"])
        if detector is None:
            continue
        for row in rows:
            if not row.startswith("still"):
                scores[row].append(detector.scores(rows[row], record))
        other = records[(index + 1) % len(records)]
        for row, mouths in swapped_mouths(other, record, talkers).items():
            scores[row].append(detector.scores(mouths, other))
    data = f"{len(records)} clips of {options.corpus}, {options.split}"
    tabulate_words(errors, talkers).write(options.json, data=data)
    if detector is not None:
        table = tabulate_closures(scores, float(detector.threshold))
        table.write(options.json_closures, data=data)


if __name__ == "__main__":
    main()
