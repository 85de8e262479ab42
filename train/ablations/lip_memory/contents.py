"""The contents of a memory of SyncTalkFace: mouths and phones of its slots.

    python -m avjax.train.ablations.lip_memory.contents WEIGHTS ROOT [SPLIT]
        [--picture FILE]

A row is a slot, from narrow to wide: the gap of the lips of the mouth that the slot
draws alone, its share of all frames (by the weight that the audio gives to it), and the
phones in whose frames it has more weight than on average, with the factor. The picture
shows the mouths of all slots, in the order of the table. Face and audio are those of
the middle of the first clip. ROOT is a corpus with phones.
"""

import collections
import functools
import pathlib
from typing import Any

import jax
import numpy as np
from einops import rearrange

from avjax.audio.mel import mel_window_starts
from avjax.compilation import cpu_options
from avjax.constants import FPS
from avjax.data.examples.base import clip_mel_windows
from avjax.data.split_source import open_split
from avjax.media.image_io import write_png
from avjax.metrics.landmarks import lip_gap
from avjax.models import LipLandmarks, load_system
from avjax.models.synctalkface import SyncTalkFace
from avjax.nn.apply import apply_network
from avjax.text.phonemes import PHONEMES, to_phoneme_tier
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.typing import Array
from avjax.visualize import generate_slots

MAX_CLIPS, MAX_FRAMES = 40, 75
MIN_SHARE = 0.002  # of the frames, of a phoneme that is named
NUM_PHONES, COLUMNS = 4, 16


class SlotPhones:
    """Weight of each slot in the frames of each phoneme."""

    def __init__(self, weights: str):
        """Load the talker."""
        self.config, self.parts = load_system(weights)
        network = SyncTalkFace(self.config)

        def address(variables: Any, mels: Array) -> Array:
            def compute(bound: SyncTalkFace, mels: Array) -> Array:
                return bound.memory.address(bound.encode_audio(mels))

            return apply_network(network, variables, mels[None], method=compute)[0]

        compiled = jax.jit(address, compiler_options=cpu_options())
        self.address = functools.partial(compiled, self.parts["generator"])
        self.weights: dict[str, np.ndarray] = collections.defaultdict(
            lambda: np.zeros(self.config.num_slots)
        )
        self.frames: dict[str, int] = collections.defaultdict(int)

    def add(self, record: Any) -> np.ndarray:
        """Add the frames of a clip; return their windows of log-mel, [t f k]."""
        length = min(len(record["face"]), MAX_FRAMES)
        starts = mel_window_starts(len(record["face"]), FPS)[:length]
        mels = clip_mel_windows(record, starts)
        padded = np.resize(mels, (MAX_FRAMES, *mels.shape[1:]))
        addresses = np.asarray(self.address(padded))[:length]
        seconds = len(record["face"]) / FPS
        tier = to_phoneme_tier(record["phones"], seconds)
        for frame, row in enumerate(addresses):
            index = int(np.searchsorted(tier.edges[1:-1], (frame + 0.5) / FPS))
            phoneme = PHONEMES[tier.ids[index]]
            self.weights[phoneme] += row
            self.frames[phoneme] += 1
        return mels

    def describe(self, slot: int) -> tuple[float, str]:
        """Return the share of a slot in percent, and the phones that address it."""
        total = sum(self.frames.values())
        share = sum(weights[slot] for weights in self.weights.values()) / total
        factors = {
            phoneme: weights[slot] / self.frames[phoneme] / max(share, 1e-9)
            for phoneme, weights in self.weights.items()
            if self.frames[phoneme] >= MIN_SHARE * total
        }
        best = sorted(factors, key=lambda name: -factors[name])[:NUM_PHONES]
        names = {"_": "pause"}
        return 100 * share, ", ".join(
            f"{names.get(name, name)} ({factors[name]:.1f})"
            for name in best
            if factors[name] > 1
        )


def measure_gaps(faces: np.ndarray) -> np.ndarray:
    """Measure the gap of the lips in pixels, [m]."""
    config, parts = load_system("landmarks-puppet")
    network = LipLandmarks(config.size, config.width)
    points = apply_network(network, parts["lip_landmarks"], faces / 255.0)
    return np.asarray(lip_gap(points * config.size))


def make_picture(faces: np.ndarray) -> np.ndarray:
    """Arrange mouths in a grid, u8 [h w c=3]."""
    side = faces.shape[1]
    mouths = faces[:, side // 2 : side * 15 // 16, side // 5 : side * 4 // 5]
    missing = -len(mouths) % COLUMNS
    mouths = np.pad(mouths, ((0, missing), (0, 0), (0, 0), (0, 0)))
    return rearrange(mouths, "(r s) h w c -> (r h) (s w) c", s=COLUMNS)


def main() -> None:
    """Describe the slots, and write the picture."""
    parser = make_parser(__doc__)
    parser.add_argument("weights", metavar="WEIGHTS")
    parser.add_argument("root", metavar="ROOT")
    parser.add_argument("split", metavar="SPLIT", nargs="?", default="val")
    parser.add_argument("--picture", type=pathlib.Path)
    options = parser.parse_args()
    study, records = (
        SlotPhones(options.weights),
        open_split(options.root, options.split),
    )
    count = min(len(records), MAX_CLIPS)
    mels = [study.add(records[index]) for index in range(count)]
    middle = len(mels[0]) // 2
    face, mel = records[0]["face"][middle], mels[0][middle]
    faces = generate_slots(study.config, study.parts, face, mel)
    gaps = measure_gaps(faces)
    order = np.argsort(gaps)
    columns = "slot", "gap of the lips, px", "share of the frames, %", "phones"
    table = ResultTable("Slots of the memory", *columns)
    for slot in order:
        share, phones = study.describe(int(slot))
        table.add(int(slot), round(float(gaps[slot]), 2), round(share, 2), phones)
    spread = 255 * np.std(faces[:, faces.shape[1] // 2 :] / 255.0, axis=0).mean()
    print(f"mouths of the slots differ by {spread:.2f} grey levels")
    if options.picture:
        write_png(options.picture, make_picture(faces[order]))
    table.write(options.json, data=f"{count} clips of {options.split}")


if __name__ == "__main__":
    main()
