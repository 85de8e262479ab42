"""An overview of a clip: some of its frames in one image."""

import numpy as np
from einops import rearrange

from avjax.media.video_reader import probe, read_frames
from avjax.typing import PathLike

ROWS, COLUMNS = 4, 6
MAX_THUMBNAIL_PIXELS = 192  # longer side of a frame in the overview


def contact_sheet(clip: PathLike) -> np.ndarray:
    """Arrange 24 frames of a clip, evenly spaced in time, in a grid.

    Args:
        clip: A video file.

    Returns:
        The image, u8 [h w 3]. Frames follow each other row by row; if the clip has
        fewer than 24, the rest is black.

    Raises:
        InputError: The file is not a video.
    """
    count = ROWS * COLUMNS
    last = probe(clip).num_frames - 1
    frame_numbers = set(np.linspace(0, last, count).round().astype(int).tolist())
    frames = [
        thumbnail(frame)
        for number, frame in enumerate(read_frames(clip))
        if number in frame_numbers
    ]
    frames += [np.zeros_like(frames[0])] * (count - len(frames))
    return rearrange(np.stack(frames), "(r s) h w c -> (r h) (s w) c", r=ROWS)


def thumbnail(frame: np.ndarray) -> np.ndarray:
    """Shrink a frame by an integer factor.

    Args:
        frame: u8 [h w 3].

    Returns:
        The mean of each block of pixels, u8 [h w 3], with a longer side of at most
        `MAX_THUMBNAIL_PIXELS`.
    """
    step = -(-max(frame.shape) // MAX_THUMBNAIL_PIXELS)
    rows, columns = (side // step * step for side in frame.shape[:2])
    blocks = rearrange(
        frame[:rows, :columns].astype(np.float32),
        "(h r) (w s) c -> h w c r s",
        r=step,
        s=step,
    )
    return blocks.mean(axis=(-2, -1)).round().astype(np.uint8)
