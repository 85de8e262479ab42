"""Tests of reading WebVTT subtitles."""

import pytest

from avjax.errors import InputError
from avjax.text.subtitles import Cue
from avjax.text.webvtt import read_vtt


def read(tmp_path, text):
    (tmp_path / "a.vtt").write_text(text, encoding="utf-8")
    return read_vtt(tmp_path / "a.vtt")


def test_cues_with_names_settings_and_markup(tmp_path):
    text = """\ufeffWEBVTT - A title

STYLE
::cue { color: red }

NOTE a --> b
is a comment

intro
00:01.500 --> 00:03.000 align:start position:0%
<v Anna>Hello,
<i>you</i> &amp; me

01:00:03.000 --> 01:00:04.000
<c.loud>Bye</c>
"""
    assert read(tmp_path, text.replace("\n", "\r\n")) == [
        Cue(1.5, 3.0, "Hello, you & me"),
        Cue(3603.0, 3604.0, "Bye"),
    ]


def test_times_inside_of_a_cue_give_words(tmp_path):
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\none<00:01.400><c> two</c>\n"
    assert read(tmp_path, text) == [Cue(1.0, 1.4, "one"), Cue(1.4, 2.0, "two")]


def test_lines_that_roll_up_are_read_once(tmp_path):
    text = """WEBVTT

00:00.000 --> 00:02.000
{space}
good<00:00.500><c> day</c>

00:02.000 --> 00:02.010
good day
{space}

00:02.010 --> 00:04.000
good day
my<00:02.500><c> friend</c>
"""
    cues = read(tmp_path, text.format(space=" "))  # as automatic captions have it
    assert [cue.text for cue in cues] == ["good", "day", "my", "friend"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n00:01.000 --> 00:02.000\nx\n", "not WEBVTT"),
        ("WEBVTT\n\n1 --> 2\nx\n", "without times"),
        ("WEBVTT\n\n00:02.000 --> 00:01.000\nx\n", "ends before it begins"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\n...\n", "contains no subtitles"),
        ("WEBVTT\n", "contains no subtitles"),
    ],
)
def test_invalid_files_are_rejected(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_another_encoding_is_rejected(tmp_path):
    (tmp_path / "a.vtt").write_bytes("WEBVTT ü".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_vtt(tmp_path / "a.vtt")
