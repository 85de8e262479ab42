"""Read videos as streams of upright RGB images, in bounded memory.

Times are in seconds on the clock of the file, which starts with its first audio or
video frame. `avjax.media.tracks.video_track` decides which frames a file shows, and
when; `avjax.media.display` how they look.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from avjax.constants import FPS
from avjax.errors import InputError
from avjax.media.display import DisplayTransform
from avjax.media.tracks.video_track import VideoTrack
from avjax.typing import PathLike

BACKWARDS_BYTES = 96 * 2**20  # memory for the frames that are played backwards


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """Properties of a video file.

    Attributes:
        width: Width of the upright image in pixels.
        height: Height of the upright image in pixels.
        fps: Frames per second. Pauses between frames do not count.
        num_frames: Number of stored frames that are shown.
        duration: End of the last frame in seconds.
        rotation: Degrees counter-clockwise by which stored frames are rotated.
        has_audio: The file has an audio track.
        remarks: Sentences on what is not shown as stored, such as HDR.
    """

    width: int
    height: int
    fps: Fraction
    num_frames: int
    duration: float
    rotation: int
    has_audio: bool
    remarks: tuple[str, ...] = ()


def probe(path: PathLike, expected: str = "a video") -> VideoInfo:
    """Read the properties of a video; only its first frame is decoded.

    Args:
        path: The video file.
        expected: What the message of an error says that the file is not.

    Returns:
        The properties; frames are counted, not taken from the header.

    Raises:
        InputError: The file has no video, is damaged, or is cut off.
    """
    track = VideoTrack.open(path, expected)
    transform = _read_transform(track)
    width, height = transform.size
    return VideoInfo(
        width=width,
        height=height,
        fps=track.fps,
        num_frames=len(track.seconds),
        duration=track.duration,
        rotation=transform.rotation,
        has_audio=track.has_audio,
        remarks=transform.remarks,
    )


def read_frames(path: PathLike, start: int = 0) -> Iterator[np.ndarray]:
    """Read the stored frames of a video.

    Args:
        path: The video file.
        start: Number of the first frame to read.

    Returns:
        An iterator over images u8 [h w c=3].

    Raises:
        InputError: The video cannot be read.
    """
    track = VideoTrack.open(path)
    transform = _read_transform(track)
    return (transform.to_image(frame) for _, frame in track.decode(start))


def read_at_rate(path: PathLike, fps: float | Fraction) -> Iterator[np.ndarray]:
    """Read a video at a constant frame rate.

    Image n is the frame that is visible at second n / fps; see `VideoTrack.sample`.
    Timestamps decide, so that unusual and variable frame rates cause no drift, the
    duration is kept, and a frame is repeated through a pause.

    Args:
        path: The video file.
        fps: Images per second.

    Returns:
        An iterator over `count_at_rate(path, fps)` images u8 [h w c=3].

    Raises:
        InputError: The video cannot be read.
    """
    track = VideoTrack.open(path)
    return _play(track, _read_transform(track), track.sample(fps))


def count_at_rate(path: PathLike, fps: float | Fraction) -> int:
    """Count the images of `read_at_rate`; no frame is decoded.

    Args:
        path: The video file.
        fps: Images per second.

    Raises:
        InputError: The video cannot be read.
    """
    return len(VideoTrack.open(path).sample(fps))


def read_clip(path: PathLike, fps: float = FPS) -> np.ndarray:
    """Read a whole short video at a constant frame rate.

    Args:
        path: The video file.
        fps: Images per second.

    Returns:
        The images, u8 [t h w c=3].

    Raises:
        InputError: The video cannot be read.
    """
    return np.stack(list(read_at_rate(path, fps)))


def ping_pong_indices(num_frames: int, count: int) -> np.ndarray:
    """Return the frame numbers of a clip that is played back and forth.

    Args:
        num_frames: Number of frames of the clip.
        count: Number of frames to play.

    Returns:
        Frame numbers, i64 [count]. The first and last frames are not repeated.
    """
    period = max(1, 2 * (num_frames - 1))
    position = np.arange(count) % period
    return np.minimum(position, period - position) % period


def ping_pong(
    path: PathLike, count: int, fps: float | Fraction | None = None
) -> Iterator[np.ndarray]:
    """Play a video back and forth, in bounded memory.

    Args:
        path: The video file.
        count: Number of images to return.
        fps: Images per second, as in `read_at_rate`. None: the frame rate of the video.

    Returns:
        An iterator over images u8 [h w c=3], in the order of `ping_pong_indices`.

    Raises:
        InputError: The video cannot be read.
    """
    track = VideoTrack.open(path)
    transform = _read_transform(track)
    numbers = track.sample(track.fps if fps is None else fps)
    return itertools.islice(_ping_pong_forever(track, transform, numbers), count)


def _ping_pong_forever(
    track: VideoTrack, transform: DisplayTransform, numbers: np.ndarray
) -> Iterator[np.ndarray]:
    while True:
        yield from _play(track, transform, numbers)
        width, height = transform.size
        chunk_length = max(1, BACKWARDS_BYTES // (3 * width * height))
        for stop in range(len(numbers) - 1, 1, -chunk_length):
            start = max(1, stop - chunk_length)
            chunk = list(_play(track, transform, numbers[start:stop]))
            while chunk:
                yield chunk.pop()


def _play(
    track: VideoTrack, transform: DisplayTransform, numbers: np.ndarray
) -> Iterator[np.ndarray]:
    """Yield the images of frame numbers in ascending order, which may repeat.

    A damaged frame is replaced by the one before it.
    """
    image, position = None, 0
    for number, frame in track.decode(int(numbers[0])):
        begin, end = np.searchsorted(numbers, [number, number + 1])
        if end > begin or image is None:
            following = transform.to_image(frame)
            yield from itertools.repeat(
                following if image is None else image, begin - position
            )
            yield from itertools.repeat(following, end - begin)
            image, position = following, int(end)
        if position == len(numbers):
            return
    if image is None:
        raise InputError(f"{track.path} has no frames that can be decoded")
    yield from itertools.repeat(image, len(numbers) - position)


def _read_transform(track: VideoTrack) -> DisplayTransform:
    """Decode the first frame, and read from it how all frames are shown."""
    pair = next(track.decode(), None)
    if pair is None:
        raise InputError(f"{track.path} has no frames that can be decoded")
    return DisplayTransform.from_frame(pair[1], track.aspect)
