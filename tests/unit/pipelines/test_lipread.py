"""Reading a clip, by weights that nobody trained, and by one that is always right."""

import json
import pathlib

import numpy as np
import pytest

import avjax
from avjax import weights
from avjax.__main__ import main
from avjax.algorithms.ctc import EARLIER, LATER
from avjax.media import face
from avjax.media import mouth_video as clips
from avjax.pipelines import lipread
from avjax.text.tokenizer import CHARACTERS, to_ids

BOX = ("--box", "8,0,48,48")
GREYEST = 16 + 4 * (len(CHARACTERS) - 1)
EACH = 0.12  # seconds that a symbol is shown


@pytest.fixture(autouse=True)
def few_lengths(monkeypatch, tmp_path):
    """One short window, so that little is compiled; and no faces from other runs."""
    monkeypatch.setattr(clips, "LENGTHS", (16,))
    monkeypatch.setattr(clips, "MARGIN", 4)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def telling(monkeypatch):
    """A network that reads a symbol off the grey of a frame, and is quite sure of it.

    The weights' own network has two answers a frame; this one says each twice.
    """

    def answer(variables, pictures, exists):
        number = np.rint((pictures.astype(float).mean((2, 3, 4)) - 16) / 4)
        right = np.arange(len(CHARACTERS)) == np.repeat(number, 2, axis=1)[..., None]
        return np.log(np.where(right, 0.9, 0.1 / (len(CHARACTERS) - 1)))

    monkeypatch.setattr(lipread, "program", lambda config: answer)


@pytest.fixture
def say(grey_film):
    """say(text, fps) is a clip for the telling network, each symbol in 0.12 s."""

    def write(text: str, fps=25, name="said.mp4"):
        numbers = [number for i in to_ids(text) for number in (i, 0)]
        count = round(len(numbers) * EACH * fps)
        shown = (np.arange(count) / fps / EACH + 1e-6).astype(int)
        return grey_film(16 + 4 * np.array(numbers)[shown], fps, name)

    return write


def call(*words) -> int:
    return main(["lipread", *map(str, words)])


@pytest.mark.parametrize("fps", [12.5, 25, 30])
def test_words_are_read_when_they_are_said_at_any_rate(fps, say, made, telling):
    given = {"weights": made / "sentences", "box": (8, 0, 48, 48)}
    found = avjax.lipread(say("bin all", fps), **given)
    assert found.text == "bin all" and not found.missed
    times = [(word.start, word.end) for word in found.words]
    wanted = np.array([[0, 5], [8, 13]]) * EACH + [[0, LATER], [-EARLIER, LATER]]
    assert np.abs(np.array(times) - wanted).max() <= 1 / min(fps, 25) + 1e-6
    assert all(0.85 < word.confidence <= 0.9 + 1e-6 for word in found.words)


def test_a_long_clip_is_read_in_windows_and_pieces(say, made, telling, monkeypatch):
    monkeypatch.setattr(lipread, "LONGEST", 2)
    text = "bin red at k nine again and again"
    path, given = say(text), {"box": (8, 0, 48, 48)}
    reader = lipread.open_reader(made / "sentences")
    assert reader.read(path, **given).text == text
    searching = lipread.open_reader(made / "sentences", beam=4)
    assert searching.read(path, **given) == reader.read(path, **given)


def test_each_piece_obeys_the_grammar(say, made, telling, monkeypatch, tmp_path):
    (tmp_path / "rules.txt").write_text("bin lay\nred")
    monkeypatch.setattr(lipread, "LONGEST", 2)
    reader = lipread.open_reader(made / "sentences", rules=tmp_path / "rules.txt")
    reading = reader.read(say("bim redlay ret"), (8, 0, 48, 48))
    assert reading.text == "bin red lay red"
    assert reading.words == sorted(reading.words, key=lambda word: word.start)


def test_nothing_is_read_where_no_face_is(say, made, telling, monkeypatch, tmp_path):
    path = say("bin blue now")

    def half(path, index, every, fps):
        boxes = np.tile(np.array([8, 0, 56, 48], np.float32), (72, 1))
        boxes[23:] = np.nan
        return face.Track(boxes, np.isfinite(boxes[:, 0]))

    monkeypatch.setattr(clips.face, "cached_track", half)
    found = lipread.lipread(path, weights=made / "sentences")
    assert found.text == "bin" and found.missed == list(range(23, 72))
    assert "49 frames of 25 a second showed no face: 23-71" in str(found)
    (tmp_path / "rules.txt").write_text("bin lay\n")
    monkeypatch.setattr(lipread, "LONGEST", 1)
    given = {"weights": made / "sentences", "rules": tmp_path / "rules.txt"}
    assert lipread.lipread(path, **given).text == "bin"


def test_several_clips_are_a_json_list_though_some_are_bad(
    say, made, telling, bad, capfd
):
    one, two = say("red", name="1.mp4"), say("blue", name="2.mp4")
    given = one, bad / "text.mp4", two, bad / "missing.mp4", "--json", *BOX
    assert call("--weights", made / "sentences", *given) == 2
    out, told = capfd.readouterr()
    found = json.loads(out)
    assert [(clip["clip"], clip["text"]) for clip in found] == [
        (str(one), "red"),
        (str(two), "blue"),
    ]
    assert set(found[0]) == {"clip", "text", "words"}
    assert set(found[0]["words"][0]) == {"word", "start", "end", "confidence"}
    (told,) = told.strip().splitlines()
    assert "text.mp4" in told and "missing.mp4" in told


def test_a_list_of_bad_clips_is_an_empty_list(made, bad, capfd):
    assert call("--weights", made / "sentences", bad / "empty.mp4", "--json") == 2
    assert json.loads(capfd.readouterr().out) == []


def test_subtitles_and_lines_say_the_same(say, made, telling, tmp_path, capfd):
    out = tmp_path / "said.srt"
    given = say("bin red"), "--srt", out, *BOX
    assert call("--weights", made / "sentences", *given) == 0
    assert out.read_text().splitlines()[:3] == [
        "1",
        "00:00:00,000 --> 00:00:01,640",
        "bin red",
    ]
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].endswith("said.mp4: bin red")
    assert [line.split()[-1] for line in lines[1:]] == ["bin", "red"]


def test_a_full_disk_loses_no_words_and_leaves_no_file(
    say, made, telling, tmp_path, capfd, monkeypatch
):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    clip = say("bin red")
    monkeypatch.setattr(pathlib.Path, "write_text", full)
    given = clip, "--srt", tmp_path / "said.srt", "--json", *BOX
    assert call("--weights", made / "sentences", *given) == 2
    out, told = capfd.readouterr()
    assert json.loads(out)[0]["text"] == "bin red"
    assert told.strip().endswith("no space left on device")
    assert list(tmp_path.glob("*.srt")) == list(tmp_path.glob(".*.part")) == []


def test_a_puppet_is_read_by_weights_that_know_nothing(speaker, made, capfd):
    box = "--box", "0,0,96,96"
    for beam in ((), ("--beam", 3), ("--grammar", "grid")):
        given = speaker, *box, *beam, "--json"
        assert call("--weights", made / "sentences", *given) == 0
        (found,) = json.loads(capfd.readouterr().out)
        assert found["text"] == " ".join(word["word"] for word in found["words"])
    assert len(found["words"]) == 6


def test_a_clip_of_one_frame_is_read(bad, made):
    reader = lipread.open_reader(made / "sentences")
    assert reader.read(bad / "one.mp4", (8, 0, 48, 48)).missed == []


def test_one_word_is_that_of_all_frames_with_a_face(made, speaker, capfd):
    given = "--weights", made / "words", speaker, "--box", "0,0,96,96", "--json"
    assert call(*given) == 0
    (found,) = json.loads(capfd.readouterr().out)
    (word,) = found["words"]
    assert word["word"] == found["text"] and word["word"] in ("blue", "green", "red")
    assert 1 / 3 <= word["confidence"] <= 1 and word["end"] == 56 / 25
    reader = lipread.open_reader(made / "words")
    logits = np.log(np.array([[0.2, 0.2, 0.6], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]]))
    lips = clips.Lips("x", np.array([[0] * 4, [np.nan] * 4, [0] * 4], float))
    (word,) = reader.one_word(logits, lips)
    by_hand = np.sqrt([0.02, 0.02, 0.48])
    assert word.word == "red"
    assert word.confidence == pytest.approx(by_hand[2] / by_hand.sum())


@pytest.mark.parametrize("count", [1, 10, 11, 100])
def test_pieces_are_all_of_a_clip_and_none_is_long(count):
    rng = np.random.default_rng(count)
    log_probs = np.log(rng.dirichlet(np.full(3, 0.2), count) + 1e-9)
    found = list(lipread.pieces(log_probs, 10, 1))
    assert [piece.start for piece in found] == [0, *(p.stop for p in found[:-1])]
    assert found[-1].stop == count
    assert all(0 < piece.stop - piece.start <= 10 for piece in found)


@pytest.mark.parametrize(("gap", "cut"), [(0, 17), (1, 12)])
def test_a_piece_ends_in_its_longest_pause_if_there_is_one_between_words(gap, cut):
    """. is a blank, _ the gap between words, x a letter"""
    path = "xxxxxxxx..xx_xxx..xxxxxxx" if gap else "xx....x.xxxx.xxx..xxxxxxx"
    symbols = np.array([".__x".index(symbol) for symbol in path])
    chances = np.where(np.arange(4) == symbols[:, None], 0.9, 0.1 / 3)
    assert next(lipread.pieces(np.log(chances), 20, gap)).stop == cut


def test_what_no_verb_can_use_is_refused(unusable, refused, made):
    given = () if "--weights" in unusable else ("--weights", made / "sentences")
    refused(call, *unusable, *given)


@pytest.mark.parametrize(
    "words",
    [
        ["one.mp4"],
        ["one.mp4", "black.mp4"],
        ["one.mp4", "black.mp4", "--srt", "out.srt"],
        ["one.mp4", *BOX, "--srt", "no/such/folder/out.srt"],
        ["one.mp4", *BOX, "--srt", "folder"],
        ["one.mp4", *BOX, "--beam", "0"],
        ["one.mp4", *BOX, "--beam", "many"],
        ["one.mp4", *BOX, "--grammar", "missing.txt"],
        ["one.mp4", *BOX, "--grammar", "star.txt"],
        ["one.mp4", *BOX, "--grammar", "binary.txt"],
        ["one.mp4", *BOX, "--grammar", "numbers.txt"],
        ["one.mp4", *BOX, "--grammar", "wordless.txt"],
        ["one.mp4", "black.mp4", *BOX, "--weights", "unheard-of"],
        ["one.mp4", *BOX, "--weights", "speech"],
        ["one.mp4", *BOX, "--weights", "words", "--beam", "4"],
        ["one.mp4", *BOX, "--weights", "words", "--grammar", "grid"],
        [],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_sentence_and_leaves_nothing(words, refused, made):
    given = () if "--weights" in words else ("--weights", made / "sentences")
    refused(call, *words, *given)


def test_the_front_door_names_its_verbs_and_no_others():
    assert all(callable(getattr(avjax, name)) for name in avjax.__all__)
    with pytest.raises(AttributeError, match="no attribute 'sing'"):
        _ = avjax.sing


def test_weights_of_two_parts_are_refused(bad):
    assert len(weights.load(bad / "two").params) == 2
    with pytest.raises(avjax.errors.InputError, match="their own config"):
        lipread.load(bad / "two")


def test_a_space_at_the_ends_is_none_and_one_between_words_stays():
    symbols = 2, 1, 0, 2, 1, 2, 0, 1  # a row a frame: 1 is the space, 2 a letter
    log_probs = np.log(np.full((8, 3), 0.01))
    log_probs[np.arange(8), symbols[::-1]] = np.log(0.9)
    made = lipread.trimmed(log_probs, gap=1)
    assert np.argmax(made, axis=-1).tolist() == [0, 0, 2, 1, 2, 0, 1, 2]
    np.testing.assert_array_equal(made[2:], log_probs[2:])
    np.testing.assert_allclose(np.exp(made[0, 0]), 0.91)
