"""Units of the metrics of an evaluation, and which direction is better."""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple


class Unit(NamedTuple):
    """What the number of a metric means.

    Attributes:
        unit: The unit, or the range of a number without a unit.
        better: "higher", "lower", the value that is best, or empty.
    """

    unit: str
    better: str = ""


UNITS = {
    # talking faces
    "psnr": Unit("dB", "higher"),
    "ssim": Unit("up to 1", "higher"),
    "lmd": Unit("pixels", "lower"),
    "lse_d_expert": Unit("distance", "lower"),
    "lse_c_expert": Unit("distance", "higher"),
    "in_sync": Unit("fraction", "higher"),
    "offset": Unit("frames", "0"),
    "speed": Unit("pixels/frame", "reference"),
    "jerk": Unit("pixels/frame³", "reference"),
    "velocity_error": Unit("pixels/frame", "lower"),
    "bilabials_shut": Unit("fraction", "reference"),
    "motion": Unit("fraction", "higher"),
    # talking faces from text
    "cosine": Unit("-1 to 1", "higher"),
    "r2": Unit("up to 1", "higher"),
    "duration_ms": Unit("ms", "lower"),
    "length_error": Unit("fraction", "lower"),
    # lip motion units
    "error": Unit("0 to 2", "lower"),
    "masked_error": Unit("0 to 2", "lower"),
    "shuffled_error": Unit("0 to 2"),
    "retrieval_acc": Unit("fraction", "higher"),
    # LipWarp
    "l1": Unit("0 to 1", "lower"),
    "unedited_l1": Unit("0 to 1"),
    "lips": Unit("-1 to 1", "higher"),
    "lips1": Unit("-1 to 1", "higher"),
    "lips2": Unit("-1 to 1", "higher"),
    "lips3": Unit("-1 to 1", "higher"),
    "leak": Unit("-1 to 1", "0"),
    "motion1": Unit("ratio", "1"),
    "articulation": Unit("-1 to 1", "higher"),
    "jaw": Unit("-1 to 1", "higher"),
    "closure": Unit("-1 to 1", "higher"),
    # sync experts, landmarks, aligner
    "accuracy": Unit("fraction", "higher"),
    "loss": Unit("", "lower"),  # in nats, or of log-mel values
    "matched": Unit("nats", "lower"),
    "mismatched": Unit("nats", "lower"),
    "offset1": Unit("fraction", "higher"),
    "none": Unit("0 to 1", "higher"),
    "pixels": Unit("pixels", "lower"),
    "phoneme_ms": Unit("ms", "lower"),
    "word_ms": Unit("ms", "lower"),
    "phoneme_within": Unit("fraction", "higher"),
    "word_within": Unit("fraction", "higher"),
    "pause_rate": Unit("0 to 1"),
    # lip reading, and speech from lips
    "wer": Unit("fraction", "lower"),
    "symbol_error": Unit("fraction", "lower"),
    "stoi": Unit("up to 1", "higher"),
    "estoi": Unit("up to 1", "higher"),
    "pesq_narrow": Unit("1 to 4.5", "higher"),
    "pesq_wide": Unit("1 to 4.6", "higher"),
    "mel_l1": Unit("log mel", "lower"),
    "shuffled_cosine": Unit("-1 to 1", "lower"),
    "divergence": Unit("nats", "lower"),
    "top1": Unit("fraction", "higher"),
    "top5": Unit("fraction", "higher"),
    "slots_by_source": Unit("slots"),
    "slots_by_target": Unit("slots"),
    "slots_by_audio": Unit("slots", "higher"),
    "slots_by_lips": Unit("slots", "higher"),
    "slot_spread": Unit("grey levels", "higher"),
    # denoising
    "ssim2d": Unit("up to 1", "higher"),
    "ssim3d": Unit("up to 1", "higher"),
}
BASELINES = (  # first words of rows that are compared with, not improved
    "reference_",
    "static_mouth_",
    "closed_mouth_",
    "swapped_audio_",
    "wrong_speaker_",
    "phoneme_mean_",
    "tts_cascade_",
    "mean_",
    "mean_recall_",
    "audio_",
    "with_audio_",
    "plain_",
    "oracle_",
    "noisy_",
)


# Last words of parts of a metric: the frames of a class of phonemes, a limit in
# milliseconds, or a decoding.
PART = re.compile(
    r"_(bilabial|labiodental|rounded|open|spread|tongue|back|neutral|grammar|\d+)$"
)


def find_unit(name: str, units: Mapping[str, Unit] = UNITS) -> Unit:
    """Find the unit of a metric by its name.

    Args:
        name: "EVAL/METRIC", where METRIC may be a baseline or a part of a metric:
            `test/reference_lmd`, `test/lmd_open`.
        units: {metric: unit} of the metrics that are known, see `Task.metric_units`.

    Returns:
        The unit. It is empty for any other metric, and has no direction for a baseline.
    """
    metric = name.rpartition("/")[2]
    is_baseline = False
    while True:
        for known in (metric, PART.sub("", metric)):
            if known in units:
                return Unit(units[known].unit) if is_baseline else units[known]
        prefix = max(filter(metric.startswith, BASELINES), key=len, default="")
        if not prefix:
            return Unit("")
        metric, is_baseline = metric.removeprefix(prefix), True


def split_baseline(name: str, names: Collection[str]) -> tuple[str, str]:
    """Split the name of a baseline: `test/reference_lmd`.

    Args:
        name: Name of a metric, "EVAL/METRIC".
        names: All names.

    Returns:
        The baseline in words, "reference", and the metric that is compared with it,
        "test/lmd". For a metric that is not the baseline of another one, an empty
        string and the name.
    """
    head, slash, metric = name.rpartition("/")
    rest = metric
    while prefix := max(filter(rest.startswith, BASELINES), key=len, default=""):
        rest = rest.removeprefix(prefix)
        if f"{head}{slash}{rest}" in names:
            words = metric.removesuffix(rest).strip("_").replace("_", " ")
            return words, f"{head}{slash}{rest}"
    return "", name


def split_part(name: str, names: Collection[str]) -> tuple[str, str] | None:
    """Split the name of a part of another metric: `test/lmd_open`.

    Args:
        name: Name of a metric.
        names: All names.

    Returns:
        The metric, "test/lmd", and the part, "open"; None if it is not a part.
    """
    match = PART.search(name)
    if match is None or name[: match.start()] not in names:
        return None
    return name[: match.start()], match[1]


def main_metrics(names: Collection[str]) -> list[str]:
    """Leave out baselines and parts of other metrics, by their names.

    Args:
        names: Names of metrics, "EVAL/METRIC", or of losses.

    Returns:
        The names without those that consist of another name and a word before it, as
        `test/reference_lmd`, or after it, as `test/lmd_open`.
    """
    main, all_names = [], set(names)
    for name in names:
        head, _, metric = name.rpartition("/")
        words = metric.split("_")
        shorter = [
            "_".join(part)
            for at in range(1, len(words))
            for part in (words[:at], words[at:])
        ]
        known = {f"{head}/{part}" if head else part for part in shorter}
        if not known & all_names:
            main.append(name)
    return main
