"""Ablation of TAEM: the speaker's portrait, the refine module, and the latent loss.

    python -m avjax.train.ablations.text EXPERIMENT TALKER CORPUS SPLIT READER OUT SEED
                                         [VARIANT...]
    python -m avjax.train.ablations.text OUT

EXPERIMENT is an experiment of TAEM, such as taem_wav2lip_puppet, and TALKER the weights
of its talker. The latents of the training clips' audio are computed once; all variants
are trained on them. The variants are (default: all)

    taem                         as the experiment says
    no_speaker                   without the portrait of the speaker
    encoder, predictor, refiner  the portrait is an input of this module alone
    no_refiner                   without the refine module
    other_loss                   squared errors of latents if the experiment takes
                                 absolute ones, and the other way round

Clips of a SPLIT of CORPUS are generated from text at the true times of its phonemes,
measured, and read by the lip reader READER. Rows next to `text` are: the text with the
portrait of another clip (wrong_speaker), the mean latent of each phoneme
(phoneme_mean), the real audio (audio), and the audio that eSpeak synthesizes of the
text with the true times (tts_cascade). Their frames are generated once, with `taem`.

Each variant writes weights to OUT/VARIANT-SEED and its metrics to
OUT/VARIANT-SEED.json. A variant that exists is not trained again. With OUT alone, mean
and standard deviation over seeds are printed and written to --json.
"""

import argparse
import collections

import numpy as np

from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.ablations.studies.text import (
    BASELINES,
    FULL_VARIANT,
    VARIANTS,
    TextStudy,
)
from avjax.train.ablations.studies.variants import format_means, load_metrics

METRICS = (
    "cosine",
    "r2",
    "psnr",
    "lmd",
    "lse_d_expert",
    "lse_c_expert",
    "read",
    "jerk",
    "lmd_bilabial",
    "lmd_pause",
    "gap_pause",
)
DURATION_METRICS = (
    "duration_ms",
    "phoneme_mean_duration_ms",
    "length_error",
    "phoneme_mean_length_error",
)
STUDY_ARGUMENTS = 7  # and any number of variants


def summarize(out: str) -> ResultTable:
    """Print mean and standard deviation over seeds for each variant and row.

    Args:
        out: Folder of the variants.

    Returns:
        The table.
    """
    rows = collections.defaultdict(list)
    for variant, _, metrics in load_metrics(out):
        baselines = BASELINES if variant == FULL_VARIANT else ()
        durations = [metrics[name] for name in DURATION_METRICS]
        for row in ("text", *baselines):
            values = [metrics.get(f"{row}/{name}", np.nan) for name in METRICS]
            text_only = durations if row == "text" else [np.nan] * len(durations)
            rows[variant, row].append([*values, *text_only])
    columns = ("variant", "row", "seeds", *METRICS, *DURATION_METRICS)
    table = ResultTable("Text-driven talking faces", *columns)
    for (variant, row), values in rows.items():
        table.add(variant, row, len(values), *format_means(values))
    return table


def parse_arguments() -> argparse.Namespace:
    """Parse the command line: to train variants, or to summarize them."""
    parser = make_parser(__doc__)
    parser.add_argument("arguments", nargs="+", metavar="ARGUMENT", help="see above")
    options = parser.parse_args()
    if 1 < len(options.arguments) < STUDY_ARGUMENTS:
        parser.error("give OUT, or EXPERIMENT TALKER CORPUS SPLIT READER OUT SEED")
    seed = options.arguments[STUDY_ARGUMENTS - 1 : STUDY_ARGUMENTS]
    if seed and not seed[0].isdecimal():
        parser.error(f"SEED must be a whole number, not {seed[0]}")
    variants = options.arguments[STUDY_ARGUMENTS:]
    if unknown := [name for name in variants if name not in VARIANTS]:
        known = ", ".join(VARIANTS)
        parser.error(f"there is no variant {', '.join(unknown)}; they are: {known}")
    return options


def main() -> None:
    """Train variants, or print the summary of those that exist."""
    options = parse_arguments()
    if len(options.arguments) == 1:
        table = summarize(*options.arguments)
        data = "test clips that the variants were measured on"
        table.write(options.json, data=data, seeds="as given in the table")
        return
    *names, seed = options.arguments[:STUDY_ARGUMENTS]
    study = TextStudy(*names, seed=int(seed))
    for variant in options.arguments[STUDY_ARGUMENTS:] or VARIANTS:
        study.run(variant)


if __name__ == "__main__":
    main()
