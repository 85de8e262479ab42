"""How well does text predict the lip codes of people, next to their audio?

    python -m avjax.train.ablations.lip_codes.text CORPUS SPLIT TALKER TAEM
        [--json PATH]

TALKER is LipWarp, TAEM was trained for it (the experiment taem_lipwarp_speech). CORPUS
has clips with phones and their times, such as that of `avjax data build grid`. The rows
are as in the study `lip_codes.audio`: the correlation of predicted and true lip codes
along three directions, for each speaker and all clips. The codes come from

    audio               the audio of the clip, by the talker
    text                its phones at their times, by TAEM
    synthetic speech    eSpeak's speech of its text at the same times, by the talker
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from avjax.constants import FPS
from avjax.data.examples.lip_codes import count_frames
from avjax.data.examples.text_to_lip import cascade_mels
from avjax.data.split_source import open_split
from avjax.pipelines.talking.text_talker import TextTalker, load_text_talker
from avjax.text.phonemes import to_phoneme_tier
from avjax.train.ablations.lip_codes.audio import COLUMNS, CodeStudy, add_rows
from avjax.train.ablations.results import ResultTable, make_parser

Records = Sequence[Mapping[str, Any]]


def codes_of_text(talker: TextTalker, records: Records, num_frames: int) -> np.ndarray:
    """Predict the codes of whole clips from their phones, [n t d].

    Args:
        talker: The talker.
        records: The clips.
        num_frames: t.
    """
    portrait = np.zeros((talker.config.size, talker.config.size, 3), np.uint8)
    codes = []
    for record in records:
        tier = to_phoneme_tier(record["phones"], count_frames(record) / FPS)
        codes.append(talker.predict_latents(tier, portrait, 0, num_frames))
    return np.stack(codes)


def main() -> None:
    """Print the correlations of each source of codes."""
    parser = make_parser(__doc__)
    for name in ("corpus", "split", "talker", "taem"):
        parser.add_argument(name, metavar=name.upper())
    options = parser.parse_args()
    source = open_split(options.corpus, options.split)
    records = [source[index] for index in range(len(source))]
    num_frames = max(map(count_frames, records))
    study = CodeStudy(options.corpus, options.split, options.talker, num_frames)
    frames = np.arange(num_frames)
    synthetic = np.stack([cascade_mels(record, frames) for record in records])
    text = codes_of_text(load_text_talker(options.taem), records, num_frames)
    sources = {
        "audio": study.correlate(options.talker),
        "text": study.compare(jnp.asarray(text)),
        "synthetic speech": study.correlate(options.talker, synthetic),
    }
    table = ResultTable("Lip codes from text", *COLUMNS)
    for name, correlations in sources.items():
        add_rows(table, name, study.groups, correlations)
    table.write(options.json, data=f"{len(records)} clips of {options.split}")


if __name__ == "__main__":
    main()
