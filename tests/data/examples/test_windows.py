"""An example of a long clip costs what its window costs, and is equal to it."""

import numpy as np
import pytest

from avjax.audio.loudness import normalize_speech
from avjax.audio.mel import log_mel
from avjax.data import schema
from avjax.data.examples import (
    CalsTrainExample,
    CalsUnitExample,
    LipCodeExample,
    LipToSpeechClip,
    SyncExample,
    TalkEvalClip,
    TalkTrainExample,
    TextToLipExample,
)
from avjax.data.examples.base import clip_mel_windows, normalized_speech
from avjax.data.examples.lip_inputs import voice_mel
from avjax.data.reel import Reel

FRAMES = 1500  # one minute
SIZES = {"face": (16, 3), "mouth": (96, 1), "lower_face": (128, 3)}


@pytest.fixture(scope="module")
def long_record():
    """A clip of one minute that alternates between loud, quiet and silent seconds."""
    rng = np.random.default_rng(0)
    seconds = np.resize([0.5, 0.02, 0.0, 0.3], FRAMES // 25)
    wave = rng.uniform(-1, 1, FRAMES * 640) * np.repeat(seconds, 16_000)
    reels = {
        key: Reel(
            Reel.from_frames(
                rng.integers(0, 255, (1, size, size, channels), np.uint8)
            ).blobs
            * FRAMES,
            channels,
        )
        for key, (size, channels) in SIZES.items()
    }
    record = schema.make_record(
        **reels,
        pose=np.zeros((FRAMES, 6)),
        wave=wave.astype(np.float32),
        phones=[("a", float(second), second + 0.5) for second in range(60)],
        text="a",
        speaker="s",
        clip="long",
    )
    return schema.decode_record(record)


@pytest.mark.parametrize("first, last", [(0, 900), (400_123, 480_001), (950_000, None)])
def test_part_of_the_audio_is_that_of_the_whole(long_record, first, last):
    whole = normalize_speech(schema.to_float(long_record["wave"]))
    last = last or len(whole)
    part = normalized_speech(long_record, first, last)
    np.testing.assert_array_equal(part, whole[first:last])


@pytest.mark.parametrize("start", [-0.04, 0.0, 17.3, 30.0, 59.7, 60.2])
def test_windows_are_those_of_the_whole_clip(long_record, start):
    mel = log_mel(normalize_speech(schema.to_float(long_record["wave"])))
    frames = np.floor(start * 80 + 1e-6).astype(int) + np.arange(16)
    (window,) = clip_mel_windows(long_record, [start])
    np.testing.assert_array_equal(window, mel[np.clip(frames, 0, len(mel) - 1)])


def test_record_without_gain_gives_the_same_windows(long_record):
    older = {**long_record, "gain": schema.NO_GAIN}
    starts = [3.0, 12.5]
    expected = clip_mel_windows(long_record, starts)
    np.testing.assert_array_equal(clip_mel_windows(older, starts), expected)
    assert np.ptp(expected) > 1


@pytest.mark.parametrize(
    "transform, first, last",
    [
        (TalkTrainExample(), 740, 775),
        (CalsTrainExample(), 720, 790),
        (CalsUnitExample(), 700, 800),
        (LipCodeExample(), 700, 800),
        (TextToLipExample(), 700, 800),
        (TalkEvalClip(), 475, 545),
    ],
    ids=lambda value: type(value).__name__,
)
def test_far_audio_is_not_read(long_record, transform, first, last):
    """The example in the middle does not depend on noise half a minute away."""
    wave = long_record["wave"].copy()
    wave[: first * 640], wave[last * 640 :] = 12_345, -12_345
    expected = transform.at(long_record, 1, 3)
    example = transform.at({**long_record, "wave": wave}, 1, 3)
    np.testing.assert_array_equal(example["mels"], expected["mels"])


def test_audio_between_distant_windows_is_not_read(long_record):
    starts = [50.0, 3.0, 3.1]
    mel = log_mel(normalize_speech(schema.to_float(long_record["wave"])))
    frames = (np.array(starts) * 80 + 1e-6).astype(int)[:, None] + np.arange(16)
    wave = long_record["wave"].copy()
    wave[4 * 16_000 : 49 * 16_000] = 12_345
    windows = clip_mel_windows({**long_record, "wave": wave}, starts)
    np.testing.assert_array_equal(windows, mel[frames])


def test_few_frames_are_decoded(long_record, monkeypatch):
    from avjax.data import reel

    decoded, decode = [], reel._decode_jpeg
    monkeypatch.setattr(
        reel,
        "_decode_jpeg",
        lambda blob, channels: decoded.append(1) or decode(blob, channels),
    )
    rng = np.random.default_rng(0)
    for transform, count in (
        (TalkTrainExample(), 14),
        (SyncExample(), 10),
        (LipToSpeechClip(40), 40),
        (TextToLipExample(), 1),
    ):
        decoded.clear()
        transform.random_map(long_record, rng)
        assert len(decoded) == count, transform


def test_voice_of_a_stretch_is_that_of_the_whole_clip(long_record):
    from avjax.audio.speech_mel import prepare_vocoder_audio, vocoder_mel

    whole = vocoder_mel(prepare_vocoder_audio(schema.to_float(long_record["wave"])))
    for first in (0, 1, 700, FRAMES - 20):
        part = voice_mel(long_record, first, 20)
        np.testing.assert_array_equal(part, whole[4 * first : 4 * first + 80])
