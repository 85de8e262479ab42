"""Where a video is cut."""

import numpy as np

from avjax.data.footage import stretches
from avjax.data.footage.stretches import Stretch, Timeline
from avjax.text.subtitles import Cue

LOUD, QUIET = -20.0, -80.0


def flags(count, *spans):
    out = np.zeros(count, bool)
    for start, stop in spans:
        out[start:stop] = True
    return out


def plan(count, lost=(), silent=(), pauses=(), cues=()):
    pauses = flags(count, *pauses)
    costs = stretches.cutting_costs(pauses, cues)
    timeline = Timeline(pauses, flags(count, *silent), costs)
    return stretches.plan_stretches(~flags(count, *lost), timeline, "no face")


def test_pauses_are_counted_in_frames():
    levels = np.full(400, LOUD)
    levels[98:142] = levels[378:] = QUIET
    expected = flags(100, (25, 35), (95, 100))
    found = stretches.pause_frames(levels[:399])
    np.testing.assert_array_equal(found, expected)


def test_faint_noise_is_silence():
    assert stretches.pause_frames(np.full(100, -60.0)).all()
    assert not stretches.pause_frames(np.full(100, -40.0)).any()


def test_only_long_silences_are_left_out():
    silent = stretches.long_silences(flags(400, (100, 150), (200, 260), (345, 400)))
    margin = stretches.SILENCE_MARGIN
    expected = flags(400, (200 + margin, 260 - margin), (345 + margin, 400))
    np.testing.assert_array_equal(silent, expected)


def test_nobody_speaks_where_the_sound_ends():
    timeline = stretches.make_timeline(np.full(400, LOUD), 160, ())
    assert not timeline.pauses[:99].any() and timeline.pauses[100:].all()
    assert timeline.silent[110:].all() and len(timeline.costs) == 160


def test_short_video_is_one_stretch():
    assert plan(250) == [Stretch(0, 250, "")]


def test_cut_is_in_the_last_pause_that_is_near_enough():
    pauses = [(100, 110), (200, 210), (300, 310)]
    assert plan(400, pauses=pauses) == [Stretch(0, 205, ""), Stretch(205, 400, "")]


def test_without_pause_a_stretch_has_ten_seconds():
    assert [s.stop for s in plan(600)] == [250, 500, 600]


def test_no_rest_is_shorter_than_a_second():
    assert [s.stop for s in plan(260)] == [235, 260]
    assert [s.stop for s in plan(300, pauses=[(284, 290)])] == [250, 300]


def test_subtitles_are_not_divided():
    cues = [Cue(0.0, 6.0, "a b"), Cue(6.0, 12.0, "c d"), Cue(12.0, 16.0, "e f")]
    (first, *_) = plan(400, pauses=[(190, 200)], cues=cues)
    assert abs(first.stop - 150) <= 3, "the pause is inside of a subtitle"
    (first, *_) = plan(400, pauses=[(190, 200)], cues=[Cue(0.0, 16.0, "long")])
    assert first.stop == 195


def test_stretches_without_face_or_sound_are_left_out():
    planned = plan(400, lost=[(0, 50), (390, 400)], silent=[(40, 80), (200, 280)])
    assert planned == [
        Stretch(0, 50, "no face"),
        Stretch(50, 80, "silent"),
        Stretch(80, 200, ""),
        Stretch(200, 280, "silent"),
        Stretch(280, 390, ""),
        Stretch(390, 400, "no face"),
    ]


def test_stretch_that_is_short_or_without_speech_is_left_out():
    (short, _, quiet) = plan(100, lost=[(20, 40)], pauses=[(38, 97)])
    assert (short.problem, quiet.problem) == ("shorter than 1 s", "silent")


def test_stretches_of_one_reason_are_merged():
    parts = [Stretch(0, 5, "a"), Stretch(5, 9, "a"), Stretch(9, 12, "b")]
    parts.append(Stretch(20, 22, "b"))
    merged = [Stretch(0, 9, "a"), Stretch(9, 12, "b"), Stretch(20, 22, "b")]
    assert list(stretches.merge(parts)) == merged
    assert list(stretches.merge([])) == []
