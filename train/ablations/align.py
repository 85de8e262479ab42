"""Errors of forced alignment on a corpus with known times of phones and words.

    python -m avjax.train.ablations.align WEIGHTS CORPUS [SPLIT]

WEIGHTS is weights of an aligner. The baseline needs no training: all phonemes have the
same duration, between the beginning and the end of speech.
"""

from collections.abc import Sequence

import numpy as np

from avjax.audio.loudness import speech_span
from avjax.data import schema
from avjax.data.examples.alignment import alignment_words, label_intervals
from avjax.data.split_source import open_split
from avjax.pipelines.align import Alignment, load_aligner
from avjax.text.alignment_graph import UNKNOWN_TIME, AlignmentWord
from avjax.text.intervals import Interval
from avjax.text.phonemes import to_phoneme_ids
from avjax.train.ablations.results import ResultTable, make_parser

TOLERANCES_MS = 20, 40, 80
LANGUAGE = "en-gb"


def align_evenly(wave: np.ndarray, words: Sequence[AlignmentWord]) -> Alignment:
    """Align words by equal durations of all phonemes.

    Args:
        wave: Waveform f32 [n] at 16 kHz.
        words: The words with their phones.

    Returns:
        The times of phones and words.
    """
    start, end = speech_span(wave)
    phones = [phone for word in words for phone in word.phones]
    lengths = [len(to_phoneme_ids(phone)) for phone in phones]
    edges = np.cumsum([0, *lengths])
    edges = (start + (end - start) * edges / edges[-1]).tolist()
    firsts = np.cumsum([0, *(len(word.phones) for word in words)]).tolist()
    return Alignment(
        phones=tuple(map(Interval, phones, edges[:-1], edges[1:])),
        words=tuple(
            Interval(word.word, edges[first], edges[last])
            for word, first, last in zip(words, firsts[:-1], firsts[1:], strict=True)
        ),
    )


def edge_errors(pred: Sequence[Interval], target: Sequence[Interval]) -> list[float]:
    """Compute the errors of all edges.

    Args:
        pred: Intervals that were found.
        target: True intervals.

    Returns:
        Milliseconds by which edges are late; empty if the numbers of intervals differ.
    """
    if len(pred) != len(target):
        return []
    return [
        1000 * (time - true_time)
        for interval, true_interval in zip(pred, target, strict=True)
        for time, true_time in zip(interval[1:], true_interval[1:], strict=True)
    ]


def main() -> None:
    """Align the clips of a split, and print the errors."""
    parser = make_parser(__doc__)
    parser.add_argument("weights", metavar="WEIGHTS")
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("split", metavar="SPLIT", nargs="?", default="val")
    options = parser.parse_args()
    aligner, errors = load_aligner(options.weights), {}
    records = open_split(options.corpus, options.split)
    for record in records:
        wave = schema.to_float(record["wave"])
        words = [
            word._replace(start=UNKNOWN_TIME, end=UNKNOWN_TIME)
            for word in alignment_words(record, LANGUAGE)
            if word.phones
        ]
        phones = label_intervals(record["phones"], "phone")
        timed_words = label_intervals(record["words"], "word")
        for name, pred in (
            (options.weights, aligner.align(wave, words)),
            ("equal durations", align_evenly(wave, words)),
        ):
            for label, timed, target in (
                ("phones", pred.phones, phones),
                ("words", pred.words, timed_words),
            ):
                errors.setdefault((name, label), []).extend(edge_errors(timed, target))
    within = [f"within {ms} ms, %" for ms in TOLERANCES_MS]
    columns = ("mean error, ms", "median error, ms", "median delay, ms")
    table = ResultTable(
        "Forced alignment", "aligner", "edges of", "edges", *columns, *within
    )
    for (name, label), late in errors.items():
        if distance := np.abs(late).tolist():
            fractions = [
                100 * np.mean(np.array(distance) <= ms) for ms in TOLERANCES_MS
            ]
            mean, median = np.mean(distance), np.median(distance)
            row = (name, label, len(distance), mean, median, np.median(late))
            table.add(*row, *fractions)
    table.write(
        options.json,
        data=f"{len(records)} clips of {options.corpus}, {options.split}",
    )


if __name__ == "__main__":
    main()
