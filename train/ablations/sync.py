"""Measured offsets of clips whose offset is known: real, shifted and swapped audio.

    AVJAX_REAL=/path/to/real python -m avjax.train.ablations.sync

`sync-puppet` measures forty puppets that it was not trained on, and `sync-grid-s1` the
forty validation clips of GRID's speaker s1 in AVJAX_REAL/grid.

    as it is  the real audio
    shifted   the audio is moved by each of -12 to 12 frames but 0, with silence at one
              end; these rows are over clips and offsets
    swapped   the audio of the next clip, as far as both last

Printed are mean and standard deviation of LSE-D and LSE-C, and the fractions of the
clips whose offset is exact, is exact up to one frame, and is reported as reliable.
"""

import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from avjax.constants import FPS, SAMPLE_RATE
from avjax.data import puppet
from avjax.data.builders.grid import GridSource
from avjax.faces.mouth_video import MouthVideo, open_mouth_video
from avjax.media.audio_io import read_audio
from avjax.media.video_writer import VideoWriter
from avjax.pipelines import sync_scoring
from avjax.pipelines.sync_models import SyncModel, load_sync_model
from avjax.train.ablations.results import (
    ResultTable,
    make_parser,
    real_clips_folder,
)
from avjax.train.ablations.studies.talking_clips import shift_audio
from avjax.typing import PathLike

NUM_CLIPS = 40
OFFSETS = range(-12, 13)  # frames
FACE_SIZE = 96  # pixels
HELD_STRIDE = 5  # every fifth puppet is in val or test, from the fifth on


class SyncTrial(NamedTuple):
    """The measurement of one clip.

    Attributes:
        true_offset: Frames by which the audio was moved.
        offset: Measured offset in frames.
        distance: LSE-D.
        confidence: LSE-C.
    """

    true_offset: int
    offset: int
    distance: float
    confidence: float


def make_puppet_videos(folder: pathlib.Path) -> Iterator[MouthVideo]:
    """Write validation and test clips of puppets of seed 0 that speak sentences.

    Args:
        folder: Where the videos are written.

    Yields:
        The videos.
    """
    for index in range(HELD_STRIDE - 1, HELD_STRIDE * NUM_CLIPS, HELD_STRIDE):
        clip = puppet.make_clip(0, index, FACE_SIZE, ("grid",))
        path = folder / f"{index}.mp4"
        with VideoWriter(path, FPS, clip.wave) as writer:
            for frame in clip.frames:
                writer.write(frame)
        yield open_mouth_video(path, (0, 0, FACE_SIZE, FACE_SIZE))


def open_grid_videos(folder: pathlib.Path) -> Iterator[MouthVideo]:
    """Open the validation clips of a folder of GRID."""
    for clip in GridSource(os.fspath(folder)).list_clips()["val"]:
        yield open_mouth_video(clip.video)


def load_wave(video: MouthVideo) -> np.ndarray:
    """Load the audio of a video file at 16 kHz."""
    source: PathLike | np.ndarray = video.source
    assert not isinstance(source, np.ndarray)
    return read_audio(source, SAMPLE_RATE)


def run_trials(
    model: SyncModel, videos: list[MouthVideo]
) -> dict[str, list[SyncTrial]]:
    """Measure all videos with real, shifted and swapped audio.

    Args:
        model: The sync model.
        videos: Videos with an audio track.

    Returns:
        The measurements by row.
    """
    waves = [load_wave(video) for video in videos]
    trials = {"as it is": [], "shifted": [], "swapped": []}
    others = [*waves[1:], waves[0]]
    for video, wave, other in zip(videos, waves, others, strict=True):
        starts = sync_scoring.valid_starts(video, wave)
        visual = list(sync_scoring.iter_visual_embeddings(model, video, starts))
        num_frames = len(starts)
        trials["as it is"].append(run_trial(model, visual, wave, num_frames))
        trials["shifted"] += [
            run_trial(model, visual, shift_audio(wave, offset), num_frames, offset)
            for offset in OFFSETS
            if offset
        ]
        num_frames = len(sync_scoring.valid_starts(video, other[: len(wave)]))
        trials["swapped"].append(run_trial(model, visual, other, num_frames))
    return trials


def run_trial(
    model: SyncModel,
    visual: list[sync_scoring.Chunk],
    wave: np.ndarray,
    num_frames: int,
    true_offset: int = 0,
) -> SyncTrial:
    """Measure a video with some audio.

    Args:
        model: The sync model.
        visual: Embeddings of the lips.
        wave: The audio, f32 [n].
        num_frames: Number of frames that are compared.
        true_offset: Frames by which the audio was moved.

    Returns:
        The measurement.
    """
    chunks = visual[: -(-num_frames // sync_scoring.CHUNK_FRAMES)]
    audio = sync_scoring.iter_audio_embeddings(model, wave, num_frames)
    score = sync_scoring.score_chunks(chunks, audio)
    return SyncTrial(
        true_offset, int(score.offset), float(score.distance), float(score.confidence)
    )


def add_row(
    table: ResultTable,
    model: SyncModel,
    row: str,
    trials: list[SyncTrial],
) -> None:
    """Add a row of measurements to the table."""
    true_offset, offset, distance, confidence = np.array(trials).T
    error = np.abs(offset - true_offset)
    reliable = confidence >= model.spec.confidence_threshold
    table.add(
        model.name,
        row,
        len(trials),
        *(f"{x.mean():.3f} ± {x.std():.3f}" for x in (distance, confidence)),
        f"{confidence.min():.3f} to {confidence.max():.3f}",
        *(100 * np.mean(x) for x in (error == 0, error <= 1, reliable)),
    )


def main() -> None:
    """Measure puppets and GRID, and print the table."""
    parser = make_parser(__doc__)
    options, real = parser.parse_args(), real_clips_folder(parser)
    fractions = ("exact, %", "within 1 frame, %", "reliable, %")
    columns = ("model", "audio", "trials", "LSE-D", "LSE-C", "range of LSE-C")
    table = ResultTable("Measured offsets of lips and audio", *columns, *fractions)
    with tempfile.TemporaryDirectory() as folder:
        videos = {
            "sync-puppet": make_puppet_videos(pathlib.Path(folder)),
            "sync-grid-s1": open_grid_videos(real / "grid"),
        }
        for name, clips in videos.items():
            model = load_sync_model(name)
            for row, trials in run_trials(model, list(clips)).items():
                add_row(table, model, row, trials)
    data = f"{NUM_CLIPS} held-out clips each: puppets; GRID s1 (validation)"
    table.write(options.json, data=data)


if __name__ == "__main__":
    main()
