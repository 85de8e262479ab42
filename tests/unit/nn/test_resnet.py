"""Front-ends of lip reading: what they see of a clip, and what learns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from reference import drawn

from avjax.nn.resnet import LipFront, SoundFront

KEY = jax.random.key(0)
WIDTH, DIM = 1 / 64, 8
FRAMES = 6


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture(scope="module")
def clip():
    """At 112 pixels, as published, the last map is 4 x 4."""
    return draw(0, 1, FRAMES, 112, 112, 1)


@pytest.fixture(scope="module")
def mouths(clip):
    return drawn(lambda: LipFront(WIDTH).init(KEY, clip, False))


@pytest.fixture(scope="module")
def watch(mouths):
    """clip -> codes, codes by the published corner, and the last map."""

    def both(clip):
        codes, kept = LipFront(WIDTH).apply(
            mouths, clip, False, capture_intermediates=True
        )
        last = kept["intermediates"]["block_7"]["__call__"][0]
        return codes, LipFront(WIDTH, corner=True).apply(mouths, clip, False), last

    return jax.jit(both)


def test_a_code_is_the_mean_of_the_last_map_or_of_its_published_corner(watch, clip):
    codes, corner, last = watch(clip)
    assert codes.shape == corner.shape == (1, FRAMES, DIM)
    assert last.shape == (FRAMES, 4, 4, DIM)
    np.testing.assert_allclose(codes[0], last.mean((1, 2)), atol=1e-5)
    np.testing.assert_allclose(corner[0], last[:, :3, :3].mean((1, 2)), atol=1e-5)
    assert not np.allclose(codes, corner, atol=1e-2)


def test_lips_are_seen_with_two_frames_on_either_side(watch, clip):
    before, after = watch(clip)[0], watch(clip.at[0, 5].add(1))[0]
    changed = np.any(np.asarray(before != after)[0], axis=-1)
    assert changed.tolist() == [False] * 3 + [True] * 3


@pytest.mark.parametrize("side", ["lips", "sound"])
def test_every_parameter_learns_but_for_a_bias_before_a_batch_s_own_mean(side):
    front = {"lips": LipFront, "sound": SoundFront}[side](WIDTH)
    given = draw(0, 2, 3, 16, 16, 1) if side == "lips" else draw(0, 2, 12, 80)
    variables = drawn(lambda: front.init(KEY, given, False))

    @jax.jit
    def slopes(params):
        def total(params):
            codes, _ = front.apply(
                {**variables, "params": params},
                given,
                True,
                mutable=["batch_stats"],
                rngs={"dropout": KEY},
            )
            return jnp.sum(jnp.sin(codes))

        return jax.grad(total)(params)

    learns = {
        path: bool(slope.any())
        for path, slope in flatten_dict(slopes(variables["params"]), sep="/").items()
    }
    still = {path for path, moved in learns.items() if not moved}
    assert still == ({"conv_0/bias", "conv_1/bias"} if side == "sound" else set())


def test_sound_becomes_a_code_for_every_four_columns():
    mel = draw(0, 2, 12, 80)
    front = SoundFront(WIDTH)
    variables = drawn(lambda: front.init(KEY, mel, False))
    hear = jax.jit(lambda mel: front.apply(variables, mel, False))
    before = hear(mel)
    assert before.shape == (2, 3, DIM)
    after = hear(mel.at[0, 11].add(1))
    assert not np.allclose(before[0, 2], after[0, 2])
    np.testing.assert_array_equal(before[1], after[1])


def test_half_precision_gives_float32_codes_near_to_the_others(mouths, watch, clip):
    half = LipFront(WIDTH, dtype="bfloat16")
    codes = jax.jit(lambda clip: half.apply(mouths, clip, False))(clip)
    whole = watch(clip)[0]
    assert codes.dtype == jnp.float32
    assert np.abs(codes - whole).mean() < 0.05 * np.abs(whole).mean()
