"""A clip on one page."""

import os

import numpy as np
from einops import rearrange

from avjax.media import video_reader as video

ROWS, COLUMNS = 4, 6
SIDE = 192  # pixels of the longer side of a frame on the page


def contact_sheet(clip: str | os.PathLike) -> np.ndarray:
    """Frames of a clip, evenly spread over its length, row by row: u8 [h w 3]."""
    wanted = ROWS * COLUMNS
    length = video.probe(clip).frames
    chosen = set(np.linspace(0, length - 1, wanted).round().astype(int).tolist())
    frames = [
        thumbnail(frame)
        for number, frame in enumerate(video.read_frames(clip))
        if number in chosen
    ]
    frames += [np.zeros_like(frames[0])] * (wanted - len(frames))
    return rearrange(np.stack(frames), "(r s) h w c -> (r h) (s w) c", r=ROWS)


def thumbnail(frame: np.ndarray) -> np.ndarray:
    """A frame made smaller by a whole number, its longer side SIDE at most."""
    step = -(-max(frame.shape) // SIDE)
    rows, columns = (side // step * step for side in frame.shape[:2])
    pieces = rearrange(
        frame[:rows, :columns].astype(np.float32),
        "(h r) (w s) c -> h w c r s",
        r=step,
        s=step,
    )
    return pieces.mean(axis=(-2, -1)).round().astype(np.uint8)
