"""Letters or phones: which symbols a reader of sentences reads words better by.

    python -m avjax.train.ablations.symbols CORPUS [READER...]

CORPUS holds sentences in GRID's grammar, with the times of words and phones.  Without
a READER the overrides are printed that train one on phones.  A READER is weights of
sentences, of either alphabet (a bundled name or a folder).  Each clip of the split
`test` is read from the lips alone by GRID's grammar, in which a word of a reader of
phones may be said in every way that is heard at least five times while training.
"""

import collections
import sys

import numpy as np

from avjax.algorithms import ctc as decode
from avjax.data import loader as pipeline
from avjax.data.examples.lipreading import ReadClip
from avjax.metrics.error_rate import word_errors
from avjax.pipelines import lipread
from avjax.text import grammar
from avjax.text.tokenizer import CHARACTERS

BEAM = 16
HEARD = 5  # times, of a way to say a word that counts


def ways(corpus: str) -> dict[str, list[tuple[str, ...]]]:
    """How each word is said: {word: [phones of a way]}, the commonest first."""
    counts = collections.defaultdict(collections.Counter)
    for record in pipeline.source(corpus, "train"):
        middles = (record["phones"]["start"] + record["phones"]["end"]) / 2
        said = np.array(record["phones"]["phone"])
        spans = (record["words"][key] for key in ("word", "start", "end"))
        for word, start, end in zip(*spans, strict=True):
            inside = said[(start <= middles) & (middles < end)]
            counts[word][tuple(map(str, inside))] += 1
    return {
        word: [way for way, count in found.most_common() if count >= HEARD and way]
        for word, found in counts.items()
    }


class Spelling:
    """GRID's grammar in the alphabet of a reader."""

    def __init__(self, symbols: tuple[str, ...], said: dict[str, list]):
        places = grammar.parse((grammar.SHIPPED / "grid.txt").read_text())[0]
        self.symbols = symbols
        self.places = [
            {tuple(word): word for word in place.words}
            if symbols == CHARACTERS
            else {way: word for word in place.words for way in said.get(word, ())}
            for place in places
        ]
        forms = [[grammar.Place(list(place)) for place in self.places]]
        self.rules = grammar.Grammar(forms, symbols)

    def words(self, ids: np.ndarray) -> str:
        """Symbols of a sentence -> its words; nothing, if it is none."""
        said = tuple(self.symbols[number] for number in ids)
        said = tuple(symbol for symbol in said if symbol != " ")
        ends = {0: ""}  # {symbols used: the words so far}
        for place in self.places:
            ends = {
                begin + len(way): f"{text} {word}"
                for begin, text in ends.items()
                for way, word in place.items()
                if said[begin : begin + len(way)] == way
            }
        return ends.get(len(said), "").strip()


def errors(reader: str, corpus: str, said: dict[str, list]) -> np.ndarray:
    """(errors, words) of all clips of a corpus."""
    config, variables = lipread.load(reader)
    spelling = Spelling(config.symbols, said)
    records = pipeline.source(corpus, "test")
    frames = max(len(record["mouth"]) for record in records)
    window = ReadClip(frames, config.size)
    read, found = lipread.program(config), np.zeros(2)
    for record in records:
        clip = window.at(record, 0, 1)
        given = clip["lips"][None], clip["mask"][None]
        answer = read(variables, *given)[0]
        steps = int(np.sum(clip["mask"])) * config.steps
        heard = np.asarray(answer)[:steps]
        ids = decode.beam_search(heard, BEAM, spelling.rules)
        found += word_errors(record["text"], spelling.words(ids))
    return found


def main(corpus: str, *readers: str) -> None:
    said = ways(corpus)
    if not readers:
        symbols = sorted({p for found in said.values() for way in found for p in way})
        listed = ["", *symbols]
        for window in ("train.window", "evals.test.window"):
            print(f'{window}.of=phones "{window}.symbols={listed}"')
        print(f'"task.model.symbols={listed}" task.grammar=')
    for reader in readers:
        wrong, words = errors(reader, corpus, said)
        print(f"{reader}: {wrong / words:.1%} of {words:.0f} words are read wrongly")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
