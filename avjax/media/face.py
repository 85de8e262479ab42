"""Faces in images and videos: detect, track, crop, paste.

A face box is f32 [4] = x0, y0, x1, y1 in pixels: a square from above the eyebrows to
below the chin, with the mouth at 3/4 of its height.
"""

from avjax.media.face_cache import track_all_in_video, track_video
from avjax.media.face_crop import (
    MOUTH_SIZE,
    crop_box,
    crop_lower_face,
    crop_mouth,
    paste_face,
    tight_face_box,
)
from avjax.media.face_detection import detect_faces
from avjax.media.face_tracking import (
    DETECT_EVERY,
    FaceTrack,
    smooth_boxes,
    track_all_faces,
    track_face,
)

__all__ = [
    "DETECT_EVERY",
    "MOUTH_SIZE",
    "FaceTrack",
    "crop_box",
    "crop_lower_face",
    "crop_mouth",
    "detect_faces",
    "paste_face",
    "smooth_boxes",
    "tight_face_box",
    "track_all_faces",
    "track_all_in_video",
    "track_face",
    "track_video",
]
