"""Faces, voices and images in JAX.

Nothing heavy is imported here: the worker processes of a loader import this file.
"""

__version__ = "0.1.0"
__all__ = ["talk"]


def __getattr__(name: str):
    if name == "talk":
        from avjax.inference.talk import talk

        return talk
    raise AttributeError(f"module 'avjax' has no attribute {name!r}")
