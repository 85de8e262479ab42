"""Whether lips that were generated can be read, by a reader that has seen real ones.

    python -P tests/bench_readable.py READER CORPUS SPLIT TALKER...

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
"""

import collections
import sys
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from avjax.data import pipeline, schema
from avjax.features import audio, speech
from avjax.features.lips import mouth_pictures
from avjax.inference import decode, grammar, lipread
from avjax.inference.talkers import CHUNK, open_talker
from avjax.media import face
from avjax.metrics.text import word_errors

BEAM = 16


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


def faces_of(record: Mapping, size: int) -> np.ndarray:
    """The faces of a clip at a talker's size: u8 [t s s 3]."""
    whole = np.array([0, 0, *record["face"][0].shape[:2]], np.float32)
    return np.stack([face.crop(each, whole, size) for each in record["face"][:]])


def said_again(talker, record: Mapping, crops: np.ndarray) -> np.ndarray:
    """The faces of a clip, u8 [t s s 3], drawn by its own sound."""
    mel = audio.log_mel(speech.prepare(schema.sound(record["wave"])))
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
        rows[name] = mouths_of(said_again(talker, record, crops))
        if f"pasted {size}" not in rows:
            rows[f"pasted {size}"] = mouths_of(crops)
            still = np.repeat(crops[len(crops) // 2][None], len(crops), axis=0)
            rows[f"still {size}"] = mouths_of(still)
    return rows


def main(reader: str, corpus: str, split: str, *names: str) -> None:
    records = pipeline.source(corpus, split)
    reader = Reader(reader, max(len(record["mouth"]) for record in records))
    talkers = {name: open_talker(name) for name in names}
    errors = collections.defaultdict(lambda: np.zeros(2))
    for record in records:
        for name, mouths in rows_of(record, talkers).items():
            errors[name] += reader.errors(mouths, record["text"])
    right = {name: 1 - wrong / words for name, (wrong, words) in errors.items()}
    for name, share in right.items():
        print(f"{name}: {share:.1%} of words", end="")
        if name in talkers:
            pasted = right[f"pasted {talkers[name].config.size}"]
            relative = f"{share / right['real']:.1%} of real"
            print(f", {relative}, {share / pasted:.1%} of pasted", end="")
        print()


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
