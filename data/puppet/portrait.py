"""A puppet with head, neck and shoulders on a larger canvas, and where its face is."""

import numpy as np

from avjax.data.puppet.articulation import articulate
from avjax.data.puppet.identity import Puppet
from avjax.data.puppet.pose import Pose, still
from avjax.data.puppet.renderer import FACE, PIVOT, View, render_view

BUST = View(left=-0.75, top=-0.62, side=2.5)


def portrait(puppet: Puppet, size: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """A picture u8 [s s 3] of the silent puppet, and its face box f32 [4].

    The box is x0, y0, x1, y1 in pixels: the face square that `render` would show.
    """
    silent = articulate((), 1)
    frames, boxes = film(puppet, silent, still(1), size)
    return frames[0], boxes[0]


def film(
    puppet: Puppet, articulation: np.ndarray, pose: Pose, size: int = 512
) -> tuple[np.ndarray, np.ndarray]:
    """The same in motion: frames u8 [t s s 3], boxes f32 [t 4]."""
    frames, _ = render_view(puppet, articulation, pose, size, BUST)
    near = np.array([FACE.left, FACE.top]) - PIVOT
    middle = np.array(PIVOT) + pose.shift - np.array([BUST.left, BUST.top])
    reach = pose.scale[:, None]
    corners = [middle + reach * near, middle + reach * (near + FACE.side)]
    boxes = np.concatenate(corners, axis=1) * size / BUST.side
    return frames, boxes.astype(np.float32)
