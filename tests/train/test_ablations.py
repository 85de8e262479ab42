"""Every ablation and benchmark imports and parses its arguments."""

import os
import pathlib
import re
import runpy
import sys
from unittest import mock

import numpy as np
import pytest

from avjax.models import registry as models_registry
from avjax.models import talker
from avjax.train.ablations.lipreading import speakers, speech_from_phones

ROOT = pathlib.Path(__file__).parents[2]
ABLATIONS = sorted(
    file.stem
    for file in (ROOT / "train" / "ablations").glob("*.py")
    if file.stem not in {"__init__", "results"}
)
ABLATIONS += [
    f"lip_memory.{name}" for name in ("contents", "release", "start", "study")
]
ABLATIONS += ["lip_codes.audio", "lip_codes.text"]
ABLATIONS += [f"lipreading.{name}" for name in ("speakers", "speech_from_phones")]
BENCHMARKS = sorted(file.stem for file in (ROOT / "tests" / "benchmarks").glob("*.py"))


def run(kind: str, name: str, monkeypatch, *arguments: str) -> int | str | None:
    """Run a module or a file as a program -> its exit status.

    What it sets for its process and what it registers is forgotten afterwards.
    """
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    monkeypatch.setattr(sys, "path", [str(ROOT / "tests" / "benchmarks"), *sys.path])
    monkeypatch.setattr(models_registry, "_SYSTEMS", dict(models_registry._SYSTEMS))
    monkeypatch.setattr(talker, "_LATENT_SPACES", dict(talker._LATENT_SPACES))
    with mock.patch.dict(os.environ), pytest.raises(SystemExit) as ended:
        if kind == "ablation":
            module = f"avjax.train.ablations.{name}"
            monkeypatch.delitem(sys.modules, module, raising=False)
            runpy.run_module(module, run_name="__main__", alter_sys=False)
        else:
            file = ROOT / "tests" / "benchmarks" / f"{name}.py"
            runpy.run_path(str(file), run_name="__main__")
    return ended.value.code


PROGRAMS = [
    *(("ablation", name) for name in ABLATIONS),
    *(("benchmark", name) for name in BENCHMARKS),
]


@pytest.mark.parametrize(("kind", "name"), PROGRAMS)
def test_program_prints_help(kind, name, monkeypatch, capsys):
    assert run(kind, name, monkeypatch, "--help") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage:")
    command = "python -m avjax.train.ablations" if kind == "ablation" else "python "
    assert command in printed


@pytest.mark.parametrize(("kind", "name"), PROGRAMS)
def test_program_refuses_unknown_arguments(kind, name, monkeypatch, capsys):
    assert run(kind, name, monkeypatch, "--no-such-option") == 2
    assert "error:" in capsys.readouterr().err


def test_the_test_split_is_read_only_where_a_command_names_it():
    """See also test_no_experiment_selects_on_the_test_split in test_experiments.py."""
    reading = re.compile(r"""(Loader|open_split)\([^()]*["']test\b|\[["']test["']\]""")
    sources = [*(ROOT / "train").rglob("*.py"), *(ROOT / "avjax").rglob("*.py")]
    assert len(sources) > 200 and reading.search('open_split(root, "test[:40]")')
    assert not [file.name for file in sources if reading.search(file.read_text())]


def test_no_clip_of_a_speaker_is_both_adapted_to_and_measured(monkeypatch):
    """Two speakers have 12 and 11 clips; one who has a single clip is left out."""
    names = ["s2"] * 12 + ["s3"] * 11 + ["s20"]
    records = [{"speaker": name} for name in names]
    monkeypatch.setattr(speakers, "open_split", lambda corpus, split: records)
    ranges = speakers.speaker_ranges("corpus")
    assert ranges == {"s2": "unseen[0:12]", "s3": "unseen[12:23]"}
    for speaker, measured in (("s2", 2), ("s3", 1)):
        folds = speakers.make_folds(ranges, speaker)
        for fold in folds:
            adapt, held = (
                set(range(*map(int, re.findall(r"\d+", part))))
                for part in (fold.adapt, fold.held)
            )
            assert len(adapt) == 10 and len(held) == measured
            assert not adapt & held
            assert {names[number] for number in adapt | held} == {speaker}
        assert len({fold.held for fold in folds}) == 2


def test_phonemes_are_told_for_each_10_ms_of_the_shortest_clip(monkeypatch):
    """A phoneme that training does not have, and what has no label, is a pause."""
    phones = {
        "phone": ["b", "x", "a"],
        "start": np.array([0.0, 0.02, 0.05]),
        "end": np.array([0.02, 0.03, 0.5]),
    }
    wave = np.random.default_rng(0).integers(-9999, 9999, 640 * 3, np.int16)
    records = [
        {"mouth": [None] * length, "wave": wave[: 640 * length], "phones": phones}
        for length in (3, 2)
    ]
    monkeypatch.setattr(speech_from_phones, "open_split", lambda corpus, split: records)
    clips = speech_from_phones.load_clips("corpus", "val", {"a": 0, "b": 1})
    told = "".join("ab-"[number] for number in clips.phones[0].argmax(-1))
    assert told == "bb---aaa" and clips.phones.shape == (2, 8, 3)
    assert (clips.phones.sum(-1) == 1).all()
    np.testing.assert_array_equal(clips.phones[0], clips.phones[1])
    assert clips.mels.shape == (2, 8, 80) and clips.waves.shape == (2, 1280)
    np.testing.assert_array_equal(clips.waves[0], clips.waves[1])
