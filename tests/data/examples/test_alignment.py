"""Examples of forced alignment: audio, states, constraints and true times."""

import dataclasses

import numpy as np
import pytest

from avjax.audio.mel import standardized_log_mel
from avjax.data import schema
from avjax.data.examples.alignment import AlignmentClip, alignment_words
from avjax.errors import InputError
from avjax.text.phonemes import PHONEMES

FRAMES = 30


@dataclasses.dataclass(frozen=True)
class MouthLength:
    """Replaces a reel of mouths, of which only the length is needed."""

    frames: int

    def __len__(self):
        return self.frames


def record(phones=(), words=(), text="", frames=FRAMES):
    wave = np.random.default_rng(0).normal(size=frames * 640) * 300
    wave[: 640 * 5] /= 100
    example = schema.make_record(
        face=[0] * frames,
        mouth=None,
        wave=np.zeros(0),
        words=words,
        phones=phones,
        text=text,
        speaker="s1",
        clip="one",
    )
    return {**example, "mouth": MouthLength(frames), "wave": wave.astype(np.int16)}


@pytest.fixture
def buy_tea():
    """Phones and words with all their times."""
    phones = [("b", 0.3, 0.4), ("aɪ", 0.4, 0.6), ("t", 0.7, 0.8), ("iː", 0.8, 0.9)]
    return record(phones, [("buy", 0.3, 0.6), ("tea", 0.7, 0.9)], "buy tea")


@pytest.fixture
def align_clip():
    return AlignmentClip(num_frames=40, max_phonemes=12)


def labels(example):
    return [PHONEMES[n] for n in example["phoneme_ids"][: example["length"]]]


def test_alignment_clip_has_documented_arrays(buy_tea, align_clip):
    expected = {
        "mel": ((128, 80), "float32"),
        "frame_mask": ((128,), "float32"),
        "phoneme_ids": ((12,), "int32"),
        "optional": ((12,), "float32"),
        "length": ((), "int32"),
        "allowed": ((128, 12), "uint8"),
        "start": ((12,), "float32"),
        "end": ((12,), "float32"),
        "word_start": ((12,), "float32"),
        "word_end": ((12,), "float32"),
        "weight": ((), "float32"),
    }
    examples = (
        align_clip.at(buy_tea, 0, 1),
        align_clip.random_map(buy_tea, np.random.default_rng(0)),
    )
    for example in examples:
        shapes = {key: (x.shape, x.dtype.name) for key, x in example.items()}
        assert shapes == expected
    mel = standardized_log_mel(schema.to_float(buy_tea["wave"]))
    np.testing.assert_array_equal(examples[0]["mel"][:97], mel)
    assert examples[0]["frame_mask"].sum() == 97 and not examples[0]["mel"][97:].any()
    assert (examples[1]["mel"] == 0).sum() > (examples[0]["mel"] == 0).sum()


def test_times_of_phones_and_words_are_known(buy_tea, align_clip):
    example = align_clip.at(buy_tea, 0, 1)
    assert labels(example) == [*"_baɪ_t", "iː", "_"]
    unknown = np.nan
    starts = [unknown, 0.3, 0.4, unknown, unknown, 0.7, 0.8, unknown]
    np.testing.assert_allclose(example["start"][:8], starts, atol=1e-6)
    assert np.isnan([example["start"][8:], example["end"][8:]]).all()
    ends = [unknown, 0.4, unknown, 0.6, unknown, 0.8, 0.9, unknown]
    np.testing.assert_allclose(example["end"][:8], ends, atol=1e-6)
    assert np.flatnonzero(example["word_start"]).tolist() == [1, 5]
    assert np.flatnonzero(example["word_end"]).tolist() == [3, 6]
    assert np.flatnonzero(example["optional"]).tolist() == [0, 4, 7]


def test_words_without_phones_are_phonemized(align_clip):
    example = align_clip.at(
        record((), [("f", 0.3, 0.5), ("two", 0.5, 0.9)], "f two"), 0, 1
    )
    assert labels(example) == ["_", "ɛ", "f", "_", "t", "uː", "_"]
    known = [np.flatnonzero(np.isfinite(example[x][:7])) for x in ("start", "end")]
    assert [list(places) for places in known] == [[1, 4], [2, 5]]


def test_text_without_times_is_phonemized(align_clip):
    words = alignment_words(record(text="f two"), "en-gb")
    assert [word.phones for word in words] == [("ɛ", "f"), ("t", "uː")]
    example = align_clip.at(record(text="f two"), 0, 1)
    assert not np.isfinite(example["start"][: example["length"]]).any()


def test_states_are_constrained_by_words_or_evenly(buy_tea, align_clip):
    by_words = align_clip.at(buy_tea, 0, 1)["allowed"]
    evenly = dataclasses.replace(align_clip, constrain_by="evenly").at(buy_tea, 0, 1)[
        "allowed"
    ]
    assert not by_words[:, 8:].any() and not evenly[:, 8:].any(), "there are no states"
    assert evenly[:, [0, 4, 7]].all(), "a pause may be anywhere"
    assert not by_words[round(0.45 * 80), 4] and by_words[round(0.65 * 80), 4]
    allowed = np.flatnonzero(by_words[:, 1]) / 80
    assert abs(allowed[0] - 0.26) < 0.02 and abs(allowed[-1] - 0.64) < 0.02
    firsts = [np.flatnonzero(evenly[:, place])[0] / 80 for place in (1, 2, 3, 5, 6)]
    assert firsts[0] == pytest.approx(0.1, abs=0.03), "it is quiet until 0.2 s"
    assert firsts == sorted(firsts) and firsts[-1] > 0.5


@pytest.mark.parametrize("limit", [{"num_frames": 29}, {"max_phonemes": 7}])
def test_clip_that_is_too_long_is_rejected(buy_tea, align_clip, limit):
    with pytest.raises(InputError, match="one has (30 frames|8 phonemes and pauses)"):
        dataclasses.replace(align_clip, **limit).at(buy_tea, 0, 1)
