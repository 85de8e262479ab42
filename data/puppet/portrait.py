"""A puppet with head, neck and shoulders on a larger canvas, and its face box."""

import numpy as np

from avjax.data.puppet.articulation import articulate
from avjax.data.puppet.identity import Puppet
from avjax.data.puppet.pose import Pose, still_pose
from avjax.data.puppet.renderer import FACE_VIEW, PIVOT, View, render_view

BUST_VIEW = View(left=-0.75, top=-0.62, side=2.5)


def render_portrait(puppet: Puppet, size: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """Render a still portrait of a silent puppet.

    Args:
        puppet: The puppet.
        size: Side of the image in pixels.

    Returns:
        Image, u8 [s s 3], and the face box in pixels (x0, y0, x1, y1), f32 [4]: the
        square that `render_face` shows.
    """
    frames, boxes = render_portrait_video(
        puppet, articulate((), 1), still_pose(1), size
    )
    return frames[0], boxes[0]


def render_portrait_video(
    puppet: Puppet, articulation: np.ndarray, pose: Pose, size: int = 512
) -> tuple[np.ndarray, np.ndarray]:
    """Render a video portrait of a moving puppet.

    Args:
        puppet: The puppet.
        articulation: Values of TRACKS, [t a].
        pose: Pose of each frame.
        size: Side of the frames in pixels.

    Returns:
        Frames, u8 [t s s 3], and face boxes in pixels (x0, y0, x1, y1), f32 [t 4].
    """
    frames, _ = render_view(puppet, articulation, pose, size, BUST_VIEW)
    corner = np.array([FACE_VIEW.left, FACE_VIEW.top]) - PIVOT
    origin = np.array([BUST_VIEW.left, BUST_VIEW.top])
    centre = np.array(PIVOT) + pose.shift - origin
    scale = pose.scale[:, None]
    corners = [centre + scale * corner, centre + scale * (corner + FACE_VIEW.side)]
    boxes = np.concatenate(corners, axis=1) * size / BUST_VIEW.side
    return frames, boxes.astype(np.float32)
