"""`avjax doctor`: versions, devices, codecs, free space and a self-test."""

import getpass
import importlib.metadata
import json
import pathlib

import pytest

from avjax.__main__ import main
from avjax.cli import doctor, extras
from avjax.media import video_reader

ROOT = pathlib.Path(__file__).parents[2]


def test_doctor_finds_nothing_wrong_here(capsys, monkeypatch):
    monkeypatch.setenv("AVJAX_DEBUG", "1")
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)  # set by avjax
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["failed"] == []
    assert report["packages"]["jax"] and report["system"]["avjax"]
    assert "libx264" in report["codecs"]["encoders"]
    assert report["espeak"]["languages"] > 50
    assert report["variables"]["AVJAX_DEBUG"] == "1"
    assert "TF_CPP_MIN_LOG_LEVEL" not in report["variables"]
    assert {"app", "metrics", "cuda"} <= set(report["extras"])
    assert not {"test", "dev"} & set(report["extras"])
    assert set(report["self-test"]) == {"jit", "video"}


def test_part_that_fails_is_reported_and_the_others_too(capsys, monkeypatch):
    def lack_codec():
        raise ImportError("FFmpeg lacks the encoders aac")

    def find(name):
        return lambda: {"name": name}

    for name in ("devices", "packages", "espeak", "cache"):
        monkeypatch.setattr(doctor, f"find_{name}", find(name))
    monkeypatch.setattr(doctor, "find_codecs", lack_codec)
    monkeypatch.setattr(doctor, "run_self_test", find("test"))
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "codecs     error ImportError: FFmpeg lacks the encoders aac" in lines
    assert lines[-1] == "failed: codecs"
    assert any(line.startswith("espeak ") for line in lines)


def test_extra_names_the_packages_that_are_missing(monkeypatch):
    requirements = {
        "avjax": ["jax>=0.10", "pesq; extra == 'metrics'", "jax[tpu]; extra == 'tpu'"],
        "jax": ["numpy", "libtpu==0.1; extra == 'tpu'"],
    }

    def version(name):
        if name not in requirements:
            raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.requires", requirements.get)
    monkeypatch.setattr("importlib.metadata.version", version)
    assert extras.find_missing("avjax", "metrics") == ["pesq"]
    assert extras.find_missing("avjax", "tpu") == ["libtpu"]
    assert extras.find_missing("avjax", "dnd") == []


def test_self_test_notices_a_video_that_differs(tmp_path, monkeypatch):
    read = video_reader.read_clip
    monkeypatch.setattr(video_reader, "read_clip", lambda file: read(file)[:-1])
    with pytest.raises(RuntimeError, match="read again differs"):
        doctor.check_video(tmp_path / "test.mp4")


def test_paths_do_not_name_the_user(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    assert doctor.shorten("/home/ada/.cache/avjax") == "~/.cache/avjax"
    assert doctor.shorten("--dir=/scratch/ada/x:/scratch/adam") == (
        "--dir=/scratch/USER/x:/scratch/adam"
    )


def test_issue_template_asks_for_the_output_of_doctor():
    template = ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.md"
    assert "avjax doctor" in template.read_text(encoding="utf-8")
