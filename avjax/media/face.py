"""Faces in images and films: find, follow, cut out, put back.

A box is f32 [4] = x0, y0, x1, y1 in pixels: a square from above the eyebrows to below
the chin, with the mouth at 3/4 of its height.
"""

from avjax.media.face_cache import cached_track, cached_tracks
from avjax.media.face_crop import MOUTH, crop, lower_face, mouth, paste, upright
from avjax.media.face_detection import detect
from avjax.media.face_tracking import EVERY, Track, smooth, track

__all__ = [
    "EVERY",
    "MOUTH",
    "Track",
    "cached_track",
    "cached_tracks",
    "crop",
    "detect",
    "lower_face",
    "mouth",
    "paste",
    "smooth",
    "track",
    "upright",
]
