"""Fit the editor of LipWarp to one person; held-out frames decide what is kept."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from avjax.algorithms.lip_adaptation import (
    EditorAdaptation,
    jit_adapt_editor,
    jit_alter_frames,
    jit_editor_errors,
    start_adaptation,
)
from avjax.console import track
from avjax.faces.wrong_mouths import (
    blur_mouth,
    held_out_pair,
    nearest_pose,
    paste_mouth,
    sample_frames,
    sample_paste_mask,
    sample_places,
    warp,
)
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.talker import Variables
from avjax.pipelines.talking.person_clip import PersonClip, widest_mouth
from avjax.typing import Params

SETTINGS = EditorAdaptation()
BATCH = 4
HELD_OUT_FRAMES = 16  # with a pasted mouth, and as many with an altered one
VALIDATE_EVERY = 25  # steps
HELD_OUT_FOLD = 2  # for the editor
MIN_GAIN = 0.02  # by which a held-out error must fall, as a fraction of it
ERASE_PROB = 0.25  # that a pasted mouth is also blurred
OWN_REFERENCE_PROB = 0.5  # that the reference is the one that `talk` uses


class EditorFit(NamedTuple):
    """An adapted editor.

    Attributes:
        params: Parameters of the part `editor`.
        num_steps: Number of steps that were kept; 0: the trained weights.
        error_before: Mean error at the mouth in held-out frames, as a fraction of full
            scale, of the trained weights.
        error: That of the kept weights.
    """

    params: Params
    num_steps: int
    error_before: float
    error: float


def fit_editor(
    config: LipWarpConfig,
    variables: Variables,
    clip: PersonClip,
    steps: int,
    progress: bool = False,
) -> EditorFit:
    """Adapt the editor to a person.

    Args:
        config: Config of the talker.
        variables: Variables of the talker.
        clip: The person.
        steps: Number of gradient steps.
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
    kept, best, num_steps = 0, trained, 0
    state = start_adaptation(trained, SETTINGS)
    adapt_step = jit_adapt_editor(config, SETTINGS)
    for step in track(range(1, steps + 1), "adapting the lips", progress=progress):
        batch = sample_batch(config, clip, usable, rng)
        state, _ = adapt_step(state, batch, jax.random.key(step))
        if step % VALIDATE_EVERY and step != steps:
            continue
        errors.append(validate(state.average))
        limit = errors[kept][0] if kept else (1 - MIN_GAIN) * errors[0][0]
        if errors[-1][0] < limit:
            kept, best, num_steps = len(errors) - 1, state.average, step
    return EditorFit(best, num_steps, errors[0][1], errors[kept][1])


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
    own = widest_mouth(clip.codes[usable])
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
    own = widest_mouth(clip.codes[numbers])
    places = np.linspace(0, len(numbers) - 1, HELD_OUT_FRAMES).astype(int)
    examples = []
    for index in places:
        other = nearest_pose(clip.pose[numbers], index, np.arange(len(numbers)))
        true, wrong, reference = (clip.faces[numbers[i]] for i in (index, other, own))
        pair = held_out_pair((true, wrong, reference), config.size)
        examples.append({**pair, "code": clip.codes[numbers[index]]})
    batches, alter = [], jit_alter_frames(config)
    stride = HELD_OUT_FRAMES // BATCH
    for first in range(stride):
        batch = _stack(examples[first::stride])
        batches += [batch, {**batch, "frame": alter(editor, batch)}]
    return batches


def _stack(examples: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Join examples to a batch."""
    return {key: np.stack([one[key] for one in examples]) for key in examples[0]}
