"""Forced alignment: the likeliest way, and times of what is said."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax import weights
from avjax.data import puppet
from avjax.data.builders.grid import read_align
from avjax.errors import InputError
from avjax.losses.sequence import LOST
from avjax.media import audio_io as audio
from avjax.models.aligner import AlignerConfig
from avjax.pipelines import align
from avjax.pipelines.align import Listener, PhoneTimes, edges, spans_of_way, way_through
from avjax.text.alignment_graph import Spoken, chain_of
from avjax.text.phonemes import SOUNDS

TINY = AlignerConfig(SOUNDS, dim=8, layers=1, heads=2, reach=3)
WORDS = [Spoken("buy", ("b", "aɪ")), Spoken("tea", ("t", "iː"))]


@pytest.fixture(scope="module")
def listener():
    """It has learnt nothing."""
    shapes = jax.eval_shape(lambda: align.blank(TINY))
    return Listener(TINY, untrained(shapes)["aligner"])


@pytest.fixture(scope="module")
def wave():
    return np.random.default_rng(0).normal(size=20_000).astype(np.float32) / 10


@pytest.fixture
def certain(monkeypatch):
    """certain(sounds) is a listener that hears these, one for each column."""

    def make(sounds):
        heard = np.full((len(sounds), len(SOUNDS)), -9.0, np.float32)
        heard[np.arange(len(sounds)), [SOUNDS.index(sound) for sound in sounds]] = -0.1
        monkeypatch.setattr(Listener, "hear", lambda self, wave: heard)
        return Listener(TINY, None)

    return make


def every_way(optional, columns):
    """All ways through a chain, as lists of places."""
    last = len(optional) - 1
    for way in itertools.combinations_with_replacement(range(last + 1), columns):
        gaps = zip((-1, *way), (*way, last + 1), strict=True)
        if all(optional[p] for a, b in gaps for p in range(a + 1, b)):
            yield list(way)


@pytest.mark.parametrize("optional", [[1, 0, 1], [1, 0, 0, 1], [1, 0, 1, 0, 0, 1]])
@pytest.mark.parametrize("columns", [3, 6])
def test_the_way_is_the_likeliest_of_all(optional, columns):
    for seed in range(5):
        likely = np.random.default_rng(seed).normal(size=(columns, len(optional)))
        found, score = way_through(likely, np.array(optional))
        rows = np.arange(columns)
        best = max(
            every_way(optional, columns), key=lambda way: likely[rows, way].sum()
        )
        assert found.tolist() == best
        assert score == pytest.approx(likely[rows, best].sum(), rel=1e-4)


def by_hand(likely, optional):
    """Viterbi's table in numpy, and the way back through it."""
    columns, places = likely.shape
    best, steps = np.full(places, -np.inf), np.zeros((columns, places), int)
    best[0] = 0
    for column in range(columns):
        ways = np.full((3, places), -np.inf)
        ways[0], ways[1, 1:] = best, best[:-1]
        ways[2, 2:] = np.where(optional[1:-1], best[:-2], -np.inf)
        steps[column], best = ways.argmax(0), ways.max(0) + likely[column]
    place, found = places - 1 - int(best[-2] > best[-1]), []
    for column in reversed(range(columns)):
        found.append(place)
        place -= steps[column, place]
    return found[::-1]


def test_a_long_way_is_found_as_by_hand():
    for seed in range(12):
        draw = np.random.default_rng(seed)
        words = [Spoken("", ("a",) * draw.integers(1, 5)) for _ in range(10)]
        optional = chain_of(words).word < 0
        likely = draw.normal(size=(200, len(optional))).astype(np.float32)
        found, _ = way_through(likely, optional)
        assert found.tolist() == by_hand(likely, optional)


def test_edges_of_places_on_a_way():
    first, after = edges(jnp.asarray([0, 0, 1, 3, 3, 3]), 5)
    assert first.tolist() == [0, 2, 6, 3, 6] and after.tolist() == [2, 3, 6, 6, 6]


def test_phones_and_words_have_the_times_of_their_sounds(certain):
    listener = certain([*"___bbaaɪ__t", *["iː"] * 3, *"__"])
    found = listener.align(np.zeros(16 * 200), WORDS)
    edges = [(2.5, 4.5), (4.5, 7.5), (9.5, 10.5), (10.5, 13.5)]
    assert [phone for phone, *_ in found.phones] == ["b", "aɪ", "t", "iː"]
    np.testing.assert_allclose([x[1:] for x in found.phones], np.array(edges) / 80)
    assert [word for word, *_ in found.words] == ["buy", "tea"]
    bounds = np.array([(2.5, 7.5), (9.5, 13.5)]) / 80
    np.testing.assert_allclose([span[1:] for span in found.words], bounds)


def test_what_was_not_said_is_doubted(certain):
    """Only where something is said to be: -0.1 is heard, -9 is not."""
    heard = certain([*"___bbaaɪ__t", *["iː"] * 3, *"__"])
    assert heard.align(np.zeros(16 * 200), WORDS).doubt == 0
    other = [Spoken("buy", ("b", "aɪ")), Spoken("cough", ("k", "ɒ"))]
    doubt = heard.align(np.zeros(16 * 200), other).doubt
    assert doubt == pytest.approx(8.9 * 2 / 7, rel=1e-4), "the least that it can be"


def test_a_pause_between_words_may_be_left_out(certain):
    found = certain([*"baɪt", "iː"]).align(np.zeros(1000), WORDS)
    assert found.phones[1][2] == found.phones[2][1] and found.phones[0][1] == 0


def test_a_word_stays_in_its_time(certain):
    listener = certain([*"___bbaaɪ__t", *["iː"] * 3, *"__"])
    late = [WORDS[0]._replace(start=0.07, end=0.12), WORDS[1]]
    (_, start, end), _ = listener.align(np.zeros(3200), late).words
    assert start == 0.07 and end == pytest.approx(8.5 / 80), "a column each"


def test_words_that_do_not_fit_are_one_sentence(certain):
    with pytest.raises(InputError, match="2 words cannot be said in 0.1 s"):
        certain("bat").align(np.zeros(800), WORDS)
    soon = [WORDS[0]._replace(start=0.0, end=0.01), WORDS[1]]
    with pytest.raises(InputError, match="cannot be said"):
        certain("_" * 40).align(np.zeros(8000), soon)


def test_too_much_at_once_is_one_sentence(certain, monkeypatch):
    monkeypatch.setattr(align, "MOST", 100)
    with pytest.raises(InputError, match="too many to be aligned at once"):
        certain("_" * 40).align(np.zeros(8000), WORDS)


def test_what_says_nothing_has_no_times(listener, wave):
    assert listener.align(wave, []) == ((), (), 0)


def test_a_long_recording_is_heard_as_one(listener, wave, monkeypatch):
    whole = listener.hear(wave)
    assert whole.shape == (101, len(SOUNDS)) and (whole[:, 0] <= LOST).all()
    np.testing.assert_allclose(np.exp(whole).sum(1), 1, rtol=1e-4)
    monkeypatch.setattr(align, "WINDOWS", (20, 40))
    np.testing.assert_allclose(listener.hear(wave)[:, 1:], whole[:, 1:], atol=1e-4)


def test_weights_of_other_sounds_are_refused(tmp_path):
    config = AlignerConfig(("", "_", "a"), dim=8, layers=1, heads=2, reach=3)
    shapes = jax.eval_shape(lambda: align.blank(config))
    params = {"aligner": untrained(shapes)["aligner"]["params"]}
    weights.save(tmp_path / "w", params, {}, config, system="aligner", card="")
    with pytest.raises(InputError, match="tells other sounds"):
        align.open_aligner(str(tmp_path / "w"))


def test_a_puppet_that_was_never_heard_is_aligned():
    said = puppet.speak(puppet.make_puppet(0, 170), "the baker opened the garden gate")
    wave = np.pad(said.wave, 3200)
    found = align.open_aligner().align_text(wave, "the baker opened the garden gate")
    assert [word for word, *_ in found.words] == [word for word, *_ in said.words]
    off = np.array([x[1:] for x in found.words]) - [x[1:] for x in said.words] - 0.2
    assert np.abs(off).mean() < 0.05 and np.abs(off).max() < 0.15


def test_the_words_of_a_recording_are_found_in_it(real):
    folder = real / "grid"
    wave = audio.read_sound(folder / "video" / "s1" / "bbaf2n.mpg")
    words = read_align(folder / "align" / "s1" / "bbaf2n.align")
    phones = PhoneTimes()(wave, words)
    assert len(phones) == 14 and phones[0][0] == "b"
    times = np.array([span[1:] for span in phones])
    assert times[0, 0] >= words[0][1] and times[-1, 1] <= words[-1][2]
    assert (times[:, 1] > times[:, 0]).all() and (times[1:, 0] >= times[:-1, 1]).all()


def test_way_and_chain_agree_about_what_is_optional():
    words = [Spoken("a", ("a",)), Spoken("b", ("b",))]
    chain = chain_of(words)
    places = np.array([1, 1, 3, 3])
    found = spans_of_way(places, chain, words)
    assert found.words[0][2] == found.words[1][1]
