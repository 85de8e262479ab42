"""Cutting videos of puppets: what is taken, what is left out, and why."""

import itertools
import weakref

import cv2
import numpy as np
import pytest

from avjax.data.footage import cutting, transcripts
from avjax.data.footage.cutting import CuttingOptions, cut_video
from avjax.data.footage.pickles import read_pickle
from avjax.data.footage.sync_check import describe_offset
from avjax.data.footage.videos import Video
from avjax.errors import InputError
from avjax.faces.tracking import track_all_faces
from avjax.media.video_writer import VideoWriter
from avjax.text.intervals import Interval

BLACK = np.zeros((160, 160, 3), np.uint8)
SILENCE = np.zeros(640 * 75, np.float32)


@pytest.fixture
def cut(tmp_path, tracker):
    """cut(video) returns the report, and the records in the order of their times."""

    def cut_one(video, face_index=0, tracker=tracker, aligner=None):
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        options = CuttingOptions(64, face_index, tracker, folder, aligner)
        report = cut_video(options, (7, video))
        records = [read_pickle(folder / clip.record) for clip in report.taken]
        assert len(list(folder.iterdir())) == len(records), "no file is left behind"
        for path in folder.iterdir():
            path.unlink()
        return report, records

    return cut_one


def reasons(report):
    return {stretch.reason for stretch in report.skipped}


def test_talking_head_is_taken_as_a_whole(cut, write, anna):
    video = write("a.mp4", anna.frames, anna.wave)
    report, (record,) = cut(video, tracker=track_all_faces)
    assert report.skipped == [] and report.faces == 1 and report.shots == 1
    assert (record["clip"], record["speaker"]) == ("a_0000", "anna")
    count = len(anna.frames)
    assert len(record["face"]) == len(record["mouth"]) == count <= 250
    assert record["face"][0].shape == (64, 64, 3)
    assert len(record["wave"]) == 640 * count
    written = np.abs(record["wave"] / 32768 - anna.wave)
    assert np.sqrt(np.mean(written**2)) < 0.1 * np.std(anna.wave), (
        "the sound is in step"
    )
    assert report.seconds == report.seconds_taken == count / 25


def test_faces_are_those_of_the_stretch(cut, write, anna, bert):
    """The second half shows another person: the face crops change at the cut."""
    frames = [*anna.frames[:60], *bert.frames[:60]]
    report, records = cut(write("a.mp4", frames, np.tile(anna.wave, 2)[: 640 * 120]))
    assert report.shots == 2 and [len(record["face"]) for record in records] == [60, 60]
    ends = records[0]["face"][59].astype(int), records[1]["face"][0].astype(int)
    within = records[0]["face"][0].astype(int)
    assert np.abs(ends[0] - ends[1]).mean() > 3 * np.abs(ends[0] - within).mean()


def test_faceless_stretch_is_left_out_with_its_times(cut, write, anna):
    frames = [*anna.frames[:75], *[BLACK] * 50, *anna.frames[75:150]]
    wave = np.tile(anna.wave, 2)[: 640 * len(frames)]
    report, records = cut(write("a.mp4", frames, wave))
    assert len(records) == 2
    (lost,) = [stretch for stretch in report.skipped if "face" in stretch.reason]
    assert lost.reason == "no face was found"
    assert lost.start == pytest.approx(3, abs=0.2)
    assert lost.end == pytest.approx(5, abs=0.2)
    assert report.lines()[0].startswith("skipped a.mp4: no face was found (2.")


def test_faceless_video_is_left_out(cut, write, anna):
    report, records = cut(write("a.mp4", [BLACK] * 50, anna.wave))
    assert not records and report.lines() == ["skipped a.mp4: no face was found"]


def test_silent_videos_are_left_out(cut, write, anna):
    assert reasons(cut(write("a.mp4", anna.frames, None))[0]) == {
        "it has no audio track"
    }
    report, _ = cut(write("b.mp4", anna.frames, 0 * anna.wave))
    assert report.lines() == ["skipped b.mp4: silent"]


def test_long_silence_is_left_out(cut, write, anna):
    count = len(anna.frames)
    frames = [*anna.frames, *[anna.frames[-1]] * 75, *anna.frames]
    wave = np.concatenate([anna.wave, SILENCE, anna.wave])
    report, records = cut(write("a.mp4", frames, wave))
    (silent,) = [stretch for stretch in report.skipped if stretch.reason == "silent"]
    assert silent.start == pytest.approx(count / 25 + 0.3, abs=0.7)
    assert silent.end == pytest.approx(count / 25 + 2.7, abs=0.7)
    assert len(records) == 2 and max(len(record["face"]) for record in records) <= 250


def test_slide_show_is_left_out(cut, tmp_path, anna):
    """Damaged timestamps look the same: without this, a frame may last for hours."""
    path = tmp_path / "slow.mp4"
    with VideoWriter(path, 2, anna.wave) as video:
        for frame in anna.frames[:10]:
            video.write(frame)
    report, _ = cut(Video(path, "slow.mp4", "slow", "anna", None))
    assert "10 frames in 5.0 s, and at least 8 a second are needed" in report.lines()[0]


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_torn_files_are_left_out(cut, write, bert, kept):
    video = write("a.mp4", bert.frames, bert.wave)
    content = video.path.read_bytes()
    video.path.write_bytes(content[: int(kept * len(content))])
    report, records = cut(video)
    assert not records and len(report.skipped) == 1
    (line,) = report.lines()
    assert line.startswith("skipped a.mp4: ") and str(video.path) not in line


def test_file_that_ends_early_while_it_is_read_leaves_nothing(
    cut, write, anna, monkeypatch
):
    """Damage that only decoding shows: no clip of the file is kept."""
    video = write("a.mp4", anna.frames, anna.wave)
    read = cutting.read_at_rate

    def read_half(path, fps):
        yield from itertools.islice(read(path, fps), 120)
        raise cutting.InputError(f"{path} is cut off: it has 120 frames")

    monkeypatch.setattr(cutting, "read_at_rate", read_half)
    report, records = cut(video)
    assert not records
    assert reasons(report) == {"the file is cut off: it has 120 frames"}


def test_one_of_two_people_is_taken(cut, write, anna, bert):
    """The other one is taken with its index; there is no third."""
    count = 40
    small = [cv2.resize(frame, (112, 112)) for frame in bert.frames[:count]]
    frames = np.zeros((count, 160, 280, 3), np.uint8)
    frames[:, :, :160] = anna.frames[:count]
    frames[:, 24:136, 164:276] = small
    video = write("a.mp4", frames, bert.wave)
    report, (first,) = cut(video, 0, track_all_faces)
    assert report.faces == 2
    assert "note on a.mp4: 2 faces are visible; face 0 was used" in report.lines()
    report, (second,) = cut(video, 1, track_all_faces)
    differences = [
        np.abs(record["face"][0].astype(int).mean((0, 1)) - frame.mean((0, 1))).mean()
        for record in (first, second)
        for frame in (anna.frames[0, 36:105, 45:115], bert.frames[0, 36:105, 45:115])
    ]
    assert differences[0] < differences[1] and differences[3] < differences[2]
    report, records = cut(video, 2, track_all_faces)
    assert not records and reasons(report) == {"face 2 was not found"}


def test_vertical_phone_video_is_read_upright(cut, write_rotated, bert):
    tall = np.pad(bert.frames, ((0, 0), (60, 60), (0, 0), (0, 0)), mode="edge")
    video = write_rotated("a.mp4", tall, bert.wave)
    report, records = cut(video, tracker=track_all_faces)
    assert report.faces == 1 and len(records) == 1
    face, shown = records[0]["face"][0].astype(int), bert.frames[0, 36:106, 45:115]
    colours = shown[:10].mean((0, 1)), shown[-10:].mean((0, 1))  # hair and chin
    for found, colour in zip((face[:9], face[-9:]), colours, strict=True):
        assert np.abs(found.mean((0, 1)) - colour).max() < 30
    assert report.seconds_taken == len(tall) / 25


def test_sound_that_is_late_is_left_out(cut, write, speech):
    """With the right sound the same video is in step."""
    late = np.concatenate([np.zeros(640 * 12, np.float32), speech.wave])
    report, records = cut(write("a.mp4", speech.frames, late[: len(speech.wave)]))
    assert not records and "late" in report.sync
    assert 10 <= int(report.sync.split()[3]) <= 14
    assert report.sync in reasons(report)
    report, records = cut(write("b.mp4", speech.frames, speech.wave))
    assert report.sync == "in step" and records
    assert max(len(record["face"]) for record in records) <= 250


def test_short_video_cannot_be_verified(cut, write, bert):
    report, _ = cut(write("a.mp4", bert.frames, bert.wave))
    assert report.sync == "could not be verified (less than 20 s of clips)"
    assert describe_offset(None, 500) == "could not be verified (no offset stands out)"


def test_long_video_is_cut_in_bounded_memory(cut, write, anna, monkeypatch):
    """Of a minute and more few frames exist at a time, and one clip."""
    live, most = [0], [0]
    read = cutting.read_at_rate

    def read_counted(path, fps):
        for frame in read(path, fps):
            live[0] += 1
            most[0] = max(most[0], live[0])
            weakref.finalize(frame, lambda: live.__setitem__(0, live[0] - 1))
            yield frame

    small = [frame[::4, ::4] for frame in anna.frames]
    frames = list(itertools.islice(itertools.cycle(small), 1800))
    wave = np.resize(anna.wave, 640 * len(frames))
    video = write("a.mp4", frames, wave)
    monkeypatch.setattr(cutting, "read_at_rate", read_counted)
    report, records = cut(video)
    assert most[0] < 16
    assert report.seconds == 72 and report.seconds_taken > 60
    assert {len(record["face"]) <= 250 for record in records} == {True}
    starts = [clip.start for clip in report.taken]
    assert starts == sorted(starts) and report.taken[-1].end <= 72
    first = records[-1]["face"][0].astype(int)
    shown = small[round(report.taken[-1].start * 25) % len(small)][9:27, 11:29]
    assert np.abs(first.mean((0, 1)) - shown.mean((0, 1))).max() < 6


def test_text_without_times_belongs_to_a_single_clip(cut, write, anna, bert):
    video = write("a.mp4", bert.frames, bert.wave, ".txt")
    video.transcript.write_text("Where is\nthe “cat”?\n")
    report, (record,) = cut(video)
    assert record["text"] == report.taken[0].text == "where is the cat"
    assert record["words"]["word"] == []
    frames = [*anna.frames, *anna.frames]
    video = write("b.mp4", frames, np.tile(anna.wave, 2), ".txt")
    video.transcript.write_text("many words")
    report, records = cut(video)
    assert len(records) > 1 and {record["text"] for record in records} == {""}
    assert "its text has no times" in report.lines()[-1]


def test_text_without_times_is_aligned(cut, write, anna):
    """The words of two clips, at times that the aligner finds."""
    seconds, calls = len(anna.frames) / 25, []
    words = Interval("one", 0.3, 1.0), Interval("two", seconds + 0.5, seconds + 1.0)

    def align(wave, text):
        calls.append((len(wave) / 16000, text))
        return words

    video = write("a.mp4", [*anna.frames] * 2, np.tile(anna.wave, 2), ".txt")
    video.transcript.write_text("One, two!")
    report, records = cut(video, aligner=align)
    assert calls == [(pytest.approx(2 * seconds, abs=0.1), "one two")]
    found = [
        (word, start + clip.start)
        for clip, record in zip(report.taken, records, strict=True)
        for word, start in zip(
            record["words"]["word"], record["words"]["start"], strict=True
        )
    ]
    assert [word for word, _ in found] == ["one", "two"] and len(records) > 1
    np.testing.assert_allclose([x for _, x in found], [0.3, seconds + 0.5], atol=1e-4)
    assert " ".join(clip.text for clip in report.taken).split() == ["one", "two"]
    assert report.notes == []


def test_text_that_does_not_fit_is_not_aligned(cut, write, anna, bert):
    def refuse(wave, text):
        raise InputError("it does not fit the sound")

    video = write("a.mp4", [*anna.frames] * 2, np.tile(anna.wave, 2), ".txt")
    video.transcript.write_text("many words")
    report, records = cut(video, aligner=refuse)
    assert {record["text"] for record in records} == {""}
    message = "its text has no times (it does not fit the sound), so the words"
    assert message in report.lines()[-1]
    video = write("b.mp4", bert.frames, bert.wave, ".txt")
    video.transcript.write_text("the only clip")
    report, (record,) = cut(video, aligner=refuse)
    assert record["text"] == "the only clip" and report.notes == []


def test_single_clip_has_all_its_text_although_a_word_reaches_beyond(cut, write, bert):
    seconds = len(bert.frames) / 25
    words = Interval("where", 0.5, 0.8), Interval("is", seconds - 0.5, seconds + 0.5)
    video = write("a.mp4", bert.frames, bert.wave, ".txt")
    video.transcript.write_text("Where is")
    report, (record,) = cut(video, aligner=lambda wave, text: words)
    assert record["text"] == report.taken[0].text == "where is"
    assert record["words"] == {"word": [], "start": [], "end": []}
    assert report.notes == []


def test_long_video_is_not_aligned(cut, write, anna, monkeypatch):
    monkeypatch.setattr(transcripts, "MAX_ALIGNED_SECONDS", 10)
    video = write("a.mp4", [*anna.frames] * 2, np.tile(anna.wave, 2), ".txt")
    video.transcript.write_text("many words")
    report, _ = cut(video, aligner=None)
    assert "its text has no times, so" in str(report.notes)
    report, _ = cut(video, aligner=lambda wave, text: 1 / 0)
    assert "its text has no times (the video is longer than 10 s)" in str(report.notes)


def test_subtitles_are_cut_with_the_video(cut, write, anna):
    count = len(anna.frames) / 25
    video = write("a.mp4", [*anna.frames] * 2, np.tile(anna.wave, 2), ".srt")
    edge = count - 0.5
    video.transcript.write_text(
        f"1\n00:00:00,100 --> 00:00:0{edge:.3f}\nOne, two!\n\n"
        f"2\n00:00:0{edge + 0.2:.3f} --> 00:00:{2 * count - 0.1:06.3f}\nthree\n"
    )
    report, records = cut(video)
    texts = [record["text"] for record in records]
    assert texts == ["one two", "three"] and report.notes == []
    assert report.taken[0].end == pytest.approx(edge + 0.1, abs=0.25)


def test_words_with_times_are_stored(cut, write, bert):
    video = write("a.mp4", bert.frames, bert.wave, ".vtt")
    video.transcript.write_text(
        "WEBVTT\n\n00:00.200 --> 00:02.000\nhello<00:01.000> <c>world</c>\n"
    )
    _, (record,) = cut(video)
    assert record["words"]["word"] == ["hello", "world"]
    np.testing.assert_allclose(record["words"]["start"], [0.2, 1.0])
    np.testing.assert_allclose(record["words"]["end"], [1.0, 2.0])


def test_clip_that_divides_a_subtitle_has_no_text(cut, write, anna):
    """The face is lost in the middle of a subtitle."""
    frames = [*anna.frames[:60], *[BLACK] * 40, *anna.frames[60:120]]
    wave = np.tile(anna.wave, 2)[: 640 * len(frames)]
    video = write("a.mp4", frames, wave, ".srt")
    video.transcript.write_text("1\n00:00:00,100 --> 00:00:06,000\nOne two three\n")
    report, records = cut(video)
    assert {record["text"] for record in records} == {""}
    assert "clips, because a subtitle or a word reaches beyond" in str(report.notes)


def test_unreadable_transcript_is_reported(cut, write, bert):
    video = write("a.mp4", bert.frames, bert.wave, ".srt")
    video.transcript.write_bytes("ß\n".encode("latin-1"))
    report, records = cut(video)
    assert len(records) == 1
    (note,) = report.notes
    assert note.startswith("its transcript is not used: cannot read a.srt: it is not")
