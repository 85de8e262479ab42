"""From a puppet, its articulation and its pose to pictures and landmarks.

What stands still is painted once: the room at the size of the frame, the head on a
finer sheet, once for each state of the lids.  A frame is the head's sheet bent by the
jaw and the brows, moved by the pose, laid over the room, and a mouth painted on it in
the coordinates of the moved head.
"""

import dataclasses
import functools

import cv2
import numpy as np

from avjax.data.puppet.background import paint_room
from avjax.data.puppet.head import paint_head
from avjax.data.puppet.identity import Face, Puppet
from avjax.data.puppet.lip_shape import shape_lips
from avjax.data.puppet.mouth import paint_mouth
from avjax.data.puppet.pose import Pose
from avjax.data.puppet.sdf import Canvas, make_canvas, smooth_step
from avjax.data.puppet.visemes import TRACKS

Array = np.ndarray

DETAIL = 1.5  # pixels of the head's sheet to one of the frame
LID_STATES = 5
JAW_DROP = 0.045  # how far the chin goes down with the jaw wide open
BROW_RISE = 0.022
PIVOT = (0.5, 0.6)  # the head rolls and grows about this place
DEPTH = 0.030  # how far the middle of the face moves when the head turns by 1


@dataclasses.dataclass(frozen=True)
class View:
    """The square that a picture shows, in head units (shapes.py)."""

    left: float
    top: float
    side: float


FACE = View(-0.045, -0.0675, 1.09)  # the face square: mouth at 3/4, chin inside


def render(
    puppet: Puppet, articulation: Array, pose: Pose, size: int
) -> tuple[Array, Array]:
    """-> frames u8 [t size size 3], landmarks f32 [t 20 2] in pixels.

    articulation [t a] as from `articulate`.  The frame is the face square; landmarks
    are points 48..67 of the 68-point scheme; whole numbers are middles of pixels.
    """
    return render_view(puppet, articulation, pose, size, FACE)


def render_view(
    puppet: Puppet, articulation: Array, pose: Pose, size: int, view: View
) -> tuple[Array, Array]:
    """The same for any view: frames u8 [t size size 3], landmarks f32 [t 20 2]."""
    stage = _make_stage(puppet.face, size, view)
    frames = np.empty((len(articulation), size, size, 3), np.uint8)
    landmarks = np.empty((len(articulation), 20, 2), np.float32)
    for t, now in enumerate(articulation):
        lips = shape_lips(puppet.face, now)
        motion = _motion(pose, t)
        frames[t] = _draw(stage, lips, motion, dict(zip(TRACKS, now, strict=True)))
        landmarks[t] = _to_pixels(lips.landmarks(), motion, view, size)
    return frames, landmarks


@dataclasses.dataclass(frozen=True)
class _Stage:
    """What is painted once for a face, a size and a view."""

    face: Face
    room: Array  # f32 [s s 3] in 0..255
    u: Array  # f32 [s s], of the frame's pixels, the head at rest
    v: Array
    sheets: tuple[Array, ...]  # u8 [h w 4], colours times alpha, by state of the lids
    corner: tuple[float, float]
    pixel: float  # side of a pixel of the frame


@functools.lru_cache(maxsize=4)
def _make_stage(face: Face, size: int, view: View) -> _Stage:
    pixel = view.side / size
    right, bottom = view.left + view.side, view.top + view.side
    room = make_canvas(view.left, view.top, right, bottom, pixel)
    paint_room(room, face)
    corner = max(view.left - 0.12, -0.32), max(view.top - 0.12, -0.42)
    far = min(right + 0.12, 1.32), min(bottom + 0.12, 1.40)
    sheet = dataclasses.replace(make_canvas(*corner, *far, pixel / DETAIL), soft=pixel)
    paint_head(sheet, face, 0.0)
    awake = _to_bytes(_premultiplied(sheet) * 255.0)
    states = np.linspace(0.0, 1.0, LID_STATES)[1:]
    return _Stage(
        face=face,
        room=room.color * 255.0,
        u=room.u,
        v=room.v,
        sheets=(awake, *(_with_lids(awake, sheet, face, state) for state in states)),
        corner=corner,
        pixel=pixel,
    )


def _with_lids(awake: Array, sheet: Canvas, face: Face, shut: float) -> Array:
    """The sheet with the lids in another state: only the rows of the eyes differ."""
    rows = np.flatnonzero((sheet.v[:, 0] > 0.30) & (sheet.v[:, 0] < 0.47))
    band = slice(rows[0] - 2, rows[-1] + 3)
    canvas = Canvas(
        u=sheet.u[band],
        v=sheet.v[band],
        soft=sheet.soft,
        color=np.zeros_like(sheet.color[band]),
        alpha=np.zeros_like(sheet.alpha[band]),
    )
    paint_head(canvas, face, shut)
    changed = awake.copy()
    changed[rows] = _to_bytes(_premultiplied(canvas)[2:-2] * 255.0)
    return changed


def _premultiplied(canvas: Canvas) -> Array:
    return np.dstack([canvas.color * canvas.alpha[..., None], canvas.alpha])


@dataclasses.dataclass(frozen=True)
class _Motion:
    """One frame of a Pose."""

    shift: Array
    scale: float
    roll: float
    turn: float
    lids: float
    brows: float
    light: Array


def _motion(pose: Pose, t: int) -> _Motion:
    fields = dataclasses.fields(pose)
    return _Motion(**{field.name: getattr(pose, field.name)[t] for field in fields})


def _draw(stage: _Stage, lips, motion: _Motion, track: dict) -> Array:
    """One frame u8 [s s 3]."""
    u, v = _to_head(stage.u, stage.v, motion)
    frame = _lay_head(stage, u, v, motion, float(track["jaw"]))
    rows, columns = _mouth_window(stage, motion)
    part = frame[rows, columns]
    canvas = Canvas(
        u=u[rows, columns],
        v=v[rows, columns],
        soft=stage.pixel / float(motion.scale),
        color=part / np.float32(255.0),
        alpha=np.ones(part.shape[:2], np.float32),
    )
    paint_mouth(canvas, stage.face, lips)
    frame[rows, columns] = canvas.color * np.float32(255.0)
    gain, right, down = np.asarray(motion.light, np.float32)
    light = gain * (1.0 + right * (stage.u - 0.5) + down * (stage.v - 0.5))
    return _to_bytes(frame * light[..., None])


def _to_head(u: Array, v: Array, motion: _Motion) -> tuple[Array, Array]:
    """Places in the frame [h w] -> the places of the unmoved head seen there."""
    cosine = np.float32(np.cos(motion.roll) / motion.scale)
    sine = np.float32(np.sin(motion.roll) / motion.scale)
    x = u - np.float32(PIVOT[0] + motion.shift[0])
    y = v - np.float32(PIVOT[1] + motion.shift[1])
    x, y = cosine * x + sine * y, cosine * y - sine * x
    return x - _parallax(x, y, motion.turn) + np.float32(PIVOT[0]), y + np.float32(
        PIVOT[1]
    )


def _parallax(x: Array, y: Array, turn: float) -> Array:
    """How far a turn moves what is at x, y: most in the middle, nothing at the rim."""
    dome = np.maximum(1.0 - (x / 0.36) ** 2, 0.0) * np.maximum(
        1.0 - (y / 0.75) ** 2, 0.0
    )
    return np.float32(DEPTH * turn) * dome


def _to_pixels(points: Array, motion: _Motion, view: View, size: int) -> Array:
    """Places of the unmoved head [p 2] -> pixels of the frame [p 2]."""
    x, y = (points - PIVOT).T
    moved = x
    for _ in range(8):  # the parallax is defined where it arrives: a contraction
        moved = x + _parallax(moved, y, motion.turn)
    cosine, sine = (
        motion.scale * np.cos(motion.roll),
        motion.scale * np.sin(motion.roll),
    )
    u = cosine * moved - sine * y + PIVOT[0] + motion.shift[0]
    v = cosine * y + sine * moved + PIVOT[1] + motion.shift[1]
    places = np.stack([u - view.left, v - view.top], axis=1)
    return (places * size / view.side - 0.5).astype(np.float32)


def _lay_head(stage: _Stage, u: Array, v: Array, motion: _Motion, jaw: float) -> Array:
    """The head's sheet, bent by jaw and brows, over the room: f32 [s s 3]."""
    x = u - np.float32(0.5)
    middle = np.maximum(1.0 - (x / 0.40) ** 2, 0.0)
    drop = np.float32(JAW_DROP * jaw) * middle * smooth_step(v, 0.74, 0.90)
    brow = np.exp(-(((v - 0.28) / 0.07) ** 2)) * middle
    bent = v - drop + np.float32(BROW_RISE * motion.brows) * brow
    fine = np.float32(DETAIL / stage.pixel)
    half = np.float32(0.5)
    sheet = cv2.remap(
        stage.sheets[round(float(motion.lids) * (LID_STATES - 1))],
        (u - np.float32(stage.corner[0])) * fine - half,
        (bent - np.float32(stage.corner[1])) * fine - half,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    ).astype(np.float32)
    return stage.room * (1.0 - sheet[..., 3:] / np.float32(255.0)) + sheet[..., :3]


def _mouth_window(stage: _Stage, motion: _Motion) -> tuple[slice, slice]:
    """The rows and columns of the frame in which a mouth can be."""
    size = len(stage.u)
    left, top = stage.u[0, 0], stage.v[0, 0]
    middle = _to_pixels(np.array([[0.5, 0.79]]), motion, View(left, top, 1.0), 1)[0]
    column, row = (middle + 0.5) / stage.pixel

    def around(place, reach):
        reach = reach / stage.pixel
        return slice(max(int(place - reach), 0), min(int(place + reach) + 2, size))

    return around(row, 0.17), around(column, 0.25)


def _to_bytes(picture: Array) -> Array:
    return np.clip(picture + np.float32(0.5), 0, 255).astype(np.uint8)
