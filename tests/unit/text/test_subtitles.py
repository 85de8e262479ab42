"""Tests of writing SubRip subtitles."""

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from avjax.text.intervals import TimedWord
from avjax.text.subtitles import to_srt

CUE = re.compile(r"(\d+)\n(\S+) --> (\S+)\n(.+)\n")


def timed(
    text: str, pace: float = 0.5, start: float = 0.0, length: float = 0.3
) -> list[TimedWord]:
    """Make a word every `pace` seconds, each `length` seconds long."""
    starts = itertools.count()
    return [
        TimedWord(word, start + pace * i, start + pace * i + length, 0.9)
        for word, i in zip(text.split(), starts, strict=False)
    ]


def seconds(clock: str) -> float:
    hours, minutes, seconds_text = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds_text.replace(",", "."))


def read(srt: str) -> list[tuple[float, float, str]]:
    """Parse (start, end, text) of every cue; the numbers must count from 1."""
    cues = CUE.findall(srt)
    assert [int(number) for number, *_ in cues] == list(range(1, len(cues) + 1))
    assert "\n".join("{}\n{} --> {}\n{}\n".format(*cue) for cue in cues) == srt
    return [(seconds(start), seconds(end), text) for _, start, end, text in cues]


def test_sentence_is_one_cue():
    srt = to_srt(timed("place blue in u", start=3661.25))
    assert srt == "1\n01:01:01,250 --> 01:01:03,050\nplace blue in u\n"


def test_no_words_give_an_empty_file():
    assert to_srt([]) == ""


def test_pause_separates_cues():
    words = timed("bin red") + timed("by now", start=2.0)
    assert read(to_srt(words)) == [(0, 1.0, "bin red"), (2.0, 3.0, "by now")]


def test_cue_text_is_limited():
    srt = to_srt(timed("twelve letters " * 8, pace=0.2, length=0.1))
    texts = [text for *_, text in read(srt)]
    assert texts[0] == "twelve letters twelve letters twelve"
    assert max(map(len, texts)) <= 42 and len(texts) == 4


def test_cue_duration_is_limited():
    cues = read(to_srt(timed("a " * 30, pace=0.8)))
    assert all(end - start <= 5 for start, end, _ in cues)
    assert cues[0][2] == "a a a a a a"


def test_short_cue_is_extended_until_the_next():
    words = [TimedWord("a", 1.0, 1.04, 1), TimedWord("b", 1.8, 1.84, 1)]
    assert read(to_srt(words)) == [(1.0, 1.8, "a"), (1.8, 2.8, "b")]


def test_long_word_is_a_separate_cue():
    long = "m" * 60
    srt = to_srt([TimedWord(long, 0, 9, 1), TimedWord("yes", 9.1, 9.5, 1)])
    assert read(srt) == [(0, 9, long), (9.1, 10.1, "yes")]


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0.001, 2), st.integers(1, 30))))
def test_no_word_is_lost_and_no_cue_overlaps_the_next(samples):
    words, time = [], 0.0
    for pause, length, letters in samples:
        words.append(TimedWord("w" * letters, time + pause, time + pause + length, 0.5))
        time += pause + length
    cues = read(to_srt(words))
    assert " ".join(text for *_, text in cues).split() == [word.word for word in words]
    assert all(start < end for start, end, _ in cues if end - start > 0.002)
    for cue, following in itertools.pairwise(cues):
        assert cue[0] <= cue[1] <= following[0]
