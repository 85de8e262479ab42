"""Read and write media files. JAX is not imported.

Names are loaded on first use, because PyAV, OpenCV and Pillow take time to import.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avjax.media.audio_io import read_audio, write_wav
    from avjax.media.image_io import is_image, read_image, write_png
    from avjax.media.photo_io import Photo, read_photo, write_photo
    from avjax.media.video_reader import probe, read_at_rate, read_clip, read_frames
    from avjax.media.video_writer import VideoWriter

__all__ = [
    "Photo",
    "VideoWriter",
    "is_image",
    "probe",
    "read_at_rate",
    "read_audio",
    "read_clip",
    "read_frames",
    "read_image",
    "read_photo",
    "write_photo",
    "write_png",
    "write_wav",
]

_MODULES = {
    "audio_io": ("read_audio", "write_wav"),
    "image_io": ("is_image", "read_image", "write_png"),
    "photo_io": ("Photo", "read_photo", "write_photo"),
    "video_reader": ("probe", "read_at_rate", "read_clip", "read_frames"),
    "video_writer": ("VideoWriter",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str):
    if name in _MODULE_OF:
        module = importlib.import_module(f"avjax.media.{_MODULE_OF[name]}")
        return getattr(module, name)
    raise AttributeError(f"module 'avjax.media' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
