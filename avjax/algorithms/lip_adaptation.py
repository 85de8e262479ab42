"""Adapt LipWarp to one person: its editor by gradient steps, its audio in closed form.

The editor learns from the person's own frames, as in its training: a frame with a wrong
mouth shall become the true frame. The last layer of the audio network is corrected by a
ridge regression whose prior are the trained weights.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from avjax.compilation import cached_jit
from avjax.faces.editing import edit_region
from avjax.losses.editing import editing_loss, mouth_l1
from avjax.models.lipwarp import AudioToCode, LipWarpConfig
from avjax.models.talker import latent_space
from avjax.nn.apply import apply_network
from avjax.nn.lip_editor import EditMaps, compose_edit
from avjax.typing import Array, Batch, Key, Params

NUM_DIRECTIONS = 3  # in which lips move most
MAX_GAIN = 1.5  # of the motion in these directions
EPSILON = 1e-8


@dataclasses.dataclass(frozen=True)
class EditorAdaptation:
    """Settings of the adaptation of an editor.

    Attributes:
        learning_rate: Peak learning rate of Adam.
        warmup: Steps in which the learning rate rises.
        average_decay: Decay of the average of the parameters, which is the result.
        code_noise: Standard deviation of noise that is added to the lip codes.
        altered_share: Share of the frames that the editor itself alters, see
            `alter_frames`.
        altered_gain: Factor of the lip codes of altered frames.
    """

    learning_rate: float = 5e-4
    warmup: int = 10
    average_decay: float = 0.97
    code_noise: float = 0.12
    altered_share: float = 0.5
    altered_gain: float = 1.25


class EditorState(NamedTuple):
    """State of the adaptation of an editor.

    Attributes:
        params: Parameters of the part `editor`.
        average: Their running average.
        optimizer: State of the optimiser.
    """

    params: Params
    average: Params
    optimizer: optax.OptState


def edit_frames(
    config: LipWarpConfig,
    editor: Params,
    frames: Array,
    references: Array,
    codes: Array,
) -> tuple[Array, EditMaps]:
    """Edit frames.

    Args:
        config: Config of the model.
        editor: Parameters of the part `editor`.
        frames: Aligned lower faces in [0, 1], f32 [b s s 3].
        references: Lower faces of the same persons in [0, 1], f32 [b s s 3].
        codes: Lip codes, [b d].

    Returns:
        - edited: Edited frames in [0, 1], f32 [b s s 3].
        - maps: The maps of the edit.
    """
    variables = {"editor": {"params": editor}}
    maps = latent_space(config).predict_edit(variables, frames, references, codes)
    region = jnp.asarray(edit_region(config.size))
    return compose_edit(frames, references, maps, region), maps


def alter_frames(
    config: LipWarpConfig, editor: Params, batch: Batch, share: float
) -> Array:
    """Replace some of the frames by frames that the editor has altered.

    The editor meets the traces that its own edits leave. Their gradient is stopped.

    Args:
        config: Config of the model.
        editor: Parameters of the part `editor`.
        batch: `frame`, `target` and `reference` f32 [b s s 3]; `code` f32 [b d]: each
            target is altered with the code of the example before it.
        share: Share of the examples that are altered.

    Returns:
        Frames to edit, f32 [b s s 3].
    """
    count = round(share * len(batch["frame"]))
    if not count:
        return batch["frame"]
    others = jnp.roll(batch["code"], 1, axis=0)[:count]
    altered, _ = edit_frames(
        config, editor, batch["target"][:count], batch["reference"][:count], others
    )
    altered = jax.lax.stop_gradient(altered)
    return jnp.concatenate([altered, batch["frame"][count:]])


def _optimizer(settings: EditorAdaptation) -> optax.GradientTransformation:
    """Create the optimiser of an editor."""
    rate = optax.linear_schedule(0.0, settings.learning_rate, settings.warmup)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate, 0.9, 0.99))


def start_adaptation(editor: Params, settings: EditorAdaptation) -> EditorState:
    """Create the state before the first step.

    Args:
        editor: Parameters of the part `editor`.
        settings: Settings.

    Returns:
        The state.
    """
    return EditorState(editor, editor, _optimizer(settings).init(editor))


@cached_jit
def jit_adapt_editor(
    config: LipWarpConfig, settings: EditorAdaptation
) -> Callable[[EditorState, Batch, Key], tuple[EditorState, Array]]:
    """Compile one gradient step of an editor.

    Args:
        config: Config of the model.
        settings: Settings.

    Returns:
        (state, batch, key) -> the next state, and the loss before the step. The batch
        has `frame`, `target` and `reference` f32 [b s s 3], and `code` f32 [b d], the
        lip code of the target.
    """
    optimizer = _optimizer(settings)

    def loss(editor: Params, batch: Batch, key: Key) -> Array:
        gained = {**batch, "code": settings.altered_gain * batch["code"]}
        frames = alter_frames(config, editor, gained, settings.altered_share)
        noise = settings.code_noise * jax.random.normal(key, batch["code"].shape)
        codes = batch["code"] + noise
        edited, maps = edit_frames(config, editor, frames, batch["reference"], codes)
        return jnp.mean(editing_loss(edited, batch["target"], maps))

    def step(state: EditorState, batch: Batch, key: Key) -> tuple[EditorState, Array]:
        value, grads = jax.value_and_grad(loss)(state.params, batch, key)
        updates, optimizer_state = optimizer.update(grads, state.optimizer)
        params: Any = optax.apply_updates(state.params, updates)
        average: Any = optax.incremental_update(
            params, state.average, 1 - settings.average_decay
        )
        return EditorState(params, average, optimizer_state), value

    return step


@cached_jit
def jit_alter_frames(config: LipWarpConfig) -> Callable[[Params, Batch], Array]:
    """Compile `alter_frames` for all frames of a batch.

    Args:
        config: Config of the model.

    Returns:
        (editor, batch) -> altered frames, f32 [b s s 3].
    """
    return lambda editor, batch: alter_frames(config, editor, batch, 1.0)


@cached_jit
def jit_editor_errors(config: LipWarpConfig) -> Callable[[Params, Batch], Array]:
    """Compile the errors of an editor on frames that have a wrong mouth.

    Args:
        config: Config of the model.

    Returns:
        (editor, batch) -> the loss of each frame and its error at the mouth,
        f32 [b 2].
    """

    def errors(editor: Params, batch: Batch) -> Array:
        edited, maps = edit_frames(
            config, editor, batch["frame"], batch["reference"], batch["code"]
        )
        loss = editing_loss(edited, batch["target"], maps)
        return jnp.stack([loss, mouth_l1(edited, batch["target"])], axis=-1)

    return errors


@cached_jit
def jit_audio_features(config: LipWarpConfig) -> Callable[..., Array]:
    """Compile the input of the last layer of the audio network.

    Args:
        config: Config of the model.

    Returns:
        (variables of the part `audio_to_code`, mels f32 [t f=16 k=80], frame_mask
        f32 [t]) -> f32 [t c].
    """

    def hidden(network: AudioToCode, mels: Array, mask: Array, ahead: Array) -> Array:
        return network.context(network.encode_audio(mels), mask, ahead)

    def features(variables: Params, mels: Array, frame_mask: Array) -> Array:
        lookahead = jnp.full(1, config.context_frames)
        inputs = mels[None], frame_mask[None], lookahead
        return apply_network(AudioToCode(config), variables, *inputs, method=hidden)[0]

    return features


def correct_last_layer(
    features: np.ndarray, codes: np.ndarray, kernel: np.ndarray, prior_frames: float
) -> np.ndarray:
    """Correct a linear layer by ridge regression, but for a constant.

    Args:
        features: Inputs of the layer, f32 [t c].
        codes: What it should return, f32 [t d].
        kernel: Its trained kernel, f32 [c d], to which the penalty pulls.
        prior_frames: Weight of the trained kernel: the number of frames that would
            count as much as the penalty; infinity returns the trained kernel.

    Returns:
        The kernel, f32 [c d].
    """
    if np.isinf(prior_frames):
        return kernel
    inputs = np.asarray(features - features.mean(0), np.float64)
    error = codes - codes.mean(0) - inputs @ kernel
    penalty = prior_frames * np.mean(inputs**2)
    products = inputs.T @ inputs + penalty * np.eye(inputs.shape[1])
    return (kernel + np.linalg.solve(products, inputs.T @ error)).astype(np.float32)


def match_motion(kernel: np.ndarray, pred: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Enlarge the motion that a linear layer predicts, along the main directions.

    A regression predicts less motion than there is. The mouth of a talker should move
    as far as that of the person.

    Args:
        kernel: Kernel of the layer, f32 [c d].
        pred: Codes that it predicts for frames it was not fitted to, f32 [t d].
        codes: True codes, f32 [t d].

    Returns:
        The kernel, f32 [c d].
    """
    centred = codes - codes.mean(0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:NUM_DIRECTIONS].T
    ratio = (centred @ directions).std(0) / ((pred @ directions).std(0) + EPSILON)
    gains = np.clip(ratio, 1, MAX_GAIN) - 1
    return (kernel + kernel @ (directions * gains) @ directions.T).astype(np.float32)
