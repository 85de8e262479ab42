"""Whether lips that were generated can be read, by a reader that has seen real ones.

    python -P tests/bench_readable.py READER CORPUS TALKER...

READER is the weights of single words or of sentences in GRID's grammar, TALKER those of
a talking face (bundled names or folders), CORPUS the folder of a corpus, of which the
split `test` is read.  Each talker says every clip by its own sound, with the frame in
the middle of the clip as its reference.

Told are words read rightly, in percent (of sentences: one less the word error):

    real      from the mouth crops of the corpus, which the reader was trained on
    pasted    from the mouths in its face crops, which are as coarse as generated ones
    a talker  from its faces; and relative, as a share of `pasted`
    still     from the frame in the middle alone: what the context of words gives
"""

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


def said_again(talker, record: Mapping) -> np.ndarray:
    """The faces of a clip, drawn by its own sound: u8 [t s s 3]."""
    faces, size = record["face"], talker.config.size
    whole = np.array([0, 0, *faces[0].shape[:2]], np.float32)
    crops = np.stack([face.crop(faces[i], whole, size) for i in range(len(faces))])
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


def main(reader: str, corpus: str, *names: str) -> None:
    records = pipeline.source(corpus, "test")
    reader = Reader(reader, max(len(record["mouth"]) for record in records))
    talkers = {name: open_talker(name) for name in names}
    errors = {}
    for record in records:
        real, count = record["face"][:], len(record["face"])
        rows = {
            "real": record["mouth"][:],
            "pasted": mouths_of(real),
            "still": mouths_of(np.repeat(real[count // 2][None], count, axis=0)),
        }
        for name, talker in talkers.items():
            rows[name] = mouths_of(said_again(talker, record))
        for name, mouths in rows.items():
            found = reader.errors(mouths, record["text"])
            errors[name] = errors.get(name, 0) + found
    right = {name: 1 - wrong / words for name, (wrong, words) in errors.items()}
    for name, share in right.items():
        relative = f", {share / right['pasted']:.1%} of pasted" if name in names else ""
        print(f"{name}: {share:.1%} of words{relative}")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
