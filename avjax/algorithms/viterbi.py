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
from avjax.constants import MELS_PER_SECOND, NEG_INF
from avjax.losses.sequence import initial_scores, transition_scores
from avjax.typing import Array

Frames = TypeVar("Frames", np.ndarray, jax.Array)

MIN_PADDED_SIZE = 32  # smallest size that a search is compiled for


def viterbi_padded(
    log_likelihood: np.ndarray, optional: np.ndarray, free_end: bool = False
) -> tuple[np.ndarray, float]:
    """Find the most likely path, with a compiled program for few array sizes.

    Sizes are rounded up to powers of two, so that few programs are compiled.

    Args:
        log_likelihood: Log-likelihood of each state in each frame, f32 [f l].
        optional: True for each state that may be skipped, bool [l].
        free_end: The path may end in any state.

    Returns:
        - path: State of each frame, i32 [f].
        - score: Log-likelihood of the path.
    """
    num_frames, num_states = log_likelihood.shape
    extra_frames, extra_states = (
        2 ** int(np.ceil(np.log2(max(size, MIN_PADDED_SIZE)))) - size
        for size in log_likelihood.shape
    )
    path, score = jit_viterbi()(
        np.pad(
            log_likelihood.astype(np.float32), ((0, extra_frames), (0, extra_states))
        ),
        np.arange(num_frames + extra_frames) < num_frames,
        np.pad(optional, (0, extra_states)),
        num_states,
        free_end,
    )
    return np.asarray(path)[:num_frames], float(score)


def viterbi_windows(
    log_probs: np.ndarray,
    symbols: np.ndarray,
    optional: np.ndarray,
    window: int = 60 * MELS_PER_SECOND,
) -> np.ndarray | None:
    """Find a likely path window by window, in memory that does not grow.

    In each window, the search may end in any state. What lies in the last sixth of the
    window is discarded, because later frames may change it, and the next window begins
    there, between two words.

    Args:
        log_probs: Log-probability of each symbol in each frame, f32 [f v].
        symbols: Symbol of each state, i32 [l].
        optional: True for each state that may be skipped, bool [l].
        window: Frames that are searched at once, with half as many states, which is
            more than anybody says.

    Returns:
        State of each frame, i32 [f]; None if the states do not fit into the frames.
    """
    paths: list[np.ndarray] = []
    frame, state, num_frames = 0, 0, len(log_probs)
    while True:
        states = slice(state, state + window // 2)
        is_last = frame + window >= num_frames
        if is_last and len(symbols) > states.stop:
            return None
        path, score = viterbi_padded(
            log_probs[frame : frame + window][:, symbols[states]],
            optional[states],
            free_end=not is_last,
        )
        if score < NEG_INF / 2:
            return None
        if is_last:
            return np.concatenate([*paths, path + state])
        kept = path[: window - window // 6] + state
        is_start = np.diff(kept, prepend=kept[0]) > 0
        is_start &= optional[kept] | optional[np.maximum(kept - 1, 0)]
        cut = int(np.flatnonzero(is_start)[-1]) if is_start.any() else len(kept)
        paths.append(kept[:cut])
        frame, state = frame + cut, int(path[cut]) + state
        state -= not optional[state]


def viterbi(
    log_likelihood: Array,
    frame_mask: Array,
    optional: Array,
    length: Array,
    free_end: Array | bool = False,
) -> tuple[Array, Array]:
    """Find the most likely path through an alignment graph.

    `avjax.losses.sequence.alignment_nll` sums over the paths of the same graph.

    Args:
        log_likelihood: Log-likelihood of each state in each frame, f32 [f l]; `NEG_INF`
            where a state is not allowed.
        frame_mask: 1 for frames that exist, [f].
        optional: 1 for states that may be skipped, [l].
        length: Number of states of the graph, i32 []; later states are padding.
        free_end: The path may end in any state, bool [].

    Returns:
        - path: State of each frame, i32 [f]. Frames that do not exist have the last
          one.
        - score: Log-likelihood of the path, f32 []; `NEG_INF` if there is no path.
    """

    def forward(scores: Array, frame: tuple[Array, Array]) -> tuple[Array, Array]:
        log_likelihood, exists = frame
        options = transition_scores(scores, optional)
        steps = jnp.where(exists > 0, jnp.argmax(options, axis=0), 0)
        next_scores = jnp.where(
            exists > 0, jnp.max(options, axis=0) + log_likelihood, scores
        )
        return next_scores, steps  # 32 bits: jaxlib 0.10 misreads 8 bits on a CPU

    def backward(state: Array, steps: Array) -> tuple[Array, Array]:
        return state - steps[state], state

    scores, steps = jax.lax.scan(
        forward, initial_scores(optional), (log_likelihood, frame_mask)
    )
    states = jnp.arange(len(scores))
    is_end = (states < length) & (free_end | (states >= length - 2))
    ends = jnp.where(is_end, scores, -jnp.inf)
    last = len(scores) - 1 - jnp.argmax(ends[::-1])  # the last one of equal scores
    _, path = jax.lax.scan(backward, last, steps, reverse=True)
    return path, scores[last]


@cached_jit
def jit_viterbi() -> Callable[..., tuple[Array, Array]]:
    """Compile `viterbi`."""
    return viterbi


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
