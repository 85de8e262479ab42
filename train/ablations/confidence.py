"""Whether the confidence of a lip reader tells when its words are wrong.

    AVJAX_REAL=/path/to/real python -m avjax.train.ablations.confidence

`bridging-grid-s1` reads clips of GRID in AVJAX_REAL/grid, with and without the grammar.
A reading is usable if at most half of its words are wrong, and flagged if the mean
confidence of its words is below the limit of `avjax.pipelines.lipread`. The limits were
chosen on the validation clips of s1, which the reader knows, and on the speakers in
CHOSEN_ON, which it does not know: the lowest ones by which nine of ten of their
unusable readings are flagged.
"""

import numpy as np

from avjax.data.builders.grid import GridSource, words_from_name
from avjax.metrics.error_rate import word_edit_counts
from avjax.pipelines.lipread import load_lip_reader
from avjax.train.ablations.results import ResultTable, make_parser, real_clips_folder

CHOSEN_ON = "s2", "s3"
USABLE_ERROR = 0.5  # fraction of wrong words
COLUMNS = (
    *("grammar", "speakers", "clips", "word error, %"),
    *("unusable", "of these flagged", "usable", "of these flagged"),
)


def main() -> None:
    """Read the clips, and print the table."""
    parser = make_parser(__doc__)
    options = parser.parse_args()
    folder = real_clips_folder(parser) / "grid"
    splits = GridSource(str(folder)).list_clips()
    chosen = [clip for clip in splits["unseen"] if clip.speaker in CHOSEN_ON]
    others = [clip for clip in splits["unseen"] if clip.speaker not in CHOSEN_ON]
    names = ", ".join(sorted({clip.speaker for clip in others}))
    groups = {
        "s1, validation": splits["val"],
        f"{', '.join(CHOSEN_ON)}, not known": chosen,
        f"{names}, not known, not chosen on": others,
    }
    table = ResultTable("Confidence of lip reading", *COLUMNS)
    for grammar in ("grid", None):
        reader = load_lip_reader("bridging-grid-s1", grammar=grammar)
        for group, clips in groups.items():
            counts, flagged = [], []
            for clip in clips:
                transcript = reader.read(clip.video)
                target = " ".join(words_from_name(clip.video.stem))
                counts.append(word_edit_counts(target, transcript.text))
                silent = not transcript.words  # nothing is claimed
                flagged.append(silent or not transcript.is_reliable)
            edits, words = np.array(counts).T
            unusable, flags = edits / words > USABLE_ERROR, np.array(flagged)
            table.add(
                *(grammar or "none", group, len(clips)),
                100 * edits.sum() / words.sum(),
                *(int(unusable.sum()), int((unusable & flags).sum())),
                *(int((~unusable).sum()), int((~unusable & flags).sum())),
            )
    table.write(options.json, data="clips of GRID, front view")


if __name__ == "__main__":
    main()
