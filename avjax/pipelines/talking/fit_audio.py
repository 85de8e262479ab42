"""Fit the audio network of LipWarp to one person; held-out frames decide."""

from typing import NamedTuple

import numpy as np

from avjax.algorithms.lip_adaptation import correct_last_layer, match_motion
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.talker import Variables
from avjax.pipelines.talking.person_clip import PersonClip
from avjax.typing import Params

MIN_GAIN = 0.02  # by which a held-out error must fall, as a fraction of it
# How many frames the trained weights count for; infinity leaves them as they are.
PRIOR_FRAMES = np.inf, 30_000.0, 10_000.0, 3000.0, 1500.0
OFFSETS = -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5  # of the audio, in frames of 1/25 s
MIN_OFFSET, MIN_OFFSET_GAIN = 2, 0.05  # smaller ones do not count as offsets
EPSILON = 1e-8
# `LipWarpConfig.overshoot` of corrected audio, which already moves lips as far as the
# person does (chosen on clips of people that training did not see).
OVERSHOOT = 1.2


class AudioFit(NamedTuple):
    """An adapted audio network.

    Attributes:
        params: Parameters of the part `audio_to_code`.
        speech_code: Mean lip code of the person.
        prior_frames: How many frames the trained weights counted for; infinity: they
            were kept.
        offset: How much later than the lips the sound of the clip is, in frames of
            1/25 s; it was removed.
        errors: Held-out error before and after, as a fraction of the variance.
        correlations: Held-out correlation of predicted and true codes along the
            person's main direction, before and after.
    """

    params: Params
    speech_code: tuple[float, ...]
    prior_frames: float
    offset: int
    errors: tuple[float, float]
    correlations: tuple[float, float]

    @property
    def is_corrected(self) -> bool:
        """False if the trained weights were kept."""
        return bool(np.isfinite(self.prior_frames))


def fit_audio(
    config: LipWarpConfig, variables: Variables, clip: PersonClip
) -> AudioFit | None:
    """Correct the audio network for a person.

    Args:
        config: Config of the talker.
        variables: Variables of the talker.
        clip: The person.

    Returns:
        The audio network; None if the clip has no speech.
    """
    if clip.features is None:
        return None
    params = variables["audio_to_code"]["params"]
    kernel = np.asarray(params["code"]["kernel"])
    offset, prior_frames = _choose_correction(kernel, clip)
    before = _held_out_codes(kernel, clip, 0, np.inf)
    after = _held_out_codes(kernel, clip, offset, prior_frames)
    frames = np.arange(len(clip.codes))
    speech_code = config.speech_code
    if np.isfinite(prior_frames):
        features = clip.features_at(frames, offset)
        kernel = correct_last_layer(features, clip.codes, kernel, prior_frames)
        kernel = match_motion(kernel, after, clip.codes)
        bias = -features.mean(0) @ kernel
        params = {**params, "code": {"kernel": kernel, "bias": bias}}
        speech_code = tuple(clip.codes.mean(0).round(4).tolist())
    return AudioFit(
        params,
        speech_code,
        prior_frames,
        offset,
        (_error(before, clip.codes), _error(after, clip.codes)),
        (_correlation(before, clip.codes), _correlation(after, clip.codes)),
    )


def _choose_correction(kernel: np.ndarray, clip: PersonClip) -> tuple[int, float]:
    """Choose offset and prior by the held-out error; 0, inf if nothing helps."""

    def errors(offset: int) -> dict[float, float]:
        preds = {
            one: _held_out_codes(kernel, clip, offset, one) for one in PRIOR_FRAMES
        }
        return {p: _error(pred, clip.codes) for p, pred in preds.items()}

    by_offset = {offset: errors(offset) for offset in OFFSETS}
    smallest = {offset: min(found.values()) for offset, found in by_offset.items()}
    offset = min(smallest, key=smallest.__getitem__)
    clear = smallest[offset] < (1 - MIN_OFFSET_GAIN) * smallest[0]
    if abs(offset) < MIN_OFFSET or not clear:
        offset = 0
    if smallest[offset] < (1 - MIN_GAIN) * by_offset[0][np.inf]:
        return offset, min(PRIOR_FRAMES[1:], key=by_offset[offset].__getitem__)
    return 0, np.inf


def _held_out_codes(
    kernel: np.ndarray, clip: PersonClip, offset: int, prior_frames: float
) -> np.ndarray:
    """Predict each fold with a layer that was corrected on the others, f32 [t d]."""
    folds, pred = clip.folds(), np.zeros_like(clip.codes)
    for fold in np.unique(folds):
        held_out = folds == fold
        others = clip.far_from(held_out)
        known = clip.features_at(others, offset)
        fitted = correct_last_layer(known, clip.codes[others], kernel, prior_frames)
        pred[held_out] = (clip.features_at(held_out, offset) - known.mean(0)) @ fitted
    return pred


def _error(pred: np.ndarray, codes: np.ndarray) -> float:
    """Mean squared error but for a constant, as a fraction of the variance."""
    return float((pred - codes).var(0).sum() / (codes.var(0).sum() + EPSILON))


def _correlation(pred: np.ndarray, codes: np.ndarray) -> float:
    """Correlate codes along the direction in which the true ones vary most."""
    centred = codes - codes.mean(0)
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    first, second = (pred - pred.mean(0)) @ direction, centred @ direction
    norm = np.linalg.norm(first) * np.linalg.norm(second)
    return float(first @ second / (norm + EPSILON))
