"""Compiler options, and a cache of compiled functions."""

import functools
import importlib.metadata
from collections.abc import Callable
from typing import Any

import jax


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
    with `cpu_options()` and kept, so that the same key gives the same program.

    Args:
        make: A function of hashable arguments, such as a model's config, that returns
            the function to compile.

    Returns:
        A function of the same arguments that returns the compiled function. The
        compiled function's attribute `__wrapped__` is the function before compilation.
    """

    @functools.cache
    def compiled(*key: Any) -> Any:
        return jax.jit(make(*key), compiler_options=cpu_options())

    return functools.update_wrapper(compiled, make, updated=())
