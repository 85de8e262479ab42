"""Networks of talking faces, at every size and width."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.models.sync_expert import SyncExpert
from avjax.nn.layers import scale_width
from avjax.nn.wav2lip import (
    MIN_DECODER_CHANNELS,
    AudioEncoder,
    Discriminator,
    FaceDecoder,
    IdentityEncoder,
    LipEncoder,
)

KEY = jax.random.key(0)
SIZES = (64, 96, 128, 160)


def parameters(module, *shapes, train=(False,)):
    inputs = [jnp.zeros(shape) for shape in shapes]
    variables = jax.eval_shape(lambda: module.init(KEY, *inputs, *train))
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def shape_of(module, *shapes, train=(False,)):
    inputs = [jnp.zeros(shape) for shape in shapes]
    out = jax.eval_shape(lambda: module.init_with_output(KEY, *inputs, *train)[0])
    return jax.tree.map(lambda leaf: leaf.shape, out)


def test_networks_have_the_published_numbers_of_parameters():
    assert parameters(AudioEncoder(), (1, 16, 80)) == 2_812_672
    assert parameters(LipEncoder(128), (1, 5, 128, 128, 3)) == 10_043_520
    assert parameters(IdentityEncoder(128), (1, 128, 128, 6)) == 10_006_064
    faces = (1, 5, 96, 96, 3), (1, 5, 128, 128, 3)
    experts = SyncExpert(96), SyncExpert(128)
    mel = (1, 16, 80)
    counts = [parameters(e, mel, f) for e, f in zip(experts, faces, strict=True)]
    assert counts == [16_435_072, 22_991_744]
    discriminators = [
        parameters(Discriminator(s), (1, s, s, 3), train=()) for s in (96, 128)
    ]
    assert discriminators == [14_113_793, 15_948_801]


@pytest.mark.parametrize("size", SIZES)
def test_all_sizes_divisible_by_32_work(size):
    width, dim = 0.125, 64
    maps = shape_of(IdentityEncoder(size, width), (2, size, size, 6))
    sides = [size, size // 2, size // 4, size // 8, size // 16, size // 32, 1]
    assert [shape[1:3] for shape in maps] == [(side, side) for side in sides]
    code = shape_of(LipEncoder(size, width), (2, 7, size, size, 3))
    assert code == (2, 3, dim)
    assert shape_of(Discriminator(size, width), (2, size, size, 3), train=()) == (2,)
    both = shape_of(SyncExpert(size, width), (2, 16, 80), (2, 5, size, size, 3))
    assert both == ((2, dim), (2, dim))

    def decode(key):
        feature_maps = tuple(jnp.zeros(shape) for shape in maps)
        decoder = FaceDecoder(size, width)
        return decoder.init_with_output(key, jnp.zeros((2, dim)), feature_maps, False)[
            0
        ]

    assert jax.eval_shape(decode, KEY).shape == (2, size, size, 3)


@pytest.mark.parametrize("pixel_range", ["[-1,1]", "[0,1]"])
def test_pixels_stay_in_range(pixel_range):
    decoder = FaceDecoder(64, 0.125, pixel_range)
    sides = (64, 32, 16, 8, 4, 2, 1)
    channels = [
        scale_width(c, 0.125, MIN_DECODER_CHANNELS)
        for c in (16, 32, 64, 128, 256, 512, 512)
    ]
    maps = tuple(
        50 * jax.random.normal(KEY, (1, side, side, c))
        for side, c in zip(sides, channels, strict=True)
    )
    code = jnp.zeros((1, 64))
    pixels, _ = jax.jit(lambda key: decoder.init_with_output(key, code, maps, False))(
        KEY
    )
    assert jnp.abs(pixels).max() <= 1
    assert (pixels.min() < 0) == (pixel_range == "[-1,1]")


def test_lip_encoder_encodes_each_window_of_a_clip():
    """Every five consecutive frames are encoded as a separate clip would be."""
    encoder = LipEncoder(64, 0.125)
    frames = jax.random.uniform(KEY, (1, 7, 64, 64, 3))
    variables = jax.jit(lambda key: encoder.init(key, frames, False))(KEY)
    apply = jax.jit(lambda frames: encoder.apply(variables, frames, False))
    windows = jnp.stack([frames[0, k : k + 5] for k in range(3)])
    np.testing.assert_allclose(apply(frames)[0], apply(windows)[:, 0], atol=1e-5)


def test_discriminator_and_sync_expert_see_the_lower_half_only():
    faces = jax.random.uniform(KEY, (1, 5, 64, 64, 3))
    other = faces.at[:, :, :32].set(0.5)
    discriminator, expert = Discriminator(64, 0.125), SyncExpert(64, 0.125)

    @jax.jit
    def evaluate(key, faces):
        logits = discriminator.init_with_output(key, faces[0])[0]
        mel = jnp.zeros((1, 16, 80))
        return logits, expert.init_with_output(key, mel, faces, False)[0][1]

    for a, b in zip(evaluate(KEY, faces), evaluate(KEY, other), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.allclose(evaluate(KEY, faces)[0], evaluate(KEY, 1 - faces)[0])


def test_scale_width_gives_multiples_of_eight():
    assert [scale_width(c, 0.1875) for c in (16, 64, 80, 512)] == [8, 16, 16, 96]
    assert [scale_width(c, 0.1875, 16) for c in (16, 64, 80, 512)] == [16, 16, 16, 96]
    assert [scale_width(c, 1.0) for c in (16, 384, 512)] == [16, 384, 512]
