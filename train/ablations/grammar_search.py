"""Lip reading with a grammar: the exact search, and beam searches of several widths.

    AVJAX_REAL=/path/to/real python -m avjax.train.ablations.grammar_search

`bridging-grid-s1` reads the forty validation clips of GRID's speaker s1, which it
knows, and all clips of other speakers, which it does not know, in AVJAX_REAL/grid.
Every search gets the same outputs of the network. Printed are:

    word error   in percent
    missed       clips with a sentence that is less likely than that of another search;
                 the likelihood is summed over all alignments of the sentence
    nats         by which the likelihood is lower then, in the mean over all clips
    ms           of the search, in the mean
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from avjax.algorithms.ctc import beam_search
from avjax.algorithms.ctc_exact import exact_search
from avjax.algorithms.ctc_segments import blank_missing_faces, trim_spaces
from avjax.data.builders.grid import GridClip, GridSource, words_from_name
from avjax.faces.mouth_video import open_mouth_video, run_windows
from avjax.metrics.error_rate import word_edit_counts
from avjax.pipelines.lipread import LipReader, jit_read, load_lip_reader
from avjax.text.tokenizer import BLANK, SPACE, to_text
from avjax.train.ablations.results import (
    ResultTable,
    make_parser,
    real_clips_folder,
)

WIDTHS = 1, 4, 16, 100, 1000
TOLERANCE = 1e-6  # nats
COLUMNS = "clips", "search", "word error, %", "missed", "nats", "ms"

Search = Callable[[np.ndarray], np.ndarray]


class SearchResult(NamedTuple):
    """What one search finds in one clip.

    Attributes:
        edits: Number of wrong words.
        words: Number of words of the sentence.
        score: Log-likelihood of what was found.
        seconds: Duration of the search.
    """

    edits: int
    words: int
    score: float
    seconds: float


def log_likelihood(log_probs: np.ndarray, ids: np.ndarray) -> float:
    """Sum the probabilities of all alignments of a sentence.

    Args:
        log_probs: Log-probabilities, [t v].
        ids: Symbols, [l].

    Returns:
        The logarithm of the sum.
    """
    labels = np.full(2 * len(ids) + 1, BLANK)
    labels[1::2] = ids
    skips = np.zeros(len(labels), bool)  # where the blank before may be left out
    skips[3::2] = ids[1:] != ids[:-1]
    rows = np.asarray(log_probs, np.float64)[:, labels]
    scores = np.where(np.arange(len(labels)) < 2, rows[0], -np.inf)
    for row in rows[1:]:
        padded = np.pad(scores, (2, 0), constant_values=-np.inf)
        stayed = np.logaddexp(scores, padded[1:-1])
        scores = np.logaddexp(stayed, np.where(skips, padded[:-2], -np.inf)) + row
    return float(np.logaddexp.reduce(scores[-2:]))


def read_outputs(reader: LipReader, clip: GridClip) -> np.ndarray:
    """Run the network on a clip -> log-probabilities for the search, [t v]."""
    video = open_mouth_video(clip.video)
    video = dataclasses.replace(video, lower_face=reader.config.reference_compat)
    network = functools.partial(jit_read(reader.config), reader.variables)
    output = run_windows(video, reader.config.size, network, False)
    found = np.repeat(video.face_found, reader.config.outputs_per_frame)
    space = reader.config.symbols.index(SPACE)
    return trim_spaces(blank_missing_faces(output, found), space)


def make_searches(reader: LipReader) -> dict[str, Search]:
    """Make the searches, by their names in the table."""
    grammar = reader.grammar
    assert grammar is not None
    searches: dict[str, Search] = {
        f"beam {width}": functools.partial(beam_search, beam=width, grammar=grammar)
        for width in WIDTHS
    }

    def exact(log_probs: np.ndarray) -> np.ndarray:
        ids = exact_search(log_probs, grammar)
        assert ids is not None, "the search was not exact"
        return ids

    return searches | {"exact": exact}


def run_searches(
    reader: LipReader, clip: GridClip, searches: Mapping[str, Search]
) -> Iterator[SearchResult]:
    """Run all searches on one clip."""
    log_probs = read_outputs(reader, clip)
    target = " ".join(words_from_name(clip.video.stem))
    for search in searches.values():
        start = time.perf_counter()
        ids = search(log_probs)
        seconds = time.perf_counter() - start
        edits, words = word_edit_counts(target, to_text(ids, reader.config.symbols))
        yield SearchResult(edits, words, log_likelihood(log_probs, ids), seconds)


def main() -> None:
    """Read the clips, and print the table."""
    parser = make_parser(__doc__)
    options = parser.parse_args()
    folder = real_clips_folder(parser) / "grid"
    splits = GridSource(str(folder)).list_clips()
    reader = load_lip_reader("bridging-grid-s1", grammar="grid")
    searches = make_searches(reader)
    table = ResultTable("Search of sentences with GRID's grammar", *COLUMNS)
    counts = {"s1, validation": splits["val"], "other speakers": splits["unseen"]}
    for name, clips in counts.items():
        results = [list(run_searches(reader, clip, searches)) for clip in clips]
        edits, words, scores, seconds = np.moveaxis(np.array(results), 2, 0)
        missing = scores.max(axis=1, keepdims=True) - scores
        for number, search in enumerate(searches):
            table.add(
                name if number == 0 else "",
                search,
                100 * edits[:, number].sum() / words[:, number].sum(),
                int(np.sum(missing[:, number] > TOLERANCE)),
                float(np.mean(missing[:, number])),
                1000 * float(np.mean(seconds[:, number])),
            )
    known, other = (len(clips) for clips in counts.values())
    data = f"GRID: {known} validation clips of s1, {other} clips of other speakers"
    table.write(options.json, data=data)


if __name__ == "__main__":
    main()
