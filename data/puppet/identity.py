"""Identity of a puppet: a face and a voice with common causes.

Four causes, each in [0, 1], determine both:

    cause    in the face                                    in the voice
    weight   long and wide jaw, beard, thick brows          low pitch, long throat
    age      grey hair, wrinkles, glasses, thin lips        slow, little melody
    mirth    round eyes, raised brows, corners of the lips  wide melody
    accent   nothing                                        American or British

Everything else about the face is independent.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

Color = tuple[float, float, float]  # red, green, blue in [0, 1]
Uniform = Callable[..., Any]  # samples one or n numbers of [0, 1): Generator.random

_T = TypeVar("_T")

SKIN_COLORS = (
    (0.98, 0.84, 0.74),
    (0.95, 0.78, 0.66),
    (0.89, 0.70, 0.56),
    (0.80, 0.60, 0.45),
    (0.66, 0.46, 0.33),
    (0.52, 0.35, 0.25),
    (0.40, 0.27, 0.20),
)
HAIR_COLORS = (
    (0.10, 0.08, 0.08),
    (0.22, 0.14, 0.09),
    (0.36, 0.21, 0.12),
    (0.55, 0.30, 0.13),
    (0.72, 0.52, 0.26),
    (0.62, 0.22, 0.10),
)
IRIS_COLORS = (
    (0.30, 0.19, 0.10),
    (0.23, 0.36, 0.50),
    (0.27, 0.42, 0.28),
    (0.36, 0.27, 0.14),
)
CLOTH_COLORS = (
    (0.20, 0.33, 0.50),
    (0.62, 0.24, 0.22),
    (0.25, 0.42, 0.33),
    (0.85, 0.66, 0.28),
    (0.45, 0.30, 0.48),
    (0.28, 0.28, 0.32),
    (0.88, 0.86, 0.82),
)
WALL_COLORS = (
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
class PuppetVoice:
    """eSpeak parameters of a puppet's voice.

    Attributes:
        name: eSpeak voice, with its variant.
        rate: Words per minute.
        pitch: Pitch, 0 to 99.
        melody: Pitch range, 0 to 100.
    """

    name: str
    rate: int
    pitch: int
    melody: int


@dataclasses.dataclass(frozen=True)
class PuppetFace:
    """Shape and colours of a face; lengths in head units (see sdf.py).

    Attributes:
        chin: Height coordinate v of the chin.
        cheek: Half width of the head at the eyes.
        jaw: Half width of the head at the mouth.
        eyes: Half distance between the pupils.
        eye_size: Half width of an eye.
        eye_tilt: Slope of the line through the corners of an eye.
        brow: Thickness of the brows.
        brow_raise: Shift of the brows upwards.
        nose_width: Half width of the nose.
        nose_length: Height coordinate v of the tip of the nose.
        mouth: Half width of the mouth at rest.
        upper_lip: Thickness of the upper lip.
        lower_lip: Thickness of the lower lip.
        smile: Shift of the mouth corners upwards.
        skin: Colour of the skin.
        lip: Colour of the lips.
        hair: Colour of the hair.
        iris: Colour of the irises.
        cloth: Colour of the clothes.
        wall: Colour of the wall.
        hair_style: 0 bald, 1 short, 2 parted, 3 curly, 4 long, 5 bun.
        beard: Strength of the beard, 0 to 1.
        moustache: Strength of the moustache, 0 to 1.
        glasses: 0 none, 1 round, 2 square.
        wrinkles: Strength of the wrinkles; 0 is none.
        freckles: 1 with freckles, else 0.
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
    """A person: a face and a voice.

    Attributes:
        seed: Seed of the corpus.
        index: Number of the puppet.
        face: Shape and colours of the face.
        voice: Parameters of the voice.
    """

    seed: int
    index: int
    face: PuppetFace
    voice: PuppetVoice

    @property
    def name(self) -> str:
        """Speaker id, equal in every corpus of the same seed."""
        return f"puppet{self.index:04d}"


def make_puppet(seed: int, index: int) -> Puppet:
    """Make a puppet; a pure function.

    Args:
        seed: Seed of the corpus.
        index: Number of the puppet.

    Returns:
        The puppet.
    """
    uniform = np.random.default_rng([seed, index, 1]).random
    weight, age, mirth, accent = (float(value) for value in uniform(4))
    age = age**2
    return Puppet(
        seed=seed,
        index=index,
        voice=_make_voice(weight, age, mirth, accent, uniform),
        face=_make_face(weight, age, mirth, uniform),
    )


def _make_voice(
    weight: float, age: float, mirth: float, accent: float, uniform: Uniform
) -> PuppetVoice:
    """Sample a voice for the four causes."""
    choices = LOW_VOICES if weight > 0.5 else HIGH_VOICES
    language = "en-us" if accent < 0.65 else "en-gb-x-rp"
    return PuppetVoice(
        name=f"{language}+{_pick(choices, uniform)}",
        rate=round(178 - 50 * age + 8 * (uniform() - 0.5)),
        pitch=round(72 - 48 * weight + 6 * (uniform() - 0.5)),
        melody=round(35 + 45 * mirth - 20 * age + 10 * uniform()),
    )


def _make_face(weight: float, age: float, mirth: float, uniform: Uniform) -> PuppetFace:
    """Sample a face for the causes."""
    tone = uniform()
    skin = _interpolate(SKIN_COLORS, tone)
    shades = len(HAIR_COLORS) if tone < 0.5 else 2
    hair = _pick(HAIR_COLORS[:shades], uniform)
    hair = _mix(hair, (0.78, 0.77, 0.76), max(0.0, 2.6 * age - 1.2))
    beard = max(0.0, min(1.0, 3.0 * (weight - 0.62 + 0.3 * (uniform() - 0.5))))
    return PuppetFace(
        chin=0.925 + 0.045 * weight + 0.012 * (uniform() - 0.5),
        cheek=0.345 + 0.02 * weight + 0.035 * uniform(),
        jaw=0.245 + 0.06 * weight + 0.03 * uniform(),
        eyes=0.158 + 0.022 * uniform(),
        eye_size=0.072 + 0.012 * mirth - 0.006 * weight + 0.006 * uniform(),
        eye_tilt=0.10 * (uniform() - 0.4),
        brow=0.011 + 0.011 * weight + 0.005 * uniform(),
        brow_raise=0.012 * mirth + 0.012 * uniform(),
        nose_width=0.055 + 0.018 * weight + 0.02 * uniform(),
        nose_length=0.58 + 0.025 * uniform() + 0.01 * age,
        mouth=0.150 + 0.014 * weight + 0.022 * uniform(),
        upper_lip=0.030 - 0.008 * age - 0.004 * weight + 0.012 * uniform(),
        lower_lip=0.040 - 0.010 * age - 0.004 * weight + 0.014 * uniform(),
        smile=0.006 + 0.020 * mirth,
        skin=skin,
        lip=_lip_color(skin, weight, uniform),
        hair=hair,
        iris=_pick(IRIS_COLORS if tone < 0.5 else IRIS_COLORS[::3], uniform),
        cloth=_pick(CLOTH_COLORS, uniform),
        wall=_interpolate(WALL_COLORS, uniform()),
        hair_style=_hair_style(weight, age, uniform),
        beard=beard,
        moustache=beard * (0.4 + 0.6 * (uniform() < 0.7)),
        glasses=int(uniform() * 2) + 1 if uniform() < 0.12 + 0.5 * age else 0,
        wrinkles=max(0.0, 1.7 * age - 0.6),
        freckles=1.0 if uniform() < 0.2 and sum(skin) > 2.0 else 0.0,
    )


def _lip_color(skin: Color, weight: float, uniform: Uniform) -> Color:
    """Sample a colour of the lips between that of the skin and red."""
    red = (0.74, 0.20, 0.24) if weight < 0.5 else (0.66, 0.30, 0.28)
    return _mix(_mix(skin, red, 0.50 + 0.25 * uniform()), (0.3, 0.1, 0.1), 0.10)


def _hair_style(weight: float, age: float, uniform: Uniform) -> int:
    """Choose a style: 0 bald, 1 short, 2 parted, 3 curly, 4 long, 5 bun."""
    heavy, light = (1, 2, 3, 1, 0 if age > 0.35 else 2), (4, 5, 3, 4, 2)
    return _pick(heavy if weight > 0.5 else light, uniform)


def _pick(choices: Sequence[_T], uniform: Uniform) -> _T:
    """Sample one of the choices."""
    return choices[int(uniform() * len(choices))]


def _mix(first: Color, second: Color, fraction: float) -> Color:
    """Interpolate between two colours."""
    fraction = min(1.0, max(0.0, fraction))
    red, green, blue = (
        float(a + fraction * (b - a)) for a, b in zip(first, second, strict=True)
    )
    return red, green, blue


def _interpolate(colors: Sequence[Color], position: float) -> Color:
    """Interpolate in a sequence of colours; position in [0, 1]."""
    position = float(position) * (len(colors) - 1)
    first = min(int(position), len(colors) - 2)
    return _mix(colors[first], colors[first + 1], position - first)
