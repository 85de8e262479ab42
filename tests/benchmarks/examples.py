"""Measure how many training examples a second one core prepares, for each system.

    python tests/benchmarks/examples.py [--before PATH] [--json PATH]

A corpus of rendered faces of 128 pixels is read from the disk, and examples are made as
the full-size experiments make them. The benchmark prints, for each experiment,

    3 s      examples a second and core, from clips of 3 s
    180 s    the same from a clip of 180 s, stored as the build stores it
    ratio    seconds per example made of one record of 180 s, over those of one of 3 s;
             reading the record from the disk is left out
    cores    cores that feed one H100 with examples of clips of 3 s

An H100 does 989e12 products and sums a second in bfloat16, and 35 % of them are assumed
to be used; the operations of a step are those of the lowered step. Time is that of the
process, in which other processes on the same cores also count in part: compare columns
of one run only. With `--before`, the examples a second in the results of an
older commit are shown, too.
"""

import dataclasses
import itertools
import json
import os
import pathlib
import tempfile
import time
from typing import Any, ClassVar

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from avjax.data import schema  # noqa: E402
from avjax.data.builders.corpus import build_corpus  # noqa: E402
from avjax.data.builders.puppet import PuppetSource  # noqa: E402
from avjax.data.builders.source import CorpusSource  # noqa: E402
from avjax.data.reel import Reel  # noqa: E402
from avjax.data.split_source import open_split  # noqa: E402
from avjax.train.ablations.results import ResultTable, make_parser  # noqa: E402
from avjax.train.experiments import EXPERIMENTS  # noqa: E402

SYSTEMS = {  # experiment: TFLOP of a step, and its batch size
    "synctalkface_lrs2": (28.7, 40),
    "cals_lrs2": (21.3, 40),
    "bridging_lrw": (26.4, 320),
    "taem_wav2lip_lrs2": (1.13, 32),
    "sync_lrs2": (None, 256),
    "lipwarp_editor96_clips": (None, 32),
    "lipwarp_audio_clips": (None, 32),
}
H100_TFLOPS, USED_FRACTION = 989, 0.35
FRAMES, REPEATS = 75, 60  # 3 s, and 180 s of them
SECONDS = 2.0  # of each measurement


@dataclasses.dataclass(frozen=True)
class RepeatedSource(CorpusSource):
    """Puppets of 3 s, each repeated to the length of one record."""

    repeats: int
    count: int

    name: ClassVar[str] = "repeated"
    face_size: ClassVar[int] = 128
    num_articulators: ClassVar[int] = 7

    def list_clips(self):
        return {"train": list(range(self.count))}

    def read_clip(self, number):
        puppet = PuppetSource(self.count, 0, self.face_size, ("grid",))
        return repeat(puppet.read_clip(number), self.repeats)


def repeat(record: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Fit a record to 3 s, and repeat it; the phones are those of the first 3 s."""

    def reel(frames: Reel) -> Reel:
        return Reel(np.resize(np.array(frames.blobs, object), FRAMES * repeats), 3)

    numbers = np.resize(np.arange(len(record["face"])), FRAMES * repeats)
    mouth = Reel(reel(record["mouth"]).blobs, 1)
    phones = record["phones"]
    return schema.make_record(
        face=reel(record["face"]),
        mouth=mouth,
        lower_face=reel(record["lower_face"]),
        pose=record["pose"][numbers],
        wave=np.resize(schema.to_float(record["wave"]), FRAMES * 640 * repeats),
        landmarks=record["landmarks"][numbers],
        articulation=np.zeros((len(numbers), 7), np.float32),
        phones=zip(phones["phone"], phones["start"], phones["end"], strict=True),
        text="word 0" if repeats == 1 else "",  # a clip with a text stays whole
        speaker=record["speaker"],
        clip=record["clip"],
    )


def fit_transform(name: str, num_frames: int) -> Any:
    """Return the transform of an experiment, without a limit to the clip's length."""
    transform: Any = EXPERIMENTS[name]().train.transform
    if name.startswith("bridging"):  # it takes whole clips of at most this length
        return dataclasses.replace(transform, num_frames=max(29, num_frames))
    return transform


def seconds_per_example(make: Any) -> float:
    """Measure the time of this process for one call of a function."""
    make()
    count, start = 0, time.process_time()
    while (passed := time.process_time() - start) < SECONDS:
        make()
        count += 1
    return passed / count


def measure(
    name: str, corpora: list[Any], long_record: Any
) -> tuple[float, float | None, float | None]:
    """Measure an experiment: examples/s of 3 s, of 180 s, and the ratio of times."""
    whole_clip = name.startswith("bridging")
    rates, transforms = [], []
    pairs = zip(corpora, (corpora[0][0], long_record), strict=True)
    for records, record in itertools.islice(pairs, 1 if whole_clip else 2):
        rng = np.random.default_rng(0)
        transform = fit_transform(name, 0)
        if whole_clip:
            records = [shorten(record, 29) for record in records]
            record = records[0]

        def make(records=records, transform=transform, rng=rng):
            return transform.random_map(records[int(rng.integers(len(records)))], rng)

        def transform_only(record=record, transform=transform, rng=rng):
            return transform.random_map(record, rng)

        rates.append(1 / seconds_per_example(make))
        transforms.append(seconds_per_example(transform_only))
    if whole_clip:
        return rates[0], None, None
    return rates[0], rates[1], transforms[1] / transforms[0]


def shorten(record: dict[str, Any], count: int) -> dict[str, Any]:
    """Return the first frames of a record, as a clip of LRW has them."""
    mouth = Reel(record["mouth"].blobs[:count], 1)
    return {**record, "mouth": mouth, "wave": record["wave"][: 640 * count]}


def wanted(name: str) -> float | None:
    """Estimate how many examples a second one H100 takes."""
    tera, batch = SYSTEMS[name]
    return tera and H100_TFLOPS * USED_FRACTION / (tera / batch)


def main() -> None:
    """Print one row per experiment."""
    parser = make_parser(__doc__)
    parser.add_argument("--before", metavar="PATH", help="results of an older commit")
    options = parser.parse_args()
    old = {}
    if options.before:
        rows = json.loads(pathlib.Path(options.before).read_text())["rows"]
        old = {row[0]: row for row in rows}
    cv2.setNumThreads(1)
    measured = "3 s", "180 s", "ratio", "one H100 takes", "cores"
    earlier = tuple(f"{name}, before" for name in measured) if old else ()
    table = ResultTable(
        "Training examples a second and core", "experiment", *measured, *earlier
    )
    with tempfile.TemporaryDirectory() as folder:
        long_record = schema.decode_record(RepeatedSource(REPEATS, 1).read_clip(0))
        corpora = []
        for repeats, count in ((1, 16), (REPEATS, 1)):
            root = pathlib.Path(folder, str(repeats))
            build_corpus(RepeatedSource(repeats, count), root, num_workers=0)
            corpora.append(open_split(root, "train"))
        for name in SYSTEMS:
            rate, long_rate, ratio = measure(name, corpora, long_record)
            need = wanted(name)
            before = old.get(name, [None] * 6)[1:6] if old else []
            row = rate, long_rate, ratio, need and round(need), need and need / rate
            table.add(name, *row, *before)
    table.write(
        options.json, data="puppets of 128 pixels, read from a corpus on the disk"
    )


if __name__ == "__main__":
    main()
