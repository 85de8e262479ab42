"""Associative bridging: what each loss trains, and what outputs depend on."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import random_init

from avjax.losses.memory import address_kl, memory_reconstruction_loss
from avjax.losses.sequence import word_cross_entropy
from avjax.losses.weights import BridgingLossWeights
from avjax.models import bridging
from avjax.models.bridging import Bridging, BridgingConfig, word_logits
from avjax.nn.resnet import AudioFrontend, LipFrontend
from avjax.nn.temporal import MelHead

KEY = jax.random.key(0)
SIZE, FRAMES, DIM = 8, 4, 8
WORDS = tuple("abc")
TINY = BridgingConfig(symbols=WORDS, size=SIZE, width=1 / 64, num_slots=5)
ALL = jnp.ones((2, FRAMES))

pytestmark = pytest.mark.usefixtures("quick_fronts")


def random_normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture(scope="module")
def model():
    return Bridging(TINY)


@pytest.fixture(scope="module")
def clip():
    """mouths, mel, frame_mask"""
    mouths = random_normal(1, 2, FRAMES, SIZE, SIZE, 1)
    return mouths, random_normal(2, 2, 4 * FRAMES, 80), ALL


@pytest.fixture(scope="module")
def variables(quick_fronts, model, clip):
    return random_init(lambda: model.init(KEY, *clip))


@pytest.fixture(scope="module")
def forward_train(model, variables):
    return jax.jit(lambda *clip: model.apply(variables, *clip, method="forward_train"))


@pytest.fixture(scope="module")
def gradient_paths(model, variables, clip):
    """{loss: names of modules with a gradient}, by one compiled backward pass.

    With the running statistics: those of a batch would connect the two paths.
    """
    stats, words = variables["batch_stats"], jnp.asarray([0, 2])

    def losses(params):
        current = {"params": params, "batch_stats": stats}
        outputs = model.apply(current, *clip, method="forward_train")
        recalled = word_cross_entropy(word_logits(outputs.recalled_output, ALL), words)
        audio = word_cross_entropy(word_logits(outputs.audio_output, ALL), words)
        save = memory_reconstruction_loss(outputs.stored, outputs.audio)
        bridge = address_kl(outputs.visual_address, outputs.audio_address)
        return jnp.stack([x.sum() for x in (recalled, audio, save, bridge)])

    @jax.jit
    def gradients(params):
        values, vjp = jax.vjp(losses, params)
        return jax.lax.map(lambda row: vjp(row)[0], jnp.eye(len(values)))

    grads = gradients(variables["params"])
    modules = {name: tree for name, tree in grads.items() if name != "memory"}
    modules |= grads["memory"]
    return {
        loss: {
            name
            for name, tree in modules.items()
            if any(leaf[row].any() for leaf in jax.tree.leaves(tree))
        }
        for row, loss in enumerate(("recalled", "audio", "save", "bridge"))
    }


DECODER = {"fusion", "backend", "out"}


def test_loss_with_recalled_audio_trains_the_visual_side_and_no_value(gradient_paths):
    """bridging (5), bridging (6): CE te"""
    assert gradient_paths["recalled"] == {"visual", "keys", "to_key"} | DECODER


def test_loss_with_real_audio_trains_both_front_ends_and_no_memory(gradient_paths):
    """bridging (5), bridging (6): CE tr"""
    assert gradient_paths["audio"] == {"visual", "audio"} | DECODER


def test_save_loss_trains_the_values_and_not_the_audio(gradient_paths):
    """bridging (3): L_save"""
    assert gradient_paths["save"] == {"values", "to_value"}


def test_bridge_loss_trains_the_visual_side_only(gradient_paths):
    """bridging (4): L_bridge"""
    assert gradient_paths["bridge"] == {"visual", "keys", "to_key"}


def test_loss_weights_are_one_as_in_the_authors_code():
    """bridging (8)"""
    assert BridgingLossWeights() == BridgingLossWeights(1, 1, 1, 1)


def test_both_paths_differ_by_the_audio_only(model, variables, clip, forward_train):
    """bridging (5): one fusion and one back-end decode both."""
    mouths, mel, frame_mask = clip
    outputs, other = forward_train(*clip), forward_train(mouths, -mel, frame_mask)
    np.testing.assert_array_equal(outputs.recalled_output, other.recalled_output)
    np.testing.assert_array_equal(outputs.visual_address, other.visual_address)
    assert not np.allclose(outputs.audio_output, other.audio_output)
    assert not np.allclose(outputs.audio_address, other.audio_address)

    @jax.jit
    def decode(mouths, audio):
        visual = model.apply(variables, mouths, method="encode_video")
        return model.apply(variables, visual, audio, frame_mask, method="decode")

    for audio, output in (
        (outputs.recalled, outputs.recalled_output),
        (outputs.audio, outputs.audio_output),
    ):
        np.testing.assert_allclose(decode(mouths, audio), output, atol=1e-5)


def test_recalled_embeddings_are_the_values_at_the_visual_address(
    variables, forward_train, clip
):
    """bridging (1), bridging (2)"""
    outputs, values = forward_train(*clip), variables["params"]["memory"]["values"]
    address = outputs.visual_address
    assert address.shape == (2, FRAMES, 5)
    np.testing.assert_allclose(address.sum(-1), 1, atol=1e-5)
    expected = np.asarray(address) @ np.asarray(values)
    np.testing.assert_allclose(outputs.recalled, expected, atol=1e-5)


def test_predict_returns_the_recalled_output_of_training(
    model, variables, forward_train, clip
):
    mouths, _, frame_mask = clip
    predict = jax.jit(
        lambda mouths, mask: model.apply(variables, mouths, mask, method="predict")
    )
    expected = forward_train(*clip).recalled_output
    np.testing.assert_allclose(predict(mouths, frame_mask), expected, atol=1e-5)


def make_decoder(**changes):
    """Return a jitted `decode`: (visual, audio, frame_mask) -> outputs."""
    model = Bridging(dataclasses.replace(TINY, **changes))
    codes = random_normal(0, 2, FRAMES, DIM)
    variables = random_init(lambda: model.init(KEY, codes, codes, ALL, method="decode"))
    return jax.jit(
        lambda visual, audio, mask: model.apply(
            variables, visual, audio, mask, method="decode"
        )
    )


@pytest.mark.parametrize("backend", ["gru", "tcn"])
def test_masked_frames_do_not_change_the_others(backend):
    decode = make_decoder(backend=backend)
    visual, audio = random_normal(4, 2, FRAMES, DIM), random_normal(5, 2, FRAMES, DIM)
    mask = ALL.at[1, 3:].set(0)
    before = decode(visual, audio, mask)
    after = decode(visual.at[1, 3:].add(9), audio.at[1, 3:].add(-9), mask)
    np.testing.assert_allclose(before[1, :3], after[1, :3], atol=1e-6)
    changed = decode(visual.at[1, 2].add(9), audio, mask)
    assert not np.allclose(before[1, :2], changed[1, :2]), "both directions of time"


def test_several_outputs_per_frame_are_in_temporal_order():
    """The first numbers of a frame belong to its first output."""
    visual, audio = random_normal(4, 2, FRAMES, DIM), random_normal(5, 2, FRAMES, DIM)
    decode = make_decoder(task="sentences", outputs_per_frame=2)
    outputs = decode(visual, audio, ALL)
    assert outputs.shape == (2, 2 * FRAMES, len(WORDS))
    wide = make_decoder(symbols=tuple("abcdef"))(visual, audio, ALL)
    np.testing.assert_allclose(outputs[:, 0::2], wide[..., :3], atol=1e-6)
    np.testing.assert_allclose(outputs[:, 1::2], wide[..., 3:], atol=1e-6)


def test_mel_head_sees_six_mel_frames_on_either_side():
    """Three convolutions of five taps."""
    mel_head, codes = MelHead(DIM), random_normal(0, 1, 20, DIM)
    variables = random_init(lambda: mel_head.init(KEY, codes, False))
    apply = jax.jit(lambda codes: mel_head.apply(variables, codes, False))
    before, after = apply(codes), apply(codes.at[0, 10].add(1))
    assert before.shape == (1, 20, 80)
    changed = np.flatnonzero(np.any(before != after, axis=(0, 2)))
    assert changed.tolist() == list(range(4, 17))


def test_word_logits_are_the_mean_over_existing_frames():
    """bridging (6)"""
    logits = random_normal(0, 2, FRAMES, 3)
    frame_mask = jnp.asarray([[1.0, 1, 1, 0], [0, 0, 0, 0]])
    mean = word_logits(logits, frame_mask)
    np.testing.assert_allclose(mean[0], np.mean(logits[0, :3], axis=0), rtol=1e-5)
    assert not mean[1].any(), "a clip without frames has no evidence"
    probs = np.exp(mean[0]) / np.exp(mean[0]).sum()
    loss = word_cross_entropy(mean, jnp.asarray([2, 0]))[0]
    np.testing.assert_allclose(loss, -np.log(probs[2]), rtol=1e-5)


@pytest.fixture
def real_frontends(monkeypatch):
    monkeypatch.setattr(bridging, "LipFrontend", LipFrontend)
    monkeypatch.setattr(bridging, "AudioFrontend", AudioFrontend)


def test_reference_compat_reaches_every_module_that_differs(real_frontends):
    """Corner of the last map, and frames around a clip: tests/unit/nn has both."""
    for compat in (False, True):
        config = dataclasses.replace(TINY, backend="tcn", reference_compat=compat)
        modules = Bridging(config).bind({})
        assert (
            modules.visual.reference_pooling
            == modules.backend.reference_compat
            == compat
        )


def output_shape_and_sizes(config, frames=2):
    """Return the shape of the output, and the number of parameters of each module."""
    side = config.size

    def init():
        output, variables = Bridging(config).init_with_output(
            KEY,
            jnp.zeros((1, frames, side, side, 1)),
            jnp.zeros((1, 4 * frames, 80)),
            jnp.zeros((1, frames)),
        )
        return output, variables["params"]

    output, params = jax.eval_shape(init)
    return output.shape, {
        name: sum(leaf.size for leaf in jax.tree.leaves(tree))
        for name, tree in params.items()
    }


def test_number_of_parameters_is_as_published(real_frontends):
    words = tuple(map(str, range(500)))
    shape, sizes = output_shape_and_sizes(BridgingConfig("words", words))
    assert shape == (1, 2, 500)
    assert sum(sizes.values()) == 11_186_688 + 4_100_224 + 1_140_224 + 8_389_108
    config = BridgingConfig("words", words, num_slots=168, backend="tcn")
    shape, sizes = output_shape_and_sizes(config)
    assert shape == (1, 2, 500)
    assert sum(sizes.values()) == 11_186_688 + 4_100_224 + 1_222_144 + 25_187_828


def test_speech_differs_from_reading_by_its_outputs_only(real_frontends):
    shape, speech = output_shape_and_sizes(BridgingConfig("speech"))
    _, words = output_shape_and_sizes(BridgingConfig("words", ("one", "two")))
    assert shape == (1, 8, 80)
    shared = set(speech) - {"out", "mel_head"}
    assert {name: words[name] for name in shared} == {
        name: speech[name] for name in shared
    }
    assert set(words) == shared | {"out"}


def test_memoryless_baseline_has_no_audio_and_the_same_size(real_frontends):
    config = BridgingConfig("words", tuple(map(str, range(500))))
    _, memory = output_shape_and_sizes(config)
    _, baseline = output_shape_and_sizes(dataclasses.replace(config, num_slots=0))
    assert set(baseline) == set(memory) - {"audio", "memory"} | {"baseline"}
    size_of_predict = sum(memory.values()) - memory["audio"]
    assert sum(baseline.values()) == pytest.approx(size_of_predict, rel=0.01)


def test_memoryless_baseline_has_an_empty_address():
    model = Bridging(dataclasses.replace(TINY, num_slots=0))
    visual = random_normal(3, 2, 3, DIM)
    variables = random_init(lambda: model.init(KEY, visual, method="recall"))
    recalled, address = model.apply(variables, visual, method="recall")
    fc1, fc2 = (variables["params"]["baseline"][name] for name in ("fc1", "fc2"))
    inner = np.maximum(visual @ fc1["kernel"] + fc1["bias"][None, None], 0)
    expected = inner @ fc2["kernel"] + fc2["bias"][None, None]
    np.testing.assert_allclose(recalled, expected, atol=1e-5)
    assert address.shape == (2, 3, 0)
