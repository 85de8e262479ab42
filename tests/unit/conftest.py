"""Fixtures of unit tests: untrained lip readers, a speaking puppet, unusable files."""

import os
import pathlib
from collections.abc import Callable, Sequence

import jax
import numpy as np
import pytest
from random_variables import untrained

from avjax import weights
from avjax.algorithms import tiling
from avjax.constants import FPS
from avjax.data import puppet
from avjax.media import audio_io, image_io
from avjax.media.video_writer import VideoWriter
from avjax.models.bridging import BridgingConfig, init_variables
from avjax.text.tokenizer import CHARACTERS

SMALL = {"size": 32, "width": 0.02}
READER_CONFIGS = {
    "sentences": BridgingConfig(
        "sentences", CHARACTERS, outputs_per_frame=2, num_slots=6, **SMALL
    ),
    "words": BridgingConfig("words", ("blue", "green", "red"), num_slots=6, **SMALL),
    "speech": BridgingConfig("speech", num_slots=6, **SMALL),
    "idle": BridgingConfig("speech", num_slots=0, **SMALL),
}
CLIP_SIDE = 96
LEVELS_PER_FRAME = 4  # grey levels between numbered frames: above the encoder's error
BOX = ("--box", "8,0,48,48")


def save_reader(
    folder: pathlib.Path,
    config: BridgingConfig,
    system: str = "bridging",
    parts: Sequence[str] = ("reader",),
) -> None:
    """Save an untrained lip reader, under each of some part names."""
    key = jax.random.key(0)
    shapes = jax.eval_shape(lambda: init_variables(config, key))
    variables = untrained(shapes["reader"])
    params, stats = (
        dict.fromkeys(parts, variables[collection])
        for collection in ("params", "batch_stats")
    )
    weights.save(folder, params, stats, config, system=system, card="")


@pytest.fixture(scope="session")
def reader_weights(tmp_path_factory) -> pathlib.Path:
    """Folder of untrained weights for each of READER_CONFIGS."""
    folder = tmp_path_factory.mktemp("weights")
    for name, config in READER_CONFIGS.items():
        save_reader(folder / name, config)
    return folder


@pytest.fixture(scope="session")
def puppet_clip(tmp_path_factory) -> pathlib.Path:
    """Clip with sound in which a puppet says a sentence; the face fills the image."""
    clip = puppet.make_clip(0, 4, CLIP_SIDE, ("grid",))
    path = tmp_path_factory.mktemp("puppet") / "puppet.mp4"
    with VideoWriter(path, FPS, clip.wave) as writer:
        for frame in clip.frames:
            writer.write(frame)
    return path


def write_grey_video(path: pathlib.Path, levels, fps=FPS) -> pathlib.Path:
    """Write a silent video whose frames are uniform."""
    with VideoWriter(path, fps) as writer:
        for level in levels:
            writer.write(np.full((48, 64, 3), level, np.uint8))
    return path


@pytest.fixture
def grey_video(tmp_path) -> Callable[..., pathlib.Path]:
    """grey_video([16, 20, ...], fps) writes a silent video of these grey levels."""

    def write(levels, fps=FPS, name="grey.mp4") -> pathlib.Path:
        return write_grey_video(tmp_path / name, levels, fps)

    return write


@pytest.fixture(scope="session")
def bad_files(tmp_path_factory, puppet_clip, reader_weights) -> pathlib.Path:
    """Folder of files that cannot be used, named by what is wrong with them.

    It also holds one.mp4, which can be used with a box, and the reader weights.
    """
    folder, clip = tmp_path_factory.mktemp("bad"), puppet_clip.read_bytes()
    contents = {
        "empty.mp4": b"",
        "text.mp4": b"this is no video\n" * 50,
        "cut.mp4": clip[: len(clip) // 3],
        "star.txt": b"bin lay\n*\n",
        "binary.txt": b"\xff\xfe\x00",
        "numbers.txt": b"one 2 three\n",
        "wordless.txt": b"# nothing\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    image_io.write_png(folder / "photo.png", np.full((64, 64, 3), 128, np.uint8))
    audio_io.write_wav(folder / "sound.wav", np.zeros(1600, np.float32))
    write_grey_video(folder / "black.mp4", [0] * 6)
    write_grey_video(folder / "one.mp4", [128])
    save_reader(folder / "foreign", READER_CONFIGS["words"], system="sync_expert")
    save_reader(folder / "two", READER_CONFIGS["words"], parts=("reader", "other"))
    for name in ("folder", "folder.wav", "broken"):
        (folder / name).mkdir()
    (folder / "broken" / "config.json").write_text("{}")
    for name in READER_CONFIGS:
        (folder / name).symlink_to(reader_weights / name)
    return folder


BAD_ARGUMENTS = [  # of every command that reads lips
    ["missing.mp4"],
    ["empty.mp4"],
    ["text.mp4"],
    ["cut.mp4"],
    ["photo.png"],
    ["sound.wav"],
    ["black.mp4"],
    ["folder"],
    ["one.mp4", *BOX, "--weights", "unknown-name"],
    ["one.mp4", *BOX, "--weights", "foreign"],
    ["one.mp4", *BOX, "--weights", "two"],
    ["one.mp4", *BOX, "--weights", "broken"],
    ["one.mp4", "--box", "10,10,9999,10"],
    ["one.mp4", "--box", "nonsense"],
    ["one.mp4", "--box", "nan,0,9,9"],
    ["one.mp4", "--face-index", "-1"],
    ["one.mp4", "--face-index", "3"],
]


@pytest.fixture(params=BAD_ARGUMENTS, ids=" ".join)
def bad_arguments(request) -> list[str]:
    """Arguments that every command that reads lips refuses."""
    return request.param


@pytest.fixture
def assert_refused(bad_files, capfd, monkeypatch) -> Callable[..., None]:
    """assert_refused(call, *words): the call prints one sentence and writes no file."""
    monkeypatch.chdir(bad_files)
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)  # no cache

    def check(call, *words) -> None:
        before = sorted(bad_files.rglob("*"))
        assert call(*words) == 2
        out, error = capfd.readouterr()
        (line,) = error.strip().splitlines()
        assert (
            line.startswith("avjax: ") and line.count("unknown-name") <= 1 and not out
        )
        assert sorted(bad_files.rglob("*")) == before

    return check


@pytest.fixture
def small_tiles(monkeypatch):
    """Cut even small images into several tiles."""
    monkeypatch.setattr(tiling, "TILE_SIZES", (32,))


def numbered(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), 16 + LEVELS_PER_FRAME * number, np.uint8)


def number_of(image: np.ndarray) -> int:
    return round((float(np.median(image)) - 16) / LEVELS_PER_FRAME)


@pytest.fixture
def make_video(tmp_path) -> Callable[..., pathlib.Path]:
    """Function (frames, fps, audio) that writes a video and returns its path."""

    def write(frames: int, fps=25, audio=None) -> pathlib.Path:
        path = tmp_path / f"{frames}.mp4"
        with VideoWriter(path, fps, audio) as video:
            for number in range(frames):
                video.write(numbered(number))
        return path

    return write


@pytest.fixture
def read_number() -> Callable[[np.ndarray], int]:
    return number_of
