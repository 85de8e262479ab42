"""Converted networks read and generate RGB; the published ones use BGR."""

import dataclasses

import jax
import numpy as np
import pytest
from random_networks import (
    converted,
    unconverted,
)

from avjax.convert.registry import NETWORKS
from avjax.models.sync_expert import SyncExpert
from avjax.models.syncnet_v2 import SyncNet
from avjax.models.synctalkface import SyncTalkFace
from avjax.nn.wav2lip import Discriminator

pytestmark = pytest.mark.usefixtures("narrow_networks")


def random_images(*shape) -> np.ndarray:
    return np.random.default_rng(1).uniform(size=shape).astype(np.float32)


def swap_colors(faces: np.ndarray) -> np.ndarray:
    """Exchange red and blue of images that are stacked along the last axis."""
    images = faces.reshape(*faces.shape[:-1], -1, 3)
    return images[..., ::-1].reshape(faces.shape)


def test_wav2lip_reads_and_generates_rgb(name="wav2lip"):
    module = SyncTalkFace(NETWORKS[name].make_config({}))
    side = module.config.size
    mels, faces = random_images(1, 1, 16, 80), random_images(1, 1, side, side, 6)
    generate = jax.jit(
        lambda variables, faces: module.apply(variables, mels, faces, method="generate")
    )
    expected = generate(unconverted(name), swap_colors(faces)).frames
    outputs = generate(converted(name), faces).frames
    np.testing.assert_allclose(outputs, swap_colors(np.asarray(expected)), atol=1e-5)
    assert np.abs(outputs - expected).max() > 1e-3


def test_the_lip_encoder_reads_rgb():
    lips = random_images(1, 5, 128, 128, 3)
    module = SyncTalkFace(NETWORKS["synctalkface"].make_config({}))
    encode = jax.jit(
        lambda variables, lips: module.apply(variables, lips, method="encode_lips")
    )
    expected = encode(unconverted("synctalkface"), swap_colors(lips))
    np.testing.assert_allclose(
        encode(converted("synctalkface"), lips), expected, atol=1e-5
    )


def test_the_sync_expert_reads_rgb(name="syncnet_color"):
    module = SyncExpert(**dataclasses.asdict(NETWORKS[name].make_config({})))
    faces = random_images(1, 5, module.size, module.size, 3)
    encode = jax.jit(
        lambda variables, faces: module.apply(variables, faces, method="encode_frames")
    )
    expected = encode(unconverted(name), swap_colors(faces))
    np.testing.assert_allclose(encode(converted(name), faces), expected, atol=1e-5)


def test_syncnet_v2_reads_rgb(name="syncnet_v2"):
    module = SyncNet(NETWORKS[name].make_config({}))
    faces = 255 * random_images(1, 5, 224, 224, 3)
    encode = jax.jit(
        lambda variables, faces: module.apply(variables, faces, method="encode_frames")
    )
    expected = encode(unconverted(name), swap_colors(faces))
    np.testing.assert_allclose(encode(converted(name), faces), expected, rtol=1e-4)


def test_the_discriminator_reads_rgb(name="wav2lip_disc"):
    module = Discriminator(**NETWORKS[name].make_config({}))
    faces = random_images(1, module.size, module.size, 3)
    discriminate = jax.jit(module.apply)
    expected = discriminate(unconverted(name), swap_colors(faces))
    np.testing.assert_allclose(
        discriminate(converted(name), faces), expected, atol=1e-5
    )
