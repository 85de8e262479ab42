"""Tests of the articulation model."""

import numpy as np

from avjax.data.puppet import BILABIALS, REACH_FRAMES, REACH_SECONDS, TRACKS, articulate
from avjax.data.puppet.identity import make_puppet
from avjax.data.puppet.lip_shape import shape_lips
from avjax.data.puppet.visemes import DOMINANCE_DECAY, TARGETS, split_phone
from avjax.data.puppet.voice import speak

JAW, WIDTH, ROUND, CLOSURE = (
    TRACKS.index(name) for name in ("jaw", "width", "protrusion", "closure")
)


def consecutive(symbols, length=0.12, start=0.4):
    """Make consecutive phones of equal length."""
    edges = start + length * np.arange(len(symbols) + 1)
    return tuple(zip(symbols, edges[:-1], edges[1:], strict=True))


def test_bilabials_close_the_lips_at_any_length_and_time():
    face = make_puppet(0, 0).face
    for symbol in BILABIALS:
        for start in 0.4 + np.arange(0, 0.04, 0.004):
            middle = start + 0.03
            phones = (
                ("a", start - 0.15, start),
                (symbol, start, middle + 0.03),
                ("a", middle + 0.03, middle + 0.2),
            )
            tracks = articulate(phones, 30)
            frame = int((start + 0.02) * 25)
            nearby = [shape_lips(face, tracks[i]) for i in range(frame - 1, frame + 2)]
            assert min(lips.up + lips.down for lips in nearby) < 1e-3
            assert shape_lips(face, tracks[frame - 4]).down > 0.05


def test_k_before_u_is_already_rounded():
    before_u, before_i = (
        articulate(consecutive(["k", vowel]), 30)[11] for vowel in ("uː", "iː")
    )
    assert before_u[ROUND] > before_i[ROUND] + 0.5
    assert before_u[WIDTH] < before_i[WIDTH] - 0.5


def test_rounding_extends_over_several_consonants():
    strew, street = (
        articulate(consecutive(["s", "t", "ɹ", vowel], 0.07), 30)[10]
        for vowel in ("u", "i")
    )
    assert strew[ROUND] > street[ROUND] + 0.02


def test_distant_phones_have_no_influence():
    first_text = (("a", 0.2, 0.3), ("t", 0.3, 0.4), ("u", 1.2, 1.3))
    second_text = (("a", 0.2, 0.3), ("t", 0.3, 0.4), ("m", 1.2, 1.3))
    first_motion, second_motion = (
        articulate(first_text, 50),
        articulate(second_text, 50),
    )
    difference = np.abs(first_motion - second_motion).max(axis=1)
    changed = np.flatnonzero(difference)
    first = int((1.2 - REACH_SECONDS) * 25) - 1
    assert changed.min() >= first and difference[30] > 0.1
    assert round(REACH_SECONDS * 25) == REACH_FRAMES


def test_blend_matches_the_paper():
    """Average two neighbours on one track by hand, at one time."""
    phones = (("ɑ", 0.4, 0.5), ("i", 0.5, 0.6))
    time, theta = (12 + 0.5) / 25, DOMINANCE_DECAY["jaw"]
    last = np.exp(-theta * REACH_SECONDS)
    total = weight = 0.0
    for symbol, start, end in phones:
        distance = abs(time - (start + end) / 2) - 0.35 * (end - start)
        decay = np.exp(-theta * np.clip(distance, 0, REACH_SECONDS)) - last
        target, strength = TARGETS[symbol]["jaw"]
        total += strength * decay / (1 - last) * target
        weight += strength * decay / (1 - last)
    for start, end in ((0.0, 0.4), (0.6, 1.2)):  # the surrounding pauses
        start, end = start + 0.08 / 3, end - 0.08 / 3
        distance = abs(time - (start + end) / 2) - 0.35 * (end - start)
        decay = max(np.exp(-theta * np.clip(distance, 0, REACH_SECONDS)) - last, 0)
        weight += 0.6 * decay / (1 - last)
    weight += 1e-3
    assert abs(articulate(phones, 30)[12, JAW] - total / weight) < 1e-4


def test_silence_is_a_closed_mouth_at_rest():
    tracks = articulate((), 10)
    assert not tracks[:, JAW].any() and (tracks[:, CLOSURE] > 0.5).all()


def test_motion_does_not_depend_on_the_frame_rate():
    phones = consecutive(["m", "a", "n", "u"])
    slow, fast = articulate(phones, 30, fps=25.0), articulate(phones, 90, fps=75.0)
    np.testing.assert_allclose(slow, fast[1::3], atol=2e-4)


def test_diphthongs_and_affricates_are_split():
    assert split_phone("aɪ") == ("a", "ɪ")
    assert split_phone("tʃ") == ("t", "ʃ")
    assert split_phone("uː") == ("u",)
    assert split_phone("?") == ("ə",)


def test_every_phone_of_a_voice_has_targets():
    text = (
        "the quick thing measures joy, church, you go out now; her bird sings beyond "
        "a father's cottage. little button near poor air fire ago happy water zero"
    )
    for index in range(8):
        for symbol, *_ in speak(make_puppet(0, index), text).phones:
            assert set(symbol) & set(TARGETS), symbol
