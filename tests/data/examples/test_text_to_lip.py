"""Examples of text-driven talking faces: phonemes, masks, portraits, cascades."""

import dataclasses

import numpy as np
import pytest

from avjax.audio.loudness import normalize_speech
from avjax.audio.mel import log_mel, mel_windows
from avjax.data import schema
from avjax.data.examples.base import frame_mel_windows
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.examples.text_to_lip import (
    TextEvalClip,
    TextToLipExample,
    cascade_mels,
    insert_pauses,
    phoneme_inputs,
    warp_times,
)
from avjax.data.loader import Loader
from avjax.data.puppet.pseudo_speech import PseudoSpeechSource
from avjax.data.split_source import open_split
from avjax.text.intervals import PhonemeTier
from avjax.text.phonemes import (
    BLANK,
    PAUSE,
    intervals_to_columns,
    to_phoneme_ids,
    to_phoneme_tier,
)
from avjax.text.tts import synthesize


@pytest.fixture(scope="module")
def clips(numbered):
    """From 9 to 25 frames; an s from 0.1 to 0.2 seconds."""
    return open_split(numbered, "train")


@pytest.fixture(scope="module")
def dense(clips):
    """A clip of 25 frames with consecutive phones of a tenth of a second."""
    phones = {"phone": list("stptkfslmt"), "start": np.arange(10) / 10}
    return {**clips[16], "phones": {**phones, "end": np.arange(1, 11) / 10}}


def test_phonemes_have_times_and_are_padded(clips):
    example = TextToLipExample(num_frames=12, max_phonemes=6).at(
        clips[1], 0, 1
    )  # 10 frames
    ids = [PAUSE, *to_phoneme_ids("s"), PAUSE, *[BLANK] * 3]
    np.testing.assert_array_equal(example["phoneme_ids"], ids)
    edges = [0, 0.1, 0.2, 0.4, 0.4, 0.4, 0.4]
    np.testing.assert_allclose(example["phoneme_edges"], edges, atol=1e-6)
    np.testing.assert_array_equal(example["frame_mask"], [1] * 10 + [0] * 2)
    np.testing.assert_array_equal(example["loss_mask"], example["frame_mask"])


def test_times_are_relative_to_the_stretch(dense, number_of):
    for seed in range(30):
        sampled = TextToLipExample(12).random_map(dense, np.random.default_rng(seed))
        edges = sampled["phoneme_edges"][:11]
        first = -int(round(edges[0] * 25))
        np.testing.assert_allclose(np.diff(edges), 0.1, atol=1e-6)
        np.testing.assert_array_equal(sampled["phoneme_ids"][:2], to_phoneme_ids("st"))
        mel = log_mel(normalize_speech(schema.to_float(dense["wave"])))
        expected = mel_windows(mel, (first + np.arange(12) - 1) / 25)
        np.testing.assert_array_equal(sampled["mels"], expected)
        portrait = int(number_of(sampled["portrait"][None])[0])
        assert not first <= portrait < first + 12, "from outside of the stretch"


def test_training_draws_all_stretches_and_portraits(dense, number_of):
    transform = TextToLipExample(12)
    samples = [
        transform.random_map(dense, np.random.default_rng(seed)) for seed in range(300)
    ]
    assert {-int(round(x["phoneme_edges"][0] * 25)) for x in samples} == set(range(14))
    assert len({int(number_of(x["portrait"][None])[0]) for x in samples}) == 25


def test_border_and_missing_phonemes_are_not_in_the_loss(dense):
    cut = TextToLipExample(12, border_frames=2).at(dense, 1, 3)
    np.testing.assert_array_equal(cut["loss_mask"], [0, 0] + [1] * 8 + [0, 0])
    example = TextToLipExample(25, border_frames=2).at(dense, 0, 1)
    assert example["loss_mask"].all()
    tight = TextToLipExample(25, max_phonemes=4).at(dense, 0, 1)
    np.testing.assert_array_equal(tight["loss_mask"], np.arange(25) < 10)
    assert tight["frame_mask"].all()


def test_distant_phonemes_are_left_out(dense):
    wide = {**dense["phones"]}
    wide = {**wide, "start": 10 * wide["start"], "end": 10 * wide["end"]}
    long = {**dense, "phones": wide, "wave": np.zeros(250 * 640, np.int16)}
    inputs = phoneme_inputs(long, 100, 25, 8)  # from the fifth second to the sixth
    np.testing.assert_array_equal(
        inputs["phoneme_ids"][:4], [*to_phoneme_ids("tkf"), BLANK]
    )
    np.testing.assert_allclose(inputs["phoneme_edges"][:5], [-1, 0, 1, 2, 2], atol=1e-5)


def test_speech_without_faces_has_no_portrait():
    record = PseudoSpeechSource(4)[1]
    transform, length = (
        TextToLipExample(12, max_phonemes=40),
        len(record["wave"]) // 640,
    )
    for example in (
        transform.at(record, 0, 1),
        transform.random_map(record, np.random.default_rng(0)),
    ):
        assert "portrait" not in example and example["weight"] == 1
        assert example["mels"].shape == (12, 16, 80) and example["frame_mask"].all()
        assert (example["phoneme_ids"] > PAUSE).sum() > 5
    tier = to_phoneme_tier(record["phones"], length / 25)
    whole = phoneme_inputs(record, 0, length, 200)
    np.testing.assert_array_equal(whole["phoneme_ids"][: len(tier.ids)], tier.ids)


def test_text_eval_clip_is_talk_eval_clip_with_text(clips):
    record = clips[16]
    example, plain = (
        example_class(12).at(record, 1, 3)
        for example_class in (TextEvalClip, TalkEvalClip)
    )
    for key in plain:
        np.testing.assert_array_equal(example[key], plain[key])
    np.testing.assert_array_equal(example["portrait"], plain["reference"])
    np.testing.assert_array_equal(
        example["cascade_mels"], cascade_mels(record, 4 + np.arange(12))
    )
    first = TalkEvalClip(12).first_frame(record, 1, 3)
    assert first == 4
    np.testing.assert_allclose(
        example["phoneme_edges"][:3], [-0.16, -0.06, 0.04], atol=1e-6
    )


def test_times_are_warped_between_matching_phonemes():
    """Phonemes of only one utterance are interpolated."""
    recorded = PhonemeTier(np.array([1, 5, 6, 7, 9]), np.array([0, 1, 2, 3, 4, 5.0]))
    synthetic = PhonemeTier(
        np.array([5, 6, 8, 9, 1]), np.array([0, 0.1, 0.3, 0.5, 0.9, 1])
    )
    moments = warp_times(np.array([0, 0.9, 1.5, 2, 2.5, 3, 4.5]), recorded, synthetic)
    expected = [0, 0, 0.05, 0.1, 0.2, 0.3, 0.7]
    np.testing.assert_allclose(moments, expected, atol=1e-6)


def test_pauses_of_only_the_clip_are_inserted():
    """At both ends and in between; a pause of both utterances does not change."""
    ids = np.array([PAUSE, 5, PAUSE, 6, PAUSE, 7, PAUSE])
    recorded = PhonemeTier(ids, np.array([0, 1, 1.5, 2, 2.5, 3, 3.5, 4.5]))
    synthetic = PhonemeTier(
        np.array([5, 6, PAUSE, 7]), np.array([0, 0.1, 0.2, 0.3, 0.5])
    )
    wave, tier = insert_pauses(np.full(8000, 9, np.int16), synthetic, recorded)
    np.testing.assert_array_equal(tier.ids, ids)
    np.testing.assert_allclose(tier.edges, [0, 1, 1.1, 1.6, 1.7, 1.8, 2, 3], atol=1e-6)
    silent = [16000, 16000 + 1600, 16000 + 1600 + 8000, 8000 + 24000]
    expected = np.full(48000 - 8000 + 8000, 9)
    expected[: silent[0]] = expected[silent[1] : silent[2]] = expected[silent[3] :] = 0
    np.testing.assert_array_equal(wave, expected)
    times = np.array([0.5, 1.25, 1.75, 2.75, 4])
    np.testing.assert_allclose(
        warp_times(times, recorded, tier), [0.5, 1.05, 1.35, 1.75, 2.5], atol=1e-6
    )


def test_cascade_of_identical_speech_has_identical_mels():
    speech = synthesize("the bad book")
    wave = np.round(speech.wave * 32768).astype(np.int16)
    phones = intervals_to_columns(speech.phones)
    phones["end"] = *phones["end"][:-1], len(wave) / 16000
    wave = np.pad(wave, (0, -len(wave) % 640 + 6400))  # silence at the end
    face = [None] * (len(wave) // 640)
    record = {"text": "the bad book", "phones": phones, "face": face}
    frames = np.arange(len(face) - 1)
    expected = frame_mel_windows({"wave": wave}, frames)
    np.testing.assert_allclose(cascade_mels(record, frames), expected, atol=1e-5)


def test_clip_without_phones_has_weight_0(clips):
    for transform in (TextToLipExample(12), TextEvalClip(12)):
        known = {**clips[0], "text": "yes"}
        unknown = {**known, "phones": {"phone": [], "start": [], "end": []}}
        assert transform.at(known, 0, 1)["weight"] == 1
        example = transform.at(unknown, 0, 1)
        assert example["weight"] == 0
        np.testing.assert_array_equal(example["phoneme_ids"][:2], [PAUSE, BLANK])


def test_buckets_of_loader_set_the_number_of_frames(numbered):
    loader = Loader(
        numbered, transform=TextToLipExample(max_phonemes=4), bucket_frames=(16, 32)
    )
    assert dataclasses.replace(loader.transform, num_frames=16).num_frames == 16
    sizes = {len(x["mels"][0]) for x in loader.eval_batches()}
    assert sizes == {16, 32}
