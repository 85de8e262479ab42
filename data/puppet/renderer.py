"""Render a puppet: from articulation and pose to frames and landmarks.

Static parts are painted once: the background at the size of the frame, and the head on
a finer layer, once for each state of the lids. For each frame, the head layer is warped
by the jaw and the brows, moved by the pose and composited over the background; then the
mouth is painted in the coordinates of the moved head.
"""

import dataclasses
import functools

import cv2
import numpy as np

from avjax.constants import NUM_LIP_POINTS
from avjax.data.puppet.background import paint_background
from avjax.data.puppet.eyes import EYE_LINE
from avjax.data.puppet.head import paint_head
from avjax.data.puppet.identity import Puppet, PuppetFace
from avjax.data.puppet.lip_shape import MOUTH_CENTRE, LipShape, shape_lips
from avjax.data.puppet.mouth import paint_mouth
from avjax.data.puppet.pose import Pose
from avjax.data.puppet.sdf import Canvas, make_canvas, smooth_step
from avjax.data.puppet.visemes import TRACKS

Array = np.ndarray

OVERSAMPLING = 1.5  # resolution of the head layer, relative to the frame
LID_STATES = 5
JAW_DROP = 0.045  # shift of the chin with the jaw wide open, in head units
BROW_RISE = 0.022
MOUTH_CORNER = 0.84  # half width of the mouth, over half the distance of the eyes
PIVOT = (0.5, 0.6)  # centre of roll and scale
DEPTH = 0.030  # shift of the centre of the face for a turn of 1


@dataclasses.dataclass(frozen=True)
class View:
    """The square that an image shows, in head units (see sdf.py).

    Attributes:
        left: Left edge.
        top: Top edge.
        side: Side of the square.
    """

    left: float
    top: float
    side: float


FACE_VIEW = View(-0.045, -0.0675, 1.09)  # mouth at 3/4 of the height, chin inside


def render_face(
    puppet: Puppet, articulation: Array, pose: Pose, size: int
) -> tuple[Array, Array]:
    """Render the face square of a puppet.

    Args:
        puppet: The puppet.
        articulation: Values of TRACKS from `articulate`, [t a].
        pose: Pose of each frame.
        size: Side of the frames in pixels.

    Returns:
        Frames, u8 [t s s 3], and points 48 to 67 of the 68-point scheme in pixels,
        f32 [t 20 2]; integers are pixel centres.
    """
    return render_view(puppet, articulation, pose, size, FACE_VIEW)


def render_view(
    puppet: Puppet, articulation: Array, pose: Pose, size: int, view: View
) -> tuple[Array, Array]:
    """Render a puppet in any view.

    Args:
        puppet: The puppet.
        articulation: Values of TRACKS from `articulate`, [t a].
        pose: Pose of each frame.
        size: Side of the frames in pixels.
        view: The square to show.

    Returns:
        Frames, u8 [t s s 3], and points 48 to 67 of the 68-point scheme in pixels,
        f32 [t 20 2]; integers are pixel centres.
    """
    layers = _paint_layers(puppet.face, size, view)
    frames = np.empty((len(articulation), size, size, 3), np.uint8)
    landmarks = np.empty((len(articulation), NUM_LIP_POINTS, 2), np.float32)
    for t, tracks in enumerate(articulation):
        lips = shape_lips(puppet.face, tracks)
        motion = _motion_at(pose, t)
        jaw = float(tracks[TRACKS.index("jaw")])
        frames[t] = _render_frame(layers, lips, motion, jaw)
        landmarks[t] = _to_pixels(lips.landmarks(), motion, view, size)
    return frames, landmarks


def locate_face(puppet: Puppet, pose: Pose, size: int) -> Array:
    """Locate a puppet's eyes, nose and corners of the mouth at rest.

    Args:
        puppet: The puppet.
        pose: Pose of each frame.
        size: Side of the frames of `render_face` in pixels.

    Returns:
        Points in pixels, f32 [t 5 2], in the order of `avjax.faces.alignment`.
    """
    face = puppet.face
    x = np.array([-1.0, 1.0, 0.0, -MOUTH_CORNER, MOUTH_CORNER]) * face.eyes + 0.5
    mouth = MOUTH_CENTRE[1]
    y = [EYE_LINE, EYE_LINE, face.nose_length, mouth, mouth]
    points = np.column_stack([x, y])
    motions = (_motion_at(pose, t) for t in range(len(pose.scale)))
    return np.stack([_to_pixels(points, motion, FACE_VIEW, size) for motion in motions])


@dataclasses.dataclass(frozen=True)
class _Layers:
    """The parts painted once for a face, a size and a view."""

    face: PuppetFace
    background: Array  # f32 [s s 3] in [0, 255]
    u: Array  # coordinates of the pixels of the frame, f32 [s s]
    v: Array
    heads: tuple[Array, ...]  # premultiplied colours, u8 [h w 4], by state of the lids
    corner: tuple[float, float]  # left and top edge of the head layer
    pixel: float  # side of a pixel of the frame


@functools.lru_cache(maxsize=4)
def _paint_layers(face: PuppetFace, size: int, view: View) -> _Layers:
    """Paint the static layers of a face; the last four results are cached."""
    pixel = view.side / size
    right, bottom = view.left + view.side, view.top + view.side
    background = make_canvas(view.left, view.top, right, bottom, pixel)
    paint_background(background, face)
    corner = max(view.left - 0.12, -0.32), max(view.top - 0.12, -0.42)
    opposite = min(right + 0.12, 1.32), min(bottom + 0.12, 1.40)
    head = make_canvas(*corner, *opposite, pixel / OVERSAMPLING)
    head = dataclasses.replace(head, edge_width=pixel)
    paint_head(head, face, 0.0)
    awake = _to_bytes(_premultiplied(head) * 255.0)
    states = np.linspace(0.0, 1.0, LID_STATES)[1:]
    return _Layers(
        face=face,
        background=background.color * 255.0,
        u=background.u,
        v=background.v,
        heads=(awake, *(_with_lids(awake, head, face, state) for state in states)),
        corner=corner,
        pixel=pixel,
    )


def _with_lids(awake: Array, head: Canvas, face: PuppetFace, shut: float) -> Array:
    """Repaint the head layer with the lids in another state: only the eyes change."""
    rows = np.flatnonzero((head.v[:, 0] > 0.30) & (head.v[:, 0] < 0.47))
    band = slice(rows[0] - 2, rows[-1] + 3)
    canvas = Canvas(
        u=head.u[band],
        v=head.v[band],
        edge_width=head.edge_width,
        color=np.zeros_like(head.color[band]),
        alpha=np.zeros_like(head.alpha[band]),
    )
    paint_head(canvas, face, shut)
    changed = awake.copy()
    changed[rows] = _to_bytes(_premultiplied(canvas)[2:-2] * 255.0)
    return changed


def _premultiplied(canvas: Canvas) -> Array:
    """Return the colours times the opacity, and the opacity, f32 [h w 4]."""
    return np.dstack([canvas.color * canvas.alpha[..., None], canvas.alpha])


@dataclasses.dataclass(frozen=True)
class _Motion:
    """The pose of one frame."""

    shift: Array
    scale: float
    roll: float
    turn: float
    lids: float
    brows: float
    light: Array


def _motion_at(pose: Pose, t: int) -> _Motion:
    """Select the pose of one frame."""
    fields = dataclasses.fields(pose)
    return _Motion(**{field.name: getattr(pose, field.name)[t] for field in fields})


def _render_frame(
    layers: _Layers, lips: LipShape, motion: _Motion, jaw: float
) -> Array:
    """Render one frame, u8 [s s 3]."""
    u, v = _to_head(layers.u, layers.v, motion)
    frame = _composite_head(layers, u, v, motion, jaw)
    rows, columns = _mouth_window(layers, motion)
    part = frame[rows, columns]
    canvas = Canvas(
        u=u[rows, columns],
        v=v[rows, columns],
        edge_width=layers.pixel / float(motion.scale),
        color=part / np.float32(255.0),
        alpha=np.ones(part.shape[:2], np.float32),
    )
    paint_mouth(canvas, layers.face, lips)
    frame[rows, columns] = canvas.color * np.float32(255.0)
    gain, right, down = np.asarray(motion.light, np.float32)
    light = gain * (1.0 + right * (layers.u - 0.5) + down * (layers.v - 0.5))
    return _to_bytes(frame * light[..., None])


def _to_head(u: Array, v: Array, motion: _Motion) -> tuple[Array, Array]:
    """Convert coordinates in the frame to those of the unmoved head, [h w] each."""
    cosine = np.float32(np.cos(motion.roll) / motion.scale)
    sine = np.float32(np.sin(motion.roll) / motion.scale)
    x = u - np.float32(PIVOT[0] + motion.shift[0])
    y = v - np.float32(PIVOT[1] + motion.shift[1])
    x, y = cosine * x + sine * y, cosine * y - sine * x
    u = x - _parallax(x, y, motion.turn) + np.float32(PIVOT[0])
    return u, y + np.float32(PIVOT[1])


def _parallax(x: Array, y: Array, turn: float) -> Array:
    """Compute the shift of a turn: largest at the centre, zero at the outline."""
    across = np.maximum(1.0 - (x / 0.36) ** 2, 0.0)
    dome = across * np.maximum(1.0 - (y / 0.75) ** 2, 0.0)
    return np.float32(DEPTH * turn) * dome


def _to_pixels(points: Array, motion: _Motion, view: View, size: int) -> Array:
    """Convert points of the unmoved head [p 2] to pixels of the frame [p 2]."""
    x, y = (points - PIVOT).T
    moved = x
    for _ in range(8):  # fixed point: the parallax depends on the moved position
        moved = x + _parallax(moved, y, motion.turn)
    cosine = motion.scale * np.cos(motion.roll)
    sine = motion.scale * np.sin(motion.roll)
    u = cosine * moved - sine * y + PIVOT[0] + motion.shift[0]
    v = cosine * y + sine * moved + PIVOT[1] + motion.shift[1]
    offsets = np.stack([u - view.left, v - view.top], axis=1)
    return (offsets * size / view.side - 0.5).astype(np.float32)


def _composite_head(
    layers: _Layers, u: Array, v: Array, motion: _Motion, jaw: float
) -> Array:
    """Warp the head layer by jaw and brows over the background: f32 [s s 3]."""
    x = u - np.float32(0.5)
    middle = np.maximum(1.0 - (x / 0.40) ** 2, 0.0)
    drop = np.float32(JAW_DROP * jaw) * middle * smooth_step(v, 0.74, 0.90)
    brow = np.exp(-(((v - 0.28) / 0.07) ** 2)) * middle
    warped_v = v - drop + np.float32(BROW_RISE * motion.brows) * brow
    fine = np.float32(OVERSAMPLING / layers.pixel)
    half = np.float32(0.5)
    head = cv2.remap(
        layers.heads[round(float(motion.lids) * (LID_STATES - 1))],
        (u - np.float32(layers.corner[0])) * fine - half,
        (warped_v - np.float32(layers.corner[1])) * fine - half,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    ).astype(np.float32)
    transparency = 1.0 - head[..., 3:] / np.float32(255.0)
    return layers.background * transparency + head[..., :3]


def _mouth_window(layers: _Layers, motion: _Motion) -> tuple[slice, slice]:
    """Compute the rows and columns of the frame that can contain the mouth."""
    size = len(layers.u)
    left, top = layers.u[0, 0], layers.v[0, 0]
    centre = _to_pixels(np.array([[0.5, 0.79]]), motion, View(left, top, 1.0), 1)[0]
    column, row = (centre + 0.5) / layers.pixel

    def around(position: float, distance: float) -> slice:
        pixels = distance / layers.pixel
        first, last = int(position - pixels), int(position + pixels)
        return slice(max(first, 0), min(last + 2, size))

    return around(row, 0.17), around(column, 0.25)


def _to_bytes(image: Array) -> Array:
    """Round values in [0, 255] to u8."""
    return np.clip(image + np.float32(0.5), 0, 255).astype(np.uint8)
