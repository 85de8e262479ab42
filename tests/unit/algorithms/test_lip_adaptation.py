"""Adaptation of LipWarp: steps of the editor, ridge regression of the audio."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from untrained_talkers import untrained_parts

from avjax.algorithms.lip_adaptation import (
    EditorAdaptation,
    alter_frames,
    correct_last_layer,
    edit_frames,
    jit_adapt_editor,
    jit_audio_features,
    jit_editor_errors,
    match_motion,
    start_adaptation,
)
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.talker import latent_space

CONFIG = LipWarpConfig(
    size=32, code_dim=4, context_frames=3, audio_dim=16, layers=1, heads=2
)
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def variables():
    return untrained_parts(CONFIG)


@pytest.fixture(scope="module")
def batch():
    frame, target, reference = RNG.uniform(size=(3, 4, 32, 32, 3)).astype(np.float32)
    code = RNG.normal(size=(4, 4)).astype(np.float32)
    return {"frame": frame, "target": target, "reference": reference, "code": code}


def test_steps_make_the_error_of_their_batch_smaller(variables, batch):
    editor = variables["editor"]["params"]
    settings = EditorAdaptation(learning_rate=3e-3, warmup=1, altered_share=0.0)
    state = start_adaptation(editor, settings)
    for step in range(12):
        state, _ = jit_adapt_editor(CONFIG, settings)(
            state, batch, jax.random.key(step)
        )
    before, last, average = (
        np.asarray(jit_editor_errors(CONFIG)(params, batch)).mean(0)
        for params in (editor, state.params, state.average)
    )
    assert (last < before).all()
    assert last[0] < average[0] < before[0]


def test_only_a_share_of_the_frames_is_altered_by_the_code_before(variables, batch):
    editor = variables["editor"]["params"]
    altered = jax.jit(lambda params: alter_frames(CONFIG, params, batch, 0.5))(editor)

    def edit(params):
        inputs = batch["target"], batch["reference"], batch["code"][[3, 0, 1, 2]]
        return edit_frames(CONFIG, params, *inputs)[0]

    np.testing.assert_allclose(altered[:2], jax.jit(edit)(editor)[:2], atol=1e-4)
    np.testing.assert_array_equal(altered[2:], batch["frame"][2:])
    assert alter_frames(CONFIG, editor, batch, 0.0) is batch["frame"]


def test_no_gradient_reaches_altered_frames(variables, batch):
    def total(editor):
        return jnp.sum(alter_frames(CONFIG, editor, batch, 1.0))

    grads = jax.tree.leaves(jax.jit(jax.grad(total))(variables["editor"]["params"]))
    assert not any(np.any(grad) for grad in grads)


def test_features_are_the_input_of_the_last_layer(variables):
    mels = RNG.normal(size=(9, 16, 80)).astype(np.float32)
    mask = np.ones(9, np.float32)
    part = variables["audio_to_code"]
    features = np.asarray(jit_audio_features(CONFIG)(part, mels, mask))
    layer = jax.tree.map(np.asarray, part["params"]["code"])
    space = latent_space(CONFIG)
    inputs = jnp.asarray(mels)[None], jnp.asarray(mask)[None]
    expected = space.encode_audio(variables, *inputs)[0]
    np.testing.assert_allclose(
        features @ layer["kernel"] + layer["bias"], expected, atol=1e-4
    )


def test_ridge_regression_moves_from_the_trained_layer_to_the_best_one():
    features = RNG.normal(2.0, 1.0, (300, 8)).astype(np.float32)
    trained, best = RNG.normal(size=(2, 8, 3)).astype(np.float32)
    codes = features @ best + np.float32(7)
    distances = [
        np.linalg.norm(correct_last_layer(features, codes, trained, prior) - best)
        for prior in (np.inf, 3000.0, 300.0, 1e-3)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] == pytest.approx(np.linalg.norm(trained - best))
    assert distances[2] == pytest.approx(distances[0] / 2, rel=0.1)
    assert distances[-1] < 1e-3


def test_motion_is_enlarged_to_that_of_the_person_but_not_reduced():
    kernel = np.eye(4, dtype=np.float32)
    features = RNG.normal(size=(2000, 4)).astype(np.float32)
    scale = np.array([1.3, 4.0, 0.5, 0.1], np.float32)
    matched = features @ match_motion(kernel, features, features * scale)
    np.testing.assert_allclose(
        matched.std(0) / features.std(0), [1.3, 1.5, 1, 1], atol=0.05
    )
