"""How well an aligner finds the edges of sounds and words that a corpus tells.

    python -m avjax.train.ablations.align WEIGHTS CORPUS [SPLIT]

Beside it the same of nothing learnt: all sounds equally long where somebody speaks.
"""

import sys

import numpy as np

from avjax.audio import loudness as speech
from avjax.data import loader as pipeline
from avjax.data import schema
from avjax.data.examples.alignment import spans_in, words_of
from avjax.pipelines.align import Alignment, open_aligner
from avjax.text.alignment_graph import UNKNOWN
from avjax.text.phonemes import sounds_of

WITHIN = 20, 40, 80  # ms


def evenly(wave, words) -> Alignment:
    """Phones as long as their sounds are many."""
    begin, end = speech.loud_span(wave)
    said = [
        (number, phone) for number, word in enumerate(words) for phone in word.phones
    ]
    edges = np.cumsum([0, *(len(sounds_of(phone)) for _, phone in said)])
    edges = begin + (end - begin) * edges / edges[-1]
    phones = [(p, *edges[i : i + 2]) for i, (_, p) in enumerate(said)]
    owners = np.array([number for number, _ in said])
    spans = [
        (
            word.word,
            *edges[
                [np.flatnonzero(owners == n)[0], np.flatnonzero(owners == n)[-1] + 1]
            ],
        )
        for n, word in enumerate(words)
    ]
    return Alignment(tuple(phones), tuple(spans))


def distances(found, truth) -> list[float]:
    """ms from the true edges, of as many spans."""
    found, truth = list(found), list(truth)
    if len(found) != len(truth):
        return []
    return [
        1000 * (there - here)
        for one, other in zip(found, truth, strict=True)
        for there, here in zip(one[1:], other[1:], strict=True)
    ]


def main(name: str, root: str, split: str = "test") -> None:
    listener, off = open_aligner(name), {}
    for record in pipeline.source(root, split):
        wave = schema.sound(record["wave"])
        words = [
            word._replace(start=UNKNOWN, end=UNKNOWN)
            for word in words_of(record, "en-gb")
            if word.phones
        ]
        known = {key: [*spans_in(record[f"{key}s"], key)] for key in ("phone", "word")}
        for who, found in (
            (name, listener.align(wave, words)),
            ("evenly", evenly(wave, words)),
        ):
            for key, spans in zip(("phone", "word"), found, strict=True):
                off.setdefault((who, key), []).extend(distances(spans, known[key]))
    for (who, key), errors in off.items():
        away = np.abs(errors)
        if len(away):
            shares = [f"{100 * np.mean(away <= ms):.0f} % in {ms} ms" for ms in WITHIN]
            mean = f"mean {away.mean():.1f} ms, median {np.median(away):.1f}"
            late = f"late by {np.median(errors):+.1f}"
            print(
                f"{who}, {key}s ({len(away)} edges): {mean}, {late}", *shares, sep=", "
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
