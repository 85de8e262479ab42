"""Lip reading by letters or by phones: the alphabet with the lower word error rate.

    python -m avjax.train.ablations.symbols CORPUS [READER...]

CORPUS holds sentences in GRID's grammar, with the times of words and phones. READER is
weights of a lip reader of sentences, of either alphabet. Without a READER, the
overrides are printed that train a reader on phones. Each clip of the split `val` is
read from the lips alone with GRID's grammar. For a reader of phones, a word may have
each pronunciation that occurs at least five times in the training clips.
"""

import collections
from collections.abc import Mapping, Sequence

import numpy as np

from avjax.algorithms import ctc
from avjax.data.examples.lipreading import LipreadClip
from avjax.data.split_source import open_split
from avjax.metrics.error_rate import word_edit_counts
from avjax.pipelines import lipread
from avjax.text.grammar import GRAMMAR_FOLDER, Grammar, Slot, parse_grammar
from avjax.text.tokenizer import CHARACTERS
from avjax.train.ablations.results import ResultTable, make_parser

BEAM = 16
MIN_COUNT = 5  # occurrences of a pronunciation in the training clips

Pronunciations = Mapping[str, Sequence[tuple[str, ...]]]  # {word: [phones]}


def count_pronunciations(corpus: str) -> Pronunciations:
    """Collect the pronunciations of each word in the training clips.

    Args:
        corpus: Folder of the corpus.

    Returns:
        Pronunciations by word, the most frequent first.
    """
    counts = collections.defaultdict(collections.Counter)
    for record in open_split(corpus, "train"):
        middles = (record["phones"]["start"] + record["phones"]["end"]) / 2
        phones = np.array(record["phones"]["phone"])
        columns = (record["words"][key] for key in ("word", "start", "end"))
        for word, start, end in zip(*columns, strict=True):
            inside = phones[(start <= middles) & (middles < end)]
            counts[word][tuple(map(str, inside))] += 1
    return {
        word: [
            phones
            for phones, count in counter.most_common()
            if count >= MIN_COUNT and phones
        ]
        for word, counter in counts.items()
    }


class GridSpelling:
    """GRID's grammar in the alphabet of a lip reader."""

    def __init__(self, symbols: tuple[str, ...], pronunciations: Pronunciations):
        """Spell the grammar.

        Args:
            symbols: Alphabet of the reader.
            pronunciations: Pronunciations by word, for a reader of phones.
        """
        (form,) = parse_grammar((GRAMMAR_FOLDER / "grid.txt").read_text())
        self.symbols = symbols
        self.slots: list[dict[tuple[str, ...], str]] = []  # {symbols: word}
        for slot in form:
            words = [str(word) for word in slot.words]
            if symbols == CHARACTERS:
                spelling = {tuple(word): word for word in words}
            else:
                spelling = {
                    phones: word
                    for word in words
                    for phones in pronunciations.get(word, ())
                }
            self.slots.append(spelling)
        self.grammar = Grammar([[Slot(list(slot)) for slot in self.slots]], symbols)

    def to_words(self, ids: np.ndarray) -> str:
        """Convert the symbols of a sentence to its words.

        Args:
            ids: Numbers of the symbols.

        Returns:
            The words; empty if they are no sentence of the grammar.
        """
        symbols = tuple(self.symbols[number] for number in ids)
        symbols = tuple(symbol for symbol in symbols if symbol != " ")
        prefixes = {0: ""}  # {number of symbols: their words}
        for slot in self.slots:
            prefixes = {
                start + len(spelling): f"{text} {word}"
                for start, text in prefixes.items()
                for spelling, word in slot.items()
                if symbols[start : start + len(spelling)] == spelling
            }
        return prefixes.get(len(symbols), "").strip()


def count_errors(
    reader: str, corpus: str, pronunciations: Pronunciations
) -> np.ndarray:
    """Read all validation clips.

    Args:
        reader: Weights of the lip reader.
        corpus: Folder of the corpus.
        pronunciations: Pronunciations by word.

    Returns:
        Numbers of errors and of words, [2].
    """
    config, variables = lipread.load_network(reader)
    spelling = GridSpelling(config.symbols, pronunciations)
    records = open_split(corpus, "val")
    num_frames = max(len(record["mouth"]) for record in records)
    transform = LipreadClip(num_frames, config.size)
    network, counts = lipread.jit_read(config), np.zeros(2)
    for record in records:
        example = transform.at(record, 0, 1)
        mask = example["frame_mask"]
        output = np.asarray(network(variables, example["lips"][None], mask[None])[0])
        output = output[: int(np.sum(mask)) * config.outputs_per_frame]
        ids = ctc.beam_search(output, BEAM, spelling.grammar)
        counts += word_edit_counts(record["text"], spelling.to_words(ids))
    return counts


def print_overrides(pronunciations: Pronunciations) -> None:
    """Print the overrides of `avjax train` that train a reader on phones."""
    phones = {p for forms in pronunciations.values() for form in forms for p in form}
    symbols = ["", *sorted(phones)]
    for transform in ("train.transform", "evals.val.transform"):
        print(f'{transform}.label_unit=phones "{transform}.vocabulary={symbols}"')
    print(f'"task.model.symbols={symbols}" task.grammar=')


def main() -> None:
    """Measure lip readers, or print how to train one on phones."""
    parser = make_parser(__doc__)
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("readers", metavar="READER", nargs="*")
    options = parser.parse_args()
    pronunciations = count_pronunciations(options.corpus)
    if not options.readers:
        print_overrides(pronunciations)
        return
    title = "Lip reading by letters or by phones"
    table = ResultTable(title, "lip reader", "word error rate, %", "words")
    for reader in options.readers:
        errors, words = count_errors(reader, options.corpus, pronunciations)
        table.add(reader, 100 * errors / words, int(words))
    table.write(options.json, data=f"validation clips of {options.corpus}")


if __name__ == "__main__":
    main()
