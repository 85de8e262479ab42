"""Tests of complete clips and of the splits."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from avjax.constants import FPS, SAMPLE_RATE
from avjax.data.puppet import MAX_FRAMES, MIN_FRAMES, make_clip, plan_clip
from avjax.media import read_audio, read_clip

DIGEST = """
import hashlib, multiprocessing
from avjax.data.puppet import make_clip

def digest(index):
    clip = make_clip(3, index, 64)
    sha = hashlib.sha256()
    for part in (clip.frames, clip.wave, clip.landmarks, clip.articulation):
        sha.update(part.tobytes())
    sha.update(repr((clip.phones, clip.words, clip.text)).encode())
    return sha.hexdigest()

if __name__ == "__main__":
    print(digest(2))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(*pool.map(digest, [0, 1, 2, 3]), sep="\\n")
    print(digest(1))
"""


def digest(clip) -> str:
    sha = hashlib.sha256()
    for part in (clip.frames, clip.wave, clip.landmarks, clip.articulation):
        sha.update(part.tobytes())
    sha.update(repr((clip.phones, clip.words, clip.text)).encode())
    return sha.hexdigest()


def test_clips_do_not_depend_on_the_order_of_calls(clips):
    reordered = [make_clip(3, index, 64) for index in (4, 2, 0)]
    assert [digest(clip) for clip in reordered] == [digest(clips[i]) for i in (4, 2, 0)]


def test_clips_are_equal_in_other_processes_and_forks(clips):
    """A fork that inherits a running eSpeak process starts its own."""
    process = subprocess.run(
        [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True
    )
    expected = [digest(clips[index]) for index in (2, 0, 1, 2, 3, 1)]
    assert process.stdout.split() == expected


def test_seed_changes_the_clip(clips):
    assert digest(make_clip(4, 2, 64)) != digest(clips[2])


def test_clip_shapes_and_labels(clips):
    for clip in clips:
        count = len(clip.frames)
        assert clip.frames.shape == (count, 64, 64, 3) and clip.frames.dtype == np.uint8
        assert clip.wave.shape == (640 * count,) and clip.wave.dtype == np.float32
        assert clip.landmarks.shape == (count, 20, 2)
        assert len(clip.articulation) == count
        assert MIN_FRAMES <= count <= MAX_FRAMES
        times = [time for _, *span in clip.phones for time in span]
        assert times == sorted(times) and times[-1] <= count / FPS
        assert [word for word, *_ in clip.words] == clip.text.lower().split()


def test_wave_is_on_the_16_bit_grid(clips):
    steps = clips[0].wave * 32768
    np.testing.assert_array_equal(steps, np.round(steps))


def test_audio_is_loud_during_phones(clips):
    for clip in clips:
        seconds = (np.arange(len(clip.wave)) + 0.5) / SAMPLE_RATE
        inside = np.zeros(len(seconds), bool)
        for _, start, end in clip.phones:
            inside |= (seconds > start) & (seconds < end)
        power = clip.wave.astype(float) ** 2
        assert power[inside].mean() > 30 * power[~inside].mean()


def test_jaw_opening_correlates_with_loudness(clips):
    """The correlation is computed over several clips."""
    level = np.concatenate(
        [np.sqrt((c.wave.reshape(-1, 640) ** 2).mean(axis=1)) for c in clips]
    )
    jaw = np.concatenate([clip.articulation[:, 0] for clip in clips])
    assert np.corrcoef(level, jaw)[0, 1] > 0.4


def test_splits_share_neither_speakers_nor_sentences():
    plans = [plan_clip(0, index) for index in range(3000)]
    for field in (lambda p: p.puppet.name, lambda p: (p.kind, p.text)):
        train, val, test = (
            {field(p) for p in plans if p.split == split and p.kind != "word"}
            for split in ("train", "val", "test")
        )
        assert train and val and test
        assert not train & (val | test)
    val, test = (
        {p.puppet.name for p in plans if p.split == split} for split in ("val", "test")
    )
    assert not val & test


def test_all_splits_have_the_same_single_words():
    plans = [plan_clip(0, index) for index in range(6000)]
    train, val, test = (
        {p.text for p in plans if p.split == split and p.kind == "word"}
        for split in ("train", "val", "test")
    )
    assert test | val <= train and min(len(test), len(val)) > 45


def test_corpus_of_one_kind():
    for index in range(40):
        plan = plan_clip(0, index, ("word",))
        assert plan.kind == "word" and len(plan.text.split()) == 1
        is_held_out = plan.split != "train"
        assert is_held_out == (plan_clip(0, index).split != "train")
    clip = make_clip(3, 2, 32, ("word",))
    assert clip.kind == "word" and clip.text == plan_clip(3, 2, ("word",)).text
    assert [word for word, *_ in clip.words] == [clip.text]


def test_kinds_have_equal_chances():
    kinds = [plan_clip(0, index).kind for index in range(2000)]
    fraction = {kind: kinds.count(kind) / 2000 for kind in set(kinds)}
    assert fraction == {
        "grid": pytest.approx(0.5, abs=0.04),
        "word": pytest.approx(0.25, abs=0.04),
        "free": pytest.approx(0.25, abs=0.04),
    }


def test_clip_is_saved_with_its_sound(tmp_path):
    clip = make_clip(3, 2, 32, ("word",))
    clip.save(tmp_path / "clip.mp4")
    assert read_clip(tmp_path / "clip.mp4").shape == clip.frames.shape
    wave = read_audio(tmp_path / "clip.mp4", SAMPLE_RATE)[: len(clip.wave)]
    assert np.corrcoef(wave, clip.wave[: len(wave)])[0, 1] > 0.9
