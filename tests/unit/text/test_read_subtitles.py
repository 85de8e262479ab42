"""Subtitle files are read as players read them."""

import pytest

from avjax.errors import InputError
from avjax.text.intervals import TimedWord
from avjax.text.subtitles import Cue, read_subtitles, to_srt

FIRST, SECOND = "00:00:01,000 --> 00:00:02,000", "00:00:03,000 --> 00:00:04,500"


def read(tmp_path, text, **options):
    (tmp_path / "subtitles").write_bytes(text.encode())
    return read_subtitles(tmp_path / "subtitles", **options)


def read_two(tmp_path, text) -> list[str]:
    """Read two cues at the times above; return their texts."""
    first, second = read(tmp_path, text)
    assert (first.start, first.end, second.start, second.end) == (1, 2, 3, 4.5)
    return [first.text, second.text]


def test_round_trip(tmp_path):
    words = [TimedWord("place", 0, 0.3, 1), TimedWord("blue", 0.4, 0.9, 1)]
    words += [TimedWord("u", 4.5, 5.6, 1)]
    expected = [Cue(0, 1, "place blue"), Cue(4.5, 5.6, "u")]
    assert read(tmp_path, to_srt(words)) == expected


LAYOUTS = {
    "as it should be": f"1\n{FIRST}\nyes\n\n2\n{SECOND}\nno\n",
    "no empty line": f"1\n{FIRST}\nyes\n2\n{SECOND}\nno",
    "no numbers": f"{FIRST}\nyes\n\n{SECOND}\nno",
    "no numbers, no empty line": f"{FIRST}\nyes\n{SECOND}\nno",
    "more empty lines": f"\n1\n\n{FIRST}\n\nyes\n\n\n2\n\n{SECOND}\n\nno\n\n",
    "lines of other systems": f"1\r{FIRST}\ryes\r\r2\r{SECOND}\rno\r",
    "points, spaces and a place": "1\n0:00:01.0-->0:00:02.000\nyes\n\n"
    "2\n 00:00:03.000  -->  00:00:04.5  X1:40 Y1:20\nno",
    "no hours": "1\n00:01,000 --> 00:02,000\nyes\n\n2\n00:03 --> 00:04,500\nno",
    "WebVTT": "WEBVTT\n\n00:01.000 --> 00:02.000\nyes\n\n"
    "00:03.000 --> 00:04.500 align:start\nno",
    "WebVTT with numbers": f"WEBVTT\n\n1\n{FIRST}\nyes\n\n2\n{SECOND}\nno",
    "WebVTT with names": f"WEBVTT\n\nintro\n{FIRST}\nyes\n\nlate reply\n{SECOND}\nno",
    "WebVTT without empty lines": f"WEBVTT\n\n{FIRST}\nyes\n{SECOND}\nno",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_times_start_a_subtitle_in_any_layout(layout, tmp_path):
    assert read_two(tmp_path, LAYOUTS[layout]) == ["yes", "no"]


def test_times_may_have_no_milliseconds(tmp_path):
    text = "1\n00:00:01 --> 00:01:02\nyes\n"
    assert read(tmp_path, text) == [Cue(1, 62, "yes")]


@pytest.mark.parametrize(
    "text",
    [
        f"1\n{FIRST}\nThe year was\n\n1984\n\n2\n{SECOND}\n1985\n",
        f"1\n{FIRST}\nThe year was\n1984\n2\n{SECOND}\n1985",
        f"{FIRST}\nThe year was\n1984\n\n{SECOND}\n1985",
        f"WEBVTT\n\n{FIRST}\nThe year was\n1984\n\n{SECOND}\n1985",
    ],
)
def test_line_of_text_may_be_a_number(text, tmp_path):
    assert read_two(tmp_path, text) == ["The year was 1984", "1985"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings_of_unicode_are_read(encoding, tmp_path):
    (tmp_path / "a.srt").write_bytes(f"1\n{FIRST}\ngro\u0308ßer".encode(encoding))
    assert read_subtitles(tmp_path / "a.srt") == [Cue(1, 2, "größer")]


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ('<i>a</i> <span class="x y">b</span> <s>c</s>', "a b c"),
        ("{\\an8}<b>two</b>\n<font color=red>lines</font>", "two lines"),
        ("one<br/>two\\Nthree", "one two three"),
        ("<v Anna><c.loud.red>Hello</c></v> <lang en-GB>you</lang>", "Hello you"),
        ("<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>", "漢字"),
        ("x<y and y>z &amp; 1 < 2 &lt;b&gt; ", "x<y and y>z & 1 < 2 <b>"),
        ("one<00:00:01.400><c> two</c>", "one two"),
        ("a\n\nb&shy;c", "a bc"),
    ],
)
def test_markup_is_not_text(marked, plain, tmp_path):
    assert read(tmp_path, f"1\n{FIRST}\n{marked}\n") == [Cue(1, 2, plain)]


def test_cues_without_words_are_left_out_and_the_others_are_sorted(tmp_path):
    times = "00:00:07,000 --> 00:00:08,000"
    cues = [f"1\n{SECOND}\nno", f"2\n{FIRST}\nyes", f"3\n{times}\n♪", f"4\n{times}\n"]
    assert read_two(tmp_path, "\n\n".join(cues)) == ["yes", "no"]


def test_comments_and_styles_of_webvtt_are_not_text(tmp_path):
    text = f"""\ufeffWEBVTT - A title
Kind: captions

STYLE
::cue {{ color: red }}

NOTE a --> b
is a comment

{FIRST}
yes

NOTE another

{SECOND}
no

NOTE the end
"""
    assert read_two(tmp_path, text) == ["yes", "no"]


def test_times_inside_of_a_cue_give_words_if_requested(tmp_path):
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\none<00:01.400><c> two</c>\n"
    words = [Cue(1.0, 1.4, "one"), Cue(1.4, 2.0, "two")]
    assert read(tmp_path, text, split_words=True) == words
    assert read(tmp_path, text) == [Cue(1, 2, "one two")]


ROLLING = """WEBVTT

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


def test_lines_that_roll_up_are_read_once(tmp_path):
    text = ROLLING.format(space=" ")  # as automatic captions have it
    assert [cue.text for cue in read(tmp_path, text)] == ["good day", "my friend"]
    words = read(tmp_path, text, split_words=True)
    assert [cue.text for cue in words] == ["good", "day", "my", "friend"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "it is empty"),
        ("\n\n", "contains no subtitles"),
        ("WEBVTT\n", "contains no subtitles"),
        ("hello\n", "line 1 of .* is not the start of a subtitle: it has no times"),
        ("1\n", "line 1 of .* has no times"),
        (f"hello\n\n1\n{FIRST}\nyes", "line 1 of .* has no times"),
        (f"WEBVTT\n\nhello\n\n{FIRST}\nyes", "line 3 of .* has no times"),
        ("WEBVTT\n\n1 --> 2\nx\n", "line 3 of .* has no times"),
        ("1\n00:00:01,000 --> 00:0", "line 2 of .* times are not valid"),
        (f"1\n{FIRST}\nyes\n\n2\n", "line 5 of .* has no times"),
        (f"1\n{FIRST}\nyes\n\n2\n00:00:0", "line 5 of .* has no times"),
        (f"1\n{FIRST}\n\n2\n0:03,5 -->", "line 5 of .* times are not valid"),
        (f"1\n{FIRST}\n", "nothing to say in"),
        (f"1\n{FIRST}\n...\n", "nothing to say in"),
        ("1\n00:00:03,000 --> 00:00:02,000\nyes\n", "line 2 .* ends before it begins"),
        ("1\n00:00:01,000 --> 00:61:02,000\nyes\n", "line 2 of"),
        ("1\n00:00:01,000 --> 99:00:02,000\nyes\n", "more than 6 hours"),
    ],
)
def test_invalid_file_raises_a_one_line_error(content, error, tmp_path):
    with pytest.raises(InputError, match=error) as raised:
        read(tmp_path, content)
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "bytes.srt").write_bytes(f"1\n{FIRST}\n\xff\xe4".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8 or UTF-16 text"):
        read_subtitles(tmp_path / "bytes.srt")
    for name in ("missing.srt", "."):
        with pytest.raises(InputError, match="cannot read"):
            read_subtitles(tmp_path / name)
