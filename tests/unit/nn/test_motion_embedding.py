"""Embeddings of lips and of audio."""

import jax
import numpy as np
import pytest

from avjax.nn.motion_embedding import CONTEXT_FRAMES, MotionEmbedding, SyncEmbeddings

KEY = jax.random.key(0)
FRAMES = 20


@pytest.fixture(scope="module")
def network():
    return MotionEmbedding(embedding_dim=4, width=8, dropout=0.1)


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(0).normal(size=(1, FRAMES, 3)).astype(np.float32)


def test_embeddings_see_their_context_and_no_missing_frame(network, inputs):
    variables = network.init(KEY, inputs, np.ones((1, FRAMES)))
    mask = np.ones((1, FRAMES), np.float32)
    mask[:, 12:] = 0
    before = network.apply(variables, inputs, mask)
    changed = inputs.copy()
    changed[:, 12:] = 100
    np.testing.assert_allclose(network.apply(variables, changed, mask), before)
    changed = inputs.copy()
    changed[:, 0] += 1
    differs = (network.apply(variables, changed, mask) != before).any(-1)[0]
    assert np.flatnonzero(differs).max() == CONTEXT_FRAMES


def test_lips_and_audio_are_embedded_by_their_own_networks(inputs):
    """sync_people (1), sync_people (2)"""
    network = SyncEmbeddings(embedding_dim=4, width=8, dropout=0.1)
    mask, audio = np.ones((1, FRAMES)), inputs[..., :2]
    variables = network.init(KEY, inputs, audio, mask, mask)
    lips, sound = network.apply(variables, inputs, audio, mask, mask)
    single = MotionEmbedding(embedding_dim=4, width=8, dropout=0.1)
    for name, values, expected in (("lips", inputs, lips), ("audio", audio, sound)):
        params = {"params": variables["params"][name]}
        np.testing.assert_allclose(
            single.apply(params, values, mask), expected, atol=1e-5
        )
        alone = network.apply(variables, values, mask, method=f"embed_{name}")
        np.testing.assert_allclose(alone, expected, atol=1e-5)
