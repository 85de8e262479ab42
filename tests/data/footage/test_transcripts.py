"""Words of transcripts, and those of a stretch."""

import pytest

from avjax.data.footage.transcripts import (
    read_transcript,
    spoken_words,
    timed_words,
    words_of_stretch,
)
from avjax.errors import InputError
from avjax.text.subtitles import Cue

CUES = [Cue(0.0, 2.0, "one two"), Cue(2.0, 4.0, "three"), Cue(5.0, 6.0, "four")]


def test_words_are_lower_case_without_punctuation():
    assert spoken_words("[Music] It’s 'over', Mr. X! (laughs) – ÜBER-all 25") == (
        ["it's", "over", "mr", "x", "über", "all", "25"]
    )
    assert spoken_words("u\u0308ber") == ["über"], "composed"
    assert spoken_words("আমি") == ["আমি"], "vowel signs stay"


def test_text_file_has_no_times(tmp_path):
    (tmp_path / "a.txt").write_text("Hello,\n\nworld!", encoding="utf-8-sig")
    assert read_transcript(tmp_path / "a.txt") == ((), False, "hello world")


def test_subtitles_keep_their_times(tmp_path):
    (tmp_path / "a.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,500\n<i>Hello,</i> you\n\n"
        "2\n00:00:03,000 --> 00:00:04,000\n[applause]\n"
    )
    out = read_transcript(tmp_path / "a.srt")
    assert out.cues == (Cue(1.0, 2.5, "hello you"),) and not out.has_words
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.500\nHello\n")
    assert read_transcript(tmp_path / "a.vtt").has_words


@pytest.mark.parametrize("suffix", [".txt", ".srt", ".vtt"])
def test_transcript_without_words_or_in_another_encoding_is_rejected(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    head = "WEBVTT\n\n" if suffix == ".vtt" else ""
    times = "" if suffix == ".txt" else "00:00:01,000 --> 00:00:02,500\n"
    for content in (f"{head}{times}[music]\n".encode(), "größer".encode("latin-1")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=path.name):
            read_transcript(path)


def test_stretch_has_the_subtitles_inside_of_it():
    assert words_of_stretch(CUES, 0.0, 4.5) == CUES[:2]
    assert words_of_stretch(CUES, 0.1, 1.9) == CUES[:1], "small differences are allowed"
    assert words_of_stretch(CUES, 4.1, 4.9) == []


def test_stretch_that_divides_a_subtitle_has_no_words():
    assert words_of_stretch(CUES, 1.0, 4.5) is None
    assert words_of_stretch(CUES, 2.5, 3.5) is None


def test_times_of_words_are_relative_to_the_stretch():
    words = timed_words(CUES[1:], 2.1, 5.9)
    assert [word.label for word in words] == ["three", "four"]
    assert words[0].start == 0 and words[1].start == pytest.approx(2.9)
    assert words[1].end == pytest.approx(3.8)


def test_short_word_beside_a_cut_is_in_one_stretch():
    word = Cue(5.03, 5.13, "a")
    assert words_of_stretch([word], 0.0, 5.0) == []
    assert words_of_stretch([word], 5.0, 9.0) == [word]
    early = Cue(4.95, 5.03, "b")
    assert words_of_stretch([early], 0.0, 5.0) == [early]
    assert words_of_stretch([early], 5.0, 9.0) == []
