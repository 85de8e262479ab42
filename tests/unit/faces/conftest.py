"""Faces to be found: puppets, and a frame of a real clip."""

import numpy as np
import pytest

from avjax.data import puppet


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """A puppet, u8 [256 256 3]; its face box is 110 pixels wide."""
    return puppet.render_portrait(puppet.make_puppet(0, 3), 256)[0]


@pytest.fixture(scope="session")
def portraits() -> list[np.ndarray]:
    """Six puppets, u8 [256 256 3]."""
    people = [puppet.make_puppet(0, index) for index in range(6)]
    return [puppet.render_portrait(person, 256)[0] for person in people]


@pytest.fixture
def face_image(real) -> np.ndarray:
    """A frame with one face."""
    from avjax.media.video_reader import read_frames

    return next(read_frames(real / "talking" / "fps25.mp4", 20))
