"""Fit the parts of LipWarp to one person; held-out stretches decide what is kept."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import cv2
import jax
import numpy as np

from avjax.algorithms.lip_adaptation import (
    EditorAdaptation,
    correct_last_layer,
    edit_frames,
    jit_adapt_editor,
    jit_editor_errors,
    start_adaptation,
)
from avjax.console import track
from avjax.faces.wrong_mouths import (
    blur_mouth,
    nearest_pose,
    paste_mask,
    paste_mouth,
    sample_frames,
    sample_paste_mask,
    sample_places,
    warp,
)
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.talker import Variables
from avjax.pipelines.talking.person_clip import PersonClip
from avjax.typing import Params

BATCH = 8
HELD_OUT_FRAMES = 24  # with a pasted mouth, and as many with an altered one
VALIDATE_EVERY = 25  # steps
HELD_OUT_FOLD = 2  # for the editor
MIN_GAIN = 0.02  # by which a held-out error must fall, as a fraction of it
ERASE_PROB = 0.25  # that a pasted mouth is also blurred
OWN_REFERENCE_PROB = 0.5  # that the reference is the one that `talk` uses
STRENGTHS = 0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0  # of the correction of the audio
OFFSETS = -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5  # of the audio, in frames of 1/25 s
MIN_OFFSET_SECONDS = 8.0  # of speech from which an offset can be measured
NUM_DIRECTIONS = 3
EPSILON = 1e-8


class EditorFit(NamedTuple):
    """An adapted editor.

    Attributes:
        params: Parameters of the part `editor`.
        num_steps: Number of steps that were kept; 0: the trained weights.
        errors: Held-out errors before the first step and after each validated one:
            loss and mean error at the mouth as a fraction of full scale, f32 [n 2].
    """

    params: Params
    num_steps: int
    errors: np.ndarray


class AudioFit(NamedTuple):
    """An adapted audio network.

    Attributes:
        params: Parameters of the part `audio_to_code`.
        speech_code: Mean lip code of the person.
        strength: Strength of the correction; 0: the trained weights.
        offset: How much later than the lips the sound of the clip is, in frames of
            1/25 s; it was removed.
        errors: Held-out error before and after, as a fraction of the variance.
        correlations: Held-out correlation of predicted and true codes along the
            person's main direction, before and after.
    """

    params: Params
    speech_code: tuple[float, ...]
    strength: float
    offset: int
    errors: tuple[float, float]
    correlations: tuple[float, float]


def fit_editor(
    config: LipWarpConfig,
    variables: Variables,
    clip: PersonClip,
    steps: int,
    settings: EditorAdaptation = EditorAdaptation(),
    progress: bool = False,
) -> EditorFit:
    """Adapt the editor to a person.

    Args:
        config: Config of the talker.
        variables: Variables of the talker.
        clip: The person.
        steps: Number of gradient steps.
        settings: Settings of the steps.
        progress: Show a progress display.

    Returns:
        The editor after the validated step with the smallest held-out loss.
    """
    rng = np.random.default_rng(0)
    held_out = clip.folds() == HELD_OUT_FOLD
    usable = np.flatnonzero(clip.far_from(held_out))
    trained = variables["editor"]["params"]
    validation = _held_out_batches(config, trained, clip, np.flatnonzero(held_out))

    def validate(editor: Params) -> np.ndarray:
        compute = jit_editor_errors(config)
        errors = [np.asarray(compute(editor, batch)) for batch in validation]
        return np.concatenate(errors).mean(0)

    errors = [validate(trained)]
    best, num_steps = trained, 0
    state, adapt_step = (
        start_adaptation(trained, settings),
        jit_adapt_editor(config, settings),
    )
    for step in track(range(1, steps + 1), "adapting the lips", progress=progress):
        batch = sample_batch(config, clip, usable, rng)
        state, _ = adapt_step(state, batch, jax.random.key(step))
        if step % VALIDATE_EVERY and step != steps:
            continue
        errors.append(validate(state.average))
        losses = [error[0] for error in errors]
        if losses[-1] < min(losses[0] * (1 - MIN_GAIN), *losses[:-1]):
            best, num_steps = state.average, step
    return EditorFit(best, num_steps, np.stack(errors))


def sample_batch(
    config: LipWarpConfig,
    clip: PersonClip,
    usable: np.ndarray,
    rng: np.random.Generator,
) -> Mapping[str, np.ndarray]:
    """Sample frames with a wrong mouth, the true frames, and references.

    Args:
        config: Config of the talker.
        clip: The person.
        usable: Numbers of the frames that may be used, [n].
        rng: Random generator.

    Returns:
        A batch as `jit_adapt_editor` takes it.
    """
    own = _widest_mouth(clip.codes[usable])
    examples = []
    for _ in range(BATCH):
        number, other, shown = sample_frames(clip.pose[usable], rng)
        shown = own if rng.random() < OWN_REFERENCE_PROB else shown
        target, pasted, reference = (
            clip.faces[usable[index]].astype(np.float32) / 255
            for index in (number, other, shown)
        )
        frame = paste_mouth(target, pasted, sample_paste_mask(rng))
        if rng.random() < ERASE_PROB:
            frame = blur_mouth(frame, rng)
        place, other_place = sample_places(config.size, rng)
        examples.append(
            {
                "frame": warp(frame, place, config.size),
                "target": warp(target, place, config.size),
                "reference": warp(reference, other_place, config.size),
                "code": clip.codes[usable[number]],
            }
        )
    return _stack(examples)


def _held_out_batches(
    config: LipWarpConfig, editor: Params, clip: PersonClip, numbers: np.ndarray
) -> list[Mapping[str, Any]]:
    """Make frames with a wrong mouth: pasted, and altered by the trained editor."""
    own = _widest_mouth(clip.codes[numbers])
    places = np.linspace(0, len(numbers) - 1, HELD_OUT_FRAMES).astype(int)
    examples = []
    for index in places:
        other = nearest_pose(clip.pose[numbers], index, np.arange(len(numbers)))
        target, pasted, reference = (
            clip.faces[numbers[i]].astype(np.float32) / 255 for i in (index, other, own)
        )
        images = {
            "frame": paste_mouth(target, pasted, paste_mask()),
            "target": target,
            "reference": reference,
        }
        size = config.size, config.size
        examples.append(
            {
                name: cv2.resize(image, size, interpolation=cv2.INTER_AREA)
                for name, image in images.items()
            }
            | {"code": clip.codes[numbers[index]]}
        )
    batches = []
    for first in range(0, HELD_OUT_FRAMES, BATCH):
        batch = _stack(examples[first : first + BATCH])
        codes = np.stack([clip.codes[numbers[i]] for i in places])
        others = np.roll(codes, HELD_OUT_FRAMES // 2, 0)[first : first + BATCH]
        altered, _ = _edit(config, editor, batch, others)
        batches += [batch, {**batch, "frame": altered}]
    return batches


def _edit(config: LipWarpConfig, editor: Params, batch: Mapping, codes: np.ndarray):
    """Edit the targets of a batch."""
    return edit_frames(config, editor, batch["target"], batch["reference"], codes)


def _stack(examples: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Join examples to a batch."""
    return {key: np.stack([one[key] for one in examples]) for key in examples[0]}


def _widest_mouth(codes: np.ndarray) -> int:
    """Find the frame whose mouth differs most from the median one."""
    distance = np.linalg.norm(codes - np.median(codes, axis=0), axis=1)
    return int(np.argmax(distance))


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
    offset, strength = _choose_correction(kernel, clip)
    before = _held_out_codes(kernel, clip, 0, 0.0)
    after = _held_out_codes(kernel, clip, offset, strength)
    frames = np.arange(len(clip.codes))
    speech_code = config.speech_code
    if strength:
        features = clip.features_at(frames, offset)
        kernel = correct_last_layer(features, clip.codes, kernel, strength)
        bias = -features.mean(0) @ kernel
        params = {**params, "code": {"kernel": kernel, "bias": bias}}
        speech_code = tuple(clip.codes.mean(0).round(4).tolist())
    return AudioFit(
        params,
        speech_code,
        strength,
        offset,
        (_error(before, clip.codes), _error(after, clip.codes)),
        (_correlation(before, clip.codes), _correlation(after, clip.codes)),
    )


def _choose_correction(kernel: np.ndarray, clip: PersonClip) -> tuple[int, float]:
    """Choose offset and strength by the held-out error; 0 and 0 if nothing helps."""

    def error(offset: int, strength: float) -> float:
        return _error(_held_out_codes(kernel, clip, offset, strength), clip.codes)

    trained = error(0, 0.0)
    errors = {(0, strength): error(0, strength) for strength in STRENGTHS}
    best = min(errors, key=errors.__getitem__)
    return best if errors[best] < (1 - MIN_GAIN) * trained else (0, 0.0)


def _held_out_codes(
    kernel: np.ndarray, clip: PersonClip, offset: int, strength: float
) -> np.ndarray:
    """Predict each fold with a layer that was corrected on the others, f32 [t d]."""
    folds, pred = clip.folds(), np.zeros_like(clip.codes)
    for fold in np.unique(folds):
        held_out = folds == fold
        others = clip.far_from(held_out)
        known = clip.features_at(others, offset)
        fitted = correct_last_layer(known, clip.codes[others], kernel, strength)
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
