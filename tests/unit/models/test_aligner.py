"""The aligner network: outputs, receptive field and masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.losses.sequence import alignment_nll
from avjax.models.aligner import Aligner, AlignerConfig, receptive_context
from avjax.models.registry import get_system

TINY = AlignerConfig(("", "_", "a", "b"), dim=8, layers=2, heads=2, context_mels=4)
MEL_FRAMES = 40
ALL = jnp.ones((1, MEL_FRAMES))


@pytest.fixture(scope="module")
def classify():
    """(mel, mel_mask) -> log-probabilities of an untrained network."""
    variables = untrained(get_system("aligner").variable_shapes(TINY))["aligner"]
    return jax.jit(lambda mel, mask: Aligner(TINY).apply(variables, mel, mask))


@pytest.fixture
def mel():
    return jax.random.normal(jax.random.key(1), (1, MEL_FRAMES, 80))


def test_probabilities_sum_to_one_without_the_padding_phoneme(classify, mel):
    """aligner (1)"""
    probs = np.exp(classify(mel, ALL))
    assert probs.shape == (1, MEL_FRAMES, 4)
    np.testing.assert_allclose(probs.sum(-1), 1, rtol=1e-5)
    assert not probs[..., 0].any()


def test_outputs_depend_on_the_receptive_context_only(classify, mel):
    """aligner (1)"""
    changed = classify(mel.at[:, 20].add(1), ALL) - classify(mel, ALL)
    frames = np.flatnonzero(np.abs(changed[0, :, 1:]).max(-1) > 1e-6)
    context = receptive_context(TINY)
    assert (frames[0], frames[-1]) == (20 - context, 20 + context)


def test_masked_mel_frames_have_no_influence(classify, mel):
    mask = (jnp.arange(MEL_FRAMES) < 20)[None].astype(jnp.float32)
    other = mel.at[:, 20:].set(7.0)
    np.testing.assert_allclose(
        classify(mel, mask)[:, :20], classify(other, mask)[:, :20], atol=1e-5
    )


def test_loss_sums_the_alignments_of_a_text():
    """aligner (2): one phoneme in two mel frames, with optional silence around it."""
    log_probs = jnp.log(jnp.array([[[0.2, 0.7, 0.1], [0.3, 0.5, 0.2]]]))
    optional = jnp.array([[1.0, 0.0, 1.0]])
    loss = alignment_nll(log_probs, jnp.ones((1, 2)), optional, jnp.array([3]))
    alignments = 0.2 * 0.5 + 0.7 * 0.5 + 0.7 * 0.2
    np.testing.assert_allclose(loss, -np.log(alignments), rtol=1e-5)
