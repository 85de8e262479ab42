"""Play the frames of a photo or clip, and replace the face in each."""

import abc
import itertools
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from avjax.faces.crop import crop_box, paste_face
from avjax.faces.source import FaceSource
from avjax.media.video_reader import ping_pong_indices
from avjax.pipelines.talking.audio_talkers import Talker


class CompositedFrame(NamedTuple):
    """A finished frame.

    Attributes:
        frame: The frame, u8 [h w 3].
        patch: The generated face, u8 [s s 3]; None if the frame shows no face.
        box: Edges of the face in the original frame in pixels, f32 [4].
    """

    frame: np.ndarray
    patch: np.ndarray | None
    box: np.ndarray


def crop_portrait(source: FaceSource, talker: Talker) -> np.ndarray:
    """Crop the first face that is found in a source.

    Args:
        source: A photo or a clip with its face boxes.
        talker: The talker that the crop is for.

    Returns:
        The face crop, u8 [s s 3], where s is `talker.config.size`.
    """
    boxes = talker.crop_boxes(source.boxes)
    first = int(np.argmax(np.isfinite(boxes[:, 0])))
    frame = next(itertools.islice(source.play(first + 1), first, None))
    return crop_box(frame, boxes[first], talker.config.size)


class Compositor(abc.ABC):
    """Base class: play the frames of a source and replace the face in each.

    A source that is too short is played forwards and backwards alternately, as
    often as needed.

    Args:
        source: A photo or a clip with its face.
        shape: Height and width of a finished frame in pixels.

    Attributes:
        fps: Frames per second.
        shape: Height and width of a finished frame in pixels.
    """

    def __init__(self, source: FaceSource, shape: tuple[int, int]):
        period = max(1, 2 * len(source.boxes) - 2)
        self._order = ping_pong_indices(len(source.boxes), period)
        self._frames: Iterator[np.ndarray] = source.play(sys.maxsize)
        self._num_done = 0
        self.fps = source.fps
        self.shape = shape

    def composite(self, latents: np.ndarray) -> list[CompositedFrame]:
        """Generate the next frames.

        Args:
            latents: One latent per frame, f32 [t d].

        Returns:
            t finished frames.
        """
        frames = list(itertools.islice(self._frames, len(latents)))
        numbers = self._num_done + np.arange(len(frames))
        self._num_done += len(frames)
        return self._replace_faces(
            frames, self._order[numbers % len(self._order)], latents
        )

    @abc.abstractmethod
    def _replace_faces(
        self, frames: list[np.ndarray], numbers: np.ndarray, latents: np.ndarray
    ) -> list[CompositedFrame]:
        """Finish frames, which have these numbers in the source [t]."""


class PastingCompositor(Compositor):
    """Paste generated lower faces into the frames.

    The first face that is found is the identity reference of all frames.

    Args:
        source: A photo or a clip with its face boxes.
        talker: Generates the faces.
        native: Return the generated faces alone, at the resolution of the network.
    """

    def __init__(self, source: FaceSource, talker: Talker, native: bool):
        size = talker.config.size
        super().__init__(source, (size, size) if native else source.shape)
        self._talker, self._native = talker, native
        self._boxes = talker.crop_boxes(source.boxes)
        self._reference: np.ndarray | None = None

    def _replace_faces(
        self, frames: list[np.ndarray], numbers: np.ndarray, latents: np.ndarray
    ) -> list[CompositedFrame]:
        """Generate faces and paste them; see `Compositor`."""
        boxes = self._boxes[numbers]
        face_found = np.isfinite(boxes[:, 0])
        crops = self._crop_faces(frames, boxes)
        if self._reference is None and face_found.any():
            self._reference = crops[int(np.argmax(face_found))]
        patches = self._talker.decode_frames(latents, crops, self._reference)
        return [
            self._finish(frame, patch if has_face else None, box)
            for frame, patch, box, has_face in zip(
                frames, patches, boxes, face_found, strict=True
            )
        ]

    def _crop_faces(self, frames: list[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Crop the face of each frame, u8 [t s s 3]; black where there is none."""
        size = self._talker.config.size
        black = np.zeros((size, size, 3), np.uint8)
        return np.stack(
            [
                crop_box(frame, box, size) if np.isfinite(box[0]) else black
                for frame, box in zip(frames, boxes, strict=True)
            ]
        )

    def _finish(
        self, frame: np.ndarray, patch: np.ndarray | None, box: np.ndarray
    ) -> CompositedFrame:
        """Make one finished frame of an original frame and a generated face."""
        if self._native:
            black = np.zeros((*self.shape, 3), np.uint8)
            return CompositedFrame(black if patch is None else patch, patch, box)
        if patch is None:
            return CompositedFrame(frame, patch, box)
        return CompositedFrame(paste_face(frame, patch, box), patch, box)
