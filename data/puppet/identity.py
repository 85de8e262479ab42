"""Who a puppet is: a face and a voice that share their causes.

Four causes, each in [0, 1], stand behind both.  What they do is written here alone:

    cause    in the face                                    in the voice
    weight   long and wide jaw, beard, thick brows          low pitch, long throat
    age      grey hair, wrinkles, glasses, thin lips        slow, little melody
    mirth    round eyes, raised brows, corners of the lips  wide melody
    accent   nothing                                        American or British

Everything else about the face is free.
"""

import dataclasses

import numpy as np

Color = tuple[float, float, float]  # red, green, blue in 0..1

SKINS = (
    (0.98, 0.84, 0.74),
    (0.95, 0.78, 0.66),
    (0.89, 0.70, 0.56),
    (0.80, 0.60, 0.45),
    (0.66, 0.46, 0.33),
    (0.52, 0.35, 0.25),
    (0.40, 0.27, 0.20),
)
HAIRS = (
    (0.10, 0.08, 0.08),
    (0.22, 0.14, 0.09),
    (0.36, 0.21, 0.12),
    (0.55, 0.30, 0.13),
    (0.72, 0.52, 0.26),
    (0.62, 0.22, 0.10),
)
IRISES = (
    (0.30, 0.19, 0.10),
    (0.23, 0.36, 0.50),
    (0.27, 0.42, 0.28),
    (0.36, 0.27, 0.14),
)
CLOTHES = (
    (0.20, 0.33, 0.50),
    (0.62, 0.24, 0.22),
    (0.25, 0.42, 0.33),
    (0.85, 0.66, 0.28),
    (0.45, 0.30, 0.48),
    (0.28, 0.28, 0.32),
    (0.88, 0.86, 0.82),
)
WALLS = (
    (0.62, 0.72, 0.78),
    (0.80, 0.74, 0.66),
    (0.55, 0.64, 0.56),
    (0.70, 0.62, 0.70),
    (0.42, 0.48, 0.56),
    (0.86, 0.84, 0.80),
)
LOW_VOICES = ("m1", "m2", "m3", "m4", "m5", "m6", "m7")
HIGH_VOICES = ("f1", "f2", "f3", "f4", "f5")


@dataclasses.dataclass(frozen=True)
class Voice:
    """What espeak needs: voice name, words a minute, pitch and melody in 0..100."""

    name: str
    rate: int
    pitch: int
    melody: int


@dataclasses.dataclass(frozen=True)
class Face:
    """Shape and colour; lengths in head units (shapes.py), y down, mouth at 3/4.

    chin     y of the chin              cheek  half width at the eyes
    jaw      half width at the mouth    eyes   half distance of the pupils
    """

    chin: float
    cheek: float
    jaw: float
    eyes: float
    eye_size: float
    eye_tilt: float
    brow: float
    brow_raise: float
    nose_width: float
    nose_length: float
    mouth: float
    upper_lip: float
    lower_lip: float
    smile: float
    skin: Color
    lip: Color
    hair: Color
    iris: Color
    cloth: Color
    wall: Color
    hair_style: int
    beard: float
    moustache: float
    glasses: int
    wrinkles: float
    freckles: float


@dataclasses.dataclass(frozen=True)
class Puppet:
    """One person: the face and the voice, and the number that made both."""

    seed: int
    index: int
    face: Face
    voice: Voice

    @property
    def name(self) -> str:
        """Speaker id, the same in every corpus made from this seed."""
        return f"puppet{self.index:04d}"


def make_puppet(seed: int, index: int) -> Puppet:
    """Puppet number index of a seed: a pure function, in any order."""
    draw = np.random.default_rng([seed, index, 1]).random
    weight, age, mirth, accent = (float(value) for value in draw(4))
    age = age**2
    return Puppet(
        seed=seed,
        index=index,
        voice=_make_voice(weight, age, mirth, accent, draw),
        face=_make_face(weight, age, mirth, draw),
    )


def _make_voice(weight, age, mirth, accent, draw) -> Voice:
    choices = LOW_VOICES if weight > 0.5 else HIGH_VOICES
    language = "en-us" if accent < 0.65 else "en-gb-x-rp"
    return Voice(
        name=f"{language}+{_pick(choices, draw)}",
        rate=round(178 - 50 * age + 8 * (draw() - 0.5)),
        pitch=round(72 - 48 * weight + 6 * (draw() - 0.5)),
        melody=round(35 + 45 * mirth - 20 * age + 10 * draw()),
    )


def _make_face(weight, age, mirth, draw) -> Face:
    tone = draw()
    skin = _between(SKINS, tone)
    shades = len(HAIRS) if tone < 0.5 else 2
    hair = _pick(HAIRS[:shades], draw)
    hair = _mix(hair, (0.78, 0.77, 0.76), max(0.0, 2.6 * age - 1.2))
    beard = max(0.0, min(1.0, 3.0 * (weight - 0.62 + 0.3 * (draw() - 0.5))))
    return Face(
        chin=0.925 + 0.045 * weight + 0.012 * (draw() - 0.5),
        cheek=0.345 + 0.02 * weight + 0.035 * draw(),
        jaw=0.245 + 0.06 * weight + 0.03 * draw(),
        eyes=0.158 + 0.022 * draw(),
        eye_size=0.072 + 0.012 * mirth - 0.006 * weight + 0.006 * draw(),
        eye_tilt=0.10 * (draw() - 0.4),
        brow=0.011 + 0.011 * weight + 0.005 * draw(),
        brow_raise=0.012 * mirth + 0.012 * draw(),
        nose_width=0.055 + 0.018 * weight + 0.02 * draw(),
        nose_length=0.58 + 0.025 * draw() + 0.01 * age,
        mouth=0.150 + 0.014 * weight + 0.022 * draw(),
        upper_lip=0.030 - 0.008 * age - 0.004 * weight + 0.012 * draw(),
        lower_lip=0.040 - 0.010 * age - 0.004 * weight + 0.014 * draw(),
        smile=0.006 + 0.020 * mirth,
        skin=skin,
        lip=_lip_color(skin, weight, draw),
        hair=hair,
        iris=_pick(IRISES if tone < 0.5 else IRISES[::3], draw),
        cloth=_pick(CLOTHES, draw),
        wall=_between(WALLS, draw()),
        hair_style=_style(weight, age, draw),
        beard=beard,
        moustache=beard * (0.4 + 0.6 * (draw() < 0.7)),
        glasses=int(draw() * 2) + 1 if draw() < 0.12 + 0.5 * age else 0,
        wrinkles=max(0.0, 1.7 * age - 0.6),
        freckles=1.0 if draw() < 0.2 and sum(skin) > 2.0 else 0.0,
    )


def _lip_color(skin, weight, draw) -> Color:
    red = (0.74, 0.20, 0.24) if weight < 0.5 else (0.66, 0.30, 0.28)
    return _mix(_mix(skin, red, 0.50 + 0.25 * draw()), (0.3, 0.1, 0.1), 0.10)


def _style(weight, age, draw) -> int:
    """0 bald, 1 short, 2 parted, 3 curly, 4 long, 5 bun."""
    heavy, light = (1, 2, 3, 1, 0 if age > 0.35 else 2), (4, 5, 3, 4, 2)
    return _pick(heavy if weight > 0.5 else light, draw)


def _pick(choices, draw):
    return choices[int(draw() * len(choices))]


def _mix(one: Color, other: Color, share: float) -> Color:
    share = min(1.0, max(0.0, share))
    red, green, blue = (
        float(a + share * (b - a)) for a, b in zip(one, other, strict=True)
    )
    return red, green, blue


def _between(colors, place: float) -> Color:
    """A colour of the row, or between two neighbours; place in 0..1."""
    place = float(place) * (len(colors) - 1)
    first = min(int(place), len(colors) - 2)
    return _mix(colors[first], colors[first + 1], place - first)
