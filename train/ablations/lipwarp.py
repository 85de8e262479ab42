"""What the parts of LipWarp's editor and of its training are worth.

    python -m avjax.train.ablations.lipwarp OUT CORPUS SPLIT [--seeds N] [--steps N]
        [--json PATH]

OUT is a folder that keeps trained editors, so that a stopped run can go on. CORPUS is
of `avjax data build puppet` or `clips`. The variants are

    full           the editor as it is
    paint only     it moves no pixels
    warp only      it paints no pixels
    paper          the decoder of Wav2Lip, SyncTalkFace and CALS, which paints the whole
                   mouth and does not see that of the frame
    plain          no augmentation
    N people       the clips of the first N people of the training split
    not aligned    each crop is moved, turned and scaled at random, as the boxes of a
                   face detector without landmarks are

and are trained for the same number of steps. The people of SPLIT who are not in the
split train are edited: the mouth of another frame is pasted into a frame, and the
editor shall restore the true one from its lip code.

    lips     correlation over a clip of the lip codes that edited frames show with those
             of the true frames, in the eyes of a judge: the mouth encoder of a full
             editor of another seed
    error    mean absolute error at the mouth over that of the unedited frames
    sharp    variance of the Laplacian of the mouth over that of the true frames
"""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from avjax.data.examples.base import Record
from avjax.data.examples.lip_editing import LipEditExample
from avjax.data.split_source import open_split
from avjax.models.lipwarp import LipWarpConfig
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.ablations.studies import variants
from avjax.train.ablations.studies.lip_editor_scores import (
    METRICS,
    Judge,
    score_editor,
)
from avjax.train.ablations.studies.lip_editors import (
    DisplacedFaces,
    PaintConfig,
    PaperConfig,
    PlainExample,
    WarpConfig,
)
from avjax.train.experiments.lipwarp import editor
from avjax.train.step import TrainState
from avjax.train.tasks.lipwarp.editing import LipEditingTask
from avjax.typing import Params

SIZE, BATCH_SIZE = 64, 16
NUM_CLIPS = 40
JUDGE_SEED = 100


class Variant(NamedTuple):
    """One variant.

    Attributes:
        config: Class of its config.
        example: Class of its examples.
        people: Number of people in training; 0: all.
        aligned: Crops are aligned.
    """

    config: type[LipWarpConfig] = LipWarpConfig
    example: type[LipEditExample] = LipEditExample
    people: int = 0
    aligned: bool = True


VARIANTS = {
    "full": Variant(),
    "paint only": Variant(PaintConfig),
    "warp only": Variant(WarpConfig),
    "paper": Variant(PaperConfig),
    "plain": Variant(example=PlainExample),
    "1 person": Variant(people=1),
    "5 people": Variant(people=5),
    "30 people": Variant(people=30),
    "not aligned": Variant(aligned=False),
}


def make_batches(
    records: Sequence[Record], variant: Variant, seed: int
) -> Iterator[Mapping[str, np.ndarray]]:
    """Make endless batches of random examples."""
    rng, example = np.random.default_rng(seed), variant.example(SIZE)
    people = sorted({record["speaker"] for record in records})
    chosen = set(people[: variant.people or None])
    records = [record for record in records if record["speaker"] in chosen]
    while True:
        examples = []
        for number in rng.integers(len(records), size=BATCH_SIZE):
            record = records[number]
            if not variant.aligned:
                faces = DisplacedFaces(record["lower_face"], rng)
                record = {**record, "lower_face": faces}
            examples.append(example.random_map(record, rng))
        yield {key: np.stack([x[key] for x in examples]) for key in examples[0]}


def train(
    variant: Variant, records: Sequence[Record], seed: int, steps: int
) -> tuple[LipEditingTask, TrainState]:
    """Train a variant by the optimiser of `lipwarp_editor_clips`."""
    task = LipEditingTask(
        variant.config(size=SIZE), altered_share=0.33, altered_gain=1.0
    )
    optim = editor("", "", task, steps=steps, learning_rate=2e-3).optim
    batches = make_batches(records, variant, seed)
    return task, variants.train(task, optim, steps, seed, {}, batches)


def main() -> None:
    """Train and measure all variants, and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("out", type=pathlib.Path, metavar="OUT")
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("split", metavar="SPLIT")
    parser.add_argument("--seeds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--steps", type=int, default=400, help="(default: %(default)s)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    fit, held = (
        list(open_split(options.corpus, split)) for split in ("train", options.split)
    )
    people = {record["speaker"] for record in fit}
    held = [record for record in held if record["speaker"] not in people][:NUM_CLIPS]
    judge = train_judge(options.out, fit, options.steps)
    for seed in range(options.seeds):
        for name, variant in VARIANTS.items():
            variants.run_variant(
                options.out / f"{name}-{seed}",
                lambda v=variant, s=seed: train(v, fit, s, options.steps),
                lambda task, state, v=variant: score_editor(
                    task, state.params, judge, held, v.aligned
                ),
            )
    table = ResultTable("Parts of LipWarp's editor", "variant", *METRICS)
    for name in VARIANTS:
        rows = [
            list(metrics.values())
            for variant, _, metrics in variants.load_metrics(options.out)
            if variant == name
        ]
        table.add(name, *variants.format_means(rows))
    table.write(
        options.json,
        data=f"{len(held)} clips of {options.corpus}, {options.split}; "
        f"{options.steps} steps of {BATCH_SIZE} at {SIZE} pixels; "
        f"{len(people)} people in training",
        seeds=str(options.seeds),
    )


def train_judge(out: pathlib.Path, records: Sequence[Record], steps: int) -> Judge:
    """Train a full editor of another seed, and return its mouth encoder as a judge."""

    def train_encoder() -> dict[str, Params]:
        _, state = train(VARIANTS["full"], records, JUDGE_SEED, steps)
        return {"params": state.params["mouth_encoder"], "batch_stats": {}}

    return Judge(LipWarpConfig(), variants.load_or_train(out / "judge", train_encoder))


if __name__ == "__main__":
    main()
