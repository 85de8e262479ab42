"""avjax: JAX library for talking faces, lip reading, lip sync and image denoising.

The functions below are imported when they are first used. Importing this package
itself is cheap and does not import JAX, because data loader processes import it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from avjax.errors import InputError

if TYPE_CHECKING:
    from avjax.pipelines.adapt import adapt
    from avjax.pipelines.align import align
    from avjax.pipelines.denoise import denoise
    from avjax.pipelines.lipread import lipread
    from avjax.pipelines.live import live
    from avjax.pipelines.speak import speak
    from avjax.pipelines.sync import sync
    from avjax.pipelines.talk import talk
    from avjax.weights_folders import list_weights

__version__ = "0.2.0"
__all__ = [
    "InputError",
    "adapt",
    "align",
    "denoise",
    "lipread",
    "list_weights",
    "live",
    "speak",
    "sync",
    "talk",
]

_MODULES = {
    "adapt": "avjax.pipelines.adapt",
    "align": "avjax.pipelines.align",
    "denoise": "avjax.pipelines.denoise",
    "lipread": "avjax.pipelines.lipread",
    "list_weights": "avjax.weights_folders",
    "live": "avjax.pipelines.live",
    "speak": "avjax.pipelines.speak",
    "sync": "avjax.pipelines.sync",
    "talk": "avjax.pipelines.talk",
}


def __getattr__(name: str) -> Any:
    """Import a public function on first use."""
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'avjax' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names and the modules imported so far."""
    return sorted({*globals(), *__all__})
