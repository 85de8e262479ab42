"""Forced alignment: times of phonemes and words."""

import functools
import json
import pickle

import jax
import numpy as np
import pytest
from random_variables import untrained

import avjax
from avjax import weights
from avjax.__main__ import main
from avjax.constants import NEG_INF
from avjax.data import puppet
from avjax.data.builders.grid import read_align
from avjax.errors import InputError
from avjax.media import audio_io
from avjax.models.aligner import AlignerConfig, init_variables
from avjax.pipelines import align
from avjax.pipelines.align import ForcedAligner, path_to_intervals
from avjax.pipelines.aligning.corpus_aligners import PhoneAligner, TranscriptAligner
from avjax.pipelines.alignment import Alignment
from avjax.text.alignment_graph import AlignmentWord, build_alignment_graph
from avjax.text.phonemes import PHONEMES
from avjax.text.tts import PronouncedWord, synthesize

TINY = AlignerConfig(PHONEMES, dim=8, layers=1, heads=2, context_mels=3)
WORDS = [AlignmentWord("buy", ("b", "aɪ")), AlignmentWord("tea", ("t", "iː"))]
WORDS_AS_TOKENS = [PronouncedWord(word[0], word.phones) for word in WORDS]
PATH = [*"___bbaaɪ__t", *["iː"] * 3, *"__"]  # one phoneme for each mel frame


def untrained_variables(config: AlignerConfig) -> dict:
    """Return {part: variables} of an untrained aligner."""
    key = jax.random.key(0)
    return untrained(jax.eval_shape(lambda: init_variables(config, key)))


@pytest.fixture(scope="module")
def aligner() -> ForcedAligner:
    """An untrained aligner."""
    return ForcedAligner(TINY, untrained_variables(TINY)["aligner"])


@pytest.fixture(scope="module")
def wave():
    return np.random.default_rng(0).normal(size=20_000).astype(np.float32) / 10


@pytest.fixture
def certain(monkeypatch):
    """certain(phonemes) is an aligner that recognises these, one in each mel frame."""

    def make(phonemes):
        log_probs = np.full((len(phonemes), len(PHONEMES)), -9.0, np.float32)
        ids = [PHONEMES.index(phoneme) for phoneme in phonemes]
        log_probs[np.arange(len(phonemes)), ids] = -0.1
        monkeypatch.setattr(ForcedAligner, "log_probs", lambda self, wave: log_probs)
        return ForcedAligner(TINY, None)

    return make


def times(intervals) -> np.ndarray:
    return np.array([interval[1:] for interval in intervals])


def test_phones_and_words_have_the_times_of_their_phonemes(certain):
    alignment = certain(PATH).align(np.zeros(16 * 200), WORDS)
    expected = [(2.5, 4.5), (4.5, 7.5), (9.5, 10.5), (10.5, 13.5)]
    assert [phone.label for phone in alignment.phones] == ["b", "aɪ", "t", "iː"]
    np.testing.assert_allclose(times(alignment.phones), np.array(expected) / 80)
    assert [word.label for word in alignment.words] == ["buy", "tea"]
    expected = np.array([(2.5, 7.5), (9.5, 13.5)]) / 80
    np.testing.assert_allclose(times(alignment.words), expected)


def test_words_missing_in_the_audio_have_a_large_nll_gap(certain):
    """Log-probabilities are -0.1 on the path, -9 elsewhere; pauses do not count."""
    aligner = certain(PATH)
    assert aligner.align(np.zeros(16 * 200), WORDS).nll_gap == 0
    other = [AlignmentWord("buy", ("b", "aɪ")), AlignmentWord("cough", ("k", "ɒ"))]
    gap = aligner.align(np.zeros(16 * 200), other).nll_gap
    assert gap == pytest.approx(8.9 * 2 / 7, rel=1e-4), "the smallest possible gap"


def test_pause_between_words_is_optional(certain):
    alignment = certain([*"baɪt", "iː"]).align(np.zeros(1000), WORDS)
    assert alignment.phones[1].end == alignment.phones[2].start
    assert alignment.phones[0].start == 0


def test_word_of_known_time_stays_in_it(certain):
    late = [WORDS[0]._replace(start=0.07, end=0.12), WORDS[1]]
    (_, start, end), _ = certain(PATH).align(np.zeros(3200), late).words
    assert start == 0.07 and end == pytest.approx(8.5 / 80), "one frame a phoneme"


def test_words_that_do_not_fit_are_refused(certain):
    with pytest.raises(InputError, match="2 words do not fit into 50 ms"):
        certain("bat").align(np.zeros(800), WORDS)
    early = [WORDS[0]._replace(start=0.0, end=0.01), WORDS[1]]
    with pytest.raises(InputError, match="do not fit"):
        certain("_" * 40).align(np.zeros(8000), early)


def test_large_search_in_blocks_gives_the_same(aligner, wave, monkeypatch):
    words = [AlignmentWord(word, ("b", "a", "t")) for word in "abc"]
    timed = [words[0], words[1]._replace(start=0.5, end=0.8), words[2]]
    expected = [aligner.align(wave, some) for some in (words, timed)]
    assert expected[0] != expected[1]
    monkeypatch.setattr(align, "MAX_SEARCH_SIZE", 100)
    blocks = functools.partial(align.viterbi_blocks, block=32)
    monkeypatch.setattr(align, "viterbi_blocks", blocks)
    assert [aligner.align(wave, some) for some in (words, timed)] == expected
    with pytest.raises(InputError, match="90 words do not fit into"):
        aligner.align(wave, 30 * words)


def test_no_words_have_no_times(aligner, wave):
    assert aligner.align(wave, []) == Alignment((), ())


def test_long_recording_gives_the_same_in_windows(aligner, wave, monkeypatch):
    full_log_probs = aligner.log_probs(wave)
    assert (
        full_log_probs.shape == (101, len(PHONEMES))
        and (full_log_probs[:, 0] <= NEG_INF).all()
    )
    np.testing.assert_allclose(np.exp(full_log_probs).sum(1), 1, rtol=1e-4)
    monkeypatch.setattr(align, "WINDOW_SIZES", (20, 40))
    windowed = aligner.log_probs(wave)
    np.testing.assert_allclose(windowed[:, 1:], full_log_probs[:, 1:], atol=1e-4)


def test_weights_of_another_phoneme_set_are_refused(tmp_path):
    config = AlignerConfig(("", "_", "a"), dim=8, layers=1, heads=2, context_mels=3)
    params = {"aligner": untrained_variables(config)["aligner"]["params"]}
    weights.save(tmp_path / "w", params, {}, config, system="aligner", card="")
    with pytest.raises(InputError, match="another phoneme set"):
        align.load_aligner(str(tmp_path / "w"))


def test_unseen_puppet_is_aligned(tmp_path):
    text = "the baker opened the garden gate"
    speech = puppet.speak(puppet.make_puppet(0, 170), text)
    wave = np.pad(speech.wave, 3200)
    alignment = align.load_aligner().align_text(wave, text)
    labels = [word.label for word in alignment.words]
    assert labels == [label for label, *_ in speech.words]
    error = times(alignment.words) - times(speech.words) - 0.2
    assert np.abs(error).mean() < 0.05 and np.abs(error).max() < 0.15
    options = {"weights": "aligner-puppet"}
    named = alignment._replace(weights="aligner-puppet")
    assert avjax.align(wave, text, **options) == named
    audio_io.write_wav(tmp_path / "speech.wav", wave)
    from_file = avjax.align(tmp_path / "speech.wav", text, **options)
    assert np.abs(times(from_file.words) - times(alignment.words)).max() < 0.05


def test_words_of_a_real_recording_get_their_phones(real):
    folder = real / "grid"
    wave = audio_io.read_audio(folder / "video" / "s1" / "bbaf2n.mpg")
    words = read_align(folder / "align" / "s1" / "bbaf2n.align")
    phones = PhoneAligner()(wave, words)
    assert len(phones) == 14 and phones[0][0] == "b"
    bounds = times(phones)
    assert bounds[0, 0] >= words[0][1] and bounds[-1, 1] <= words[-1][2]
    assert (bounds[:, 1] > bounds[:, 0]).all()
    assert (bounds[1:, 0] >= bounds[:-1, 1]).all()


def test_words_without_a_pause_share_their_bound():
    words = [AlignmentWord("a", ("a",)), AlignmentWord("b", ("b",))]
    graph = build_alignment_graph(words)
    alignment = path_to_intervals(np.array([1, 1, 3, 3]), graph, words)
    assert alignment.words[0].end == alignment.words[1].start


def test_silent_recording_is_refused():
    with pytest.raises(InputError, match="the recording is silent"):
        avjax.align(np.zeros(16_000, np.float32), "buy tea", weights="aligner-puppet")


def test_command_prints_words_with_their_phonemes(
    certain, monkeypatch, wave, tmp_path, capsys
):
    audio_io.write_wav(tmp_path / "a.wav", wave)
    aligner = certain(PATH)
    monkeypatch.setattr(align, "load_aligner", lambda weights: aligner)
    monkeypatch.setattr(align, "pronounce_text", lambda text, lang: WORDS_AS_TOKENS)
    words = ["align", str(tmp_path / "a.wav"), "buy tea"]
    assert main([*words, "--srt", str(tmp_path / "a.srt")]) == 0
    first, second, fit, scope = capsys.readouterr().out.splitlines()
    assert fit == (
        "fit of the text: good; 0.00 nats per mel frame (good: below 1, bad: above 3.3)"
    )
    assert scope.startswith("the weights aligner-grid-s1 know one speaker (GRID s1)")
    assert first.split() == ["0.03", "-", "0.09", "s", "buy", "[b", "aɪ]"]
    assert second.endswith("tea  [t iː]")
    assert "buy tea" in (tmp_path / "a.srt").read_text()
    assert main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["words"][0] == {"word": "buy", "start": 0.0312, "end": 0.0938}
    assert [phone["phone"] for phone in printed["phones"]] == ["b", "aɪ", "t", "iː"]
    assert printed["nll_gap"] == 0 and printed["weights"] == "aligner-grid-s1"
    assert printed["scope"] == scope


@pytest.mark.parametrize(
    ("gap", "verdict"), [(0.9, "good;"), (2.0, "unclear, the text is"), (3.4, "bad;")]
)
def test_fit_between_good_and_bad_is_called_unclear(gap, verdict):
    assert f"fit of the text: {verdict}" in str(Alignment((), (), gap))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([" "], "the text is empty: give the words that are spoken"),
        (["buy", "--lang", "englsh"], "for --lang; the closest of "),
        (["buy", "--lang", "enus"], "(`avjax talk --list-languages` lists all)"),
        (["buy", "--srt", "a.wav"], "it is also an input"),
        (["buy", "--weights", "sync-puppet"], "belong"),
    ],
)
def test_command_refuses_invalid_input(
    words, message, wave, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    audio_io.write_wav(tmp_path / "a.wav", wave)
    assert main(["align", "a.wav", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_unknown_language_names_the_argument_and_the_function(wave):
    message = r"'xx' for `lang`; .*`avjax.text.espeak.list_languages\(\)` lists all"
    with pytest.raises(InputError, match=message):
        avjax.align(wave, "buy tea", lang="xx")


def test_text_that_is_not_spoken_gives_a_warning(certain, monkeypatch, wave):
    aligner = certain(PATH[::-1])
    monkeypatch.setattr(align, "load_aligner", lambda weights: aligner)
    with pytest.warns(UserWarning, match=r"not seem to be spoken .* exp\(.* nats"):
        avjax.align(wave, "a", lang="en-us")


def test_transcript_that_does_not_fit_is_refused():
    text = "Please bring me five small apples."
    wave, align_words = synthesize(text).wave, TranscriptAligner("aligner-puppet")
    words = pickle.loads(pickle.dumps(align_words))(wave, text, language="en-us")
    assert [word.label for word in words] == text.rstrip(".").split()
    with pytest.raises(InputError, match="does not fit the sound, or the aligner"):
        align_words(wave, "Which buffaloes amazingly waltz today?", "en-us")


def test_corpora_are_built_with_the_aligners_of_the_command_line(monkeypatch):
    made = {}

    def build(arguments, make_aligner):
        made.update({x: make_aligner(x) for x in ("aligner", "text_aligner")})
        return 0

    monkeypatch.setattr("avjax.data.__main__.main", build)
    assert main(["data", "build"]) == 0
    assert made == {"aligner": PhoneAligner(), "text_aligner": TranscriptAligner()}
