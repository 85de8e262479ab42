"""A detector of closed lips: do the lips close where a clip has a p, b or m?"""

from collections.abc import Iterable

import cv2
import numpy as np

from avjax.constants import FPS
from avjax.data.examples.base import Record
from avjax.metrics.lip_motion import BILABIAL
from avjax.text.phonemes import phoneme_classes_at

MOUTH_SIZE = 24  # pixels
NUM_COMPONENTS = 40  # principal components of the mouth images
RECALL = 0.95  # fraction of the training closures that are detected
OPEN_CLASSES = (3, 4, 5, 6, 7, 8)  # phoneme classes with open lips, without f and v
MARGIN_FRAMES = 3  # frames this close to a p, b or m do not count as open


class ClosureDetector:
    """Fisher's linear discriminant between mouths at p, b, m and at open phonemes.

    Attributes:
        threshold: Score from which on lips count as closed.
    """

    def __init__(self, records: Iterable[Record]):
        """Fit the discriminant.

        Args:
            records: Clips of real faces with known times of phones.
        """
        clips = [
            (scaled_mouths(record["mouth"][:]), *closure_labels(record))
            for record in records
        ]
        images = np.concatenate([images for images, _, _ in clips])
        labels = np.concatenate([labels for _, labels, _ in clips])
        self.mean = images[labels >= 0].mean(axis=0)
        _, sizes, axes = np.linalg.svd(images[labels >= 0] - self.mean, False)
        self.projection = (axes[:NUM_COMPONENTS] / sizes[:NUM_COMPONENTS, None]).T
        closed, others = (
            (images[labels == label] - self.mean) @ self.projection for label in (1, 0)
        )
        within = (np.cov(closed.T) + np.cov(others.T)) / 2
        difference = closed.mean(axis=0) - others.mean(axis=0)
        self.weights = np.linalg.solve(within, difference)
        scores = [self.peak_scores(images, starts) for images, _, starts in clips]
        self.threshold = np.quantile(np.concatenate(scores), 1 - RECALL)

    def peak_scores(self, images: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Compute the largest score of the four frames around each of some frames.

        Args:
            images: Images of `scaled_mouths`, [t d].
            frames: Frame numbers, [n].

        Returns:
            Scores, [n].
        """
        scores = (images - self.mean) @ self.projection @ self.weights
        return np.array([scores[max(at - 2, 0) : at + 2].max() for at in frames])

    def scores(
        self, mouths: np.ndarray, record: Record
    ) -> tuple[np.ndarray, np.ndarray]:
        """Score a clip.

        Args:
            mouths: Mouth crops, u8 [t h w 1].
            record: The clip whose phones are spoken.

        Returns:
            Scores of each p, b and m; and scores of each frame of an open phoneme.
        """
        labels, starts = closure_labels(record, len(mouths))
        images = scaled_mouths(mouths)
        open_frames = np.flatnonzero(labels == 0)
        return self.peak_scores(images, starts), self.peak_scores(images, open_frames)


def scaled_mouths(mouths: np.ndarray) -> np.ndarray:
    """Scale mouth crops u8 [t h w 1] down and subtract the clip's mean, [t d]."""
    size = MOUTH_SIZE, MOUTH_SIZE
    images = [cv2.resize(mouth, size, interpolation=cv2.INTER_AREA) for mouth in mouths]
    rows = np.stack(images).reshape(len(mouths), -1) / np.float32(255)
    return rows - rows.mean(axis=0)


def closure_labels(
    record: Record, num_frames: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Label the frames of a clip by its phones.

    Args:
        record: The clip.
        num_frames: Number of frames. None: all.

    Returns:
        1 for the first frame of a p, b or m and the frame before it, 0 for frames of
        open phonemes, else -1, [t]; and the first frames of p, b and m.
    """
    seconds = np.arange(num_frames or len(record["mouth"])) / FPS
    classes = phoneme_classes_at(record["phones"], seconds)
    bilabial = classes == BILABIAL
    starts = np.flatnonzero(bilabial & ~np.pad(bilabial, (1, 0))[:-1])
    around = np.convolve(bilabial, np.ones(2 * MARGIN_FRAMES + 1))
    is_near = around[MARGIN_FRAMES:-MARGIN_FRAMES] > 0
    labels = np.where(np.isin(classes, OPEN_CLASSES) & ~is_near, 0, -1)
    labels[np.maximum(starts[:, None] - [[0, 1]], 0)] = 1
    return labels, starts
