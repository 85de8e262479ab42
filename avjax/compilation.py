"""Compiler options, and a cache of compiled functions."""

import functools
import importlib.metadata
import pickle
import threading
from collections.abc import Callable
from typing import Any

import jax
from jax.experimental import serialize_executable
from jax.experimental.compilation_cache import compilation_cache

from avjax import program_store

_JAX_CACHE_LOCK = threading.Lock()


def cpu_options() -> dict[str, str]:
    """Return compiler options for `jax.jit(f, compiler_options=cpu_options())`.

    From jaxlib 0.10 on, a new library computes the weight gradients of convolutions on
    a CPU and takes 2 to 4 times as long; the option restricts it to reductions.

    Returns:
        The options. Empty on other platforms and for other versions of jaxlib, where
        an unknown option would be an error.
    """
    version = importlib.metadata.version("jaxlib").split(".")[:2]
    if jax.default_backend() != "cpu" or version != ["0", "10"]:
        return {}
    return {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE"}


def cached_jit(make: Callable[..., Callable]) -> Callable[..., Any]:
    """Turn a factory of functions into a cached factory of compiled functions.

    Use it as a decorator. `make(*key)` is called once per key; its result is compiled
    with `cpu_options()` and kept, so that the same key gives the same program. While
    `avjax.program_store` is enabled, programs are also kept on disk.

    Args:
        make: A function of hashable arguments, such as a model's config, that returns
            the function to compile.

    Returns:
        A function of the same arguments that returns the compiled function. The
        compiled function's attribute `__wrapped__` is the function before compilation.
    """

    @functools.cache
    def compiled(*key: Any) -> Any:
        program = jax.jit(make(*key), compiler_options=cpu_options())
        if not program_store.is_enabled():
            return program
        return StoredProgram(program, f"{make.__module__}.{make.__qualname__}{key!r}")

    return functools.update_wrapper(compiled, make, updated=())


class StoredProgram:
    """A compiled function whose programs are kept in the program store.

    A program that is loaded is neither traced nor compiled. One that cannot be loaded,
    or fails when it is first run, is compiled again.

    Args:
        function: The result of `jax.jit`.
        name: What the function computes, also its constants.
    """

    def __init__(self, function: Any, name: str):
        self.__wrapped__ = function.__wrapped__
        self._function, self._name = function, name
        self._programs: dict[Any, Callable[..., Any]] = {}
        self._lock = threading.Lock()

    def __call__(self, *args: Any) -> Any:
        """Run the program for the shapes and types of the arguments."""
        leaves, tree = jax.tree.flatten(args)
        signature = tree, tuple(map(jax.typeof, leaves))
        if program := self._programs.get(signature):
            return program(*args)
        with self._lock:
            if program := self._programs.get(signature):
                return program(*args)
            types = [(x.str_short(), x.weak_type) for x in signature[1]]
            entry = f"{self._name} {tree} {types} {_device()}"
            program, result = self._load_and_run(entry, args)
            if program is None:
                program = self._compile(entry, args)
                result = program(*args)
            self._programs[signature] = program
        return result

    def _load_and_run(self, entry: str, args: tuple) -> tuple[Callable | None, Any]:
        """Load a program and run it; (None, None) if one of the two fails."""
        payload = program_store.read(entry)
        if payload is None:
            return None, None
        try:
            program = serialize_executable.deserialize_and_load(
                *pickle.loads(payload), execution_devices=jax.devices()[:1]
            )
            return program, jax.block_until_ready(program(*args))
        except Exception:  # of any kind: the entry was written by other code
            return None, None

    def _compile(self, entry: str, args: tuple) -> Callable[..., Any]:
        """Compile a program and store it."""
        lowered = self._function.lower(*args)
        # A program from JAX's own cache lacks parts after it is serialised once more.
        with _JAX_CACHE_LOCK:
            was_enabled = jax.config.values["jax_enable_compilation_cache"]
            _use_jax_cache(False)
            try:
                program = lowered.compile()
            finally:
                _use_jax_cache(was_enabled)
        try:
            payload = pickle.dumps(serialize_executable.serialize(program))
        except Exception:  # of any kind, such as for a program that calls Python
            return program
        program_store.write(entry, payload)
        return program


def _use_jax_cache(enabled: bool) -> None:
    """Switch JAX's own cache of compiled programs on or off."""
    jax.config.update("jax_enable_compilation_cache", enabled)
    compilation_cache.reset_cache()  # else JAX does not look at the option again


def _device() -> tuple[str, str, str]:
    """Name the device on which programs run, and the version of its compiler."""
    device = jax.devices()[0]
    return device.platform, device.device_kind, device.client.platform_version
