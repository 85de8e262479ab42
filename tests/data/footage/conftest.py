"""Videos of puppets who talk, to be cut into clips."""

import av
import numpy as np
import pytest

from avjax.data.footage.videos import Video
from avjax.data.puppet import make_clip, make_puppet, render_portrait_video, still_pose
from avjax.faces.alignment import landmarks_in_box
from avjax.faces.tracking import FaceTrack
from avjax.media.video_writer import VideoWriter

SIZE = 160  # side of the frames in pixels


class Talk:
    """Frames u8 [t 160 160 3] at 25 fps and the wave f32 [n] of a talking puppet."""

    def __init__(self, speaker, clips=(0,)):
        made = [make_clip(0, index, 8, ("free",)) for index in clips]
        articulation = np.concatenate([clip.articulation for clip in made])
        pose = still_pose(len(articulation))
        person = make_puppet(0, speaker)
        self.frames, _ = render_portrait_video(person, articulation, pose, SIZE)
        self.wave = np.concatenate([clip.wave for clip in made])


@pytest.fixture(scope="session")
def anna():
    """About nine seconds of one puppet."""
    return Talk(3, (0, 1, 2))


@pytest.fixture(scope="session")
def bert():
    """About four seconds of another puppet, who looks different."""
    return Talk(11, (3, 4))


@pytest.fixture(scope="session")
def speech():
    """More than 20 seconds of one puppet."""
    return Talk(7, tuple(range(11)))


def track_puppet(frames):
    """Track the face of a puppet at its known place, unless the image is black."""
    landmarks = []
    for image in frames:
        box = np.array([45, 36, 115, 106], np.float32) * len(image) / SIZE
        visible = image.mean() > 16
        landmarks.append(landmarks_in_box(box if visible else box * np.nan))
    stacked = np.stack(landmarks)
    detected = np.isfinite(stacked[:, 0, 0])
    return [FaceTrack(stacked, detected)] if detected.any() else []


@pytest.fixture(scope="session")
def tracker():
    return track_puppet


@pytest.fixture
def write(tmp_path):
    """write(name, frames, wave) writes a video and returns it as a `Video`."""

    def write_video(name, frames, wave, transcript=""):
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with VideoWriter(path, 25, wave) as video:
            for frame in frames:
                video.write(frame)
        text = path.with_suffix(transcript) if transcript else None
        return Video(path, name, path.stem, "anna", text)

    return write_video


@pytest.fixture
def write_rotated(tmp_path):
    """write(name, frames, wave) stores frames lying on the side, as phones do."""

    def write_video(name, frames, wave):
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as file:
            stream = file.add_stream("libx264", 25)
            stored = [np.ascontiguousarray(np.rot90(frame, -1)) for frame in frames]
            stream.height, stream.width, _ = stored[0].shape
            stream.pix_fmt = "yuv420p"
            stream.set_display_rotation(90)
            sound = file.add_stream("aac", 16_000, layout="mono")
            for image in stored:
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
            block = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            block.sample_rate = 16_000
            file.mux(sound.encode(block))
            file.mux(sound.encode(None))
        return Video(path, name, path.stem, "anna", None)

    return write_video
