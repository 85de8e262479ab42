"""Films whose frames carry their number in their grey, so that each can be told."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from avjax.media.video_reader import VideoWriter

STEP = 4  # grey levels between a frame and the next: more than coding loses


def numbered(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), 16 + STEP * number, np.uint8)


def number_of(image: np.ndarray) -> int:
    return round((float(np.median(image)) - 16) / STEP)


@pytest.fixture
def film(tmp_path) -> Callable[..., pathlib.Path]:
    """film(frames, fps) writes frames 0, 1, ... and tells where."""

    def write(frames: int, fps=25, sound=None) -> pathlib.Path:
        path = tmp_path / f"{frames}.mp4"
        with VideoWriter(path, fps, sound) as video:
            for number in range(frames):
                video.write(numbered(number))
        return path

    return write


@pytest.fixture
def read_number() -> Callable[[np.ndarray], int]:
    return number_of


@pytest.fixture
def face_image(real) -> np.ndarray:
    """A frame with one face."""
    from avjax.media.video_reader import read_frames

    return next(read_frames(real / "talking" / "fps25.mp4", 20))
