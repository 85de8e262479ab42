"""Faces, voices and images in JAX.

Nothing heavy is imported here: the worker processes of a loader import this file.
"""

import importlib

__version__ = "0.1.0"
__all__ = ["denoise", "lipread", "live", "speak", "sync", "talk"]


def __getattr__(name: str):
    if name in __all__:
        verb = importlib.import_module(f"avjax.pipelines.{name}")
        return getattr(verb, name)
    raise AttributeError(f"module 'avjax' has no attribute {name!r}")
