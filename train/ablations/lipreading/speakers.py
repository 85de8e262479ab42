"""Lip reading of speakers that the reader has not seen, and adaptation to them.

    python -m avjax.train.ablations.lipreading.speakers CORPUS OUT [--steps N]
        [--adapt-steps N] [--json PATH]

CORPUS is of `avjax data build grid`, from many recordings of s1 and at least twelve of
some other speakers, who are in its split `unseen`. OUT keeps the runs: a stopped study
goes on. Each speaker in turn is held out:

    s1             `bridging-grid-s1`, as it is
    others         trained on the clips of all other speakers; for s1 it starts from
                   `bridging-puppet`, for the rest from `bridging-grid-s1`
    others + ten   the reader above, trained further on ten clips of the held-out
                   speaker

A speaker is measured on the same clips in all rows: s1 on the split `val`, the others
on those that are not among the last ten, and on those that are not among the first
ten, each by a reader that was adapted to these ten clips. The numbers of steps were not
chosen on these speakers.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from avjax.data.split_source import open_split
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.ablations.studies.split_parts import measure
from avjax.train.experiments.bridging import bridging_grid
from avjax.train.loop import fit

KNOWN = "s1"  # the speaker of the splits train and val
READER, START = "bridging-grid-s1", "bridging-puppet"
NUM_ADAPT = 10  # clips
METRICS = "val/wer", "val/wer_grammar"
ADAPT_RATE = 1e-3  # learning rate of the adaptation


class Fold(NamedTuple):
    """Clips of one speaker, as splits of the corpus.

    Attributes:
        adapt: Clips to adapt to.
        held: Clips to measure, of six words each, none of which is in `adapt`.
    """

    adapt: str
    held: str


def main() -> None:
    """Train, adapt and measure readers for all speakers, and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("out", type=pathlib.Path, metavar="OUT")
    parser.add_argument("--steps", type=int, default=300, help="(default: %(default)s)")
    parser.add_argument(
        "--adapt-steps", type=int, default=60, help="(default: %(default)s)"
    )
    options = parser.parse_args()
    study = SpeakerStudy(
        options.corpus, options.out, options.steps, options.adapt_steps
    )
    ranges = speaker_ranges(options.corpus)
    table = ResultTable(
        "Speakers that the lip reader has not seen",
        *("speaker", "trained on", "clips", "word error, %", "with grammar, %"),
    )
    for speaker in (KNOWN, *ranges):
        folds = make_folds(ranges, speaker)
        others = [part for name, part in ranges.items() if name != speaker]
        start = START
        if speaker != KNOWN:
            start, others = READER, ["train", *others]
            table.add(speaker, KNOWN, *study.errors([start] * len(folds), folds))
        base = study.train(speaker, start, others)
        table.add(speaker, "others", *study.errors([base] * len(folds), folds))
        adapted = [
            study.train(f"{speaker}-ten-{number}", base, [fold.adapt], adapt=True)
            for number, fold in enumerate(folds)
        ]
        table.add(speaker, "others + ten", *study.errors(adapted, folds))
    table.write(
        options.json,
        data=f"clips of GRID; {study.steps} steps on others, {study.adapt_steps} on "
        "ten clips, of 8 clips each",
    )


def speaker_ranges(corpus: str) -> dict[str, str]:
    """Find the clips of each speaker in the split `unseen`.

    Args:
        corpus: Folder of the corpus.

    Returns:
        `{speaker: part of the split}`, of speakers with enough clips to adapt to.
    """
    speakers = [record["speaker"] for record in open_split(corpus, "unseen")]
    ranges = {}
    for speaker in dict.fromkeys(speakers):
        first, count = speakers.index(speaker), speakers.count(speaker)
        if count > NUM_ADAPT:
            ranges[speaker] = f"unseen[{first}:{first + count}]"
    return ranges


def make_folds(ranges: Mapping[str, str], speaker: str) -> list[Fold]:
    """Divide the clips of a speaker into some to adapt to and some to measure.

    Args:
        ranges: `{speaker: part of a split}`.
        speaker: `KNOWN`, or one of `ranges`.

    Returns:
        One fold of `KNOWN`, two of another speaker.
    """
    if speaker == KNOWN:
        return [Fold(f"train[:{NUM_ADAPT}]", "val")]
    first, last = map(int, ranges[speaker][len("unseen[") : -1].split(":"))
    after, before = first + NUM_ADAPT, last - NUM_ADAPT
    return [
        Fold(f"unseen[{before}:{last}]", f"unseen[{first}:{before}]"),
        Fold(f"unseen[{first}:{after}]", f"unseen[{after}:{last}]"),
    ]


@dataclasses.dataclass(frozen=True)
class SpeakerStudy:
    """Training and measurement of readers.

    Attributes:
        corpus: Folder of the corpus.
        out: Folder of the runs.
        steps: Steps of training on other speakers.
        adapt_steps: Steps of adaptation.
    """

    corpus: str
    out: pathlib.Path
    steps: int
    adapt_steps: int

    def train(
        self, name: str, start: str, clips: Sequence[str], adapt: bool = False
    ) -> str:
        """Train a reader, unless its run is complete.

        Args:
            name: Name of the run.
            start: Weights to start from.
            clips: Splits of the corpus to train on.
            adapt: Adapt: with fewer steps and a lower learning rate.

        Returns:
            Folder of the weights.
        """
        experiment: Any = bridging_grid()
        steps = self.adapt_steps if adapt else self.steps
        reader = experiment.optim["reader"]
        if adapt:
            reader = dataclasses.replace(reader, learning_rate=ADAPT_RATE, warmup=10)
        loader = dataclasses.replace(
            experiment.train, root=self.corpus, split="+".join(clips)
        )
        experiment = dataclasses.replace(
            experiment,
            train=loader,
            evals={},
            optim={"reader": reader},
            steps=steps,
            init_from={"reader": start},
            save_every=100,
        )
        fit(experiment, self.out / name)
        return str(self.out / name / "weights")

    def errors(
        self, weights: Sequence[str], folds: Sequence[Fold]
    ) -> tuple[int, float, float]:
        """Measure each reader on the clips of its fold.

        Args:
            weights: Folder of weights, or a bundled name, for each fold.
            folds: The folds.

        Returns:
            Number of clips, and word errors without and with the grammar in percent.
        """
        experiment: Any = bridging_grid()
        loader = experiment.evals["val"]
        totals, count = np.zeros(len(METRICS)), 0
        for name, fold in zip(weights, folds, strict=True):
            val = dataclasses.replace(loader, root=self.corpus, split=fold.held)
            values = measure(name, dataclasses.replace(experiment, evals={"val": val}))
            clips = len(open_split(self.corpus, fold.held))
            totals += clips * np.array([values[metric] for metric in METRICS])
            count += clips
        return count, *(100 * totals / count)


if __name__ == "__main__":
    main()
