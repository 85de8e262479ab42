"""Find out, without a network, whether sound and picture of a video belong together.

The loudness of each frame is predicted from the picture of the mouth by a linear
regression that is fitted to the video itself, for each of many offsets of the sound.
Folds of the video that were not fitted tell how well it does. If one offset is far
better than all others, it is the offset of the sound; if not, nothing is known. A
short video, a steady voice, or sentences of one rhythm, as in GRID, tell little.
"""

import cv2
import numpy as np

from avjax.audio.loudness import rms_levels_db
from avjax.constants import FPS, SAMPLES_PER_FRAME

MAX_OFFSET = FPS  # frames by which the sound may be early or late
MIN_OFFSET = 5  # a smaller offset is within the error of this method
MIN_EVIDENCE_FRAMES = 20 * FPS  # of clips that are needed
MAX_EVIDENCE_FRAMES = 240 * FPS  # of clips that are used: the first ones
# Chosen on puppets, GRID and Bangla speakers, so that no offset was wrong by more than
# two frames, and that nothing was said of sounds of other clips.
MIN_CORRELATION = 0.35
MIN_LEAD = 0.15  # over the correlation of offsets that are not neighbours
NEIGHBOURS = 4  # frames: offsets so close to the best are not compared with it
NUM_FOLDS = 5
NUM_COMPONENTS = 12  # principal components of the mouth
RIDGE = 0.3
MOUTH_REGION = (slice(12, 92), slice(12, 84))  # of a mouth crop
THUMBNAIL_SIZE = 12  # side in pixels
TREND_FRAMES = 13  # slower changes, of light, pose and level, are removed
LEVEL_RANGE_DB = 35.0  # levels further below the loudest are no quieter


class SyncEvidence:
    """Mouths and loudness of the clips of one video."""

    def __init__(self):
        self.num_frames = 0
        self._mouths: list[np.ndarray] = []
        self._levels: list[np.ndarray] = []

    def add(self, mouths: np.ndarray, wave: np.ndarray) -> None:
        """Add one clip, as long as there are few.

        Args:
            mouths: Mouth crops, u8 [t 96 96 1].
            wave: Audio at 16 kHz, f32 [n]; it is padded to the frames.
        """
        if self.num_frames >= MAX_EVIDENCE_FRAMES:
            return
        size = (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
        small = [
            cv2.resize(mouth[MOUTH_REGION], size, interpolation=cv2.INTER_AREA)
            for mouth in mouths
        ]
        wave = wave[: len(mouths) * SAMPLES_PER_FRAME]
        wave = np.pad(wave, (0, len(mouths) * SAMPLES_PER_FRAME - len(wave)))
        levels = rms_levels_db(wave).reshape(len(mouths), -1).max(axis=1)
        self._mouths.append(np.stack(small).reshape(len(mouths), -1))
        self._levels.append(np.maximum(levels, levels.max() - LEVEL_RANGE_DB))
        self.num_frames += len(mouths)

    def find_offset(self) -> int | None:
        """Find the offset of the sound.

        Returns:
            Frames at 25 fps by which the sound is late (negative: early), at most 21;
            None if it cannot be found out.
        """
        if self.num_frames < MIN_EVIDENCE_FRAMES:
            return None
        correlations = self.correlations()
        best = int(np.argmax(correlations))
        offsets = np.arange(len(correlations))
        others = correlations[np.abs(offsets - best) > NEIGHBOURS]
        lead = correlations[best] - others.max()
        offset = best - MAX_OFFSET
        is_at_end = abs(offset) > MAX_OFFSET - NEIGHBOURS  # it may be even larger
        if is_at_end or correlations[best] < MIN_CORRELATION or lead < MIN_LEAD:
            return None
        return offset

    def correlations(self) -> np.ndarray:
        """Correlate predicted and true loudness at each offset.

        Returns:
            Correlations, f64 [51]: the sound is 25 frames early, ..., 25 frames late.
        """
        features = self._features()
        levels = [_remove_trend(level[:, None])[:, 0] for level in self._levels]
        offsets = range(-MAX_OFFSET, MAX_OFFSET + 1)
        return np.array([_correlate(features, levels, offset) for offset in offsets])

    def _features(self) -> list[np.ndarray]:
        """Compute principal components of the mouth and their changes, [t 2 d]."""
        mouths = [_remove_trend(mouth.astype(np.float64)) for mouth in self._mouths]
        stacked = np.concatenate(mouths)
        _, axes = np.linalg.eigh(stacked.T @ stacked)
        axes = axes[:, -NUM_COMPONENTS:]
        axes = axes / (np.std(stacked @ axes, axis=0) + 1e-6)
        codes = [mouth @ axes for mouth in mouths]
        return [
            np.concatenate([code, np.gradient(code, axis=0)], axis=1) for code in codes
        ]


def describe_offset(offset: int | None, num_frames: int) -> str:
    """Say whether sound and picture belong together.

    Args:
        offset: Frames by which the sound is late; None: unknown.
        num_frames: Frames of the clips, at 25 frames a second.

    Returns:
        A few words.
    """
    if offset is None and num_frames < MIN_EVIDENCE_FRAMES:
        seconds = MIN_EVIDENCE_FRAMES // FPS
        return f"could not be verified (less than {seconds} s of clips)"
    if offset is None:
        return "could not be verified (no offset stands out)"
    if abs(offset) < MIN_OFFSET:
        return "in step"
    return f"the sound is {abs(offset)} frames {'late' if offset > 0 else 'early'}"


def _correlate(
    features: list[np.ndarray], levels: list[np.ndarray], offset: int
) -> float:
    """Predict levels `offset` frames later from features, fold by fold."""
    early, late = max(0, -offset), max(0, offset)
    inputs = np.concatenate([x[early : len(x) - late] for x in features])
    targets = np.concatenate([y[late : len(y) - early] for y in levels])
    fold = np.arange(len(inputs)) * NUM_FOLDS // max(len(inputs), 1)
    predicted = np.zeros(len(inputs))
    for number in range(NUM_FOLDS):
        held, fitted = fold == number, fold != number
        square = inputs[fitted].T @ inputs[fitted]
        square += RIDGE * fitted.sum() * np.eye(len(square))
        centred = targets[fitted] - targets[fitted].mean()
        weights = np.linalg.solve(square, inputs[fitted].T @ centred)
        predicted[held] = inputs[held] @ weights
    spread = np.std(predicted) * np.std(targets)
    covariance = np.mean((predicted - predicted.mean()) * (targets - targets.mean()))
    return float(covariance / spread) if spread > 0 else 0.0


def _remove_trend(values: np.ndarray) -> np.ndarray:
    """Subtract from [t d] the average over the frames around."""
    window = np.hanning(2 * TREND_FRAMES + 3)[1:-1]
    window /= window.sum()
    padded = np.pad(values, ((TREND_FRAMES, TREND_FRAMES), (0, 0)), mode="edge")
    views = np.lib.stride_tricks.sliding_window_view(padded, len(window), axis=0)
    return values - views @ window
