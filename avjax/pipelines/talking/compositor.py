"""Play the frames of a photo or clip, and replace the face in each."""

import abc
import contextlib
import itertools
import sys
from collections.abc import Generator, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from avjax.faces.crop import crop_box, crop_colors, paste_face
from avjax.faces.source import FaceSource
from avjax.media.video_reader import ping_pong_indices
from avjax.pipelines.talking.audio_talkers import Talker
from avjax.pipelines.talking.stages import run_stages
from avjax.pipelines.talking.talker_functions import CHUNK_FRAMES

MAX_BYTES_AHEAD = 512 * 2**20  # of frames that are generated ahead


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


class FrameChunk(NamedTuple):
    """Consecutive frames that are finished together.

    Attributes:
        frames: Frames of the source, u8 [h w 3] each.
        numbers: Their numbers in the source, i64 [t].
        latents: What the lips do in them, f32 [t d].
    """

    frames: list[np.ndarray]
    numbers: np.ndarray
    latents: np.ndarray


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
        is_photo: All frames are the same.
    """

    def __init__(self, source: FaceSource, shape: tuple[int, int]):
        period = max(1, 2 * len(source.boxes) - 2)
        self._order = ping_pong_indices(len(source.boxes), period)
        self._frames: Iterator[np.ndarray] = source.play(sys.maxsize)
        self._num_done = 0
        self._frame_bytes = 3 * source.shape[0] * source.shape[1]
        self.fps = source.fps
        self.shape = shape
        self.is_photo = len(source.boxes) == 1

    def composite(self, latents: np.ndarray) -> list[CompositedFrame]:
        """Generate the next frames.

        Args:
            latents: One latent per frame, f32 [t d].

        Returns:
            t finished frames.
        """
        return self._finish(self._draw(self._prepare(self._read(latents))))

    def stream(
        self, chunks: Iterable[np.ndarray]
    ) -> Generator[CompositedFrame, None, None]:
        """Generate frames ahead, in several threads; memory is bounded.

        Args:
            chunks: Latents of consecutive frames, f32 [t d] each.

        Yields:
            The finished frames.
        """
        stages = self._read, self._prepare, self._draw, self._finish
        chunk_bytes = 2 * CHUNK_FRAMES * self._frame_bytes  # originals and results
        max_chunks = max(1, min(len(stages), MAX_BYTES_AHEAD // chunk_bytes))
        with contextlib.closing(run_stages(chunks, stages, max_chunks)) as groups:
            for group in groups:
                yield from group

    def _read(self, latents: np.ndarray) -> FrameChunk:
        """Read the next frames of the source."""
        frames = list(itertools.islice(self._frames, len(latents)))
        numbers = self._num_done + np.arange(len(frames))
        self._num_done += len(frames)
        return FrameChunk(frames, self._order[numbers % len(self._order)], latents)

    @abc.abstractmethod
    def _prepare(self, chunk: FrameChunk) -> Any:
        """Make the inputs of the network."""

    @abc.abstractmethod
    def _draw(self, inputs: Any) -> Any:
        """Run the network on the result of `_prepare`."""

    @abc.abstractmethod
    def _finish(self, outputs: Any) -> list[CompositedFrame]:
        """Make finished frames of the result of `_draw`."""


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
        self._photo_crop: np.ndarray | None = None
        self._photo_colors: np.ndarray | None = None

    def _prepare(self, chunk: FrameChunk) -> tuple[FrameChunk, np.ndarray]:
        """Crop the faces of a chunk, u8 [t s s 3]; one for all frames of a photo."""
        if self._photo_crop is not None:
            return chunk, self._photo_crop
        boxes = self._boxes[chunk.numbers]
        face_found = np.isfinite(boxes[:, 0])
        count = 1 if self.is_photo else len(boxes)
        crops = self._crop_faces(chunk.frames[:count], boxes[:count])
        if self._reference is None and face_found.any():
            self._reference = crops[int(np.argmax(face_found))]
        if self.is_photo:
            self._photo_crop = crops
            self._photo_colors = crop_colors(chunk.frames[0], boxes[0])
        return chunk, crops

    def _draw(
        self, inputs: tuple[FrameChunk, np.ndarray]
    ) -> tuple[FrameChunk, np.ndarray]:
        """Generate the faces of a chunk, u8 [t s s 3]."""
        chunk, crops = inputs
        decode = self._talker.decode_frames
        return chunk, decode(chunk.latents, crops, self._reference)

    def _finish(self, outputs: tuple[FrameChunk, np.ndarray]) -> list[CompositedFrame]:
        """Paste the faces of a chunk into its frames."""
        chunk, patches = outputs
        boxes = self._boxes[chunk.numbers]
        return [
            self._paste(frame, patch if np.isfinite(box[0]) else None, box)
            for frame, patch, box in zip(chunk.frames, patches, boxes, strict=True)
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

    def _paste(
        self, frame: np.ndarray, patch: np.ndarray | None, box: np.ndarray
    ) -> CompositedFrame:
        """Make one finished frame of an original frame and a generated face."""
        if self._native:
            black = np.zeros((*self.shape, 3), np.uint8)
            return CompositedFrame(black if patch is None else patch, patch, box)
        if patch is None:
            return CompositedFrame(frame, patch, box)
        return CompositedFrame(
            paste_face(frame, patch, box, self._photo_colors), patch, box
        )
