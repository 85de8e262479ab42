"""The summary of a generated video, and how numbers are written."""

from fractions import Fraction

import numpy as np
import pytest

from avjax import weights
from avjax.errors import InputError
from avjax.faces.source import check_face_index
from avjax.pipelines.formatting import describe_scope, format_seconds, frame_ranges
from avjax.pipelines.speak import GeneratedSpeech
from avjax.pipelines.talk_report import TalkReport
from avjax.pipelines.talking.audio_talkers import load_talker
from avjax.pipelines.talking.loading import (
    DEFAULT_TEXT_WEIGHTS,
    DEFAULT_WEIGHTS,
    load_any_talker,
)
from avjax.pipelines.talking.text_talker import load_text_talker

BOX = np.array([0, 0, 40, 40], np.float32)
PUPPETS_ONLY = (
    "the weights cals-puppet know rendered puppets only; for real people the result "
    "is unreliable"
)


def make_report(num_frames, missed=(), **fields):
    report = TalkReport(num_frames, Fraction(25), "cals-puppet", 96, **fields)
    patch = np.zeros((96, 96, 3), np.uint8)
    for number in range(num_frames):
        report.add_frame(number, None if number in missed else patch, BOX, False)
    return str(report).splitlines()


def test_report_names_the_weights_and_the_frames_with_a_face():
    assert make_report(25) == [
        "25 frames at 25 fps, 1.00 s, with the weights cals-puppet",
        PUPPETS_ONLY,
        "found a face in 25 of 25 frames",
        "the face was generated 96 pixels wide and pasted 40 pixels wide",
    ]


def test_given_box_is_not_reported_as_a_face_that_was_found():
    assert make_report(25, box_given=True)[2] == (
        "used the given box in 25 frames; no face was looked for"
    )


def test_talker_that_edits_frames_generates_no_face():
    edit = "the edit of the mouth was computed at 96 pixels"
    assert (
        make_report(25, edits=True)[3] == f"{edit} and applied to a face 40 pixels wide"
    )
    assert make_report(25, edits=True, composited=False)[3] == edit


def test_single_frame_is_not_written_as_a_plural():
    assert make_report(1)[:3] == [
        "1 frame at 25 fps, 40 ms, with the weights cals-puppet",
        PUPPETS_ONLY,
        "found a face in 1 of 1 frame",
    ]


def test_warnings_begin_with_the_word():
    lines = make_report(5, missed=(1, 2), is_silent=True, is_speech=False)
    assert [line for line in lines if line.startswith("warning: ")] == [
        "warning: found a face in 3 of 5 frames; the others were copied unchanged: 1-2",
        "warning: the audio is silent",
    ]


def test_scope_of_bundled_weights_is_told():
    for name in weights.list_weights():
        scope = "".join(describe_scope(name))
        assert ("one speaker" in scope) == name.endswith("grid-s1")
        assert ("rendered puppets" in scope) == name.endswith("puppet")
    assert describe_scope("runs/cals-puppet") == []


@pytest.mark.parametrize("name", ["cals-puppet", "runs/cals-puppet"])
def test_scope_is_in_json_or_null(name):
    empty = np.zeros(0, np.float32)
    scope = None if name.startswith("runs") else PUPPETS_ONLY
    assert TalkReport(1, Fraction(25), name, 96).to_json()["scope"] == scope
    assert GeneratedSpeech(empty, empty, [], 1, name).to_json()["scope"] == scope


def test_durations_and_ranges():
    assert [format_seconds(x) for x in (0.0, 0.04, 1.0)] == ["0 ms", "40 ms", "1.00 s"]
    assert frame_ranges([3, 4, 5, 9]) == [[3, 5], [9, 9]]
    assert frame_ranges([]) == []


def test_box_together_with_a_face_index_is_refused():
    with pytest.raises(InputError, match="give one of them"):
        check_face_index(1, (0, 0, 9, 9))
    check_face_index(0, (0, 0, 9, 9))


@pytest.mark.parametrize(
    ("name", "lookahead", "message"),
    [
        ("synctalkface-puppet", 5, "takes no lookahead; .* such as lipwarp-people"),
        ("taem-puppet", 5, "takes no lookahead; .* such as lipwarp-people"),
        ("bridging-puppet", None, "bridging; only weights of .*lipwarp"),
    ],
)
def test_weights_that_do_not_fit_are_explained(name, lookahead, message):
    with pytest.raises(InputError, match=message):
        load_any_talker(name, None, lookahead, has_text=False)


def test_default_weights_are_bundled():
    assert {DEFAULT_WEIGHTS, DEFAULT_TEXT_WEIGHTS} <= set(weights.list_weights())
    assert load_talker(DEFAULT_WEIGHTS).config.size == 96
    assert load_text_talker(DEFAULT_TEXT_WEIGHTS).talker.config.size == 96
