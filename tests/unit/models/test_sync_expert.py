"""The sync expert: its embeddings and what it reads of them."""

import jax
import jax.numpy as jnp
import numpy as np

from avjax.losses.sync import sync_loss
from avjax.models.sync_expert import SyncExpert

KEY = jax.random.key(0)


def test_embeddings_of_sync_expert_are_unit_vectors_and_not_negative():
    """sync_expert (1)"""
    expert = SyncExpert(64, 0.125)
    mel, faces = jax.random.normal(KEY, (3, 16, 80)), jnp.ones((3, 5, 64, 64, 3))
    run = jax.jit(lambda key: expert.init_with_output(key, mel, faces, True)[0])
    for codes in run(KEY):
        assert codes.min() >= 0
        np.testing.assert_allclose(jnp.linalg.norm(codes, axis=-1), 1, atol=1e-5)


def test_probability_of_sync_is_the_cosine():
    """sync_expert (2)"""
    audio = jnp.array([[1.0, 0.0], [0.6, 0.8]])
    video = jnp.array([[0.6, 0.8], [0.6, 0.8]])
    losses = sync_loss(audio, video, jnp.ones(2))
    np.testing.assert_allclose(losses, -np.log([0.6, 1.0]), atol=1e-6)
