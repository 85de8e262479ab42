"""Whether lips that were generated can be read, by a reader that has seen real ones.

    python -m avjax.train.ablations.readable READER CORPUS SPLIT TALKER...

READER is the weights of single words or of sentences in GRID's grammar, TALKER those of
a talking face (bundled names or folders), CORPUS the folder of a corpus, SPLIT such as
test or test[:100].  Each talker says every clip by its own sound, with the frame in the
middle of the clip as its reference.

Told are words read rightly, in percent (of sentences: one less the word error):

    real      from the mouth crops of the corpus, which the reader was trained on
    pasted N  from the mouths in its face crops of N pixels, which are as coarse as
              those of a talker of that size
    a talker  from its faces; and relative, as a share of `real` and of its `pasted`
    still N   from the frame in the middle alone: what the context of words gives

and, where the corpus knows when each sound is said, the share of p, b and m at which
the lips are shut, beside that of other sounds; and apart, how often one of the former
looks more shut than one of the latter (50 %: knowing nothing).  The same of clips that
are said by the sound of the next (swapped).  A discriminant tells shut lips, which real
mouths of the split `train` have taught; it finds 19 of 20 such sounds shut there.
"""

import collections
import sys
from collections.abc import Mapping
from fractions import Fraction

import cv2
import numpy as np

from avjax.algorithms import ctc as decode
from avjax.audio import mel as audio
from avjax.data import loader as pipeline
from avjax.data import schema
from avjax.media import face
from avjax.media.mouth_crop import mouth_pictures
from avjax.metrics.error_rate import word_errors
from avjax.pipelines import lipread
from avjax.pipelines.audio_talkers import CHUNK, open_talker
from avjax.text import grammar
from avjax.text import phonemes as phones

BEAM = 16
SIDE, AXES = 24, 40  # of a mouth that is told shut or open: pixels, principal axes
FOUND = 0.95  # share of the sounds that teach it
BILABIAL, OPEN = 1, (3, 4, 5, 6, 7, 8)  # classes of sounds: not the teeth on the lip


class Reader:
    """Weights that read, and how long the longest clip is."""

    def __init__(self, name: str, frames: int):
        self.config, self.variables = lipread.load(name)
        self.frames = frames
        words = self.config.task == "words"
        self.rules = None if words else grammar.load("grid", self.config.symbols)

    def errors(self, mouths: np.ndarray, text: str) -> np.ndarray:
        """mouths u8 [t 96 96 1] -> (errors, words)."""
        count = len(mouths)
        pictures = mouth_pictures(mouths, self.config.size)
        filled = ((0, self.frames - count), *((0, 0),) * 3)
        pictures = np.pad(pictures, filled, "edge")
        exists = (np.arange(self.frames) < count).astype(np.float32)
        ask = lipread.program(self.config)
        answer = np.asarray(ask(self.variables, pictures[None], exists[None]))[0]
        said = answer[: count * self.config.steps]
        return np.array(word_errors(text, self.spell(said)))

    def spell(self, answer: np.ndarray) -> str:
        symbols = self.config.symbols
        if self.config.task == "words":
            return symbols[int(np.argmax(np.mean(answer, axis=0)))]
        ids = decode.beam_search(answer, BEAM, self.rules)
        return "".join(symbols[number] for number in ids)


class Shut:
    """Fisher's discriminant of mouths at p, b and m, among those at other sounds."""

    def __init__(self, records):
        seen = [(small(each["mouth"][:]), closing(each)) for each in records]
        pictures = np.concatenate([mouths for mouths, _ in seen])
        kinds = np.concatenate([kinds for _, (kinds, _) in seen])
        self.mean = pictures[kinds >= 0].mean(axis=0)
        _, sizes, axes = np.linalg.svd(pictures[kinds >= 0] - self.mean, False)
        self.axes = (axes[:AXES] / sizes[:AXES, None]).T
        ours, others = (
            (pictures[kinds == kind] - self.mean) @ self.axes for kind in (1, 0)
        )
        within = (np.cov(ours.T) + np.cov(others.T)) / 2
        self.weights = np.linalg.solve(within, ours.mean(axis=0) - others.mean(axis=0))
        found = [self.best(mouths, begins) for mouths, (_, begins) in seen]
        self.least = np.quantile(np.concatenate(found), 1 - FOUND)

    def best(self, mouths: np.ndarray, begins: np.ndarray) -> np.ndarray:
        """How shut they are around each of these frames, at the most."""
        told = (mouths - self.mean) @ self.axes @ self.weights
        return np.array([told[max(at - 2, 0) : at + 2].max() for at in begins])

    def ask(self, mouths: np.ndarray, record: Mapping) -> tuple[np.ndarray, ...]:
        """How shut mouths are at each p b m, and at each frame of other sounds."""
        kinds, begins = closing(record, len(mouths))
        mouths = small(mouths)
        return tuple(
            self.best(mouths, at) for at in (begins, np.flatnonzero(kinds == 0))
        )


def small(mouths: np.ndarray) -> np.ndarray:
    """u8 [t h w 1] -> [t d], about the mean of the clip."""
    size = SIDE, SIDE
    pictures = [cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in mouths]
    pictures = np.stack(pictures).reshape(len(mouths), -1) / np.float32(255)
    return pictures - pictures.mean(axis=0)


def closing(record: Mapping, frames: int | None = None) -> tuple:
    """Which frames shut lips: 1, 0, or -1 for neither; and where such sounds begin."""
    moments = np.arange(frames or len(record["mouth"])) / schema.FPS
    sounds = phones.classes_at(record["phones"], moments)
    ours = sounds == BILABIAL
    begins = np.flatnonzero(ours & ~np.pad(ours, (1, 0))[:-1])
    near = np.convolve(ours, np.ones(7))[3:-3] > 0
    kinds = np.where(np.isin(sounds, OPEN) & ~near, 0, -1)
    kinds[np.maximum(begins[:, None] - [[0, 1]], 0)] = 1
    return kinds, begins


def faces_of(record: Mapping, size: int) -> np.ndarray:
    """The faces of a clip at a talker's size: u8 [t s s 3]."""
    whole = np.array([0, 0, *record["face"][0].shape[:2]], np.float32)
    return np.stack([face.crop(each, whole, size) for each in record["face"][:]])


def said_again(talker, wave: np.ndarray, crops: np.ndarray) -> np.ndarray:
    """The faces of a clip, u8 [t s s 3], drawn by a sound, i16 [n]."""
    mel = audio.log_mel(talker.heard(schema.sound(wave)))
    told = talker.tell(mel, len(crops), Fraction(schema.FPS))
    reference = crops[len(crops) // 2]
    parts = [
        talker.draw(part, crops[at : at + CHUNK], reference)
        for at, part in zip(range(0, len(crops), CHUNK), told, strict=True)
    ]
    return np.concatenate(parts)


def mouths_of(faces: np.ndarray) -> np.ndarray:
    """Face crops u8 [t s s 3] -> mouth crops u8 [t 96 96 1]."""
    box = np.array([0, 0, *faces.shape[1:3]], np.float32)
    return np.stack([face.mouth(frame, box) for frame in faces])


def rows_of(record: Mapping, talkers: Mapping) -> Mapping[str, np.ndarray]:
    """The mouths to be read of one clip, u8 [t 96 96 1], by what drew them."""
    rows = {"real": record["mouth"][:]}
    for name, talker in talkers.items():
        size = talker.config.size
        crops = faces_of(record, size)
        rows[name] = mouths_of(said_again(talker, record["wave"], crops))
        if f"pasted {size}" not in rows:
            rows[f"pasted {size}"] = mouths_of(crops)
            still = np.repeat(crops[len(crops) // 2][None], len(crops), axis=0)
            rows[f"still {size}"] = mouths_of(still)
    return rows


def swapped_rows(other: Mapping, record: Mapping, talkers: Mapping) -> Mapping:
    """The mouths of a clip, drawn by the sound of another as far as both last."""
    return {
        f"{name}, swapped": mouths_of(said_again(talker, other["wave"], shown))
        for name, talker in talkers.items()
        for shown in [faces_of(record, talker.config.size)[: len(other["face"])]]
    }


def tell_words(errors: Mapping[str, np.ndarray], talkers: Mapping) -> None:
    """Prints how much is understood.  errors: {row: (errors, words)}"""
    right = {row: 1 - wrong / words for row, (wrong, words) in errors.items()}
    for row, share in right.items():
        print(f"{row}: {share:.1%} of words", end="")
        if row in talkers:
            pasted = right[f"pasted {talkers[row].config.size}"]
            relative = f"{share / right['real']:.1%} of real"
            print(f", {relative}, {share / pasted:.1%} of pasted", end="")
        print()


def tell_shut(found: Mapping[str, list], least: float) -> None:
    """Prints how often lips shut at the sounds that shut them."""
    for row, clips in found.items():
        ours, others = (np.concatenate(parts) for parts in zip(*clips, strict=True))
        shares = [np.mean(scores > least) for scores in (ours, others)]
        apart = np.mean(ours[:, None] > others)
        told = "shut at {:.1%} of p b m and at {:.1%} of others, apart {:.1%}"
        print(f"{row}: {told.format(*shares, apart)}, {len(ours)} sounds")


def main(reader: str, corpus: str, split: str, *names: str) -> None:
    records = pipeline.source(corpus, split)
    reader = Reader(reader, max(len(record["mouth"]) for record in records))
    talkers = {name: open_talker(name) for name in names}
    timed = len(records[0]["phones"]["phone"])
    shut = Shut(pipeline.source(corpus, "train")) if timed else None
    errors = collections.defaultdict(lambda: np.zeros(2))
    scores = collections.defaultdict(list)
    for index, record in enumerate(records):
        rows = rows_of(record, talkers)
        for row, mouths in rows.items():
            errors[row] += reader.errors(mouths, record["text"])
        if shut is None:
            continue
        for row in [row for row in rows if not row.startswith("still")]:
            scores[row].append(shut.ask(rows[row], record))
        other = records[(index + 1) % len(records)]
        for row, mouths in swapped_rows(other, record, talkers).items():
            scores[row].append(shut.ask(mouths, other))
    tell_words(errors, talkers)
    if shut is not None:
        tell_shut(scores, shut.least)


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
