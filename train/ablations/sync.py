"""What `avjax sync` finds in clips whose offset is known: real, shifted, swapped.

    AVJAX_REAL=/path/to/real python -m avjax.train.ablations.sync

Forty puppets of unseen speakers by `sync-puppet`, and the forty test clips of GRID's
speaker s1 by `sync-grid-s1`.  Shifted: the sound of every clip is moved by each of -12
to 12 frames but 0, silence following or going before.  Swapped: each clip has the sound
of the next one, as far as both last.  Told are mean and standard deviation over clips
(of the shifted over clips and offsets), and how many offsets are found.
"""

import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from avjax.audio.mel import RATE
from avjax.data import puppet
from avjax.data.builders.grid import Grid
from avjax.media import audio_io as audio
from avjax.media import video_reader as video
from avjax.media.mouth_video import FPS, Lips, open_lips
from avjax.pipelines import sync
from avjax.pipelines.sync_models import Judge, open_judge

CLIPS = 40
OFFSETS = range(-12, 13)
SIDE = 96


class Found(NamedTuple):
    """Of one clip: what was planted, what was found, and LSE-D and LSE-C."""

    planted: int
    offset: int
    distance: float
    confidence: float


def puppets(folder: pathlib.Path) -> Iterator[Lips]:
    """Test clips of the corpus of seed 0 that say sentences."""
    for index in range(4, 5 * CLIPS, 5):
        clip = puppet.make_clip(0, index, SIDE, ("grid",))
        path = folder / f"{index}.mp4"
        with video.VideoWriter(path, FPS, clip.wave) as writer:
            for frame in clip.frames:
                writer.write(frame)
        yield open_lips(path, (0, 0, SIDE, SIDE))


def speaker(folder: pathlib.Path) -> Iterator[Lips]:
    for sentence in Grid(os.fspath(folder)).listing()["test"]:
        yield open_lips(sentence.film)


def moved(wave: np.ndarray, ahead: int) -> np.ndarray:
    """The same sound so many frames earlier, as long as before."""
    samples = abs(ahead) * RATE // FPS
    if ahead < 0:
        return np.pad(wave, (samples, 0))[: len(wave)]
    return np.pad(wave, (0, samples))[samples:]


def rows(judge: Judge, clips: list[Lips]) -> dict[str, list[Found]]:
    """{row: what was found in every clip}"""
    waves = [audio.read_sound(lips.path, RATE) for lips in clips]
    found = {"as it is": [], "shifted": [], "swapped": []}
    for lips, wave, other in zip(clips, waves, [*waves[1:], waves[0]], strict=True):
        begun = sync.begins(lips, wave)
        seen = list(sync.watched(judge, lips, begun))

        def judged(sound: np.ndarray, planted: int = 0) -> Found:
            count = len(sync.begins(lips, sound[: len(wave)]))  # noqa: B023
            chunks = seen[: -(-count // sync.CHUNK)]  # noqa: B023
            around = sync.heard(judge, sound, count)
            return Found(planted, *told(sync.compare(chunks, around)))

        found["as it is"].append(judged(wave))
        found["shifted"] += [judged(moved(wave, k), k) for k in OFFSETS if k]
        found["swapped"].append(judged(other))
    return found


def told(synchrony) -> tuple[int, float, float]:
    values = synchrony.offset, synchrony.distance, synchrony.confidence
    return tuple(np.asarray(value).item() for value in values)


def line(found: list[Found], sure: float) -> str:
    planted, offset, distance, confidence = np.array(found).T
    away = np.abs(offset - planted)
    cells = [f"{len(found)}"]
    cells += [f"{x.mean():.3f} ± {x.std():.3f}" for x in (distance, confidence)]
    cells += [f"{confidence.min():.3f} to {confidence.max():.3f}"]
    shares = (away == 0).mean(), (away <= 1).mean(), (confidence >= sure).mean()
    return " | ".join(cells + [f"{share:.1%}" for share in shares])


def main() -> None:
    print(
        "clips | sound | judged | LSE-D | LSE-C | its range | exact | within 1 | sure"
    )
    real = pathlib.Path(os.environ["AVJAX_REAL"])
    with tempfile.TemporaryDirectory() as folder:
        sources = {
            "sync-puppet": puppets(pathlib.Path(folder)),
            "sync-grid-s1": speaker(real / "grid"),
        }
        for name, clips in sources.items():
            judge = open_judge(name)
            for row, found in rows(judge, list(clips)).items():
                print(f"{name} | {row} | {line(found, judge.kind.sure)}", flush=True)


if __name__ == "__main__":
    main()
