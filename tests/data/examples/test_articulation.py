"""Examples of articulation: shapes, speed, and what lies outside a clip."""

import numpy as np
import pytest

from avjax.data.examples.articulation import ArticulationExample
from avjax.data.examples.base import frame_mel_windows
from avjax.data.puppet.pseudo_speech import PseudoSpeechSource


@pytest.fixture(scope="module")
def record():
    return PseudoSpeechSource(8)[1]


def test_an_example_has_documented_shapes_and_depends_on_its_generator(record):
    transform = ArticulationExample(20)
    first, again, other = (
        transform.random_map(record, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first["mels"].shape == (20, 16, 80) and first["mels"].dtype == np.float32
    assert first["articulation"].shape == (20, 7) and first["weight"] == 1
    assert first["articulation"].dtype == first["frame_mask"].dtype == np.float32
    for key, value in first.items():
        np.testing.assert_array_equal(value, again[key])
    assert np.abs(first["mels"] - other["mels"]).max() > 0.01


def test_an_evaluation_example_shows_the_clip_as_it_is(record):
    length = len(record["articulation"])
    example = ArticulationExample(length).at(record, 0, 1)
    np.testing.assert_array_equal(example["articulation"], record["articulation"])
    expected = frame_mel_windows(record, np.arange(length))
    np.testing.assert_array_equal(example["mels"], expected)


def test_articulation_follows_the_changed_speed_of_the_audio(monkeypatch):
    """A click opens the jaw; both move together when the speed changes."""
    name = "avjax.data.examples.lip_codes.hide_parts"
    monkeypatch.setattr(name, lambda mels, rng: None)
    name = "avjax.data.examples.lip_codes.augment_speech"
    monkeypatch.setattr(name, lambda wave, rng: wave)
    wave, tracks = np.zeros(64000, np.int16), np.zeros((100, 7), np.float32)
    wave[50 * 640 : 51 * 640] = 8000
    tracks[50] = 1
    record = {"wave": wave, "articulation": tracks, "gain": np.ones(400)}
    places = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        example = ArticulationExample(80).random_map(record, rng)
        loud = example["mels"].mean(-1)
        middle = np.argmax(loud[:, 5:9].mean(1))  # a window begins 40 ms before it
        assert abs(np.argmax(example["articulation"][:, 0]) - middle) <= 1
        places.add(int(middle))
    assert len(places) > 3


def test_a_short_clip_is_filled_up_and_masked(record):
    length = len(record["articulation"])
    for example in (
        ArticulationExample(length + 20).at(record, 0, 1),
        ArticulationExample(length + 20).random_map(record, np.random.default_rng(0)),
    ):
        exists = example["frame_mask"]
        assert exists[0] and not exists[-1] and not example["mels"][exists == 0].any()


def test_a_clip_of_a_person_has_no_weight(record):
    unknown = {**record, "articulation": np.zeros((0, 1), np.float32)}
    example = ArticulationExample(20).at(unknown, 0, 1)
    assert example["weight"] == 0 and not example["articulation"].any()
