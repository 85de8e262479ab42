"""Key-value memory: addresses, recall, and the routes of gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import random_init

from avjax.nn.memory import Fusion, KeyValueMemory, cosine_to_slots, l2_normalize

KEY = jax.random.key(0)


@pytest.fixture
def memory():
    return KeyValueMemory(num_slots=6, dim=4)


@pytest.fixture
def source():
    return jax.random.normal(KEY, (2, 5, 4))


@pytest.fixture
def variables(memory, source):
    return memory.init(KEY, source, source)


def normal(*shape):
    return jax.random.normal(KEY, shape)


def gradient(memory, variables, function):
    grads = jax.grad(lambda params: function({"params": params}))
    return jax.jit(grads)(variables["params"])


def has_gradient(grads):
    return {
        name
        for name, tree in grads.items()
        if any(x.any() for x in jax.tree.leaves(tree))
    }


def test_address_is_a_softmax_of_cosines(memory, variables, source):
    """synctalkface (1)"""
    params = jax.tree.map(np.asarray, variables["params"])
    address = memory.apply(variables, source, method="address")
    for index in np.ndindex(2, 5):
        query = source[index] @ params["to_key"]["kernel"] + params["to_key"]["bias"]
        cosines = [
            query @ key / np.linalg.norm(query) / np.linalg.norm(key)
            for key in params["keys"]
        ]
        odds = np.exp(16 * np.array(cosines))
        np.testing.assert_allclose(address[index], odds / odds.sum(), rtol=1e-4)


def test_recall_is_a_weighted_mean_of_values(memory, variables, source):
    """synctalkface (2)"""
    recalled, address = memory.apply(variables, source, method="recall")
    expected = np.asarray(address) @ np.asarray(variables["params"]["values"])
    np.testing.assert_allclose(recalled, expected, atol=1e-6)


def test_gradient_reaches_values_by_read_but_not_by_recall(memory, variables, source):
    def recalled(variables):
        return memory.apply(variables, source, method="recall")[0].sum()

    def read(variables):
        address = memory.apply(variables, source, method="address")
        return jnp.sin(memory.apply(variables, address, method="read")).sum()

    assert has_gradient(gradient(memory, variables, recalled)) == {"keys", "to_key"}
    assert has_gradient(gradient(memory, variables, read)) == {
        "keys",
        "to_key",
        "values",
    }


def test_gradient_of_store_reaches_values_but_not_keys(memory, variables, source):
    def stored(variables):
        return jnp.sin(memory.apply(variables, source, method="store")[0]).sum()

    assert has_gradient(gradient(memory, variables, stored)) == {"values", "to_value"}


def test_a_slot_is_nearest_to_itself():
    slots = jax.random.normal(KEY, (6, 32))
    nearest = jnp.argmax(cosine_to_slots(3 * slots, slots), axis=-1)
    assert (nearest == jnp.arange(6)).all()


def test_l2_normalize_of_zero_has_a_finite_gradient():
    grad = jax.grad(lambda v: l2_normalize(v).sum())(jnp.zeros(4))
    assert not l2_normalize(jnp.zeros(4)).any() and jnp.isfinite(grad).all()


def test_fusion_and_memory_have_the_published_parameters():
    def init(key):
        code = jnp.zeros((1, 1, 512))
        memory = KeyValueMemory(num_slots=88, dim=512)
        return memory.init(key, code, code), Fusion(512).init(key, code, code, False)

    shapes = jax.tree.leaves(jax.eval_shape(init, KEY))
    assert sum(x.size for x in shapes) == 1_140_224


def test_fusion_dropout_is_active_in_training_only(source):
    fusion = Fusion(4)
    variables = fusion.init(KEY, source, source, False)
    eval_output = fusion.apply(variables, source, source, False)
    train_output = fusion.apply(variables, source, source, True, rngs={"dropout": KEY})
    assert eval_output.shape == source.shape and not jnp.allclose(
        eval_output, train_output
    )


def test_heads_recall_whole_values_that_are_merged():
    """bridging (1), bridging (2): compare with a loop over frames and heads."""
    memory, source = KeyValueMemory(num_slots=5, dim=8, heads=4), normal(2, 3, 8)
    variables = random_init(lambda: memory.init(KEY, source, source))
    recall = jax.jit(lambda source: memory.apply(variables, source, method="recall"))
    recalled, address = recall(source)
    params = jax.tree.map(np.asarray, variables["params"])
    for index in np.ndindex(2, 3):
        query = source[index] @ params["to_key"]["kernel"] + params["to_key"]["bias"]
        addresses = []
        for head in range(4):
            part = slice(2 * head, 2 * head + 2)
            cosines = [
                query[part] @ key / np.linalg.norm(query[part]) / np.linalg.norm(key)
                for key in params["keys"][:, part]
            ]
            odds = np.exp(16 * np.array(cosines))
            addresses.append(odds / odds.sum())
        np.testing.assert_allclose(address[index], np.mean(addresses, 0), atol=1e-4)
        recalled_values = np.concatenate([a @ params["values"] for a in addresses])
        merged = recalled_values @ params["merge"]["kernel"] + params["merge"]["bias"]
        normed = (merged - merged.mean()) / np.sqrt(merged.var() + 1e-6)
        expected = normed * params["norm"]["scale"] + params["norm"]["bias"]
        np.testing.assert_allclose(recalled[index], expected, atol=1e-3)


def test_gradient_of_multi_head_recall_does_not_reach_values(source):
    memory = KeyValueMemory(num_slots=6, dim=4, heads=2)
    variables = random_init(lambda: memory.init(KEY, source, source))

    def recalled(variables):
        return jnp.sin(memory.apply(variables, source, method="recall")[0]).sum()

    names = has_gradient(gradient(memory, variables, recalled))
    assert names == {"keys", "to_key", "merge", "norm"}
