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
from collections.abc import Sequence

from avjax.data.examples.base import Record
from avjax.data.split_source import open_split
from avjax.models.lipwarp import LipWarpConfig
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.ablations.studies import variants
from avjax.train.ablations.studies.lip_editor_scores import (
    METRICS,
    Judge,
    score_editor,
)
from avjax.train.ablations.studies.lip_editor_training import (
    BATCH_SIZE,
    SIZE,
    VARIANTS,
    train,
)
from avjax.typing import Params

NUM_CLIPS = 40
JUDGE_SEED = 100


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
