"""Videos whose grey level encodes the frame number."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from avjax.media.video_writer import VideoWriter

STEP = 4  # grey levels between consecutive frames: more than the encoder's error


def numbered(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), 16 + STEP * number, np.uint8)


def number_of(image: np.ndarray) -> int:
    return round((float(np.median(image)) - 16) / STEP)


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


@pytest.fixture
def face_image(real) -> np.ndarray:
    """A frame with one face."""
    from avjax.media.video_reader import read_frames

    return next(read_frames(real / "talking" / "fps25.mp4", 20))
