"""Windows of what is said: whose sounds, when, and whose picture."""

import dataclasses

import numpy as np
import pytest

from avjax.audio import loudness as speech
from avjax.audio import mel as audio
from avjax.data import loader as pipeline
from avjax.data import schema
from avjax.data.examples.cals import mels_of
from avjax.data.examples.talking_eval import TalkClip
from avjax.data.examples.text_to_lip import (
    TextClip,
    TextWindow,
    moments_like,
    retold_at,
    told_of,
    with_pauses,
)
from avjax.text.phonemes import BLANK, PAUSE, Spans, in_columns, sounds_of
from avjax.text.tts import utter


@pytest.fixture(scope="module")
def clips(numbered):
    """From 9 to 25 frames; an s from 0.1 to 0.2 seconds."""
    return pipeline.source(numbered, "train")


@pytest.fixture(scope="module")
def spoken(clips):
    """A clip of 25 frames in which sounds go on end, each a tenth of a second."""
    phones = {"phone": list("stptkfslmt"), "start": np.arange(10) / 10}
    return {**clips[16], "phones": {**phones, "end": np.arange(1, 11) / 10}}


def test_sounds_are_told_with_their_times_and_the_rest_is_filled_up(clips):
    example = TextWindow(frames=12, sounds=6).at(clips[1], 0, 1)  # 10 frames
    said = [PAUSE, *sounds_of("s"), PAUSE, *[BLANK] * 3]
    np.testing.assert_array_equal(example["said"], said)
    edges = [0, 0.1, 0.2, 0.4, 0.4, 0.4, 0.4]
    np.testing.assert_allclose(example["edges"], edges, atol=1e-6)
    np.testing.assert_array_equal(example["exists"], [1] * 10 + [0] * 2)
    np.testing.assert_array_equal(example["counts"], example["exists"])


def test_a_stretch_has_times_of_its_own_and_whole_sounds(spoken, number_of):
    for seed in range(30):
        drawn = TextWindow(12).random_map(spoken, np.random.default_rng(seed))
        edges = drawn["edges"][:11]
        first = -int(round(edges[0] * 25))
        np.testing.assert_allclose(np.diff(edges), 0.1, atol=1e-6)
        np.testing.assert_array_equal(drawn["said"][:2], sounds_of("st"))
        mel = audio.log_mel(speech.prepare(schema.sound(spoken["wave"])))
        heard = audio.windows(mel, (first + np.arange(12) - 1) / 25)
        np.testing.assert_array_equal(drawn["mels"], heard)
        shown = int(number_of(drawn["portrait"][None])[0])
        assert not first <= shown < first + 12, "of another time"


def test_pictures_and_stretches_of_training_are_any(spoken, number_of):
    draw = lambda seed: TextWindow(12).random_map(spoken, np.random.default_rng(seed))  # noqa: E731
    drawn = [draw(seed) for seed in range(300)]
    assert {-int(round(x["edges"][0] * 25)) for x in drawn} == set(range(14))
    assert len({int(number_of(x["portrait"][None])[0]) for x in drawn}) == 25


def test_frames_near_to_a_cut_and_beyond_the_room_do_not_count(spoken):
    cut = TextWindow(12, border=2).at(spoken, 1, 3)
    np.testing.assert_array_equal(cut["counts"], [0, 0] + [1] * 8 + [0, 0])
    whole = TextWindow(25, border=2).at(spoken, 0, 1)
    assert whole["counts"].all()
    tight = TextWindow(25, sounds=4).at(spoken, 0, 1)
    np.testing.assert_array_equal(tight["counts"], np.arange(25) < 10)
    assert tight["exists"].all()


def test_sounds_far_from_a_stretch_are_not_told(spoken):
    wide = {**spoken["phones"]}
    wide = {**wide, "start": 10 * wide["start"], "end": 10 * wide["end"]}
    long = {**spoken, "phones": wide, "face": [None] * 250}
    told = told_of(long, 100, 25, 8)  # from the fifth second to the sixth
    np.testing.assert_array_equal(told["said"][:4], [*sounds_of("tkf"), BLANK])
    np.testing.assert_allclose(told["edges"][:5], [-1, 0, 1, 2, 2], atol=1e-5)


def test_a_clip_is_a_talk_clip_with_text(clips):
    record = clips[16]
    example, plain = (kind(12).at(record, 1, 3) for kind in (TextClip, TalkClip))
    for key in plain:
        np.testing.assert_array_equal(example[key], plain[key])
    np.testing.assert_array_equal(example["portrait"], plain["reference"])
    np.testing.assert_array_equal(
        example["retold"], retold_at(record, 4 + np.arange(12))
    )
    first = TalkClip(12).first(record, 1, 3)
    assert first == 4
    np.testing.assert_allclose(example["edges"][:3], [-0.16, -0.06, 0.04], atol=1e-6)


def test_espeak_says_a_sound_when_the_clip_says_it():
    """Where both say the same; a sound of one alone is passed over evenly."""
    ours = Spans(np.array([1, 5, 6, 7, 9]), np.array([0, 1, 2, 3, 4, 5.0]))
    theirs = Spans(np.array([5, 6, 8, 9, 1]), np.array([0, 0.1, 0.3, 0.5, 0.9, 1]))
    moments = moments_like(ours, theirs, np.array([0, 0.9, 1.5, 2, 2.5, 3, 4.5]))
    expected = [0, 0, 0.05, 0.1, 0.2, 0.3, 0.7]
    np.testing.assert_allclose(moments, expected, atol=1e-6)


def test_another_voice_is_silent_where_only_the_clip_pauses():
    """At both ends and in between; a pause of both stays as it is."""
    sounds = np.array([PAUSE, 5, PAUSE, 6, PAUSE, 7, PAUSE])
    ours = Spans(sounds, np.array([0, 1, 1.5, 2, 2.5, 3, 3.5, 4.5]))
    theirs = Spans(np.array([5, 6, PAUSE, 7]), np.array([0, 0.1, 0.2, 0.3, 0.5]))
    wave, said = with_pauses(np.full(8000, 9, np.int16), theirs, ours)
    np.testing.assert_array_equal(said.sounds, sounds)
    np.testing.assert_allclose(said.edges, [0, 1, 1.1, 1.6, 1.7, 1.8, 2, 3], atol=1e-6)
    silent = [16000, 16000 + 1600, 16000 + 1600 + 8000, 8000 + 24000]
    expected = np.full(48000 - 8000 + 8000, 9)
    expected[: silent[0]] = expected[silent[1] : silent[2]] = expected[silent[3] :] = 0
    np.testing.assert_array_equal(wave, expected)
    own = np.array([0.5, 1.25, 1.75, 2.75, 4])
    np.testing.assert_allclose(
        moments_like(ours, said, own), [0.5, 1.05, 1.35, 1.75, 2.5], atol=1e-6
    )


def test_a_text_that_is_said_twice_alike_is_heard_alike():
    said = utter("the bad book")
    wave = np.round(said.wave * 32768).astype(np.int16)
    phones = in_columns(said.phones)
    phones["end"] = *phones["end"][:-1], len(wave) / 16000
    wave = np.pad(wave, (0, -len(wave) % 640 + 6400))  # and then there is silence
    face = [None] * (len(wave) // 640)
    record = {"text": "the bad book", "phones": phones, "face": face}
    frames = np.arange(len(face) - 1)
    heard = mels_of({"wave": wave}, frames)
    np.testing.assert_allclose(retold_at(record, frames), heard, atol=1e-5)


def test_a_clip_without_phones_weighs_nothing(clips):
    for window in (TextWindow(12), TextClip(12)):
        known = {**clips[0], "text": "yes"}
        mute = {**known, "phones": {"phone": [], "start": [], "end": []}}
        assert window.at(known, 0, 1)["weight"] == 1
        silent = window.at(mute, 0, 1)
        assert silent["weight"] == 0
        np.testing.assert_array_equal(silent["said"][:2], [PAUSE, BLANK])


def test_buckets_of_a_loader_are_lengths_of_stretches(numbered):
    loader = pipeline.Loader(numbered, window=TextWindow(sounds=4), buckets=(16, 32))
    assert dataclasses.replace(loader.window, frames=16).frames == 16
    sizes = {len(x["mels"][0]) for x in pipeline.one_pass(loader)}
    assert sizes == {16, 32}
