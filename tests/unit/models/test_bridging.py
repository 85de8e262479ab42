"""Associative bridging: what each loss may move, and what an answer depends on."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import drawn

from avjax.losses.memory import address_divergence, storage_error
from avjax.losses.sequence import word_error
from avjax.models import bridging
from avjax.models.bridging import (
    Bridging,
    BridgingConfig,
    Columns,
    LossWeights,
    from_grey,
    word_logits,
)
from avjax.nn.resnet import LipFront, SoundFront

KEY = jax.random.key(0)
SIZE, FRAMES, DIM = 8, 4, 8
WORDS = tuple("abc")
TINY = {"symbols": WORDS, "size": SIZE, "width": 1 / 64, "slots": 5}
EXISTS = jnp.ones((2, FRAMES))

pytestmark = pytest.mark.usefixtures("quick_fronts")


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture(scope="module")
def model():
    return Bridging(BridgingConfig(**TINY))


@pytest.fixture(scope="module")
def clip():
    lips, mel = draw(1, 2, FRAMES, SIZE, SIZE, 1), draw(2, 2, 4 * FRAMES, 80)
    return lips, mel, EXISTS


@pytest.fixture(scope="module")
def variables(quick_fronts, model, clip):
    return drawn(lambda: model.init(KEY, *clip))


@pytest.fixture(scope="module")
def rehearse(model, variables):
    return jax.jit(lambda *clip: model.apply(variables, *clip, method="rehearse"))


@pytest.fixture(scope="module")
def routes(model, variables, clip):
    """{loss: names of what it moves}, all losses by one compiled backward pass.

    By the running statistics: those of a batch would tie the two paths to each other.
    """
    stats, said = variables["batch_stats"], jnp.asarray([0, 2])

    def losses(params):
        given = {"params": params, "batch_stats": stats}
        made = model.apply(given, *clip, method="rehearse")
        read, heard = (
            word_error(word_logits(answer, EXISTS), said)
            for answer in (made.recalled_answer, made.heard_answer)
        )
        saved = storage_error(made.stored, made.heard)
        bridged = address_divergence(made.by_lips, made.by_sound)
        return jnp.stack([x.sum() for x in (read, heard, saved, bridged)])

    @jax.jit
    def slopes(params):
        found, back = jax.vjp(losses, params)
        return jax.lax.map(lambda row: back(row)[0], jnp.eye(len(found)))

    grads = slopes(variables["params"])
    parts = {part: tree for part, tree in grads.items() if part != "memory"}
    parts |= grads["memory"]
    return {
        name: {
            part
            for part, tree in parts.items()
            if any(leaf[row].any() for leaf in jax.tree.leaves(tree))
        }
        for row, name in enumerate(("recalled", "heard", "save", "bridge"))
    }


ANSWERING = {"fusion", "backend", "answers"}


def test_reading_with_the_recalled_sound_moves_the_lips_side_and_no_value(routes):
    """bridging (5), bridging (6): CE te"""
    assert routes["recalled"] == {"visual", "keys", "to_key"} | ANSWERING


def test_reading_with_the_real_sound_moves_both_front_ends_and_no_memory(routes):
    """bridging (5), bridging (6): CE tr"""
    assert routes["heard"] == {"visual", "audio"} | ANSWERING


def test_saving_writes_the_values_and_leaves_what_is_saved(routes):
    """bridging (3): L_save"""
    assert routes["save"] == {"values", "to_value"}


def test_bridging_moves_the_lips_side_alone(routes):
    """bridging (4): L_bridge"""
    assert routes["bridge"] == {"visual", "keys", "to_key"}


def test_all_weights_of_losses_are_one_as_in_the_authors_code():
    """bridging (8)"""
    assert LossWeights() == LossWeights(1, 1, 1, 1)


def test_the_two_paths_differ_by_the_sound_alone(model, variables, clip, rehearse):
    """bridging (5): one fusion and one back-end answer to both."""
    lips, mel, exists = clip
    made, other = rehearse(*clip), rehearse(lips, -mel, exists)
    np.testing.assert_array_equal(made.recalled_answer, other.recalled_answer)
    np.testing.assert_array_equal(made.by_lips, other.by_lips)
    assert not np.allclose(made.heard_answer, other.heard_answer)
    assert not np.allclose(made.by_sound, other.by_sound)

    @jax.jit
    def again(lips, sound):
        seen = model.apply(variables, lips, method="watch")
        return model.apply(variables, seen, sound, exists, method="answer")

    for sound, answer in (
        (made.recalled, made.recalled_answer),
        (made.heard, made.heard_answer),
    ):
        np.testing.assert_allclose(again(lips, sound), answer, atol=1e-5)


def test_what_is_recalled_is_read_from_the_values_at_the_lips_address(
    variables, rehearse, clip
):
    """bridging (1), bridging (2)"""
    made, values = rehearse(*clip), variables["params"]["memory"]["values"]
    assert made.by_lips.shape == (2, FRAMES, 5)
    np.testing.assert_allclose(made.by_lips.sum(-1), 1, atol=1e-5)
    expected = np.asarray(made.by_lips) @ np.asarray(values)
    np.testing.assert_allclose(made.recalled, expected, atol=1e-5)


def test_reading_is_half_of_a_rehearsal(model, variables, rehearse, clip):
    lips, _, exists = clip
    read = jax.jit(lambda *a: model.apply(variables, *a, method="read"))
    answer = rehearse(*clip).recalled_answer
    np.testing.assert_allclose(read(lips, exists), answer, atol=1e-5)


def answerer(**changes):
    """A network's `answer` on codes, jitted: (seen, sound, exists) -> answers."""
    model, code = Bridging(BridgingConfig(**(TINY | changes))), draw(0, 2, FRAMES, DIM)
    variables = drawn(lambda: model.init(KEY, code, code, EXISTS, method="answer"))
    return jax.jit(lambda *a: model.apply(variables, *a, method="answer"))


@pytest.mark.parametrize("backend", ["gru", "tcn"])
def test_frames_that_do_not_exist_change_nothing_of_those_that_do(backend):
    answer = answerer(backend=backend)
    seen, sound = draw(4, 2, FRAMES, DIM), draw(5, 2, FRAMES, DIM)
    exists = EXISTS.at[1, 3:].set(0)
    before = answer(seen, sound, exists)
    after = answer(seen.at[1, 3:].add(9), sound.at[1, 3:].add(-9), exists)
    np.testing.assert_allclose(before[1, :3], after[1, :3], atol=1e-6)
    heeded = answer(seen.at[1, 2].add(9), sound, exists)
    assert not np.allclose(before[1, :2], heeded[1, :2]), "time flows both ways"


def test_an_answer_of_several_steps_is_given_in_their_order():
    """Of each frame's numbers the first are the first step's."""
    seen, sound = draw(4, 2, FRAMES, DIM), draw(5, 2, FRAMES, DIM)
    answer = answerer(task="sentences", steps=2)(seen, sound, EXISTS)
    assert answer.shape == (2, 2 * FRAMES, len(WORDS))
    wide = answerer(symbols=tuple("abcdef"))(seen, sound, EXISTS)
    np.testing.assert_allclose(answer[:, 0::2], wide[..., :3], atol=1e-6)
    np.testing.assert_allclose(answer[:, 1::2], wide[..., 3:], atol=1e-6)


def test_columns_of_speech_see_six_others_on_either_side():
    """Three convolutions of five taps."""
    columns, codes = Columns(DIM), draw(0, 1, 20, DIM)
    variables = drawn(lambda: columns.init(KEY, codes, False))
    speak = jax.jit(lambda codes: columns.apply(variables, codes, False))
    before, after = speak(codes), speak(codes.at[0, 10].add(1))
    assert before.shape == (1, 20, 80)
    changed = np.flatnonzero(np.any(before != after, axis=(0, 2)))
    assert changed.tolist() == list(range(4, 17))


def test_a_word_is_judged_by_the_mean_of_frames_that_exist():
    """bridging (6)"""
    answers = draw(0, 2, FRAMES, 3)
    exists = jnp.asarray([[1.0, 1, 1, 0], [0, 0, 0, 0]])
    found = word_logits(answers, exists)
    np.testing.assert_allclose(found[0], np.mean(answers[0, :3], axis=0), rtol=1e-5)
    assert not found[1].any(), "a clip without frames says nothing"
    odds = np.exp(found[0]) / np.exp(found[0]).sum()
    expected = -np.log(odds[2])
    np.testing.assert_allclose(
        word_error(found, jnp.asarray([2, 0]))[0], expected, rtol=1e-5
    )


def test_greys_become_about_normal():
    grey = np.arange(256, dtype=np.uint8)
    expected = [(value / 255 - 0.4136) / 0.17 for value in range(256)]
    np.testing.assert_allclose(from_grey(jnp.asarray(grey)), expected, atol=1e-5)


@pytest.fixture
def whole(monkeypatch):
    """With the real front-ends."""
    monkeypatch.setattr(bridging, "LipFront", LipFront)
    monkeypatch.setattr(bridging, "SoundFront", SoundFront)


def test_the_published_preset_is_that_of_every_trap(whole):
    """Corner of the last map, and the frames around a clip: tests/avjax/nn has both."""
    for published in (False, True):
        config = BridgingConfig(**TINY, backend="tcn", published=published)
        parts = Bridging(config).bind({})
        assert parts.visual.corner == parts.backend.published == published


def shapes_of(config, frames=2):
    """Shapes of parameters by part and of the answer, at no cost."""
    side = config.size
    given = (1, frames, side, side, 1), (1, 4 * frames, 80), (1, frames)

    def init():
        answer, made = Bridging(config).init_with_output(KEY, *map(jnp.zeros, given))
        return answer, made["params"]

    answer, params = jax.eval_shape(init)
    return answer.shape, {
        part: sum(leaf.size for leaf in jax.tree.leaves(tree))
        for part, tree in params.items()
    }


def test_full_size_is_as_published_with_either_back_end(whole):
    words = tuple(map(str, range(500)))
    shape, parts = shapes_of(BridgingConfig("words", words))
    assert shape == (1, 2, 500)
    assert sum(parts.values()) == 11_186_688 + 4_100_224 + 1_140_224 + 8_389_108
    shape, parts = shapes_of(BridgingConfig("words", words, slots=168, backend="tcn"))
    assert shape == (1, 2, 500)
    assert sum(parts.values()) == 11_186_688 + 4_100_224 + 1_222_144 + 25_187_828


def test_full_size_of_speech_is_that_of_reading_but_for_its_columns(whole):
    shape, parts = shapes_of(BridgingConfig("speech"))
    _, reading = shapes_of(BridgingConfig("words", ("one", "two")))
    assert shape == (1, 8, 80)
    same = set(parts) - {"answers", "columns"}
    assert {part: reading[part] for part in same} == {
        part: parts[part] for part in same
    }
    assert set(reading) == same | {"answers"}


def test_the_control_without_slots_hears_nothing_and_is_as_large(whole):
    config = BridgingConfig("words", tuple(map(str, range(500))))
    _, memory = shapes_of(config)
    _, control = shapes_of(dataclasses.replace(config, slots=0))
    assert set(control) == set(memory) - {"audio", "memory"} | {"substitute"}
    reads = sum(memory.values()) - memory["audio"]
    assert sum(control.values()) == pytest.approx(reads, rel=0.01)


def test_the_control_has_no_address_and_answers_from_the_lips():
    model, seen = Bridging(BridgingConfig(**(TINY | {"slots": 0}))), draw(3, 2, 3, DIM)
    variables = drawn(lambda: model.init(KEY, seen, method="recall"))
    recalled, address = model.apply(variables, seen, method="recall")
    inner, outer = (variables["params"]["substitute"][n] for n in ("inner", "outer"))
    hidden = np.maximum(seen @ inner["kernel"] + inner["bias"][None, None], 0)
    expected = hidden @ outer["kernel"] + outer["bias"][None, None]
    np.testing.assert_allclose(recalled, expected, atol=1e-5)
    assert address.shape == (2, 3, 0)
