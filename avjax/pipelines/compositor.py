"""One picture of a face after another, with a mouth that was drawn anew."""

import itertools
import sys
from typing import NamedTuple

import numpy as np

from avjax.media import face
from avjax.media import video_reader as video
from avjax.media.face_source import Source
from avjax.pipelines.audio_talkers import ContextTalker, Talker


class Painted(NamedTuple):
    """A frame u8 [h w 3]; the face in it u8 [s s 3], None where there is none; its box
    [4] in the source's picture.
    """

    frame: np.ndarray
    patch: np.ndarray | None
    box: np.ndarray


def portrait(source: Source, talker: Talker | ContextTalker) -> np.ndarray:
    """The first face that is seen, cut out, u8 [s s 3]."""
    boxes = talker.framed(source.boxes)
    first = int(np.argmax(np.isfinite(boxes[:, 0])))
    picture = next(itertools.islice(source.play(first + 1), first, None))
    return face.crop(picture, boxes[first], talker.config.size)


class Painter:
    """Goes through the pictures of a source, to and fro for ever.

    The first face that is seen is the reference of all.

    native  frames are the face alone, as the network draws it
    fps     frames a second
    shape   height and width of a frame
    """

    def __init__(self, source: Source, talker: Talker | ContextTalker, native: bool):
        self._talker, self._native = talker, native
        self._boxes = talker.framed(source.boxes)
        self._walk = video.bounce(len(source.boxes), max(1, 2 * len(source.boxes) - 2))
        self._pictures = source.play(sys.maxsize)
        self._painted = 0
        self._reference = None
        size = talker.config.size
        self.fps = source.fps
        self.shape = (size, size) if native else source.shape

    def paint(self, told: np.ndarray) -> list[Painted]:
        """The next frames, by what each is told, [t ...]."""
        pictures = list(itertools.islice(self._pictures, len(told)))
        numbers = self._painted + np.arange(len(pictures))
        boxes = self._boxes[self._walk[numbers % len(self._walk)]]
        self._painted += len(pictures)
        seen = np.isfinite(boxes[:, 0])
        crops = self._crops(pictures, boxes)
        if self._reference is None and seen.any():
            self._reference = crops[int(np.argmax(seen))]
        patches = self._talker.draw(told, crops, self._reference)
        given = zip(pictures, patches, boxes, seen, strict=True)
        return [
            self._finish(picture, patch if there else None, box)
            for picture, patch, box, there in given
        ]

    def _crops(self, pictures: list[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Face crops u8 [t h w 3]; black where there is no face."""
        size = self._talker.config.size
        blank = np.zeros((size, size, 3), np.uint8)
        pairs = zip(pictures, boxes, strict=True)
        return np.stack(
            [
                face.crop(picture, box, size) if np.isfinite(box[0]) else blank
                for picture, box in pairs
            ]
        )

    def _finish(self, picture, patch, box) -> Painted:
        if self._native:
            blank = np.zeros((*self.shape, 3), np.uint8)
            return Painted(blank if patch is None else patch, patch, box)
        if patch is None:
            return Painted(picture, patch, box)
        return Painted(face.paste(picture, patch, box), patch, box)
