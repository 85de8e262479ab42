"""Convert PyTorch weights of published networks to avjax weights.

    from avjax.convert import open_tensors, write_weights

    write_weights("weights", "wav2lip_gan.pth", open_tensors("wav2lip_gan.pth"))

Names are loaded on first use: `open_tensors` rejects a damaged file without importing
JAX.
"""

from typing import TYPE_CHECKING

from avjax.lazy_names import lazy_names

if TYPE_CHECKING:
    from avjax.convert.convert import write_weights
    from avjax.convert.open_file import open_tensors

__all__ = ["open_tensors", "write_weights"]

__getattr__, __dir__ = lazy_names(__name__)
