"""Metrics of talking faces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from avjax.metrics.base import Mean
from avjax.metrics.image import psnr, ssim
from avjax.metrics.landmarks import gap, landmark_distance
from avjax.metrics.sync import distances_by_offset, synchrony, verdict
from avjax.metrics.talking_face import Judges, judge, with_other_sound

RNG = np.random.default_rng(0)


def test_means_of_batches_add_up_to_the_mean_of_all():
    values, weight = RNG.standard_normal((6, 4)), np.array([1, 1, 0, 1, 1, 0])
    whole = Mean.empty()
    for part in (slice(0, 3), slice(3, 6)):
        found = Mean.of(jnp.asarray(values[part]), jnp.asarray(weight[part]))
        whole = whole.merge(found)
    assert whole.compute() == pytest.approx(values[weight > 0].mean(), rel=1e-5)


def test_padding_may_be_infinite_and_nothing_has_no_mean():
    assert Mean.of(jnp.array([2.0, jnp.inf]), jnp.array([1, 0])).compute() == 2
    assert np.isnan(Mean.empty().compute())


def test_a_mean_passes_through_jit():
    found = jax.jit(lambda x: Mean.of(x, jnp.ones(3)))(jnp.arange(3.0))
    assert found.compute() == 1


def test_psnr_is_that_of_the_mean_square():
    a, b = RNG.uniform(size=(2, 2, 3, 16, 16, 3))
    found = psnr(jnp.asarray(a), jnp.asarray(b))
    expected = -10 * np.log10(((a - b) ** 2).mean((-3, -2, -1)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert psnr(jnp.ones((4, 4, 1)), jnp.ones((4, 4, 1))) == 100


def test_ssim_is_that_of_a_known_implementation():
    """Away from the borders, where it takes windows that lie half outside."""
    a = RNG.uniform(size=(24, 30, 3)).astype(np.float32)
    b = np.clip(a + 0.1 * RNG.standard_normal(a.shape), 0, 1).astype(np.float32)
    _, every = structural_similarity(
        a,
        b,
        channel_axis=-1,
        data_range=1.0,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    found = ssim(jnp.asarray(a)[None, None], jnp.asarray(b)[None, None])
    np.testing.assert_allclose(found, [[every[5:-5, 5:-5].mean()]], atol=1e-4)


def test_landmark_distance_does_not_see_where_the_mouth_is():
    a, b = RNG.uniform(size=(2, 3, 20, 2))
    here, there = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    expected = np.sqrt(((here - there) ** 2).sum(-1)).mean(-1)
    np.testing.assert_allclose(landmark_distance(a, b), expected, rtol=1e-5)
    np.testing.assert_allclose(landmark_distance(a + 7, b), expected, rtol=1e-4)
    assert np.allclose(landmark_distance(a + 7, a), 0, atol=1e-5)


@pytest.mark.parametrize("late", [-4, 0, 6])
def test_synchrony_finds_how_far_the_sound_is_ahead(late):
    sound = np.abs(RNG.standard_normal((80, 16)))
    sound /= np.linalg.norm(sound, axis=-1, keepdims=True)
    lips = np.roll(sound, late, 0)  # the lips say it `late` frames after the sound
    found = synchrony(jnp.asarray(lips), jnp.asarray(sound), jnp.ones(80))
    assert found.offset == late


def test_synchrony_does_not_see_what_fills_up_a_clip():
    lips, sound = jnp.asarray(RNG.standard_normal((2, 30, 8)))
    exists = (jnp.arange(30) < 22).astype(jnp.float32)
    filled = synchrony(lips, sound, exists)
    short = synchrony(lips[:22], sound[:22], jnp.ones(22))
    np.testing.assert_allclose(filled, short, rtol=1e-5)


def test_synchrony_is_the_mean_over_pairs_that_exist():
    """A numpy loop over frames and offsets."""
    lips, sound = RNG.standard_normal((2, 20, 8))
    means = []
    for shift in range(-15, 16):
        pairs = [(v, v + shift) for v in range(20) if 0 <= v + shift < 20]
        means.append(np.mean([np.linalg.norm(lips[v] - sound[a]) for v, a in pairs]))
    found = synchrony(jnp.asarray(lips), jnp.asarray(sound), jnp.ones(20))
    np.testing.assert_allclose(found.distance, min(means), rtol=1e-5)
    expected = np.median(means) - min(means)
    np.testing.assert_allclose(found.confidence, expected, rtol=1e-3)
    assert found.offset == 15 - np.argmin(means)


def test_parts_of_a_clip_add_up_to_its_verdict():
    lips, sound = jnp.asarray(RNG.standard_normal((2, 40, 8)))
    exists = jnp.ones(40).at[7:12].set(0)
    around = jnp.pad(sound, ((15, 15), (0, 0)))
    there = jnp.pad(jnp.ones(40), 15)
    whole = distances_by_offset(lips, around, exists, there)
    parts = [
        distances_by_offset(
            lips[i:j], around[i : j + 30], exists[i:j], there[i : j + 30]
        )
        for i, j in ((0, 10), (10, 40))
    ]
    added = parts[0].merge(parts[1])
    np.testing.assert_allclose(added.total, whole.total, rtol=1e-5)
    np.testing.assert_array_equal(added.pairs, whole.pairs)
    assert whole.pairs[15] == 35 and whole.pairs[0] == 25
    assert verdict(added).offset == verdict(whole).offset


def test_sound_that_counts_beyond_the_ends_is_met_there():
    """The published way: zeros, which are near to lips whose code is small."""
    lips = 0.1 * RNG.standard_normal((20, 8))
    around = np.pad(5 * RNG.standard_normal((20, 8)), ((15, 15), (0, 0)))
    given = map(jnp.asarray, (lips, around, np.ones(20), np.ones(50)))
    found = distances_by_offset(*given)
    apart = np.linalg.norm(lips - around[:20] + 1e-6, axis=-1)
    np.testing.assert_allclose(found.total[0], apart.sum(), rtol=1e-5)
    assert (found.pairs == 20).all() and abs(verdict(found).offset) == 15


def test_the_gap_is_between_the_inner_lips():
    lips = RNG.uniform(size=(2, 20, 2))
    pairs = ((13, 19), (14, 18), (15, 17))  # 61-67, 62-66, 63-65 of the scheme
    apart = [np.linalg.norm(lips[:, a] - lips[:, b], axis=-1) for a, b in pairs]
    np.testing.assert_allclose(gap(jnp.asarray(lips)), np.mean(apart, 0), rtol=1e-5)


@pytest.fixture
def clips():
    """Two clips of eight frames, whose brightness is their number; six of one exist."""
    level = np.arange(16, dtype=np.uint8).reshape(2, 8, 1, 1, 1)
    marks = RNG.uniform(10, 20, (2, 8, 20, 2))
    marks[0, 3], marks[1, 7], marks[1, 5] = (
        5.0,
        5.0,
        np.linspace(9, 10, 40).reshape(20, 2),
    )
    sound = RNG.normal(size=(2, 8, 16, 80))
    given = {
        "faces": np.broadcast_to(level, (2, 8, 32, 32, 3)),
        "reference": np.full((2, 32, 32, 3), 200, np.uint8),
        "mels": sound,
        "heard": sound,
        "landmarks": marks,
        "sounds": np.zeros((2, 8), np.int32),
        "mask": np.arange(8)[None] < np.array([[8], [6]]),
        "weight": np.ones(2),
    }
    return {name: jnp.asarray(value) for name, value in given.items()}


def test_two_floors_are_one_mouth_for_all_frames(clips):
    """By hand: lips touch in frame 3 of the first clip and 5 of the second."""
    code = lambda x: jnp.ones((len(x), 4)) / 2  # noqa: E731
    found = lambda faces: jnp.zeros((len(faces), 20, 2))  # noqa: E731
    made = jnp.zeros((2, 8, 32, 32, 3))
    figures = judge(Judges(code, code, found), made, clips, ())
    real = np.asarray(clips["faces"], np.float32)[..., 0, 0, 0] / 255
    for row, mouths in (("pasted", (200, 200)), ("closed", (3, 13))):
        expected = []
        for clip, frames in ((0, 8), (1, 6)):
            error = (real[clip, :frames] - mouths[clip] / 255) ** 2 / 2
            expected += [min(100, -10 * np.log10(max(e, 1e-10))) for e in error]
        mean = figures[f"{row}_psnr"].compute()
        assert mean == pytest.approx(np.mean(expected), rel=1e-3), row


def test_another_s_sound_lasts_as_long_as_both_clips(clips):
    other = with_other_sound(clips)
    np.testing.assert_array_equal(other["mels"][0], clips["mels"][1])
    np.testing.assert_array_equal(other["heard"][1], clips["heard"][0])
    np.testing.assert_array_equal(other["faces"], clips["faces"])
    np.testing.assert_array_equal(other["mask"].sum(1), [6, 6])
    padded = with_other_sound({**clips, "weight": jnp.asarray([1.0, 0.0])})
    assert not padded["weight"].any()
