"""Ablation of CALS: the length of its context, its masking and its visual loss.

    python -m avjax.train.ablations.context FACES TALKER OUT SEED [VARIANT...]
    python -m avjax.train.ablations.context OUT [VARIANT]

FACES is puppet or grid: corpus, frozen networks and sizes are those of the experiments
cals_FACES. TALKER is weights of Wav2Lip or SyncTalkFace of the same size.

All variants of a seed start from the same two modules: the audio encoder of TALKER,
trained to predict units without context, and its face, trained on true units. For each
variant, Audio-to-Lip is trained, and then the face on the units that it predicts. The
variants are (default: all)

    0, 1, ... 15         W, the frames of context on either side; half of the audio
                         features are masked
    unmasked             W = 15, without masking
    long, long_unmasked  four times as many steps of units, with and without masking
    slim                 W = 5 with one layer: hardly more parameters than Wav2Lip
    off, l1, contrast    the face of 15 is trained further with the auxiliary networks:
                         without d_vv, with an L1 loss, with a contrastive loss
    slim_contrast        the face of slim is trained further with a contrastive loss

Each variant writes weights to OUT/VARIANT-SEED, which the study `readability` takes as
a talker, and its metrics on validation clips to OUT/VARIANT-SEED.json. A variant that
exists is not trained again. With OUT alone, mean and standard deviation over seeds are
printed and written to --json; with OUT and a variant, those of the differences to
this variant with the same seed.
"""

import argparse
import collections

import numpy as np

from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.ablations.studies.context import ContextStudy
from avjax.train.ablations.studies.context_variants import VARIANTS
from avjax.train.ablations.studies.variants import format_means, load_metrics

METRICS = (
    "cosine_distance",
    "psnr",
    "ssim",
    "lmd",
    "lse_d_expert",
    "lse_c_expert",
    "jerk",
    "bilabials_shut",
    "lmd_bilabial",
    "lmd_back",
    "lmd_neutral",
)
SUMMARY_ARGUMENTS = 2  # at most; more arguments train variants


def summarize(out: str, baseline: str | None = None) -> ResultTable:
    """Print mean and standard deviation over seeds for each variant.

    Args:
        out: Folder of the variants.
        baseline: Variant whose metrics, of the same seed, are subtracted. None: none.

    Returns:
        The table.
    """
    by_variant = collections.defaultdict(dict)
    for variant, seed, metrics in load_metrics(out):
        by_variant[variant][seed] = np.array([metrics[name] for name in METRICS])
    if baseline is not None:
        reference = by_variant.pop(baseline)
        by_variant = {
            variant: {
                seed: row - reference[seed]
                for seed, row in rows.items()
                if seed in reference
            }
            for variant, rows in by_variant.items()
        }
    table = ResultTable("Context of CALS", "variant", "seeds", *METRICS)
    for variant in VARIANTS:
        if rows := list(by_variant.get(variant, {}).values()):
            table.add(variant, len(rows), *format_means(rows))
    return table


def parse_arguments() -> argparse.Namespace:
    """Parse the command line: to train variants, or to summarize them."""
    parser = make_parser(__doc__)
    parser.add_argument("arguments", nargs="+", metavar="ARGUMENT", help="see above")
    options = parser.parse_args()
    count = len(options.arguments)
    if count == SUMMARY_ARGUMENTS + 1:
        parser.error("give OUT [VARIANT], or FACES TALKER OUT SEED [VARIANT...]")
    if count > SUMMARY_ARGUMENTS and not options.arguments[3].isdecimal():
        parser.error(f"SEED must be a whole number, not {options.arguments[3]}")
    variants = (
        options.arguments[1:2] if count <= SUMMARY_ARGUMENTS else options.arguments[4:]
    )
    if unknown := [name for name in variants if name not in VARIANTS]:
        known = ", ".join(VARIANTS)
        parser.error(f"there is no variant {', '.join(unknown)}; they are: {known}")
    return options


def main() -> None:
    """Train variants, or print the summary of those that exist."""
    options = parse_arguments()
    if len(options.arguments) <= SUMMARY_ARGUMENTS:
        table = summarize(*options.arguments)
        data = (
            f"validation clips of the corpus that {options.arguments[0]} was trained on"
        )
        table.write(options.json, data=data, seeds="as given in the table")
        return
    faces, talker, out, seed, *variants = options.arguments
    study = ContextStudy(faces, talker, out, int(seed))
    for variant in variants or VARIANTS:
        study.run(variant)


if __name__ == "__main__":
    main()
