"""TAEM at inference: a text of any length is read as if it were read at once."""

import functools
from fractions import Fraction

import jax
import numpy as np
import pytest
from random_variables import untrained

from avjax import weights
from avjax.audio import mel as audio
from avjax.errors import InputError
from avjax.models.cals import CalsConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import Taem, TaemConfig
from avjax.pipelines import audio_talkers as talkers
from avjax.pipelines import text_talker as prompter
from avjax.pipelines.text_talker import OURS, Prompter, near, open_prompter
from avjax.text.phonemes import PAUSE, SOUNDS, Spans

SIDE = 32
TALKER = CalsConfig(SIDE, 0.02, units=6, window=2, layers=1, heads=2)
SIZES = {"dim": 8, "heads": 2, "encoder": 1, "refiner": 1, "reach": 3, "window": 2}
TINY = TaemConfig(TALKER, len(SOUNDS), **SIZES)
RNG = np.random.default_rng(0)
FACE, OTHER = RNG.integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
pytestmark = pytest.mark.usefixtures("quick_faces")


def variables_of(config: TaemConfig):
    """Of a network that nobody trained, but for how far latents deviate."""
    found = untrained(jax.eval_shape(lambda: prompter.blank(config)))
    scale = found[OURS]["batch_stats"]["scale"]
    found[OURS]["batch_stats"]["scale"] = {**scale, "square": scale["square"] + 0.25}
    return found


@pytest.fixture(scope="module")
def teller(quick_faces) -> Prompter:
    return Prompter(TINY, variables_of(TINY))


def a_text(sounds: int, longest: float = 0.09) -> Spans:
    """So many sounds, that last 10 ms or more, and end with a frame."""
    said = RNG.integers(PAUSE, len(SOUNDS), sounds).astype(np.int32)
    lengths = RNG.uniform(0.01, longest, sounds)
    edges = np.concatenate([[0], np.cumsum(lengths)])
    edges[-1] = np.ceil(25 * edges[-1]) / 25
    return Spans(said, edges.astype(np.float32))


def at_once(teller: Prompter, spans: Spans, method: str, *more, **how):
    """What the network says of a whole text."""
    given = [x[None] for x in (spans.sounds, *more)]
    apply = functools.partial(Taem(teller.config).apply, method=method, **how)
    return np.asarray(jax.jit(apply)(teller.variables[OURS], *given)[0])


@pytest.mark.parametrize(("sounds", "longest"), [(400, 0.09), (400, 0.02), (3, 0.5)])
def test_pieces_of_a_long_text_meet_without_a_seam(teller, sounds, longest):
    spans = a_text(sounds, longest)
    frames = round(spans.edges[-1] * 25)
    whole = at_once(teller, spans, "hear", spans.edges, FACE, frames=frames)
    told = np.concatenate(list(teller.tell(spans, FACE, frames, Fraction(25))))
    np.testing.assert_allclose(told, whole, atol=2e-4)
    assert np.ptp(told, axis=0).min() > 0.02


def test_less_context_would_be_seen(teller):
    """Sounds next to those that are said have a say."""
    spans = a_text(60)
    told = teller.latents(spans, FACE, 20, 36)
    window = slice(*np.searchsorted(spans.edges, [0.7, 1.5]))
    cut = Spans(spans.sounds[window], spans.edges[window.start : window.stop + 1])
    assert np.abs(teller.latents(cut, FACE, 20, 36) - told).max() > 1e-3


def test_one_program_serves_texts_of_any_length(teller):
    for program in (prompter.telling, prompter.timing):
        program.cache_clear()  # of what other tests asked
    for sounds in (1, 40, 300):
        spans = a_text(sounds)
        frames = int(np.ceil(spans.edges[-1] * 30))
        told = list(teller.tell(spans, FACE, frames, Fraction(30)))
        assert sum(map(len, told)) == frames
        assert [len(each) for each in told[:-1]] == [talkers.CHUNK] * (len(told) - 1)
        teller.times(spans.sounds, FACE)
    for program in (prompter.telling, prompter.timing):
        assert program(TINY)._cache_size() == 1


def test_between_two_moments_a_frame_is_told_of_both(teller):
    spans = a_text(40)
    moments = teller.latents(spans, FACE, 0, 12)
    (told,) = teller.tell(spans, FACE, 12, Fraction(50))
    np.testing.assert_allclose(told[::2], moments[:6], atol=1e-5)
    np.testing.assert_allclose(told[1::2], (moments[:6] + moments[1:7]) / 2, atol=1e-5)


def test_frames_behind_the_last_sound_are_as_the_last(teller):
    spans = Spans(np.array([4, PAUSE], np.int32), np.array([0, 0.1, 0.2], np.float32))
    (told,) = teller.tell(spans, FACE, 8, Fraction(25))
    np.testing.assert_array_equal(told[4:], np.repeat(told[4:5], 4, axis=0))
    assert (told[3] != told[4]).any() and np.isfinite(told).all()


def test_what_finds_no_room_is_left_out_at_either_end():
    edges = np.arange(1001, dtype=np.float32) / 1000
    spans = Spans(np.arange(1000, dtype=np.int32), edges)
    sounds, times = near(spans, 10, 6, TINY)
    assert len(sounds) == prompter.ROOM and len(times) == prompter.ROOM + 1
    assert sounds[0] == 400 - 3 + (247 - prompter.ROOM) // 2
    assert (np.diff(sounds) == 1).all()


def test_how_long_sounds_last_is_told_as_if_at_once(teller):
    spans = a_text(500)
    found = teller.times(spans.sounds, FACE)
    whole = np.diff(at_once(teller, spans, "times", FACE))
    np.testing.assert_allclose(np.diff(found.edges), np.maximum(whole, 0.01), atol=1e-4)
    np.testing.assert_array_equal(found.sounds, spans.sounds)
    assert np.diff(found.edges).min() == pytest.approx(0.01, abs=1e-4)
    assert np.diff(found.edges).max() > 0.02


def test_the_portrait_has_a_say(teller):
    spans = a_text(20)
    one, other = (teller.latents(spans, face, 0, 8) for face in (FACE, OTHER))
    assert np.abs(one - other).max() > 1e-3
    times = [teller.times(spans.sounds, face).edges[-1] for face in (FACE, OTHER)]
    assert abs(times[0] - times[1]) > 1e-4


def test_published_weights_are_enough_to_talk(tmp_path):
    """The folder holds the frozen talker, which can be told by sound as before."""
    save(tmp_path / "weights", TINY)
    found = open_prompter(str(tmp_path / "weights"))
    assert found.config == TINY
    mel = RNG.uniform(-4, 4, (40, audio.MELS)).astype(np.float32)
    heard = np.concatenate(list(found.talker.tell(mel, 8, Fraction(25))))
    told = found.latents(a_text(10), FACE, 0, 8)
    assert heard.shape == told.shape == (8, TALKER.latent)
    crops = np.repeat(FACE[None], 8, axis=0)
    pictures = found.talker.draw(told, crops, FACE)
    assert pictures.shape == crops.shape and (pictures != crops).any()


def test_a_talker_that_hears_each_frame_alone_will_do_too(tmp_path):
    config = TaemConfig(SyncTalkFaceConfig(SIDE, 0.02, slots=4), len(SOUNDS), **SIZES)
    save(tmp_path / "weights", config)
    found = open_prompter(str(tmp_path / "weights"))
    assert isinstance(found.talker, talkers.Talker)
    assert set(found.talker.variables) == {"params", "batch_stats"}
    told = found.latents(a_text(10), FACE, 0, 8)
    assert told.shape == (8, config.talker.latent) and told.min() >= 0 < told.max()


def save(folder, config: TaemConfig) -> None:
    found = variables_of(config)
    params, stats = (
        {part: tree[kind] for part, tree in found.items() if kind in tree}
        for kind in ("params", "batch_stats")
    )
    weights.save(folder, params, stats, config, system="taem", card="")


def test_weights_of_other_sounds_or_other_shapes_are_refused(tmp_path):
    save(tmp_path / "other", TaemConfig(TALKER, 7, **SIZES))
    with pytest.raises(InputError, match="other sounds"):
        open_prompter(str(tmp_path / "other"))
    found = weights.load(tmp_path / "other")
    parts = found.params, found.stats, {**found.config, "dim": 16}
    weights.save(tmp_path / "misfit", *parts, system="taem", card="")
    with pytest.raises(InputError, match="not those of their own config"):
        open_prompter(str(tmp_path / "misfit"))


def test_latents_are_as_the_talker_hears_them(teller):
    told = teller.latents(a_text(20), FACE, 0, 8)
    np.testing.assert_allclose(np.linalg.norm(told, axis=-1), 1, rtol=1e-3)
