"""What a transcript says about how far its words can be trusted."""

import pytest

from avjax.cli.output import print_transcript
from avjax.pipelines.lipread import load_lip_reader
from avjax.pipelines.transcript import Transcript
from avjax.text.intervals import TimedWord


def make_transcript(*confidences: float, limit: float = 0.5) -> Transcript:
    """Make a transcript with one word for each confidence."""
    words = [TimedWord("now", at, at + 0.5, x) for at, x in enumerate(confidences)]
    text = " ".join(word.word for word in words)
    return Transcript("me.mp4", text, words, [], 75, "reader", min_confidence=limit)


@pytest.mark.parametrize(
    ("confidences", "mean", "reliable"),
    [((0.9, 0.3), 0.6, True), ((0.5,), 0.5, True), ((0.9, 0.05), 0.475, False)],
)
def test_reading_is_judged_by_the_mean_confidence(confidences, mean, reliable):
    transcript = make_transcript(*confidences)
    assert transcript.confidence == pytest.approx(mean)
    assert transcript.is_reliable == reliable
    assert transcript.to_json()["confidence"] == pytest.approx(mean)
    assert transcript.to_json()["reliable"] == reliable
    warning = "confidence of the words is 48 %; below 50 %, most words are wrong"
    assert (warning in str(transcript)) == (not reliable)


def test_nothing_is_claimed_without_words():
    transcript = make_transcript()
    assert transcript.confidence is None and transcript.is_reliable
    assert "confidence of the words" not in str(transcript)
    assert transcript.to_json()["confidence"] is None


def test_scope_of_the_weights_is_in_json_too():
    transcript = make_transcript(0.9)
    assert transcript.to_json()["scope"] is None
    content = transcript._replace(weights="bridging-grid-s1").to_json()
    assert content["scope"].startswith("the weights bridging-grid-s1 know one speaker")


def test_unreliable_words_are_grey_on_a_terminal_only(monkeypatch, capsys):
    print_transcript(make_transcript(0.1))
    plain = capsys.readouterr().out
    assert plain == f"{make_transcript(0.1)}\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_transcript(make_transcript(0.1))
    assert "\x1b[2mme.mp4: now" in capsys.readouterr().out
    print_transcript(make_transcript(0.9))
    assert "\x1b[2m" not in capsys.readouterr().out


def test_limit_is_lower_with_a_grammar():
    limits = [
        load_lip_reader("bridging-puppet", grammar=grammar).min_confidence
        for grammar in (None, "grid")
    ]
    assert limits == [0.8, 0.65]
