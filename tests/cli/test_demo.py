"""The command `avjax demo`."""

import numpy as np
import pytest

from avjax.__main__ import main
from avjax.cli.demo import DEMO_PUPPET
from avjax.constants import FPS, SAMPLE_RATE
from avjax.data import puppet
from avjax.media import audio_io, video_reader

DEMO_TEXT = "Do you see me?"


def test_demo_shows_a_person_that_is_in_no_training_set(tmp_path, capsys):
    assert DEMO_PUPPET[1] >= puppet.NUM_SPEAKERS - puppet.NUM_HELD_SPEAKERS
    person = puppet.make_puppet(*DEMO_PUPPET)
    expected = puppet.speak(person, DEMO_TEXT).wave
    assert main(["demo", str(tmp_path / "demo"), "--text", DEMO_TEXT]) == 0
    names = {"face.png", "sound.wav", "talk.mp4", "contact_sheet.png"}
    assert {file.name for file in (tmp_path / "demo").iterdir()} == names
    printed = capsys.readouterr().out
    assert " frames at 25 fps" in printed and "box" not in printed
    info = video_reader.probe(tmp_path / "demo" / "talk.mp4")
    wave = audio_io.read_audio(tmp_path / "demo" / "sound.wav")
    np.testing.assert_allclose(wave, expected, atol=1e-4)
    assert abs(info.duration - len(expected) / SAMPLE_RATE) <= 1 / FPS


def test_demo_refuses_a_file_in_place_of_a_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["demo", str(tmp_path / "file")]) == 2


@pytest.mark.parametrize("text", ["", "...", "привет"])
def test_demo_refuses_text_that_the_voice_cannot_speak(text, tmp_path, capsys):
    assert main(["demo", str(tmp_path / "demo"), "--text", text]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("avjax: ") and not list(tmp_path.iterdir())


def test_demo_does_not_replace_a_folder_with_other_files(tmp_path, capsys):
    (tmp_path / "face.png").write_text("mine")
    assert main(["demo", str(tmp_path)]) == 2
    assert "holds files other than face.png, " in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["face.png"]
    assert (tmp_path / "face.png").read_text() == "mine"
