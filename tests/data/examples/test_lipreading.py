"""Clips to be read or spoken: the right mouths, the right sound, the right symbols."""

import dataclasses

import numpy as np
import pytest

from avjax.audio import speech_mel as spectrum
from avjax.data import loader as pipeline
from avjax.data import schema
from avjax.data.examples.lipreading import Cover, ReadClip, VoiceClip, erase, hide
from avjax.errors import InputError
from avjax.media import mouth_crop as lips

LETTERS = ("", *"abcdefghijklmnopqrstuvwxyz ö")
STILL = Cover(shift=0, mirror=0.0, sound=False)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def clips(numbered):
    """From 9 to 25 frames, flat and grey; all say "söft words" and have one phone."""
    return pipeline.source(numbered, "train")


@pytest.fixture
def read():
    return ReadClip(frames=20, size=32, symbols=LETTERS, cover=STILL)


@pytest.fixture
def speak():
    return VoiceClip(frames=20, size=32, cover=STILL)


def kinds(example):
    return {key: (value.shape, value.dtype.name) for key, value in example.items()}


def heard(record):
    return spectrum.heard_mel(schema.sound(record["wave"]))


def test_a_clip_to_be_read_has_the_promised_arrays(clips, read, rng):
    promised = {
        "lips": ((20, 32, 32, 1), "uint8"),
        "mel": ((80, 80), "float32"),
        "mask": ((20,), "float32"),
        "symbols": ((64,), "int32"),
        "spoken": ((64,), "float32"),
        "allowed": ((20, len(read.symbols)), "uint8"),
        "weight": ((), "float32"),
    }
    for clip in (0, 5, 11):  # 9, 14 and 20 frames
        assert kinds(read.at(clips[clip], 0, 1)) == promised
        assert kinds(read.random_map(clips[clip], rng)) == promised


def test_a_clip_to_be_spoken_has_the_promised_arrays(clips, speak, rng):
    promised = {
        "lips": ((20, 32, 32, 1), "uint8"),
        "mel": ((80, 80), "float32"),
        "mask": ((20,), "float32"),
        "voice": ((80, 80), "float32"),
        "wave": ((12_800,), "float32"),
        "weight": ((), "float32"),
    }
    for clip in (0, 11, 16):  # 9, 20 and 25 frames
        assert kinds(speak.at(clips[clip], 0, 1)) == promised
        assert kinds(speak.random_map(clips[clip], rng)) == promised


def test_after_the_end_the_last_frame_stays_and_is_masked(clips, read, number_of):
    example = read.at(clips[3], 0, 1)  # 12 frames
    shown = [*range(12), *[11] * 8]
    np.testing.assert_array_equal(number_of(example["lips"]), shown)
    np.testing.assert_array_equal(example["mask"], [1] * 12 + [0] * 8)
    np.testing.assert_array_equal(example["mel"][:48], heard(clips[3]))
    np.testing.assert_array_equal(example["mel"][48:], [heard(clips[3])[47]] * 32)


def test_a_clip_that_is_too_long_to_be_read_is_refused(clips, read, rng):
    for example in (read.at, lambda *_: read.random_map(clips[12], rng)):
        with pytest.raises(InputError, match="clip 12 has 21 frames, and 20 are"):
            example(clips[12], 0, 1)


def test_pictures_and_both_sounds_of_a_stretch_belong_together(
    clips, speak, rng, number_of
):
    record, starts = clips[16], set()  # 25 frames
    wave = schema.sound(record["wave"])
    voice = spectrum.voice_mel(spectrum.prepare_voice(wave))
    for _ in range(60):
        example = speak.random_map(record, rng)
        first = number_of(example["lips"])[0]
        starts.add(first)
        np.testing.assert_array_equal(
            number_of(example["lips"]), range(first, first + 20)
        )
        columns = slice(4 * first, 4 * (first + 20))
        np.testing.assert_array_equal(example["mel"], heard(record)[columns])
        np.testing.assert_array_equal(example["voice"], voice[columns])
        samples = slice(640 * first, 640 * (first + 20))
        np.testing.assert_array_equal(example["wave"], wave[samples])
        assert example["mask"].all()
    assert starts == set(range(6)), "every stretch is drawn"
    assert number_of(speak.at(record, 3, 4)["lips"])[0] == 0


def test_a_short_clip_is_spoken_with_silence_behind_it(clips, speak):
    example = speak.at(clips[0], 0, 1)  # 9 frames
    assert example["mask"].tolist() == [1] * 9 + [0] * 11
    assert example["wave"][: 9 * 640].any() and not example["wave"][9 * 640 :].any()
    np.testing.assert_array_equal(example["voice"][36:], [example["voice"][35]] * 44)


def test_the_symbols_of_a_text_are_its_characters(clips, read):
    example = read.at(clips[1], 0, 1)
    said = "".join(LETTERS[i] for i in example["symbols"][example["spoken"] > 0])
    assert said == "söft words"
    np.testing.assert_array_equal(example["spoken"], [1] * 10 + [0] * 54)
    assert not example["symbols"][10:].any()


def test_a_symbol_may_be_named_while_its_word_is_said(clips, read):
    """söft from 0.1 to 0.25 s, words from there to 0.3 s; a reach of 0.08 s."""
    may = read.at(clips[1], 0, 1)["allowed"]
    for frame, middle in enumerate(np.arange(20) / 25 + 0.02):
        first, second = 0.02 < middle < 0.33, 0.17 < middle < 0.38
        letters = {*("söft" if first else ""), *("words" if second else "")}
        letters |= {" "} if first or second else set()
        named = {LETTERS[i] for i in np.flatnonzero(may[frame])}
        assert named == letters | {""}, frame


def test_without_times_every_symbol_may_be_named_anywhere(clips, read):
    assert read.at(clips[0], 0, 1)["allowed"].all()


def test_a_phone_may_be_named_while_it_is_said(clips, read):
    phones = dataclasses.replace(read, symbols=("", "t", "s"), of="phones")
    may = phones.at(clips[1], 0, 1)["allowed"]  # s from 0.1 to 0.2 s
    assert may[:, 0].all() and not may[:, 1].any()
    assert np.flatnonzero(may[:, 2]).tolist() == [1, 2, 3, 4, 5, 6]


def test_the_symbols_of_a_text_may_be_its_phones(clips, read):
    phones = dataclasses.replace(read, symbols=("", "t", "s"), of="phones")
    example = phones.at(clips[1], 0, 1)
    assert example["symbols"].tolist() == [2] + [0] * 63
    assert example["spoken"].sum() == 1


def test_a_single_word_is_one_symbol(clips, read):
    words = dataclasses.replace(read, symbols=("a", "söft words"), of="words")
    example = words.at(clips[1], 0, 1)
    assert example["symbols"].tolist() == [1] and example["spoken"].tolist() == [1]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"symbols": ("one", "two"), "of": "words"}, "'söft words' is none of the"),
        ({"symbols": ("", *"abc")}, "'s' of 'söft words' is not in the alphabet"),
        ({"symbols": ("", "t"), "of": "phones"}, "'s' of .* is not in the alphabet"),
    ],
)
def test_what_the_symbols_lack_is_named(clips, read, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        dataclasses.replace(read, **changes).at(clips[1], 0, 1)


def test_a_text_that_is_too_long_is_refused(clips, read):
    long = {**clips[1], "text": "words " * 11}
    with pytest.raises(InputError, match="clip 1 has 66 symbols, not 64"):
        read.at(long, 0, 1)


def test_training_moves_and_hides_and_an_evaluation_does_not(clips, rng):
    """A ramp to the right, that also falls: where it is and which way it rises."""
    grey = np.arange(96)[:, None] + np.arange(96)
    record = {**clips[5], "mouth": schema.Reel.of([grey[..., None].astype(np.uint8)])}
    window = ReadClip(14, 88, LETTERS, cover=Cover(erase=0.25))

    def rises(example):
        return bool(example["lips"][0, 0, -1, 0] > example["lips"][0, 0, 0, 0])

    drawn = [window.random_map(record, rng) for _ in range(60)]
    assert 15 < sum(map(rises, drawn)) < 45
    assert len({int(example["lips"][0].max()) for example in drawn}) > 4, "shifted"
    fixed = [window.at(record, place, 2) for place in range(2)]
    mouth = record["mouth"][0:1]
    for example in fixed:
        expected = lips.mouth_pictures(mouth, 88)[0]
        np.testing.assert_array_equal(example["lips"][0], expected)
        np.testing.assert_array_equal(example["mel"], heard(record))
    hidden = [np.mean(example["mel"] == 0) for example in drawn]
    assert np.mean(hidden) > 0.1 and np.mean(fixed[0]["mel"] == 0) < 0.01
    plain = dataclasses.replace(window, cover=STILL)
    np.testing.assert_array_equal(plain.random_map(record, rng)["mel"], heard(record))


def test_one_square_turns_grey_in_all_pictures_and_two_thirds_are_inside(rng):
    seen = np.zeros((20, 20), bool)
    for _ in range(300):
        pictures = np.zeros((2, 20, 20, 1), np.uint8)
        erase(pictures, 0.5, rng)
        np.testing.assert_array_equal(pictures[0], pictures[1])
        erased = pictures[0, ..., 0] == lips.GREY
        rows, columns = erased.any(1), erased.any(0)
        np.testing.assert_array_equal(erased, rows[:, None] & columns)
        assert 7 <= rows.sum() <= 10 and 7 <= columns.sum() <= 10
        seen |= erased
    assert seen.all(), "every corner is erased at times"
    erase(pictures := np.zeros((2, 20, 20, 1), np.uint8), 0.0, rng)
    assert not pictures.any()


def test_a_stretch_of_columns_and_one_of_bands_are_hidden(rng):
    columns, bands = set(), set()
    for _ in range(300):
        mel = np.ones((60, 80))
        hide(mel, rng)
        gone = mel == 0
        whole = gone.all(1), gone.all(0)
        np.testing.assert_array_equal(gone, whole[0][:, None] | whole[1])
        for sizes, hidden in zip((columns, bands), whole, strict=True):
            places = np.flatnonzero(hidden)
            assert not len(places) or np.ptp(places) == len(places) - 1
            sizes.add(len(places))
    assert columns == set(range(20)) and bands == set(range(10))
