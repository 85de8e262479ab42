"""Compiled programs on disk: used again where they fit, and never elsewhere."""

import hashlib
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax import program_store
from avjax.compilation import cached_jit

TRACED = []  # names of the functions that were traced


@cached_jit
def jit_scale(factor):
    def scale(tree, offset):
        TRACED.append(factor)
        return {"scaled": factor * tree["values"] + offset}

    return scale


@pytest.fixture
def store(tmp_path):
    """Enable an empty store, and forget what was traced."""
    program_store.enable(tmp_path / "store")
    TRACED.clear()
    start_again()
    yield tmp_path / "store"
    program_store.disable()
    start_again()


def start_again():
    """Forget compiled programs, like a new process."""
    jit_scale.cache_clear()
    program_store.environment.cache_clear()


def scale(factor=2.0, values=(1.0, 2.0), offset=1):
    result = jit_scale(factor)({"values": np.float32(values)}, offset)
    return np.asarray(result["scaled"]).tolist()


def entries(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_program_is_traced_by_the_first_process_alone(store):
    for _ in range(2):
        assert scale() == [3.0, 5.0]
        assert scale(offset=2) == [4.0, 6.0]
        start_again()
    assert TRACED == [2.0]
    assert len(entries(store)) == 1


def test_another_key_shape_or_type_is_another_program(store):
    def all_of_them():
        assert scale() == [3.0, 5.0]
        assert scale(factor=3.0) == [4.0, 7.0]
        assert scale(values=(1.0, 2.0, 3.0)) == [3.0, 5.0, 7.0]
        assert scale(offset=np.float32(1)) == [3.0, 5.0]
        assert scale(offset=np.array([0, 1])) == [2.0, 5.0]

    all_of_them()
    assert len(TRACED) == len(entries(store)) == 5
    start_again()
    all_of_them()
    assert len(TRACED) == 5


def test_results_are_arrays_that_other_programs_take(store):
    for _ in range(2):
        first = jit_scale(2.0)({"values": np.ones(3, np.float32)}, 1)["scaled"]
        assert isinstance(first, jax.Array)
        second = jit_scale(3.0)({"values": first}, 1)["scaled"]
        np.testing.assert_array_equal(jnp.add(second, 1), [11, 11, 11])
        start_again()
    assert TRACED == [2.0, 3.0]


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


def replace(content: bytes) -> bytes:
    return hashlib.sha256(b"no program").digest() + b"no program"


@pytest.mark.parametrize("damage", [truncate, flip, replace, lambda _: b""])
def test_a_damaged_program_is_compiled_again(store, damage):
    scale()
    (entry,) = entries(store)
    entry.write_bytes(damage(entry.read_bytes()))
    for _ in range(2):
        start_again()
        assert scale() == [3.0, 5.0]
    assert TRACED == [2.0, 2.0]


def test_a_program_that_fails_when_it_runs_is_compiled_again(store):
    scale()
    (first,) = entries(store)
    scale(values=(1.0, 2.0, 3.0))
    (other,) = set(entries(store)) - {first}
    first.write_bytes(other.read_bytes())  # takes three numbers instead of two
    start_again()
    assert scale() == [3.0, 5.0]
    assert TRACED == [2.0] * 3


@pytest.mark.parametrize("change", ["source", "variable", "version", "processor"])
def test_a_program_of_another_environment_is_not_used(store, change, monkeypatch):
    scale()
    sources, version = program_store._sources, program_store.importlib.metadata.version
    if change == "source":
        more = [b"x = 1"]
        monkeypatch.setattr(program_store, "_sources", lambda: [*sources(), *more])
    elif change == "variable":
        monkeypatch.setenv("XLA_SOMETHING", "1")
    elif change == "version":
        monkeypatch.setattr(
            program_store.importlib.metadata, "version", lambda x: version(x) + ".1"
        )
    else:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7, 8, 9})
    start_again()
    assert scale() == [3.0, 5.0]
    assert TRACED == [2.0, 2.0]


def test_all_source_that_programs_are_made_of_is_in_the_environment():
    names = [x for x in program_store._sources() if len(x) < 80]
    for name in b"nn/conv.py", b"models/bridging.py", b"compilation.py", b"config":
        assert any(x.startswith(name) for x in names)
    assert not [x for x in names if x.startswith((b"train/", b"cli/", b"data/"))]


def test_a_store_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").touch()
    program_store.enable(tmp_path / "file" / "folder")
    start_again()
    assert scale() == [3.0, 5.0]
    program_store.disable()
    start_again()


def test_a_program_that_calls_python_is_not_stored(store):
    @cached_jit
    def jit_call():
        shape = jax.ShapeDtypeStruct((), jnp.float32)
        return lambda x: jax.pure_callback(lambda y: y + np.float32(1), shape, x)

    assert jit_call()(np.float32(1)) == 2
    assert not entries(store)


def test_environments_used_long_ago_are_removed(store, monkeypatch):
    for number in range(program_store.MAX_ENVIRONMENTS + 2):
        monkeypatch.setenv("XLA_SOMETHING", str(number))
        program_store.environment.cache_clear()
        program_store.write("fact", b"content")
        os.utime(store / program_store.environment(), (number, number))
    assert len(entries(store)) == program_store.MAX_ENVIRONMENTS
    assert program_store.read("fact") == b"content"


def test_without_a_store_programs_are_those_of_jax(tmp_path):
    program_store.disable()
    jit_scale.cache_clear()
    assert hasattr(jit_scale(2.0), "lower")
    assert program_store.read("fact") is None
