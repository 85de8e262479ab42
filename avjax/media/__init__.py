"""Read and write media files. JAX is not imported.

Names are loaded on first use, because PyAV, OpenCV and Pillow take time to import.
"""

from typing import TYPE_CHECKING

from avjax.lazy_names import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__)
