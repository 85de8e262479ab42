"""Weights that nobody trained, a puppet that speaks, and files that cannot be used."""

import os
import pathlib
from collections.abc import Callable

import jax
import numpy as np
import pytest
from random_variables import untrained

from avjax import weights
from avjax.algorithms import tiling as tiles
from avjax.data import puppet
from avjax.media import audio_io as audio
from avjax.media import image_io as image
from avjax.media import video_reader as video
from avjax.models.bridging import BridgingConfig
from avjax.pipelines.lipread import blank
from avjax.text.tokenizer import CHARACTERS

SMALL = {"size": 32, "width": 0.02, "slots": 6}
KINDS = {
    "sentences": BridgingConfig("sentences", CHARACTERS, steps=2, **SMALL),
    "words": BridgingConfig("words", ("blue", "green", "red"), **SMALL),
    "speech": BridgingConfig("speech", **SMALL),
    "idle": BridgingConfig("speech", **SMALL | {"slots": 0}),
}
SIDE = 96
BOX = ("--box", "8,0,48,48")


def save(folder: pathlib.Path, config: BridgingConfig, system="bridging", parts=1):
    variables = untrained(jax.eval_shape(lambda: blank(config)))
    names = ["bridge", "other"][:parts]
    params, stats = (
        dict.fromkeys(names, variables[kind]) for kind in ("params", "batch_stats")
    )
    weights.save(folder, params, stats, config, system=system, card="")


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> pathlib.Path:
    """A folder of weights of every kind, by its name."""
    folder = tmp_path_factory.mktemp("weights")
    for name, config in KINDS.items():
        save(folder / name, config)
    return folder


@pytest.fixture(scope="session")
def speaker(tmp_path_factory) -> pathlib.Path:
    """A puppet that says a sentence, as a clip with sound; its face is the picture."""
    clip = puppet.make_clip(0, 4, SIDE, ("grid",))
    path = tmp_path_factory.mktemp("speaker") / "speaker.mp4"
    with video.VideoWriter(path, 25, clip.wave) as writer:
        for frame in clip.frames:
            writer.write(frame)
    return path


def write_grey(path: pathlib.Path, levels, fps=25) -> pathlib.Path:
    with video.VideoWriter(path, fps) as writer:
        for level in levels:
            writer.write(np.full((48, 64, 3), level, np.uint8))
    return path


@pytest.fixture
def grey_film(tmp_path) -> Callable[..., pathlib.Path]:
    """grey_film([16, 20, ...], fps) writes a silent film of those grey levels."""

    def write(levels, fps=25, name="grey.mp4") -> pathlib.Path:
        return write_grey(tmp_path / name, levels, fps)

    return write


@pytest.fixture(scope="session")
def bad(tmp_path_factory, speaker, made) -> pathlib.Path:
    """A folder of what cannot be used, named by what is wrong with it.

    It is that of all tests, and also holds what is good: one.mp4 with a box, and
    weights.
    """
    folder, whole = tmp_path_factory.mktemp("bad"), speaker.read_bytes()
    contents = {
        "empty.mp4": b"",
        "text.mp4": b"this is no video\n" * 50,
        "cut.mp4": whole[: len(whole) // 3],
        "star.txt": b"bin lay\n*\n",
        "binary.txt": b"\xff\xfe\x00",
        "numbers.txt": b"one 2 three\n",
        "wordless.txt": b"# nothing\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    image.write_png(folder / "photo.png", np.full((64, 64, 3), 128, np.uint8))
    audio.write_wav(folder / "sound.wav", np.zeros(1600, np.float32))
    write_grey(folder / "black.mp4", [0] * 6)
    write_grey(folder / "one.mp4", [128])
    save(folder / "foreign", KINDS["words"], system="sync")
    save(folder / "two", KINDS["words"], parts=2)
    for name in ("folder", "folder.wav", "broken"):
        (folder / name).mkdir()
    (folder / "broken" / "config.json").write_text("{}")
    for name in KINDS:
        (folder / name).symlink_to(made / name)
    return folder


UNUSABLE = [  # by any verb that looks at lips
    ["missing.mp4"],
    ["empty.mp4"],
    ["text.mp4"],
    ["cut.mp4"],
    ["photo.png"],
    ["sound.wav"],
    ["black.mp4"],
    ["folder"],
    ["one.mp4", *BOX, "--weights", "unheard-of"],
    ["one.mp4", *BOX, "--weights", "foreign"],
    ["one.mp4", *BOX, "--weights", "two"],
    ["one.mp4", *BOX, "--weights", "broken"],
    ["one.mp4", "--box", "10,10,9999,10"],
    ["one.mp4", "--box", "nonsense"],
    ["one.mp4", "--box", "nan,0,9,9"],
    ["one.mp4", "--face-index", "-1"],
    ["one.mp4", "--face-index", "3"],
]


@pytest.fixture(params=UNUSABLE, ids=" ".join)
def unusable(request) -> list[str]:
    return request.param


@pytest.fixture
def refused(bad, capfd, monkeypatch) -> Callable[..., None]:
    """refused(call, words): among the bad it is one sentence, and nothing is left."""
    monkeypatch.chdir(bad)
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)  # nothing is kept

    def check(call, *words) -> None:
        before = sorted(bad.rglob("*"))
        assert call(*words) == 2
        out, told = capfd.readouterr()
        (told,) = told.strip().splitlines()
        assert told.startswith("avjax: ") and told.count("unheard-of") <= 1 and not out
        assert sorted(bad.rglob("*")) == before

    return check


@pytest.fixture
def small_tiles(monkeypatch):
    """Pictures of a few pixels have several tiles."""
    monkeypatch.setattr(tiles, "CORE", 32)
