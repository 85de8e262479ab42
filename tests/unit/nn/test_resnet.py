"""Front-ends of lip reading: receptive fields and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from reference import random_init

from avjax.nn.resnet import AudioFrontend, LipFrontend

KEY = jax.random.key(0)
WIDTH, DIM = 1 / 64, 8
FRAMES = 6


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture(scope="module")
def clip():
    """At 112 pixels, as published, the last map is 4 x 4."""
    return normal(0, 1, FRAMES, 112, 112, 1)


@pytest.fixture(scope="module")
def variables_of_mouths(clip):
    return random_init(lambda: LipFrontend(WIDTH).init(KEY, clip, False))


@pytest.fixture(scope="module")
def encode_video(variables_of_mouths):
    """clip -> features, features by the published pooling, and the last map."""

    def both(clip):
        features, state = LipFrontend(WIDTH).apply(
            variables_of_mouths, clip, False, capture_intermediates=True
        )
        last = state["intermediates"]["block_7"]["__call__"][0]
        return (
            features,
            LipFrontend(WIDTH, reference_pooling=True).apply(
                variables_of_mouths, clip, False
            ),
            last,
        )

    return jax.jit(both)


def test_features_are_means_of_the_last_map(encode_video, clip):
    features, reference_features, last = encode_video(clip)
    assert features.shape == reference_features.shape == (1, FRAMES, DIM)
    assert last.shape == (FRAMES, 4, 4, DIM)
    np.testing.assert_allclose(features[0], last.mean((1, 2)), atol=1e-5)
    np.testing.assert_allclose(
        reference_features[0], last[:, :3, :3].mean((1, 2)), atol=1e-5
    )
    assert not np.allclose(features, reference_features, atol=1e-2)


def test_lip_frontend_sees_two_frames_on_both_sides(encode_video, clip):
    before, after = encode_video(clip)[0], encode_video(clip.at[0, 5].add(1))[0]
    changed = np.any(np.asarray(before != after)[0], axis=-1)
    assert changed.tolist() == [False] * 3 + [True] * 3


@pytest.mark.parametrize("side", ["lips", "audio"])
def test_every_parameter_has_a_gradient_except_bias_before_norm(side):
    frontend = {"lips": LipFrontend, "audio": AudioFrontend}[side](WIDTH)
    inputs = normal(0, 2, 3, 16, 16, 1) if side == "lips" else normal(0, 2, 12, 80)
    variables = random_init(lambda: frontend.init(KEY, inputs, False))

    @jax.jit
    def grads(params):
        def total(params):
            features, _ = frontend.apply(
                {**variables, "params": params},
                inputs,
                True,
                mutable=["batch_stats"],
                rngs={"dropout": KEY},
            )
            return jnp.sum(jnp.sin(features))

        return jax.grad(total)(params)

    gradients = {
        path: bool(grad.any())
        for path, grad in flatten_dict(grads(variables["params"]), sep="/").items()
    }
    without_gradient = {
        path for path, has_gradient in gradients.items() if not has_gradient
    }
    assert without_gradient == (
        {"conv_0/bias", "conv_1/bias"} if side == "audio" else set()
    )


def test_audio_frontend_gives_one_vector_per_four_mel_frames():
    mel = normal(0, 2, 12, 80)
    frontend = AudioFrontend(WIDTH)
    variables = random_init(lambda: frontend.init(KEY, mel, False))
    encode_audio = jax.jit(lambda mel: frontend.apply(variables, mel, False))
    before = encode_audio(mel)
    assert before.shape == (2, 3, DIM)
    after = encode_audio(mel.at[0, 11].add(1))
    assert not np.allclose(before[0, 2], after[0, 2])
    np.testing.assert_array_equal(before[1], after[1])


def test_bfloat16_gives_similar_float32_features(
    variables_of_mouths, encode_video, clip
):
    model = LipFrontend(WIDTH, dtype="bfloat16")
    features = jax.jit(lambda clip: model.apply(variables_of_mouths, clip, False))(clip)
    expected = encode_video(clip)[0]
    assert features.dtype == jnp.float32
    assert np.abs(features - expected).mean() < 0.05 * np.abs(expected).mean()
