"""Short videos to lay out as a corpus, and a tracker that knows their face."""

import numpy as np
import pytest

from avjax.faces.alignment import landmarks_in_box
from avjax.faces.detection import Faces
from avjax.faces.observation import observe_faces
from avjax.faces.tracking import FaceTrack, select_track
from avjax.media.video_writer import VideoWriter

FRAMES = 12
LANDMARKS = landmarks_in_box(np.array([20, 10, 84, 74], np.float32))


def detect(image, thorough=True) -> Faces:
    """Find a face at a known place in every image that is not black."""
    count = int(image.mean() > 16)
    return Faces(np.stack([LANDMARKS])[:count], np.ones(count, np.float32))


def refine(image, landmarks) -> tuple[np.ndarray, float]:
    return LANDMARKS, float(image.mean() > 16)


def track(images) -> FaceTrack:
    return select_track(observe_faces(images, detect=detect, refine=refine), 0)


@pytest.fixture(scope="session")
def tracker():
    return track


@pytest.fixture(scope="session")
def picture():
    """A face square of bright skin with a dark mouth at 3/4 of its height."""
    image = np.full((96, 112, 3), (60, 90, 140), np.uint8)
    image[10:74, 20:84] = (200, 150, 120)
    image[54:62, 40:64] = (90, 20, 20)
    return image


@pytest.fixture
def write_video(picture):
    """write_video(path, frames, audio, blank) writes a video with black frames."""

    def write(path, frames=FRAMES, audio=True, blank=()):
        path.parent.mkdir(parents=True, exist_ok=True)
        wave = 0.3 * np.sin(np.arange(frames * 640) / 5).astype(np.float32)
        with VideoWriter(path, 25, wave if audio else None) as video:
            for number in range(frames):
                video.write(picture * (number not in blank))

    return write
