"""A key-value memory: properties of its addresses, and where gradient goes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import drawn

from avjax.nn.memory import Fusion, KeyValueMemory, cosine_to_slots, unit

KEY = jax.random.key(0)


@pytest.fixture
def memory():
    return KeyValueMemory(slots=6, dim=4)


@pytest.fixture
def source():
    return jax.random.normal(KEY, (2, 5, 4))


@pytest.fixture
def variables(memory, source):
    return memory.init(KEY, source, source)


def draw(*shape):
    return jax.random.normal(KEY, shape)


def gradient(memory, variables, function):
    slopes = jax.grad(lambda params: function({"params": params}))
    return jax.jit(slopes)(variables["params"])


def moved(grads):
    return {
        name
        for name, tree in grads.items()
        if any(x.any() for x in jax.tree.leaves(tree))
    }


def test_an_address_is_a_softmax_of_cosines(memory, variables, source):
    """synctalkface (1)"""
    params = jax.tree.map(np.asarray, variables["params"])
    address = memory.apply(variables, source, method="address")
    for place in np.ndindex(2, 5):
        query = source[place] @ params["to_key"]["kernel"] + params["to_key"]["bias"]
        cosines = [
            query @ key / np.linalg.norm(query) / np.linalg.norm(key)
            for key in params["keys"]
        ]
        odds = np.exp(16 * np.array(cosines))
        np.testing.assert_allclose(address[place], odds / odds.sum(), rtol=1e-4)


def test_what_is_recalled_is_a_weighted_mean_of_values(memory, variables, source):
    """synctalkface (2)"""
    recalled, address = memory.apply(variables, source, method="recall")
    expected = np.asarray(address) @ np.asarray(variables["params"]["values"])
    np.testing.assert_allclose(recalled, expected, atol=1e-6)


def test_recalling_leaves_the_values_untouched_and_reading_does_not(
    memory, variables, source
):
    def recalled(variables):
        return memory.apply(variables, source, method="recall")[0].sum()

    def read(variables):
        address = memory.apply(variables, source, method="address")
        return jnp.sin(memory.apply(variables, address, method="read")).sum()

    assert moved(gradient(memory, variables, recalled)) == {"keys", "to_key"}
    assert moved(gradient(memory, variables, read)) == {"keys", "to_key", "values"}


def test_storing_writes_the_values_and_leaves_the_keys(memory, variables, source):
    def stored(variables):
        return jnp.sin(memory.apply(variables, source, method="store")[0]).sum()

    assert moved(gradient(memory, variables, stored)) == {"values", "to_value"}


def test_every_slot_that_is_its_own_query_points_at_itself():
    slots = jax.random.normal(KEY, (6, 32))
    nearest = jnp.argmax(cosine_to_slots(3 * slots, slots), axis=-1)
    assert (nearest == jnp.arange(6)).all()


def test_a_vector_of_length_zero_has_a_finite_gradient():
    slope = jax.grad(lambda v: unit(v).sum())(jnp.zeros(4))
    assert not unit(jnp.zeros(4)).any() and jnp.isfinite(slope).all()


def test_fusion_and_memory_have_the_published_parameters():
    def init(key):
        code = jnp.zeros((1, 1, 512))
        memory = KeyValueMemory(slots=88, dim=512)
        return memory.init(key, code, code), Fusion(512).init(key, code, code, False)

    shapes = jax.tree.leaves(jax.eval_shape(init, KEY))
    assert sum(x.size for x in shapes) == 1_140_224


def test_fusion_drops_in_training_alone(source):
    fusion = Fusion(4)
    variables = fusion.init(KEY, source, source, False)
    still = fusion.apply(variables, source, source, False)
    moving = fusion.apply(variables, source, source, True, rngs={"dropout": KEY})
    assert still.shape == source.shape and not jnp.allclose(still, moving)


def test_each_head_recalls_whole_values_that_are_merged():
    """bridging (1), bridging (2): by a loop over frames and heads."""
    memory, source = KeyValueMemory(slots=5, dim=8, heads=4), draw(2, 3, 8)
    variables = drawn(lambda: memory.init(KEY, source, source))
    recall = jax.jit(lambda source: memory.apply(variables, source, method="recall"))
    recalled, address = recall(source)
    params = jax.tree.map(np.asarray, variables["params"])
    for place in np.ndindex(2, 3):
        query = source[place] @ params["to_key"]["kernel"] + params["to_key"]["bias"]
        addresses = []
        for head in range(4):
            part = slice(2 * head, 2 * head + 2)
            cosines = [
                query[part] @ key / np.linalg.norm(query[part]) / np.linalg.norm(key)
                for key in params["keys"][:, part]
            ]
            odds = np.exp(16 * np.array(cosines))
            addresses.append(odds / odds.sum())
        np.testing.assert_allclose(address[place], np.mean(addresses, 0), atol=1e-4)
        found = np.concatenate([a @ params["values"] for a in addresses])
        merged = found @ params["merge"]["kernel"] + params["merge"]["bias"]
        standard = (merged - merged.mean()) / np.sqrt(merged.var() + 1e-6)
        expected = standard * params["norm"]["scale"] + params["norm"]["bias"]
        np.testing.assert_allclose(recalled[place], expected, atol=1e-3)


def test_several_heads_leave_the_values_to_storing_too(source):
    memory = KeyValueMemory(slots=6, dim=4, heads=2)
    variables = drawn(lambda: memory.init(KEY, source, source))

    def recalled(variables):
        return jnp.sin(memory.apply(variables, source, method="recall")[0]).sum()

    moves = moved(gradient(memory, variables, recalled))
    assert moves == {"keys", "to_key", "merge", "norm"}
