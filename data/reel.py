"""Frames of a clip, each stored as a JPEG file."""

from collections.abc import Iterable, Sequence
from typing import overload

import cv2
import imagecodecs
import numpy as np

JPEG_QUALITY = 95


class Reel(Sequence):
    """Frames stored as JPEG; a frame is decoded when it is read.

    `reel[3]` is u8 [h w c], and `reel[2:9]` is u8 [t h w c].

    Attributes:
        blobs: JPEG files, one for each frame.
        channels: 3 (RGB) or 1 (grey).
    """

    def __init__(self, blobs: Sequence[bytes], channels: int):
        self.blobs = tuple(blobs)
        self.channels = channels

    @classmethod
    def from_frames(cls, frames: Iterable[np.ndarray]) -> "Reel":
        """Encode frames.

        Args:
            frames: At least one frame, each u8 [h w c] with c = 1 or 3.

        Returns:
            The frames as a reel.
        """
        frames = list(frames)
        blobs = [encode_jpeg(frame) for frame in frames]
        return cls(blobs, frames[0].shape[-1])

    def __len__(self) -> int:
        return len(self.blobs)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> np.ndarray: ...
    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        return _decode_jpeg(self.blobs[index], self.channels)

    def take(self, indices: Iterable[int]) -> np.ndarray:
        """Return the frames with these numbers, in this order, u8 [t h w c].

        Args:
            indices: Frame numbers, [t], at least one.
        """
        blobs = [self.blobs[int(index)] for index in indices]
        first = _decode_jpeg(blobs[0], self.channels)
        frames = np.empty((len(blobs), *first.shape), np.uint8)
        frames[0] = first
        for frame, blob in zip(frames[1:], blobs[1:], strict=True):
            frame[...] = _decode_jpeg(blob, self.channels)
        return frames


def encode_jpeg(frame: np.ndarray) -> bytes:
    """Encode a frame as a JPEG file.

    Args:
        frame: Frame, u8 [h w c] with c = 1 (grey) or 3 (RGB).

    Returns:
        Content of the file.
    """
    frame = frame[..., ::-1] if frame.shape[-1] == 3 else frame
    flags = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode(".jpg", np.ascontiguousarray(frame), flags)[1].tobytes()


def _decode_jpeg(blob: bytes, channels: int) -> np.ndarray:
    """Decode a JPEG file to u8 [h w c]; OpenCV needs 1.7 times as long."""
    frame = imagecodecs.jpeg8_decode(blob)
    return frame.reshape(*frame.shape[:2], channels)
