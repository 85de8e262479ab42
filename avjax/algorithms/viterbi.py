"""The Viterbi search: the most likely path through an alignment graph.

A graph is a sequence of states. Each mel frame belongs to one state, and a state lasts
one mel frame or more. An optional state may be skipped. The first and the last state
are optional, and no two consecutive states are.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from avjax.compilation import cached_jit
from avjax.constants import MELS_PER_SECOND
from avjax.losses.sequence import initial_scores, transition_scores
from avjax.typing import Array

Frames = TypeVar("Frames", np.ndarray, jax.Array)

MIN_PADDED_SIZE = 32  # smallest size that a search is compiled for


def viterbi_padded(
    log_likelihood: np.ndarray, optional: np.ndarray
) -> tuple[np.ndarray, float]:
    """Find the most likely path, with a compiled program for few array sizes.

    Sizes are rounded up to powers of two, so that few programs are compiled.

    Args:
        log_likelihood: Log-likelihood of each state in each frame, f32 [f l].
        optional: True for each state that may be skipped, bool [l].

    Returns:
        - path: State of each frame, i32 [f].
        - score: Log-likelihood of the path.
    """
    num_frames, num_states = log_likelihood.shape
    extra_frames, extra_states = (
        _padded_size(size) - size for size in log_likelihood.shape
    )
    path, score = jit_viterbi()(
        np.pad(
            log_likelihood.astype(np.float32), ((0, extra_frames), (0, extra_states))
        ),
        np.arange(num_frames + extra_frames) < num_frames,
        np.pad(optional, (0, extra_states)),
        num_states,
    )
    return np.asarray(path)[:num_frames], float(score)


def viterbi_blocks(
    log_likelihood: Callable[[int, int], np.ndarray],
    num_frames: int,
    optional: np.ndarray,
    block: int = 512,
) -> tuple[np.ndarray, float]:
    """Find the most likely path of a long recording, in little memory.

    The scores before each block of frames are kept. The path is traced back block by
    block, for which each block is searched once more.

    Args:
        log_likelihood: Function of the first frame and the frame after the last one ->
            log-likelihood of each state in these frames, f32 [f l].
        num_frames: Number of frames of the recording.
        optional: True for each state that may be skipped, bool [l].
        block: Frames in a block.

    Returns:
        - path: State of each frame, i32 [f].
        - score: Log-likelihood of the path; `NEG_INF` or less if there is no path.
    """
    num_states = len(optional)
    size = _padded_size(num_states)
    padded = jnp.asarray(np.pad(optional, (0, size - num_states)))

    def search(start: int, scores: Array) -> tuple[Array, Array]:
        values = log_likelihood(start, min(start + block, num_frames))
        missing = block - len(values), size - num_states
        values = np.pad(values.astype(np.float32), [(0, count) for count in missing])
        exists = np.arange(start, start + block) < num_frames
        return jit_score_frames()(scores, values, exists, padded)

    starts, before, total = range(0, num_frames, block), [], 0.0
    scores = initial_scores(padded)
    for start in starts:
        before.append(np.asarray(scores))
        scores, _ = search(start, scores)
        best = float(scores[:num_states].max())
        scores, total = scores - best, total + best  # f32 rounds large sums
    ends = np.asarray(scores)[num_states - 2 : num_states]
    state = num_states - 1 - int(ends[0] > ends[1])
    path = np.empty(num_frames, np.int32)
    for start, kept in zip(reversed(starts), reversed(before), strict=True):
        steps = np.asarray(search(start, jnp.asarray(kept))[1])
        for frame in reversed(range(start, min(start + block, num_frames))):
            path[frame] = state
            state -= steps[frame - start, state]
    return path, float(ends.max()) + total


def _padded_size(size: int) -> int:
    """Round a size up to a power of two, so that few programs are compiled."""
    return 2 ** int(np.ceil(np.log2(max(size, MIN_PADDED_SIZE))))


def score_frames(
    scores: Array, log_likelihood: Array, frame_mask: Array, optional: Array
) -> tuple[Array, Array]:
    """Extend the most likely paths to all states by some frames.

    Args:
        scores: Log-likelihood of the best path to each state, f32 [l].
        log_likelihood: Log-likelihood of each state in each frame, f32 [f l].
        frame_mask: 1 for frames that exist, [f].
        optional: 1 for states that may be skipped, [l].

    Returns:
        - scores: Log-likelihood of the longer paths, f32 [l].
        - steps: States by which the best path to each state has advanced, i32 [f l].
    """

    def forward(scores: Array, frame: tuple[Array, Array]) -> tuple[Array, Array]:
        log_likelihood, exists = frame
        options = transition_scores(scores, optional)
        steps = jnp.where(exists > 0, jnp.argmax(options, axis=0), 0)
        next_scores = jnp.where(
            exists > 0, jnp.max(options, axis=0) + log_likelihood, scores
        )
        return next_scores, steps  # 32 bits: jaxlib 0.10 misreads 8 bits on a CPU

    return jax.lax.scan(forward, scores, (log_likelihood, frame_mask))


def viterbi(
    log_likelihood: Array, frame_mask: Array, optional: Array, length: Array
) -> tuple[Array, Array]:
    """Find the most likely path through an alignment graph.

    `avjax.losses.sequence.alignment_nll` sums over the paths of the same graph.

    Args:
        log_likelihood: Log-likelihood of each state in each frame, f32 [f l]; `NEG_INF`
            where a state is not allowed.
        frame_mask: 1 for frames that exist, [f].
        optional: 1 for states that may be skipped, [l].
        length: Number of states of the graph, i32 []; later states are padding.

    Returns:
        - path: State of each frame, i32 [f]. Frames that do not exist have the last
          one.
        - score: Log-likelihood of the path, f32 []; `NEG_INF` if there is no path.
    """

    def backward(state: Array, steps: Array) -> tuple[Array, Array]:
        return state - steps[state], state

    scores, steps = score_frames(
        initial_scores(optional), log_likelihood, frame_mask, optional
    )
    last = length - 1 - (scores[length - 2] > scores[length - 1])
    _, path = jax.lax.scan(backward, last, steps, reverse=True)
    return path, jnp.max(scores[length - 2 + jnp.arange(2)])


@cached_jit
def jit_viterbi() -> Callable[..., tuple[Array, Array]]:
    """Compile `viterbi`."""
    return viterbi


@cached_jit
def jit_score_frames() -> Callable[..., tuple[Array, Array]]:
    """Compile `score_frames`."""
    return score_frames


def segment_bounds(path: Array, num_states: int) -> tuple[Array, Array]:
    """Find the frames at which each state of a path begins and ends.

    Args:
        path: State of each frame, i32 [f].
        num_states: Number of states, l.

    Returns:
        - starts: First frame of each state, i32 [l].
        - ends: Frame after the last one of each state, i32 [l]. Both are f for a state
          that has no frame.
    """
    in_state = path[:, None] == jnp.arange(num_states)[None]
    num_frames = len(path)
    frames = jnp.arange(num_frames)[:, None]
    starts = jnp.min(jnp.where(in_state, frames, num_frames), axis=0)
    return starts, jnp.minimum(starts + jnp.sum(in_state, axis=0), num_frames)


def mel_frame_start(frame: Frames) -> Frames:
    """Compute when a mel frame begins: half a frame before its centre.

    Args:
        frame: Numbers of mel frames, at `MELS_PER_SECOND` frames a second.

    Returns:
        Times in seconds, of the same shape.
    """
    return (frame - 0.5) / MELS_PER_SECOND
