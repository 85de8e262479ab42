"""TAEM on texts of any length: chunks give the same as the whole text at once."""

import functools
from fractions import Fraction

import jax
import numpy as np
import pytest
from untrained_talkers import save_parts, untrained_taem

from avjax import weights
from avjax.constants import FPS, NUM_MELS
from avjax.errors import InputError
from avjax.models.cals import CalsConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import TEXT_PART, Taem, TaemConfig
from avjax.pipelines.talking.audio_talkers import WindowTalker
from avjax.pipelines.talking.talker_functions import CHUNK_FRAMES
from avjax.pipelines.talking.text_talker import (
    MAX_PHONEMES,
    TextTalker,
    jit_predict_edges,
    jit_predict_latents,
    load_text_talker,
    phonemes_around,
)
from avjax.text.intervals import PhonemeTier
from avjax.text.phonemes import PAUSE, PHONEMES

SIDE = 32
TALKER = CalsConfig(SIDE, 0.02, unit_dim=6, context_frames=2, layers=1, heads=2)
TEXT_SIZES = {
    "dim": 8,
    "heads": 2,
    "encoder_layers": 1,
    "refiner_layers": 1,
    "context_phonemes": 3,
    "context_frames": 2,
}
TINY = TaemConfig(TALKER, len(PHONEMES), **TEXT_SIZES)
RNG = np.random.default_rng(0)
FACE, OTHER_FACE = RNG.integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
pytestmark = pytest.mark.usefixtures("quick_faces")


@pytest.fixture(scope="module")
def talker(quick_faces) -> TextTalker:
    return TextTalker(TINY, untrained_taem(TINY, variance=0.25))


def random_tier(count: int, longest: float = 0.09) -> PhonemeTier:
    """Sample phonemes that last 10 ms or more and end with a video frame."""
    ids = RNG.integers(PAUSE, len(PHONEMES), count).astype(np.int32)
    edges = np.concatenate([[0], np.cumsum(RNG.uniform(0.01, longest, count))])
    edges[-1] = np.ceil(FPS * edges[-1]) / FPS
    return PhonemeTier(ids, edges.astype(np.float32))


def apply_at_once(talker: TextTalker, method: str, *arrays, **options) -> np.ndarray:
    """Apply the network to a whole text."""
    apply = functools.partial(Taem(talker.config).apply, method=method, **options)
    batch = [array[None] for array in arrays]
    return np.asarray(jax.jit(apply)(talker.variables[TEXT_PART], *batch)[0])


@pytest.mark.parametrize(("count", "longest"), [(400, 0.09), (400, 0.02), (3, 0.5)])
def test_chunks_of_a_long_text_join_without_a_seam(talker, count, longest):
    tier = random_tier(count, longest)
    frames = round(tier.edges[-1] * FPS)
    arrays = tier.ids, tier.edges, FACE
    expected = apply_at_once(talker, "predict_latents", *arrays, frames=frames)
    latents = np.concatenate(
        list(talker.iter_latents(tier, FACE, frames, Fraction(FPS)))
    )
    np.testing.assert_allclose(latents, expected, atol=2e-4)
    assert np.ptp(latents, axis=0).min() > 0.02


def test_latents_depend_on_the_phoneme_context(talker):
    tier = random_tier(60)
    latents = talker.predict_latents(tier, FACE, 20, 36)
    part = slice(*np.searchsorted(tier.edges, [0.7, 1.5]))
    cut = PhonemeTier(tier.ids[part], tier.edges[part.start : part.stop + 1])
    assert np.abs(talker.predict_latents(cut, FACE, 20, 36) - latents).max() > 1e-3


def test_one_compiled_function_serves_texts_of_any_length(talker):
    for function in (jit_predict_latents, jit_predict_edges):
        function.cache_clear()  # of other tests
    for count in (1, 40, 300):
        tier = random_tier(count)
        frames = int(np.ceil(tier.edges[-1] * 30))
        latents = list(talker.iter_latents(tier, FACE, frames, Fraction(30)))
        assert sum(map(len, latents)) == frames
        sizes = [len(chunk) for chunk in latents[:-1]]
        assert sizes == [CHUNK_FRAMES] * (len(latents) - 1)
        talker.predict_tier(tier.ids, FACE)
    for function in (jit_predict_latents, jit_predict_edges):
        assert function(TINY)._cache_size() == 1


def test_latents_are_interpolated_at_other_frame_rates(talker):
    tier = random_tier(40)
    at_25 = talker.predict_latents(tier, FACE, 0, 12)
    (at_50,) = talker.iter_latents(tier, FACE, 12, Fraction(50))
    np.testing.assert_allclose(at_50[::2], at_25[:6], atol=1e-5)
    np.testing.assert_allclose(at_50[1::2], (at_25[:6] + at_25[1:7]) / 2, atol=1e-5)


def test_frames_after_the_last_phoneme_repeat_the_last_latent(talker):
    ids, edges = np.array([4, PAUSE], np.int32), np.array([0, 0.1, 0.2], np.float32)
    tier = PhonemeTier(ids, edges)
    (latents,) = talker.iter_latents(tier, FACE, 8, Fraction(FPS))
    np.testing.assert_array_equal(latents[4:], np.repeat(latents[4:5], 4, axis=0))
    assert (latents[3] != latents[4]).any() and np.isfinite(latents).all()


def test_surplus_phonemes_are_left_out_at_both_ends():
    edges = np.arange(1001, dtype=np.float32) / 1000
    tier = PhonemeTier(np.arange(1000, dtype=np.int32), edges)
    ids, times = phonemes_around(tier, 10, 6, TINY)
    assert len(ids) == MAX_PHONEMES and len(times) == MAX_PHONEMES + 1
    assert ids[0] == 400 - 3 + (247 - MAX_PHONEMES) // 2
    assert (np.diff(ids) == 1).all()


def test_durations_of_a_long_text_equal_those_at_once(talker):
    tier = random_tier(500)
    predicted = talker.predict_tier(tier.ids, FACE)
    expected = np.diff(apply_at_once(talker, "predict_edges", tier.ids, FACE))
    durations = np.diff(predicted.edges)
    np.testing.assert_allclose(durations, np.maximum(expected, 0.01), atol=1e-4)
    np.testing.assert_array_equal(predicted.ids, tier.ids)
    assert durations.min() == pytest.approx(0.01, abs=1e-4)
    assert durations.max() > 0.02


def test_latents_and_durations_depend_on_the_portrait(talker):
    tier, faces = random_tier(20), (FACE, OTHER_FACE)
    first, second = (talker.predict_latents(tier, face, 0, 8) for face in faces)
    assert np.abs(first - second).max() > 1e-3
    ends = [talker.predict_tier(tier.ids, face).edges[-1] for face in faces]
    assert abs(ends[0] - ends[1]) > 1e-4


def test_weights_contain_the_talker_that_can_be_driven_by_audio(tmp_path):
    save_parts(tmp_path / "weights", untrained_taem(TINY, variance=0.25), TINY)
    loaded = load_text_talker(str(tmp_path / "weights"))
    assert loaded.config == TINY
    mel = RNG.uniform(-4, 4, (40, NUM_MELS)).astype(np.float32)
    from_audio = np.concatenate(list(loaded.talker.iter_latents(mel, 8, Fraction(FPS))))
    from_text = loaded.predict_latents(random_tier(10), FACE, 0, 8)
    assert from_audio.shape == from_text.shape == (8, TALKER.latent_dim)
    crops = np.repeat(FACE[None], 8, axis=0)
    faces = loaded.talker.decode_frames(from_text, crops, FACE)
    assert faces.shape == crops.shape and (faces != crops).any()


def test_talker_without_audio_context_can_be_driven_by_text(tmp_path):
    talker = SyncTalkFaceConfig(SIDE, 0.02, num_slots=4)
    config = TaemConfig(talker, len(PHONEMES), **TEXT_SIZES)
    save_parts(tmp_path / "weights", untrained_taem(config, variance=0.25), config)
    loaded = load_text_talker(tmp_path / "weights")
    assert isinstance(loaded.talker, WindowTalker)
    assert set(loaded.talker.variables) == {"generator"}
    assert set(loaded.talker.variables["generator"]) == {"params", "batch_stats"}
    latents = loaded.predict_latents(random_tier(10), FACE, 0, 8)
    assert latents.shape == (8, talker.latent_dim)
    assert latents.min() >= 0 < latents.max()


def test_weights_with_other_phonemes_or_shapes_are_refused(tmp_path):
    config = TaemConfig(TALKER, 7, **TEXT_SIZES)
    save_parts(tmp_path / "other", untrained_taem(config), config)
    with pytest.raises(InputError, match="know 7 phonemes"):
        load_text_talker(str(tmp_path / "other"))
    loaded = weights.load(tmp_path / "other")
    weights.save(
        tmp_path / "misfit",
        loaded.params,
        loaded.stats,
        {**loaded.config, "dim": 16},
        system="taem",
        card="",
    )
    with pytest.raises(InputError, match="do not fit their config"):
        load_text_talker(str(tmp_path / "misfit"))


def test_latents_are_valid_for_the_talker(talker):
    latents = talker.predict_latents(random_tier(20), FACE, 0, 8)
    np.testing.assert_allclose(np.linalg.norm(latents, axis=-1), 1, rtol=1e-3)
