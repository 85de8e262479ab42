"""A clip of a puppet-like lower face whose mouth opens and closes."""

import numpy as np
import pytest

from avjax.data.schema import Reel, make_record

FRAMES = 45


def lower_face(number: int) -> np.ndarray:
    """Draw skin with a dark mouth whose height encodes the number of the frame."""
    image = np.full((128, 128, 3), (200, 150, 120), np.uint8)
    half = 2 + number % 12
    image[66 - half : 66 + half, 44:84] = (90, 20, 20)
    return image


@pytest.fixture(scope="session")
def lip_record():
    rng = np.random.default_rng(0)
    picture = np.zeros((16, 16, 3), np.uint8)
    pose = np.tile([-0.5, -1.05, 0.5, -1.05, 0, -0.45], (FRAMES, 1))
    return make_record(
        face=Reel.from_frames([picture] * FRAMES),
        mouth=Reel.from_frames([np.zeros((96, 96, 1), np.uint8)] * FRAMES),
        lower_face=Reel.from_frames(map(lower_face, range(FRAMES))),
        pose=pose + 0.01 * rng.normal(size=pose.shape),
        wave=rng.uniform(-0.3, 0.3, FRAMES * 640).astype(np.float32),
        text="",
        speaker="square",
        clip="clip 7",
    )
