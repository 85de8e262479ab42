"""Find faces in images and videos; track, align and crop them. JAX is not imported.

Landmarks are five points, f32 [5 2] in pixels: the eyes, the tip of the nose and the
corners of the mouth, each pair from left to right as seen in an upright face. A face
box is f32 [4] = x0, y0, x1, y1 in pixels: a square from above the eyebrows to below the
chin, with the mouth at 3/4 of its height.

Names are loaded on first use, because OpenCV takes time to import.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avjax.faces.alignment import (
        crop_aligned,
        crop_matrix,
        face_boxes,
        fit_similarity,
        smooth_similarities,
    )
    from avjax.faces.cache import track_all_in_video, track_video
    from avjax.faces.crop import (
        crop_box,
        crop_lower_face,
        crop_mouth,
        paste_face,
        tight_face_box,
    )
    from avjax.faces.detection import Faces, detect_faces, refine_landmarks
    from avjax.faces.mouth_video import MouthVideo, open_mouth_video
    from avjax.faces.source import FaceSource, open_face_source
    from avjax.faces.tracking import FaceTrack, track_all_faces, track_face

__all__ = [
    "FaceSource",
    "FaceTrack",
    "Faces",
    "MouthVideo",
    "crop_aligned",
    "crop_box",
    "crop_lower_face",
    "crop_matrix",
    "crop_mouth",
    "detect_faces",
    "face_boxes",
    "fit_similarity",
    "open_face_source",
    "open_mouth_video",
    "paste_face",
    "refine_landmarks",
    "smooth_similarities",
    "tight_face_box",
    "track_all_faces",
    "track_all_in_video",
    "track_face",
    "track_video",
]

_MODULES = {
    "alignment": (
        "crop_aligned",
        "crop_matrix",
        "face_boxes",
        "fit_similarity",
        "smooth_similarities",
    ),
    "cache": ("track_all_in_video", "track_video"),
    "crop": (
        "crop_box",
        "crop_lower_face",
        "crop_mouth",
        "paste_face",
        "tight_face_box",
    ),
    "detection": ("Faces", "detect_faces", "refine_landmarks"),
    "mouth_video": ("MouthVideo", "open_mouth_video"),
    "source": ("FaceSource", "open_face_source"),
    "tracking": ("FaceTrack", "track_all_faces", "track_face"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str):
    if name in _MODULE_OF:
        module = importlib.import_module(f"avjax.faces.{_MODULE_OF[name]}")
        return getattr(module, name)
    raise AttributeError(f"module 'avjax.faces' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
