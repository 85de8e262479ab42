"""Timed words as subtitles, and subtitles of files."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avjax.algorithms.ctc import Word
from avjax.errors import InputError
from avjax.text.subtitles import Cue, read_srt, to_srt

CUE = re.compile(r"(\d+)\n(\S+) --> (\S+)\n(.+)\n")


def spoken(text: str, pace: float = 0.5, start: float = 0.0, length=0.3) -> list[Word]:
    """A word every `pace` seconds, each `length` seconds long."""
    starts = itertools.count()
    return [
        Word(word, start + pace * i, start + pace * i + length, 0.9)
        for word, i in zip(text.split(), starts, strict=False)
    ]


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))


def read(srt: str) -> list[tuple[float, float, str]]:
    """(start, end, text) of every cue; the numbers must count from 1."""
    cues = CUE.findall(srt)
    assert [int(number) for number, *_ in cues] == list(range(1, len(cues) + 1))
    assert "\n".join("{}\n{} --> {}\n{}\n".format(*cue) for cue in cues) == srt
    return [(seconds(start), seconds(end), text) for _, start, end, text in cues]


def test_a_sentence_is_one_cue():
    srt = to_srt(spoken("place blue in u", start=3661.25))
    assert srt == "1\n01:01:01,250 --> 01:01:03,050\nplace blue in u\n"


def test_nothing_said_is_an_empty_file():
    assert to_srt([]) == ""


def test_a_pause_parts_two_cues():
    words = spoken("bin red") + spoken("by now", start=2.0)
    assert read(to_srt(words)) == [(0, 1.0, "bin red"), (2.0, 3.0, "by now")]


def test_a_cue_is_parted_before_it_is_too_long_to_read():
    srt = to_srt(spoken("twelve letters " * 8, pace=0.2, length=0.1))
    texts = [text for *_, text in read(srt)]
    assert texts[0] == "twelve letters twelve letters twelve"
    assert max(map(len, texts)) <= 42 and len(texts) == 4


def test_a_cue_is_parted_before_it_stands_too_long():
    cues = read(to_srt(spoken("a " * 30, pace=0.8)))
    assert all(end - start <= 5 for start, end, _ in cues)
    assert cues[0][2] == "a a a a a a"


def test_a_short_word_stays_until_it_can_be_read():
    words = [Word("a", 1.0, 1.04, 1), Word("b", 1.8, 1.84, 1)]
    assert read(to_srt(words)) == [(1.0, 1.8, "a"), (1.8, 2.8, "b")]


def test_a_word_longer_than_a_cue_stands_alone():
    long = "m" * 60
    srt = to_srt([Word(long, 0, 9, 1), Word("yes", 9.1, 9.5, 1)])
    assert read(srt) == [(0, 9, long), (9.1, 10.1, "yes")]


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0.001, 2), st.integers(1, 30))))
def test_no_word_is_lost_and_no_cue_overlaps_the_next(drawn):
    words, now = [], 0.0
    for pause, length, letters in drawn:
        words.append(Word("w" * letters, now + pause, now + pause + length, 0.5))
        now += pause + length
    cues = read(to_srt(words))
    assert " ".join(text for *_, text in cues).split() == [one.word for one in words]
    assert all(start < end for start, end, _ in cues if end - start > 0.002)
    for one, other in itertools.pairwise(cues):
        assert one[0] <= one[1] <= other[0]


def test_subtitles_that_were_written_are_read_again(tmp_path):
    file, words = tmp_path / "a.srt", spoken("place blue") + spoken("in u", start=4.5)
    file.write_text(to_srt(words))
    assert read_srt(file) == [Cue(0, 1, "place blue"), Cue(4.5, 5.5, "in u")]


MESSY = """\ufeff1\r
00:00:04.5 --> 00:00:06,250  X1:40 Y1:20\r
{\\an8}<i>Two</i>\r
<b>lines</b>\r
\r
\r
0:00:01,000-->00:00:02,000\r
first & 42\r
\r
3\r
00:00:07,000 --> 00:00:08,000\r
♪\r
"""


def test_files_of_others_are_read_as_they_come(tmp_path):
    """Marks, byte order, no numbers, no order, and cues without a word."""
    file = tmp_path / "messy.srt"
    file.write_bytes(MESSY.encode())
    first, second = read_srt(file)
    assert first == Cue(1, 2, "first & 42")
    assert second == Cue(4.5, 6.25, "Two lines")


def test_a_cue_may_hold_nothing_or_empty_lines_or_signs(tmp_path):
    """Of two with the same times, the first is said first."""
    file = tmp_path / "odd.srt"
    cues = [
        "1\n00:00:01,000 --> 00:00:02,000\n<i></i>",
        "2\n00:00:03,000 --> 00:00:04,000\nzebra\n\nwith x<y and y>z",
        "3\n00:00:03,000 --> 00:00:04,000\napple &amp; <font color=red>pear</font>",
    ]
    file.write_text("\n\n".join(cues))
    texts = ["zebra with x<y and y>z", "apple & pear"]
    assert read_srt(file) == [Cue(3, 4, text) for text in texts]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "it is empty"),
        ("\n\n", "no subtitles in it"),
        ("hello\n", "line 1 of .* begins no subtitle"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nyes\n", "line 1 of"),
        ("1\n00:00:01,000 --> 00:0", "line 1 of .* it has no times"),
        ("1\n", "line 1 of"),
        ("1\n00:00:01,000 --> 00:00:02,000\nyes\n\n2\n", "line 5 of"),
        ("1\n00:00:01,000 --> 00:00:02,000\n", "nothing to say in"),
        ("1\n00:00:01,000 --> 00:00:02,000\nyes\n\n2\n00:03 --> 00:04", "line 5 of"),
        ("1\n00:00:03,000 --> 00:00:02,000\nyes\n", "ends before it begins"),
        ("1\n00:00:01,000 --> 00:61:02,000\nyes\n", "line 1 of"),
        ("1\n00:00:01,000 --> 99:00:02,000\nyes\n", "more than 6 hours"),
        ("1\n00:00:01,000 --> 00:00:02,000\n...\n", "nothing to say in"),
    ],
)
def test_a_torn_file_is_one_sentence(content, error, tmp_path):
    (tmp_path / "torn.srt").write_text(content)
    with pytest.raises(InputError, match=error) as told:
        read_srt(tmp_path / "torn.srt")
    assert "\n" not in str(told.value)


def test_what_is_no_text_is_one_sentence(tmp_path):
    (tmp_path / "bytes.srt").write_bytes(b"1\n00:00:01,000 --> 00:00:02,000\n\xff\xe4")
    with pytest.raises(InputError, match="no text in UTF-8"):
        read_srt(tmp_path / "bytes.srt")
    for name in ("missing.srt", "."):
        with pytest.raises(InputError, match="cannot read"):
            read_srt(tmp_path / name)
