"""Targets of the mouth for each phone: the parameters of the articulation model.

A phone has a target and a strength on some tracks. On all other tracks it follows its
neighbours, which gives co-articulation: /k/ has no target for the lips, so
they are already rounded before /u/.

    jaw         0 closed .. 1 wide open     bite    lower lip under the upper teeth
    width      -1 narrow .. 1 spread        teeth   lips apart, teeth visible
    protrusion  0 flat .. 1 pushed forward  tongue  0 low .. 1 tip between the teeth
    closure     0 apart .. 1 pressed together
"""

Targets = dict[str, tuple[float, float]]  # {track: (target, strength)}

TRACKS = ("jaw", "width", "protrusion", "closure", "bite", "teeth", "tongue")

# Decay of the dominance with distance in time, 1/s: rounding of the lips starts early
# and ends late, while closures and the tongue are fast.
DOMINANCE_DECAY = {
    "jaw": 16.0,
    "width": 12.0,
    "protrusion": 10.0,
    "closure": 55.0,
    "bite": 45.0,
    "teeth": 22.0,
    "tongue": 30.0,
}

DEFAULT_STRENGTH = 0.06  # on the tracks that a phone does not name

REST_TARGETS: Targets = {
    "jaw": (0.0, 0.6),
    "width": (0.0, 0.5),
    "protrusion": (0.0, 0.5),
    "closure": (0.55, 0.6),
    "bite": (0.0, 0.5),
    "teeth": (0.0, 0.6),
    "tongue": (0.0, 0.5),
}


def _vowel(
    jaw: float,
    width: float,
    protrusion: float,
    teeth: float = 0.25,
    tongue: float = 0.1,
) -> Targets:
    """Make the targets of a vowel."""
    return {
        "jaw": (jaw, 1.6),
        "width": (width, 1.0),
        "protrusion": (protrusion, 1.0 + protrusion),
        "closure": (0.0, 1.0),
        "bite": (0.0, 0.8),
        "teeth": (teeth, 0.6),
        "tongue": (tongue, 0.3),
    }


def _lips_closed(jaw: float) -> Targets:
    """Make the targets of a bilabial."""
    return {"jaw": (jaw, 0.9), "closure": (1.0, 6.0), "bite": (0.0, 1.0)}


_LIP_TO_TEETH: Targets = {
    "jaw": (0.10, 1.2),
    "closure": (0.0, 1.0),
    "bite": (1.0, 6.0),
    "teeth": (0.7, 1.0),
    "width": (0.15, 0.3),
}


def _tongue_tip(
    jaw: float, tongue: float, teeth: float = 0.5, strength: float = 0.5
) -> Targets:
    """Make the targets of a consonant that the tip of the tongue forms."""
    return {
        "jaw": (jaw, strength),
        "closure": (0.0, 0.8),
        "bite": (0.0, 0.8),
        "teeth": (teeth, 0.8),
        "tongue": (tongue, 2.0),
    }


def _sibilant(
    width: float, protrusion: float, teeth: float, strength: float
) -> Targets:
    """Make the targets of a sibilant."""
    return {
        "jaw": (0.08, 1.5),
        "width": (width, strength),
        "protrusion": (protrusion, strength),
        "closure": (0.0, 1.0),
        "bite": (0.0, 0.8),
        "teeth": (teeth, 1.6),
        "tongue": (0.25, 0.5),
    }


_BACK: Targets = {"jaw": (0.22, 0.25), "closure": (0.0, 0.8), "bite": (0.0, 0.8)}

TARGETS: dict[str, Targets] = {
    # vowels: jaw, width, protrusion
    "i": _vowel(0.20, 0.85, 0.0, teeth=0.7),
    "ɪ": _vowel(0.30, 0.55, 0.0, teeth=0.5),
    "ᵻ": _vowel(0.27, 0.40, 0.0, teeth=0.4),
    "e": _vowel(0.42, 0.60, 0.0, teeth=0.5),
    "ɛ": _vowel(0.52, 0.48, 0.0, teeth=0.45),
    "æ": _vowel(0.76, 0.52, 0.0, teeth=0.45),
    "a": _vowel(0.86, 0.25, 0.0, teeth=0.3),
    "ɑ": _vowel(0.95, 0.00, 0.0),
    "ɐ": _vowel(0.45, 0.10, 0.0),
    "ʌ": _vowel(0.58, 0.08, 0.0),
    "ə": _vowel(0.33, 0.05, 0.0),
    "ɜ": _vowel(0.40, -0.15, 0.35),
    "ɚ": _vowel(0.33, -0.20, 0.40),
    "ɒ": _vowel(0.78, -0.30, 0.45, teeth=0.1),
    "ɔ": _vowel(0.66, -0.50, 0.70, teeth=0.05),
    "o": _vowel(0.48, -0.70, 0.85, teeth=0.0),
    "ʊ": _vowel(0.30, -0.70, 0.80, teeth=0.0),
    "u": _vowel(0.20, -0.95, 1.00, teeth=0.0),
    # consonants
    "p": _lips_closed(0.04),
    "b": _lips_closed(0.08),
    "m": _lips_closed(0.06),
    "f": _LIP_TO_TEETH,
    "v": _LIP_TO_TEETH,
    "θ": _tongue_tip(0.18, 1.0, teeth=0.6, strength=0.9),
    "ð": _tongue_tip(0.18, 0.95, teeth=0.6, strength=0.9),
    "t": _tongue_tip(0.12, 0.5, strength=0.8),
    "d": _tongue_tip(0.15, 0.5, strength=0.8),
    "n": _tongue_tip(0.17, 0.55, strength=0.6),
    "l": _tongue_tip(0.28, 0.75, teeth=0.4),
    "ɾ": _tongue_tip(0.22, 0.5),
    "s": _sibilant(0.45, 0.0, 1.0, strength=0.7),
    "z": _sibilant(0.40, 0.0, 0.95, strength=0.7),
    "ʃ": _sibilant(-0.55, 0.85, 0.9, strength=1.3),
    "ʒ": _sibilant(-0.55, 0.80, 0.85, strength=1.3),
    "ɹ": {
        "jaw": (0.18, 0.8),
        "width": (-0.45, 1.0),
        "protrusion": (0.6, 1.2),
        "closure": (0.0, 0.8),
        "bite": (0.0, 0.8),
    },
    "w": {
        "jaw": (0.10, 1.2),
        "width": (-1.0, 2.2),
        "protrusion": (1.0, 2.6),
        "closure": (0.15, 1.2),
        "bite": (0.0, 0.8),
        "teeth": (0.0, 1.2),
    },
    "j": _vowel(0.16, 0.60, 0.0, teeth=0.5),
    "k": _BACK,
    "ɡ": _BACK,
    "ŋ": _BACK,
    "x": _BACK,
    "h": {"closure": (0.0, 0.6), "jaw": (0.3, 0.15)},
    "ʔ": {"closure": (0.0, 0.3)},
}

# Fraction of a phone before its closure is released.
CLOSURE_FRACTION = {
    "p": 0.6,
    "b": 0.6,
    "t": 0.6,
    "d": 0.6,
    "k": 0.6,
    "ɡ": 0.6,
    "m": 0.75,
}

BILABIALS = ("p", "b", "m")

# Phones of other languages, as the phone in TARGETS that looks most like them.
SIMILAR = {
    similar: phone
    for phone, group in {
        "i": "ɯ",
        "ɪ": "ɨ",
        "ə": "ɘɤ",
        "ɜ": "ɝɞ",
        "ɒ": "ɶ",
        "ɔ": "œ",
        "o": "øɵ",
        "ʊ": "ʏ",
        "u": "yʉ",
        "b": "ɓ",
        "m": "ɱ",
        "f": "ɸ",
        "v": "ʋ",
        "t": "ʈ",
        "d": "ɖɗ",
        "n": "ɳɲ",
        "l": "ɭʎɫɬɮ",
        "ɾ": "rɽ",
        "ʃ": "ɕʂç",
        "ʒ": "ʑʐ",
        "ɹ": "ɻ",
        "w": "βɥʍ",
        "j": "ʝ",
        "k": "cq",
        "ɡ": "gɟɢɠɣɰ",
        "ŋ": "ɴ",
        "x": "χʁʀ",
        "h": "ħɦ",
        "ʔ": "ʕ",
    }.items()
    for similar in group
}


def split_phone(symbol: str) -> tuple[str, ...]:
    """Split a phone of eSpeak into elementary phones.

    For example, aɪ becomes a and ɪ, and tʃ becomes t and ʃ.

    Args:
        symbol: The phone in IPA.

    Returns:
        Keys of TARGETS. Length marks and unknown letters are left out; a phone without
        known letters becomes a schwa.
    """
    letters = (SIMILAR.get(letter, letter) for letter in symbol)
    return tuple(letter for letter in letters if letter in TARGETS) or ("ə",)
