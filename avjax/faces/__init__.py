"""Find faces in images and videos; track, align and crop them. JAX is not imported.

Landmarks are five points, f32 [5 2] in pixels: the eyes, the tip of the nose and the
corners of the mouth, each pair from left to right as seen in an upright face. A face
box is f32 [4] = x0, y0, x1, y1 in pixels: a square from above the eyebrows to below the
chin, with the mouth at 3/4 of its height.

Names are loaded on first use, because OpenCV takes time to import.
"""

from typing import TYPE_CHECKING

from avjax.lazy_names import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__)
