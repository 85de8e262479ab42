"""Examples of lip reading and lip-to-speech: images, audio, labels, augmentation."""

import dataclasses

import numpy as np
import pytest

from avjax.audio.speech_mel import encoder_mel, prepare_vocoder_audio, vocoder_mel
from avjax.data import schema
from avjax.data.examples.augmentation import (
    Augmentation,
    mask_frames,
    random_erase,
    random_gamma,
    random_similarity,
    spec_augment,
)
from avjax.data.examples.lipreading import LipreadClip, LipToSpeechClip
from avjax.data.split_source import open_split
from avjax.errors import InputError
from avjax.faces.mouth_crop import MEAN_GREY, center_crop_mouths

LETTERS = ("", *"abcdefghijklmnopqrstuvwxyz ö")
NO_AUGMENTATION = Augmentation(max_shift=0, mirror_prob=0.0, mask_mel=False)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def clips(numbered):
    """Flat grey clips of 9 to 25 frames with the text "söft words" and one phone."""
    return open_split(numbered, "train")


@pytest.fixture
def lipread():
    return LipreadClip(
        num_frames=20, size=32, vocabulary=LETTERS, augmentation=NO_AUGMENTATION
    )


@pytest.fixture
def lip_to_speech():
    return LipToSpeechClip(num_frames=20, size=32, augmentation=NO_AUGMENTATION)


def shapes(example):
    return {key: (value.shape, value.dtype.name) for key, value in example.items()}


def input_mel(record):
    return encoder_mel(schema.to_float(record["wave"]))


def test_lipread_clip_has_documented_arrays(clips, lipread, rng):
    expected = {
        "lips": ((20, 32, 32, 1), "uint8"),
        "mel": ((80, 80), "float32"),
        "frame_mask": ((20,), "float32"),
        "labels": ((64,), "int32"),
        "label_mask": ((64,), "float32"),
        "allowed": ((20, len(lipread.vocabulary)), "uint8"),
        "weight": ((), "float32"),
    }
    for clip in (0, 5, 11):  # 9, 14 and 20 frames
        assert shapes(lipread.at(clips[clip], 0, 1)) == expected
        assert shapes(lipread.random_map(clips[clip], rng)) == expected


def test_lip_to_speech_clip_has_documented_arrays(clips, lip_to_speech, rng):
    expected = {
        "lips": ((20, 32, 32, 1), "uint8"),
        "mel": ((80, 80), "float32"),
        "frame_mask": ((20,), "float32"),
        "voice": ((80, 80), "float32"),
        "wave": ((12_800,), "float32"),
        "weight": ((), "float32"),
    }
    for clip in (0, 11, 16):  # 9, 20 and 25 frames
        assert shapes(lip_to_speech.at(clips[clip], 0, 1)) == expected
        assert shapes(lip_to_speech.random_map(clips[clip], rng)) == expected


def test_short_clip_repeats_last_frame_and_is_masked(clips, lipread, number_of):
    example = lipread.at(clips[3], 0, 1)  # 12 frames
    expected = [*range(12), *[11] * 8]
    np.testing.assert_array_equal(number_of(example["lips"]), expected)
    np.testing.assert_array_equal(example["frame_mask"], [1] * 12 + [0] * 8)
    np.testing.assert_array_equal(example["mel"][:48], input_mel(clips[3]))
    np.testing.assert_array_equal(example["mel"][48:], [input_mel(clips[3])[47]] * 32)


def test_clip_that_is_too_long_is_rejected(clips, lipread, rng):
    for example in (lipread.at, lambda *_: lipread.random_map(clips[12], rng)):
        with pytest.raises(InputError, match="clip 12 has 21 frames; at most 20 are"):
            example(clips[12], 0, 1)


def test_images_mels_and_wave_are_synchronous(clips, lip_to_speech, rng, number_of):
    record, starts = clips[16], set()  # 25 frames
    wave = schema.to_float(record["wave"])
    voice = vocoder_mel(prepare_vocoder_audio(wave))
    for _ in range(60):
        example = lip_to_speech.random_map(record, rng)
        first = number_of(example["lips"])[0]
        starts.add(first)
        np.testing.assert_array_equal(
            number_of(example["lips"]), range(first, first + 20)
        )
        columns = slice(4 * first, 4 * (first + 20))
        np.testing.assert_array_equal(example["mel"], input_mel(record)[columns])
        np.testing.assert_array_equal(example["voice"], voice[columns])
        samples = slice(640 * first, 640 * (first + 20))
        np.testing.assert_array_equal(example["wave"], wave[samples])
        assert example["frame_mask"].all()
    assert starts == set(range(6)), "every stretch is sampled"
    assert number_of(lip_to_speech.at(record, 3, 4)["lips"])[0] == 0


def test_short_lip_to_speech_clip_is_padded_with_silence(clips, lip_to_speech):
    example = lip_to_speech.at(clips[0], 0, 1)  # 9 frames
    assert example["frame_mask"].tolist() == [1] * 9 + [0] * 11
    assert example["wave"][: 9 * 640].any() and not example["wave"][9 * 640 :].any()
    np.testing.assert_array_equal(example["voice"][36:], [example["voice"][35]] * 44)


def test_labels_of_text_are_its_characters(clips, lipread):
    example = lipread.at(clips[1], 0, 1)
    text = "".join(LETTERS[i] for i in example["labels"][example["label_mask"] > 0])
    assert text == "söft words"
    np.testing.assert_array_equal(example["label_mask"], [1] * 10 + [0] * 54)
    assert not example["labels"][10:].any()


def test_characters_are_allowed_during_their_word(clips, lipread):
    """söft from 0.1 to 0.25 s, words from there to 0.3 s; a margin of 0.08 s."""
    allowed = lipread.at(clips[1], 0, 1)["allowed"]
    for frame, middle in enumerate(np.arange(20) / 25 + 0.02):
        first, second = 0.02 < middle < 0.33, 0.17 < middle < 0.38
        letters = {*("söft" if first else ""), *("words" if second else "")}
        letters |= {" "} if first or second else set()
        labels = {LETTERS[i] for i in np.flatnonzero(allowed[frame])}
        assert labels == letters | {""}, frame


def test_all_labels_are_allowed_without_times(clips, lipread):
    assert lipread.at(clips[0], 0, 1)["allowed"].all()


def test_phones_are_allowed_while_they_are_spoken(clips, lipread):
    phones = dataclasses.replace(
        lipread, vocabulary=("", "t", "s"), label_unit="phones"
    )
    allowed = phones.at(clips[1], 0, 1)["allowed"]  # s from 0.1 to 0.2 s
    assert allowed[:, 0].all() and not allowed[:, 1].any()
    assert np.flatnonzero(allowed[:, 2]).tolist() == [1, 2, 3, 4, 5, 6]


def test_labels_can_be_phones(clips, lipread):
    phones = dataclasses.replace(
        lipread, vocabulary=("", "t", "s"), label_unit="phones"
    )
    example = phones.at(clips[1], 0, 1)
    assert example["labels"].tolist() == [2] + [0] * 63
    assert example["label_mask"].sum() == 1


def test_single_word_is_one_label(clips, lipread):
    words = dataclasses.replace(
        lipread, vocabulary=("a", "söft words"), label_unit="words"
    )
    example = words.at(clips[1], 0, 1)
    assert example["labels"].tolist() == [1] and example["label_mask"].tolist() == [1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"vocabulary": ("one", "two"), "label_unit": "words"},
            "'söft words' is not in the vocabulary",
        ),
        ({"vocabulary": ("", *"abc")}, "'s' in 'söft words' is not in the alphabet"),
        (
            {"vocabulary": ("", "t"), "label_unit": "phones"},
            "'s' in .* is not in the alphabet",
        ),
    ],
)
def test_label_outside_vocabulary_is_named(clips, lipread, changes, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(lipread, **changes).at(clips[1], 0, 1)


def test_text_that_is_too_long_is_rejected(clips, lipread):
    long = {**clips[1], "text": "words " * 11}
    with pytest.raises(InputError, match="clip 1 has 66 labels; at most 64"):
        lipread.at(long, 0, 1)


def test_only_training_is_augmented(clips, rng):
    """A ramp that shows the shift and whether the image is mirrored."""
    grey = np.arange(96)[:, None] + np.arange(96)
    record = {
        **clips[5],
        "mouth": schema.Reel.from_frames([grey[..., None].astype(np.uint8)]),
    }
    transform = LipreadClip(
        14, 88, LETTERS, augmentation=Augmentation(erase_fraction=0.25)
    )

    def rises(example):
        return bool(example["lips"][0, 0, -1, 0] > example["lips"][0, 0, 0, 0])

    examples = [transform.random_map(record, rng) for _ in range(60)]
    assert 15 < sum(map(rises, examples)) < 45
    assert len({int(example["lips"][0].max()) for example in examples}) > 4, "shifted"
    fixed = [transform.at(record, place, 2) for place in range(2)]
    mouth = record["mouth"][0:1]
    for example in fixed:
        expected = center_crop_mouths(mouth, 88)[0]
        np.testing.assert_array_equal(example["lips"][0], expected)
        np.testing.assert_array_equal(example["mel"], input_mel(record))
    masked = [np.mean(example["mel"] == 0) for example in examples]
    assert np.mean(masked) > 0.1 and np.mean(fixed[0]["mel"] == 0) < 0.01
    plain = dataclasses.replace(transform, augmentation=NO_AUGMENTATION)
    np.testing.assert_array_equal(
        plain.random_map(record, rng)["mel"], input_mel(record)
    )


def test_a_clip_is_rotated_and_scaled_as_a_whole(rng):
    """A bright dot right of the centre; its place tells the rotation and the scale."""
    image = np.zeros((41, 41, 1), np.float32)
    image[18:23, 33:38] = 250
    places = []
    for _ in range(200):
        pair = random_similarity(np.stack([image, image]).astype(np.uint8), 8, 0.1, rng)
        assert pair.shape == (2, 41, 41, 1) and pair.dtype == np.uint8
        np.testing.assert_array_equal(pair[0], pair[1])
        row, column = np.nonzero(pair[0, ..., 0] > 125)
        places.append((row.mean() - 20, column.mean() - 20))
    down, right = np.array(places).T
    angles = np.degrees(np.arctan2(down, right))
    assert 6 < angles.max() < 9.5 and -9.5 < angles.min() < -6
    lengths = np.hypot(down, right) / 15
    assert 1.05 < lengths.max() < 1.15 and 0.87 < lengths.min() < 0.95


def test_gamma_keeps_black_and_white_and_the_order_of_greys(rng):
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    middle = []
    for _ in range(100):
        changed = random_gamma(ramp, 0.4, rng).ravel().astype(int)
        assert changed[0] == 0 and changed[255] == 255
        assert (np.diff(changed) >= 0).all()
        middle.append(changed[128])
    assert min(middle) < 100 and max(middle) > 150


def test_some_frames_of_each_second_become_the_mean_frame(rng):
    counts = []
    for _ in range(100):
        images = np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1).copy()
        mask_frames(images, 10, rng)
        masked = images.ravel() != np.arange(50)
        assert set(images.ravel()[masked]) <= {24}  # the mean, 24.5, rounded
        counts.append(masked.sum())
    assert max(counts) > 10, "both seconds are masked"
    assert 5 < np.mean(counts) < 11


def test_changes_without_a_limit_do_not_use_the_generator(rng):
    images = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)
    state = rng.bit_generator.state
    assert random_similarity(images, 0, 0, rng) is images
    assert random_gamma(images, 0, rng) is images
    mask_frames(images, 0, rng)
    assert rng.bit_generator.state == state


def test_random_erase_makes_one_square_grey(rng):
    erased_once = np.zeros((20, 20), bool)
    for _ in range(300):
        images = np.zeros((2, 20, 20, 1), np.uint8)
        random_erase(images, 0.5, rng)
        np.testing.assert_array_equal(images[0], images[1])
        erased = images[0, ..., 0] == MEAN_GREY
        rows, columns = erased.any(1), erased.any(0)
        np.testing.assert_array_equal(erased, rows[:, None] & columns)
        assert 7 <= rows.sum() <= 10 and 7 <= columns.sum() <= 10
        erased_once |= erased
    assert erased_once.all(), "every corner is erased sometimes"
    random_erase(images := np.zeros((2, 20, 20, 1), np.uint8), 0.0, rng)
    assert not images.any()


def test_spec_augment_masks_frames_and_bands(rng):
    frames, bands = set(), set()
    for _ in range(300):
        mel = np.ones((60, 80))
        spec_augment(mel, rng)
        gone = mel == 0
        masked_axes = gone.all(1), gone.all(0)
        np.testing.assert_array_equal(gone, masked_axes[0][:, None] | masked_axes[1])
        for sizes, masked in zip((frames, bands), masked_axes, strict=True):
            places = np.flatnonzero(masked)
            assert not len(places) or np.ptp(places) == len(places) - 1
            sizes.add(len(places))
    assert frames == set(range(20)) and bands == set(range(10))
