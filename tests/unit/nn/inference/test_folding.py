"""Networks with folded normalisations give the same numbers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.models.synctalkface import SyncTalkFaceConfig, init_variables
from avjax.nn.apply import apply_network
from avjax.nn.inference import folding
from avjax.nn.layers import ConvBlock, ConvSpec, DeconvBlock
from avjax.nn.resnet import BasicBlock
from avjax.pipelines.talking.audio_talkers import WindowTalker

BLOCKS = {
    "strided": ConvBlock(ConvSpec(6, 3, (2, 1), 1)),
    "winograd": ConvBlock(ConvSpec(5, 3, 1, 1)),
    "deconvolution": DeconvBlock(ConvSpec(6, 3, 2, 1), output_padding=1),
}


def randomize(variables):
    """Replace all variables by random numbers, and variances by positive ones."""
    leaves, tree = jax.tree.flatten_with_path(variables)
    keys = jax.random.split(jax.random.key(3), len(leaves))
    arrays = []
    for (path, leaf), key in zip(leaves, keys, strict=True):
        fan_in = np.prod(leaf.shape[:-1]) if leaf.ndim == 4 else 1
        array = jax.random.normal(key, leaf.shape) / np.sqrt(fan_in)
        is_variance = path[-1].key == "var"
        arrays.append(0.5 + jnp.abs(array) if is_variance else array)
    return jax.tree.unflatten(tree, arrays)


class Network(nn.Module):
    """One block, with more channels that may be the same for all images."""

    name_of_block: str

    @nn.compact
    def __call__(self, x, skip):
        return BLOCKS[self.name_of_block].copy(name="block")(x, False, skip)


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("num_skips", [1, 2])
def test_a_folded_block_gives_the_same_numbers(name, num_skips):
    network = Network(name)
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 64))
    skip = jax.random.normal(jax.random.key(1), (num_skips, 8, 8, 3))
    variables = randomize(network.init(jax.random.key(2), x, skip))
    folded = folding.fold_network(network, variables, x.shape, skip.shape)
    assert folded["params"] == {}
    kernel = folded["folded"]["block"]["kernel"]
    assert (len(kernel) == 6) == (name == "winograd")
    expected = apply_network(network, variables, x, skip)
    outputs = apply_network(network, folded, x, skip)
    np.testing.assert_allclose(outputs, expected, atol=1e-4)


@pytest.mark.parametrize(("features", "stride"), [(64, 1), (72, 2)])
def test_a_folded_residual_block_gives_the_same_numbers(features, stride):
    block = BasicBlock(features, stride)
    x = jax.random.normal(jax.random.key(0), (2, 7, 7, 64))
    variables = randomize(block.init(jax.random.key(1), x, False))
    folded = folding.fold_network(
        block, variables, x.shape, method=lambda block, x: block(x, False)
    )
    assert set(folded["params"]) == {"norm_1", "norm_2", "prelu_1", "prelu_2"} | (
        {"norm_shortcut"} if stride == 2 else set()
    )
    is_winograd = [len(layer["kernel"]) == 6 for layer in folded["folded"].values()]
    assert any(is_winograd)
    expected = block.apply(variables, x, False)
    outputs = block.apply(folded, x, False)
    np.testing.assert_allclose(outputs, expected, atol=1e-4)


@pytest.fixture(scope="module")
def talker():
    """Wav2Lip of the published width, for small faces."""
    config = SyncTalkFaceConfig(size=32, num_slots=0, pixel_range="[0,1]")
    make = jax.jit(lambda key: init_variables(config, key))
    return WindowTalker(config, randomize(make(jax.random.key(0))))


@pytest.mark.parametrize("num_crops", [1, 6])
def test_faces_are_within_one_level_of_the_unfolded_network(
    talker, num_crops, monkeypatch
):
    rng = np.random.default_rng(0)
    latents = rng.random((6, 512), np.float32)
    crops = rng.integers(0, 256, (num_crops, 32, 32, 3), np.uint8)
    folded = talker.decode_frames(latents, crops, crops[0])
    assert talker._decoder_variables is not talker.variables
    plain = WindowTalker(talker.config, talker.variables)
    monkeypatch.setitem(plain.__dict__, "_decoder_variables", plain.variables)
    expected = plain.decode_frames(latents, crops, crops[0])
    assert folded.std() > 10
    assert np.abs(folded.astype(int) - expected).max() <= 1


def test_small_networks_are_not_folded():
    config = SyncTalkFaceConfig(size=32, width=0.125, num_slots=0)
    talker = WindowTalker(config, {"generator": {}})
    assert talker._decoder_variables is talker.variables
