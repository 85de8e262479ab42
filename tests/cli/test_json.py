"""`--json`: every command prints one JSON value, and nothing else, on its output."""

import argparse
import json
import types
from fractions import Fraction

import numpy as np
import pytest

from avjax.__main__ import COMMANDS, DELEGATED_COMMANDS, main
from avjax.cli.output import print_json
from avjax.cli.parser import make_parser
from avjax.data.__main__ import make_parser as make_data_parser
from avjax.media.photo_io import Photo
from avjax.pipelines import adapt, speak, talk
from avjax.pipelines.adapt import AdaptReport
from avjax.pipelines.denoising.files import DenoisedFile
from avjax.pipelines.denoising.result import DenoiseResult
from avjax.pipelines.speak import GeneratedSpeech
from avjax.pipelines.talk_report import TalkReport
from avjax.pipelines.talking.fit_audio import AudioFit
from avjax.pipelines.talking.fit_editor import EditorFit
from avjax.train.__main__ import make_evaluate_parser, make_train_parser

FILE = __file__  # an input that exists


def leaves(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """List the parsers of a program that have no commands below them."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return [leaf for child in action.choices.values() for leaf in leaves(child)]
    return [parser]


def test_every_command_takes_json():
    parsers = leaves(make_parser(COMMANDS, {}))
    parsers += leaves(make_data_parser())
    parsers += [make_train_parser(), make_evaluate_parser()]
    lacking = [
        parser.prog
        for parser in parsers
        if "--json" not in parser._option_string_actions
    ]
    assert not lacking and len(parsers) > len({*COMMANDS, *DELEGATED_COMMANDS})


def run(words: list[str], capsys) -> dict:
    """Run a command with --json, and parse all that it prints."""
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_talk_prints_its_report_as_json(monkeypatch, capsys, tmp_path):
    report = TalkReport(50, Fraction(25), "lipwarp-people", 96, missed_frames=[3, 4])
    report.add_frame(0, np.zeros((8, 8, 3), np.uint8), np.array([0, 0, 40, 40]), False)
    video = types.SimpleNamespace(save=lambda path: report)
    monkeypatch.setattr(talk, "talk", lambda *_, **__: video)
    out = str(tmp_path / "out.mp4")
    words = ["talk", "--face", FILE, "--text", "hello", "-o", out]
    printed = run(words, capsys)
    assert printed["wrote"] == [out] and printed["seconds"] == 2.0
    assert printed["missed_frames"] == [[3, 4]] and printed["face_width"] == 40.0
    assert printed["mouth_motion"] == {"speech": None, "silence": None}
    assert "50 frames at 25 fps" in printed["report"][0]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f"wrote {out}: 50 frames at 25 fps")


def test_speak_prints_its_report_as_json(monkeypatch, capsys, tmp_path):
    wave = np.zeros(8000, np.float32)
    speech = GeneratedSpeech(
        wave, np.zeros((50, 80)), [1], 12, "bridging-speech-puppet"
    )
    monkeypatch.setattr(speak, "speak", lambda *_, **__: speech)
    out = str(tmp_path / "out.wav")
    printed = run(["speak", FILE, "-o", out], capsys)
    assert printed["wrote"] == [out] and printed["missed_frames"] == [[1, 1]]
    assert (printed["seconds"], printed["num_frames"]) == (0.5, 12)


def test_adapt_prints_its_report_as_json(monkeypatch, capsys, tmp_path):
    editor = EditorFit({}, 4, 0.05, 0.04)
    audio = AudioFit({}, (), float("inf"), 2, (1.0, 0.9), (0.5, 0.6))
    report = AdaptReport(2.5, 10, editor, audio, "lipwarp-people")
    adapted = types.SimpleNamespace(save=lambda folder: None, report=report)
    monkeypatch.setattr(adapt, "adapt", lambda *_, **__: adapted)
    printed = run(["adapt", FILE, "-o", str(tmp_path / "me")], capsys)
    assert printed["editor"] == {"kept_steps": 4, "error_before": 0.05, "error": 0.04}
    assert printed["audio"]["corrected"] is False and printed["audio"]["offset"] == 2


def test_denoised_file_is_described_for_json():
    photo = Photo(np.zeros((4, 6, 3), np.uint8))
    losses = np.array([0.5, 0.4], np.float32), np.array([0.5, 0.4, 0.45], np.float32)
    result = DenoiseResult(photo, *losses, 1)
    content = DenoisedFile(FILE, str(result), result.to_json()).to_json()
    assert json.loads(json.dumps(content)) == content
    assert (content["height"], content["width"]) == (4, 6)
    assert (content["steps"], content["kept_steps"]) == (2, 1)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["talk", "--list-languages"], "en-us"),
        (["train", "--list"], "bridging_puppet"),
        (["train", "bridging_puppet", "--show"], "steps"),
    ],
)
def test_lists_are_printed_as_json(words, key, capsys):
    assert key in run(words, capsys)


def test_numbers_that_json_lacks_are_null(capsys):
    print_json({"a": [float("nan"), 1.5], "b": (float("inf"),)})
    assert json.loads(capsys.readouterr().out) == {"a": [None, 1.5], "b": [None]}
