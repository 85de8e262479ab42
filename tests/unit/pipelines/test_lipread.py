"""Lip reading, with untrained weights and with a network that is always right."""

import json
import pathlib

import numpy as np
import pytest

import avjax
from avjax import weights
from avjax.__main__ import main
from avjax.algorithms.ctc_alignment import WORD_LEAD_SECONDS, WORD_TRAIL_SECONDS
from avjax.errors import InputError
from avjax.faces import cache, mouth_video
from avjax.faces.alignment import landmarks_in_box
from avjax.faces.tracking import FaceTrack
from avjax.media import video_reader
from avjax.pipelines import lipread, speak
from avjax.text.tokenizer import CHARACTERS, to_ids

BOX = (8, 0, 48, 48)
BOX_OPTION = ("--box", "8,0,48,48")
SYMBOL_SECONDS = 0.12  # how long each symbol is shown


@pytest.fixture(autouse=True)
def short_windows(monkeypatch, tmp_path):
    """Use one short window, so that little is compiled, and an empty face cache."""
    monkeypatch.setattr(mouth_video, "WINDOW_LENGTHS", (16,))
    monkeypatch.setattr(mouth_video, "CONTEXT_FRAMES", 4)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def perfect_network(monkeypatch):
    """Replace the network by one that reads a symbol from the grey level of a frame.

    The config asks for two outputs a frame; this network gives each symbol twice.
    """

    def read(variables, mouths, frame_mask):
        number = np.rint((mouths.astype(float).mean((2, 3, 4)) - 16) / 4)
        right = np.arange(len(CHARACTERS)) == np.repeat(number, 2, axis=1)[..., None]
        return np.log(np.where(right, 0.9, 0.1 / (len(CHARACTERS) - 1)))

    monkeypatch.setattr(lipread, "jit_read", lambda config: read)


@pytest.fixture
def write_text_video(grey_video):
    """write_text_video(text, fps) writes a video for the perfect network."""

    def write(text: str, fps=25, name="said.mp4"):
        numbers = [number for i in to_ids(text) for number in (i, 0)]
        count = round(len(numbers) * SYMBOL_SECONDS * fps)
        symbols = (np.arange(count) / fps / SYMBOL_SECONDS + 1e-6).astype(int)
        return grey_video(16 + 4 * np.array(numbers)[symbols], fps, name)

    return write


def run_command(*words) -> int:
    return main(["lipread", *map(str, words)])


@pytest.mark.parametrize("fps", [12.5, 25, 30])
def test_word_times_are_right_at_any_frame_rate(
    fps, write_text_video, reader_weights, perfect_network
):
    clip = write_text_video("bin all", fps)
    transcript = avjax.lipread(clip, weights=reader_weights / "sentences", box=BOX)
    assert transcript.text == "bin all" and not transcript.missed_frames
    assert str(transcript).endswith(" frames; no face was looked for")
    times = [(word.start, word.end) for word in transcript.words]
    expected = np.array([[0, 5], [8, 13]]) * SYMBOL_SECONDS
    expected += [[0, WORD_TRAIL_SECONDS], [-WORD_LEAD_SECONDS, WORD_TRAIL_SECONDS]]
    assert np.abs(np.array(times) - expected).max() <= 1 / min(fps, 25) + 1e-6
    assert all(0.85 < word.confidence <= 0.9 + 1e-6 for word in transcript.words)


def test_frames_as_array_give_the_text_of_the_file(
    write_text_video, reader_weights, perfect_network
):
    clip = write_text_video("bin all")
    options = {"weights": reader_weights / "sentences", "box": BOX}
    frames = np.stack(list(video_reader.read_at_rate(clip, 25)))
    transcript = avjax.lipread(frames, **options)
    assert transcript.clip == "array"
    assert transcript[1:] == avjax.lipread(clip, **options)[1:]


def test_long_video_is_read_in_windows_and_parts(
    write_text_video, reader_weights, perfect_network, monkeypatch
):
    monkeypatch.setattr(lipread, "MAX_SEARCH_SECONDS", 2)
    text = "bin red at k nine again and again"
    path = write_text_video(text)
    reader = lipread.load_lip_reader(reader_weights / "sentences")
    assert reader.read(path, box=BOX).text == text
    beam_reader = lipread.load_lip_reader(reader_weights / "sentences", beam=4)
    assert beam_reader.read(path, box=BOX) == reader.read(path, box=BOX)


def test_each_part_obeys_the_grammar(
    write_text_video, reader_weights, perfect_network, monkeypatch, tmp_path
):
    grammar = tmp_path / "grammar.txt"
    grammar.write_text("bin lay\nred")
    monkeypatch.setattr(lipread, "MAX_SEARCH_SECONDS", 2)
    reader = lipread.load_lip_reader(reader_weights / "sentences", grammar=grammar)
    transcript = reader.read(write_text_video("bim redlay ret"), BOX)
    assert transcript.text == "bin red lay red"
    assert transcript.words == sorted(transcript.words, key=lambda word: word.start)


def test_nothing_is_read_without_a_face(
    write_text_video, reader_weights, perfect_network, monkeypatch, tmp_path
):
    path = write_text_video("bin blue now")

    def track_video(path, index, fps):
        landmarks = np.tile(landmarks_in_box(np.array([8, 0, 56, 48])), (72, 1, 1))
        landmarks[23:] = np.nan
        return FaceTrack(landmarks, np.isfinite(landmarks[:, 0, 0]))

    monkeypatch.setattr(cache, "track_video", track_video)
    transcript = lipread.lipread(path, weights=reader_weights / "sentences")
    assert transcript.text == "bin" and transcript.missed_frames == list(range(23, 72))
    found = "warning: found a face in 23 of 72 frames; the others have no words: 23-71"
    assert str(transcript).splitlines()[-1] == found
    grammar = tmp_path / "grammar.txt"
    grammar.write_text("bin lay\n")
    monkeypatch.setattr(lipread, "MAX_SEARCH_SECONDS", 1)
    transcript = lipread.lipread(
        path, weights=reader_weights / "sentences", grammar=grammar
    )
    assert transcript.text == "bin"


def test_json_lists_all_readable_videos(
    write_text_video, reader_weights, perfect_network, bad_files, capfd
):
    path = write_text_video("red", name="1.mp4")
    two = write_text_video("blue", name="2.mp4")
    clips = path, bad_files / "text.mp4", two, bad_files / "missing.mp4"
    options = "--weights", reader_weights / "sentences", "--json", *BOX_OPTION
    assert run_command(*options, *clips) == 2
    out, errors = capfd.readouterr()
    transcripts = json.loads(out)
    assert [(clip["clip"], clip["text"]) for clip in transcripts] == [
        (str(path), "red"),
        (str(two), "blue"),
    ]
    fields = {"clip", "weights", "text", "words", "num_frames", "missed_frames"}
    assert set(transcripts[0]) == fields | {"confidence", "reliable", "scope"}
    word_keys = {"word", "start", "end", "confidence"}
    assert set(transcripts[0]["words"][0]) == word_keys
    first, second = errors.strip().splitlines()
    assert "text.mp4" in first and "missing.mp4" in second
    assert all(line.startswith("avjax: ") for line in (first, second))
    for word in transcripts[0]["words"]:
        assert word == {key: round_number(x) for key, x in word.items()}


def round_number(value):
    return value if isinstance(value, str) else round(value, 4)


def test_json_is_an_empty_list_if_no_video_is_readable(
    reader_weights, bad_files, capfd
):
    options = "--weights", reader_weights / "sentences", "--json"
    assert run_command(bad_files / "empty.mp4", *options) == 2
    assert json.loads(capfd.readouterr().out) == []


def test_subtitles_and_printed_words_agree(
    write_text_video, reader_weights, perfect_network, tmp_path, capfd
):
    out = tmp_path / "said.srt"
    options = "--weights", reader_weights / "sentences", "--srt", out, *BOX_OPTION
    assert run_command(write_text_video("bin red"), *options) == 0
    assert out.read_text().splitlines()[:3] == [
        "1",
        "00:00:00,000 --> 00:00:01,640",
        "bin red",
    ]
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].endswith("said.mp4: bin red")
    assert [line.split()[-1] for line in lines[1:3]] == ["bin", "red"]


def test_full_disk_prints_the_words_and_leaves_no_file(
    write_text_video, reader_weights, perfect_network, tmp_path, capfd, monkeypatch
):
    def write_text(*_, **__):
        raise OSError(28, "No space left on device")

    clip = write_text_video("bin red")
    monkeypatch.setattr(pathlib.Path, "write_text", write_text)
    options = "--weights", reader_weights / "sentences", "--json", *BOX_OPTION
    assert run_command(clip, "--srt", tmp_path / "said.srt", *options) == 2
    out, error = capfd.readouterr()
    assert json.loads(out)[0]["text"] == "bin red"
    assert error.strip().endswith("no space left on device")
    assert list(tmp_path.glob("*.srt")) == list(tmp_path.glob(".*.part")) == []


def test_untrained_weights_read_a_puppet(puppet_clip, reader_weights, capfd):
    for search in ((), ("--beam", 3), ("--grammar", "grid")):
        options = "--weights", reader_weights / "sentences", "--json", *search
        assert run_command(puppet_clip, "--box", "0,0,96,96", *options) == 0
        (transcript,) = json.loads(capfd.readouterr().out)
        words = [word["word"] for word in transcript["words"]]
        assert transcript["text"] == " ".join(words)
    assert len(words) == 6


def test_single_frame_is_read(bad_files, reader_weights):
    reader = lipread.load_lip_reader(reader_weights / "sentences")
    assert reader.read(bad_files / "one.mp4", BOX).missed_frames == []


def test_single_word_uses_all_frames_with_a_face(reader_weights, puppet_clip, capfd):
    options = "--weights", reader_weights / "words", "--box", "0,0,96,96", "--json"
    assert run_command(puppet_clip, *options) == 0
    (transcript,) = json.loads(capfd.readouterr().out)
    (word,) = transcript["words"]
    assert word["word"] == transcript["text"]
    assert word["word"] in ("blue", "green", "red")
    assert (
        1 / 3 <= word["confidence"] <= 1
        and word["end"] == transcript["num_frames"] / 25
    )
    reader = lipread.load_lip_reader(reader_weights / "words")
    logits = np.log(np.array([[0.2, 0.2, 0.6], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]]))
    boxes = np.array([[0] * 4, [np.nan] * 4, [0] * 4], float)
    (word,) = reader.classify_word(logits, mouth_video.MouthVideo("x", boxes))
    expected = np.sqrt([0.02, 0.02, 0.48])
    assert word.word == "red"
    assert word.confidence == pytest.approx(expected[2] / expected.sum())


def test_common_invalid_arguments_are_refused(
    bad_arguments, assert_refused, reader_weights
):
    default = "--weights", reader_weights / "sentences"
    options = () if "--weights" in bad_arguments else default
    assert_refused(run_command, *bad_arguments, *options)


@pytest.mark.parametrize(
    "words",
    [
        ["one.mp4"],
        ["black.mp4"],
        ["one.mp4", "black.mp4", "--srt", "out.srt"],
        ["one.mp4", *BOX_OPTION, "--srt", "no/such/folder/out.srt"],
        ["one.mp4", *BOX_OPTION, "--srt", "folder"],
        ["one.mp4", *BOX_OPTION, "--beam", "0"],
        ["one.mp4", *BOX_OPTION, "--beam", "many"],
        ["one.mp4", *BOX_OPTION, "--grammar", "missing.txt"],
        ["one.mp4", *BOX_OPTION, "--grammar", "star.txt"],
        ["one.mp4", *BOX_OPTION, "--grammar", "binary.txt"],
        ["one.mp4", *BOX_OPTION, "--grammar", "numbers.txt"],
        ["one.mp4", *BOX_OPTION, "--grammar", "wordless.txt"],
        ["one.mp4", "black.mp4", *BOX_OPTION, "--weights", "unknown-name"],
        ["one.mp4", *BOX_OPTION, "--weights", "speech"],
        ["one.mp4", *BOX_OPTION, "--weights", "words", "--beam", "4"],
        ["one.mp4", *BOX_OPTION, "--weights", "words", "--grammar", "grid"],
        [],
    ],
    ids=" ".join,
)
def test_invalid_input_prints_one_sentence_and_leaves_no_file(
    words, assert_refused, reader_weights
):
    default = "--weights", reader_weights / "sentences"
    assert_refused(run_command, *words, *(() if "--weights" in words else default))


def test_errors_of_several_videos_are_printed_one_per_line(
    bad_files, reader_weights, capfd
):
    clips = bad_files / "black.mp4", bad_files / "one.mp4"
    assert run_command("--weights", reader_weights / "sentences", *clips) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert all(line.startswith("avjax: ") for line in lines)


def test_missing_face_suggests_the_box_option(bad_files, reader_weights, capfd):
    options = "--weights", reader_weights / "sentences"
    assert run_command(bad_files / "black.mp4", *options) == 2
    assert capfd.readouterr().err.strip().endswith("with --box x,y,w,h")
    with pytest.raises(avjax.InputError) as error:
        avjax.lipread(bad_files / "black.mp4", weights=reader_weights / "sentences")
    assert "--" not in str(error.value)


def test_weights_of_two_parts_are_refused(bad_files):
    assert len(weights.load(bad_files / "two").params) == 2
    with pytest.raises(avjax.InputError, match="fit their config"):
        lipread.load_network(bad_files / "two")


@pytest.mark.parametrize(
    ("load", "name", "kind"),
    [
        (lipread.load_network, "cals-puppet", "bridging"),
        (lipread.load_network, "bridging-speech-puppet", "bridging"),
        (speak.load_network, "cals-puppet", "bridging-speech"),
        (speak.load_network, "bridging-puppet", "bridging-speech"),
    ],
)
def test_refused_weights_are_answered_with_weights_that_fit(load, name, kind):
    with pytest.raises(InputError) as error:
        load(name)
    assert f", such as {kind}-grid-s1, {kind}-puppet" in str(error.value)
