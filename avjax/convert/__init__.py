"""Convert PyTorch weights of published networks to avjax weights.

    from avjax.convert import open_tensors, write_weights

    write_weights("weights", "wav2lip_gan.pth", open_tensors("wav2lip_gan.pth"))

Names are loaded on first use: `open_tensors` rejects a damaged file without importing
JAX.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avjax.convert.convert import write_weights
    from avjax.convert.open_file import open_tensors

__all__ = ["open_tensors", "write_weights"]

_MODULE_OF = {"open_tensors": "open_file", "write_weights": "convert"}


def __getattr__(name: str):
    if name in _MODULE_OF:
        module = importlib.import_module(f"avjax.convert.{_MODULE_OF[name]}")
        return getattr(module, name)
    raise AttributeError(f"module 'avjax.convert' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
