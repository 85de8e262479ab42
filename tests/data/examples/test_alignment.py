"""Clips to be aligned: the right sound, the right chain, and what is held where."""

import dataclasses

import numpy as np
import pytest

from avjax.audio import mel as audio
from avjax.data import schema
from avjax.data.examples.alignment import HearClip, words_of
from avjax.errors import InputError
from avjax.text.phonemes import SOUNDS

FRAMES = 30


@dataclasses.dataclass(frozen=True)
class Mouth:
    frames: int

    def __len__(self):
        return self.frames


def record(phones=(), words=(), text="", frames=FRAMES):
    wave = np.random.default_rng(0).normal(size=frames * 640) * 300
    wave[: 640 * 5] /= 100
    told = schema.record(
        face=[0] * frames,
        mouth=None,
        wave=np.zeros(0),
        words=words,
        phones=phones,
        text=text,
        speaker="s1",
        clip="one",
    )
    return {**told, "mouth": Mouth(frames), "wave": wave.astype(np.int16)}


@pytest.fixture
def buy_tea():
    """Phones and words with all their times."""
    phones = [("b", 0.3, 0.4), ("aɪ", 0.4, 0.6), ("t", 0.7, 0.8), ("iː", 0.8, 0.9)]
    return record(phones, [("buy", 0.3, 0.6), ("tea", 0.7, 0.9)], "buy tea")


@pytest.fixture
def hear():
    return HearClip(frames=40, longest=12)


def spelt(example):
    return [SOUNDS[n] for n in example["sounds"][: example["length"]]]


def test_a_clip_to_be_heard_has_the_promised_arrays(buy_tea, hear):
    promised = {
        "mel": ((128, 80), "float32"),
        "exists": ((128,), "float32"),
        "sounds": ((12,), "int32"),
        "optional": ((12,), "float32"),
        "length": ((), "int32"),
        "allowed": ((128, 12), "uint8"),
        "begins": ((12,), "float32"),
        "ends": ((12,), "float32"),
        "opens": ((12,), "float32"),
        "closes": ((12,), "float32"),
        "weight": ((), "float32"),
    }
    examples = (
        hear.at(buy_tea, 0, 1),
        hear.random_map(buy_tea, np.random.default_rng(0)),
    )
    for example in examples:
        kinds = {key: (x.shape, x.dtype.name) for key, x in example.items()}
        assert kinds == promised
    mel = audio.standard_mel(schema.sound(buy_tea["wave"]))
    np.testing.assert_array_equal(examples[0]["mel"][:97], mel)
    assert examples[0]["exists"].sum() == 97 and not examples[0]["mel"][97:].any()
    assert (examples[1]["mel"] == 0).sum() > (examples[0]["mel"] == 0).sum()


def test_edges_are_known_of_phones_and_words(buy_tea, hear):
    example = hear.at(buy_tea, 0, 1)
    assert spelt(example) == [*"_baɪ_t", "iː", "_"]
    unknown = np.nan
    begins = [unknown, 0.3, 0.4, unknown, unknown, 0.7, 0.8, unknown]
    np.testing.assert_allclose(example["begins"][:8], begins, atol=1e-6)
    assert np.isnan([example["begins"][8:], example["ends"][8:]]).all()
    ends = [unknown, 0.4, unknown, 0.6, unknown, 0.8, 0.9, unknown]
    np.testing.assert_allclose(example["ends"][:8], ends, atol=1e-6)
    assert np.flatnonzero(example["opens"]).tolist() == [1, 5]
    assert np.flatnonzero(example["closes"]).tolist() == [3, 6]
    assert np.flatnonzero(example["optional"]).tolist() == [0, 4, 7]


def test_words_without_phones_are_spelt_and_of_phones_only_the_outer_edges_known(hear):
    example = hear.at(record((), [("f", 0.3, 0.5), ("two", 0.5, 0.9)], "f two"), 0, 1)
    assert spelt(example) == ["_", "ɛ", "f", "_", "t", "uː", "_"]
    known = [np.flatnonzero(np.isfinite(example[x][:7])) for x in ("begins", "ends")]
    assert [list(places) for places in known] == [[1, 4], [2, 5]]


def test_without_any_times_a_text_is_spelt(hear):
    words = words_of(record(text="f two"), "en-gb")
    assert [word.phones for word in words] == [("ɛ", "f"), ("t", "uː")]
    example = hear.at(record(text="f two"), 0, 1)
    assert not np.isfinite(example["begins"][: example["length"]]).any()


def test_sounds_are_held_to_their_words_or_near_their_even_places(buy_tea, hear):
    by_words = hear.at(buy_tea, 0, 1)["allowed"]
    evenly = dataclasses.replace(hear, held="evenly").at(buy_tea, 0, 1)["allowed"]
    assert not by_words[:, 8:].any() and not evenly[:, 8:].any(), "there is nothing"
    assert evenly[:, [0, 4, 7]].all(), "a pause may be anywhere"
    assert not by_words[round(0.45 * 80), 4] and by_words[round(0.65 * 80), 4]
    heard = np.flatnonzero(by_words[:, 1]) / 80
    assert abs(heard[0] - 0.26) < 0.02 and abs(heard[-1] - 0.64) < 0.02
    firsts = [np.flatnonzero(evenly[:, place])[0] / 80 for place in (1, 2, 3, 5, 6)]
    assert firsts[0] == pytest.approx(0.1, abs=0.03), "it is quiet until 0.2 s"
    assert firsts == sorted(firsts) and firsts[-1] > 0.5


@pytest.mark.parametrize("limit", [{"frames": 29}, {"longest": 7}])
def test_what_is_too_long_is_refused(buy_tea, hear, limit):
    with pytest.raises(InputError, match="one has (30 frames|8 places)"):
        dataclasses.replace(hear, **limit).at(buy_tea, 0, 1)
