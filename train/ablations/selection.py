"""Bundled weights on the clips that their steps were chosen on, and on new ones.

    python -m avjax.train.ablations.selection VAL_CORPUS TEST_CORPUS [WEIGHTS...]

WEIGHTS is bundled weights of puppets (default: all but TAEM's). The split `val` of
VAL_CORPUS has the clips by which steps and thresholds were chosen. The split `test` of
TEST_CORPUS has people and sentences that nothing has seen: other puppets, of another
seed; not of seed 1, which the lip reader in the loss of `cals-puppet` has seen. Each
split is measured in four parts; ± is the standard error of their mean.

    avjax data build puppet --kind grid --clips 400 --out VAL_CORPUS
    avjax data build puppet --kind grid --clips 400 --seed 2 --out TEST_CORPUS
"""

import numpy as np

from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.ablations.studies.split_parts import NUM_PARTS, measure, with_parts
from avjax.train.experiments import EXPERIMENTS

SYSTEMS = {  # weights: experiment, and the metrics to compare
    "aligner-puppet": ("aligner_puppet", ("phoneme_ms", "word_ms")),
    "bridging-puppet": ("bridging_puppet", ("wer", "wer_grammar")),
    "bridging-speech-puppet": ("bridging_speech_puppet", ("mel_l1", "cosine")),
    "cals-puppet": ("cals_puppet", ("lmd", "psnr")),
    "landmarks-puppet": ("landmarks_puppet", ("pixels",)),
    "sync-puppet": ("sync_puppet", ("accuracy",)),
    "synctalkface-puppet": ("synctalkface_puppet", ("lmd", "psnr")),
}


def main() -> None:
    """Measure the weights, and print validation beside test."""
    parser = make_parser(__doc__)
    parser.add_argument("val", metavar="VAL_CORPUS")
    parser.add_argument("test", metavar="TEST_CORPUS")
    parser.add_argument("weights", metavar="WEIGHTS", nargs="*", choices=[[], *SYSTEMS])
    options = parser.parse_args()
    table = ResultTable(
        "Validation and test",
        *("weights", "metric", "validation", "±", "test", "±", "difference in ±"),
    )
    roots = {"val": options.val, "test": options.test}
    for weights in options.weights or SYSTEMS:
        name, metrics = SYSTEMS[weights]
        values = measure(weights, with_parts(EXPERIMENTS[name](), roots))
        for metric in metrics:
            means, errors = [], []
            for split in roots:
                parts = [values[f"{split}{part}/{metric}"] for part in range(NUM_PARTS)]
                means.append(np.mean(parts))
                errors.append(np.std(parts, ddof=1) / np.sqrt(NUM_PARTS))
            difference = (means[1] - means[0]) / np.hypot(*errors)
            cells = [x for pair in zip(means, errors, strict=True) for x in pair]
            table.add(weights, metric, *cells, difference)
    table.write(
        options.json, data="40 clips of each split, of puppets in GRID's grammar"
    )


if __name__ == "__main__":
    main()
