"""avjax: JAX library for talking faces, lip reading, lip sync and image denoising.

The functions below are imported when they are first used. Importing this package
itself is cheap and does not import JAX, because data loader processes import it.
"""

from typing import TYPE_CHECKING

from avjax.errors import InputError
from avjax.lazy_names import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__)
