"""Metrics of talking faces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from avjax.metrics.base import Mean
from avjax.metrics.image import psnr, ssim
from avjax.metrics.landmarks import landmark_distance, lip_gap
from avjax.metrics.sync import clip_sync_score, distances_by_offset, sync_score
from avjax.metrics.talking_face import (
    EvaluationNetworks,
    roll_audio,
    talking_metrics,
)

RNG = np.random.default_rng(0)


def test_merged_means_equal_the_mean_of_all():
    values, weight = RNG.standard_normal((6, 4)), np.array([1, 1, 0, 1, 1, 0])
    merged = Mean.empty()
    for part in (slice(0, 3), slice(3, 6)):
        actual = Mean.from_values(jnp.asarray(values[part]), jnp.asarray(weight[part]))
        merged = merged.merge(actual)
    assert merged.compute() == pytest.approx(values[weight > 0].mean(), rel=1e-5)


def test_values_without_weight_may_be_infinite():
    assert Mean.from_values(jnp.array([2.0, jnp.inf]), jnp.array([1, 0])).compute() == 2
    assert np.isnan(Mean.empty().compute())


def test_mean_passes_through_jit():
    actual = jax.jit(lambda x: Mean.from_values(x, jnp.ones(3)))(jnp.arange(3.0))
    assert actual.compute() == 1


def test_psnr():
    a, b = RNG.uniform(size=(2, 2, 3, 16, 16, 3))
    actual = psnr(jnp.asarray(a), jnp.asarray(b))
    expected = -10 * np.log10(((a - b) ** 2).mean((-3, -2, -1)))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    assert psnr(jnp.ones((4, 4, 1)), jnp.ones((4, 4, 1))) == 100


def test_ssim_equals_scikit_image():
    """scikit-image also has windows beyond the border, which are cut off here."""
    a = RNG.uniform(size=(24, 30, 3)).astype(np.float32)
    b = np.clip(a + 0.1 * RNG.standard_normal(a.shape), 0, 1).astype(np.float32)
    _, ssim_map = structural_similarity(
        a,
        b,
        channel_axis=-1,
        data_range=1.0,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    actual = ssim(jnp.asarray(a)[None, None], jnp.asarray(b)[None, None])
    np.testing.assert_allclose(actual, [[ssim_map[5:-5, 5:-5].mean()]], atol=1e-4)


def test_landmark_distance_ignores_the_position_of_the_mouth():
    a, b = RNG.uniform(size=(2, 3, 20, 2))
    centred_a, centred_b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    expected = np.sqrt(((centred_a - centred_b) ** 2).sum(-1)).mean(-1)
    np.testing.assert_allclose(landmark_distance(a, b), expected, rtol=1e-5)
    np.testing.assert_allclose(landmark_distance(a + 7, b), expected, rtol=1e-4)
    assert np.allclose(landmark_distance(a + 7, a), 0, atol=1e-5)


@pytest.mark.parametrize("late", [-4, 0, 6])
def test_clip_sync_score_finds_the_offset(late):
    audio = np.abs(RNG.standard_normal((80, 16)))
    audio /= np.linalg.norm(audio, axis=-1, keepdims=True)
    lips = np.roll(audio, late, 0)  # lips `late` frames after the audio
    actual = clip_sync_score(jnp.asarray(lips), jnp.asarray(audio), jnp.ones(80))
    assert actual.offset == late


def test_clip_sync_score_ignores_padding():
    lips, audio = jnp.asarray(RNG.standard_normal((2, 30, 8)))
    mask = (jnp.arange(30) < 22).astype(jnp.float32)
    padded = clip_sync_score(lips, audio, mask)
    short = clip_sync_score(lips[:22], audio[:22], jnp.ones(22))
    np.testing.assert_allclose(padded, short, rtol=1e-5)


def test_clip_sync_score_equals_a_loop():
    """Compare with a numpy loop over frames and offsets."""
    lips, audio = RNG.standard_normal((2, 20, 8))
    means = []
    for shift in range(-15, 16):
        pairs = [(v, v + shift) for v in range(20) if 0 <= v + shift < 20]
        means.append(np.mean([np.linalg.norm(lips[v] - audio[a]) for v, a in pairs]))
    actual = clip_sync_score(jnp.asarray(lips), jnp.asarray(audio), jnp.ones(20))
    np.testing.assert_allclose(actual.distance, min(means), rtol=1e-5)
    expected = np.median(means) - min(means)
    np.testing.assert_allclose(actual.confidence, expected, rtol=1e-3)
    assert actual.offset == 15 - np.argmin(means)


def test_distances_of_parts_add_up():
    lips, audio = jnp.asarray(RNG.standard_normal((2, 40, 8)))
    mask = jnp.ones(40).at[7:12].set(0)
    padded_audio = jnp.pad(audio, ((15, 15), (0, 0)))
    audio_mask = jnp.pad(jnp.ones(40), 15)
    whole = distances_by_offset(lips, padded_audio, mask, audio_mask)
    parts = [
        distances_by_offset(
            lips[i:j], padded_audio[i : j + 30], mask[i:j], audio_mask[i : j + 30]
        )
        for i, j in ((0, 10), (10, 40))
    ]
    merged = parts[0].merge(parts[1])
    np.testing.assert_allclose(merged.total, whole.total, rtol=1e-5)
    np.testing.assert_array_equal(merged.pairs, whole.pairs)
    assert whole.pairs[15] == 35 and whole.pairs[0] == 25
    assert sync_score(merged).offset == sync_score(whole).offset


def test_audio_beyond_the_ends_counts_if_its_mask_is_set():
    """The published code counts zeros, which are close to small embeddings."""
    lips = 0.1 * RNG.standard_normal((20, 8))
    padded_audio = np.pad(5 * RNG.standard_normal((20, 8)), ((15, 15), (0, 0)))
    actual = distances_by_offset(
        *map(jnp.asarray, (lips, padded_audio, np.ones(20), np.ones(50)))
    )
    distance = np.linalg.norm(lips - padded_audio[:20] + 1e-6, axis=-1)
    np.testing.assert_allclose(actual.total[0], distance.sum(), rtol=1e-5)
    assert (actual.pairs == 20).all() and abs(sync_score(actual).offset) == 15


def test_lip_gap_is_between_the_inner_lips():
    lips = RNG.uniform(size=(2, 20, 2))
    pairs = ((13, 19), (14, 18), (15, 17))  # 61-67, 62-66, 63-65 of the scheme
    distance = [np.linalg.norm(lips[:, a] - lips[:, b], axis=-1) for a, b in pairs]
    np.testing.assert_allclose(
        lip_gap(jnp.asarray(lips)), np.mean(distance, 0), rtol=1e-5
    )


@pytest.fixture
def clips():
    """Two clips of 8 and 6 frames, whose brightness is their number."""
    brightness = np.arange(16, dtype=np.uint8).reshape(2, 8, 1, 1, 1)
    landmarks = RNG.uniform(10, 20, (2, 8, 20, 2))
    landmarks[0, 3], landmarks[1, 7], landmarks[1, 5] = (
        5.0,
        5.0,
        np.linspace(9, 10, 40).reshape(20, 2),
    )
    audio = RNG.normal(size=(2, 8, 16, 80))
    arrays = {
        "faces": np.broadcast_to(brightness, (2, 8, 32, 32, 3)),
        "reference": np.full((2, 32, 32, 3), 200, np.uint8),
        "mels": audio,
        "sync_mels": audio,
        "landmarks": landmarks,
        "phoneme_class": np.zeros((2, 8), np.int32),
        "frame_mask": np.arange(8)[None] < np.array([[8], [6]]),
        "weight": np.ones(2),
    }
    return {name: jnp.asarray(value) for name, value in arrays.items()}


def test_static_mouth_baselines_repeat_one_mouth(clips):
    """The lips touch in frame 3 of the first clip and in frame 5 of the second."""
    embed = lambda x: jnp.ones((len(x), 4)) / 2  # noqa: E731
    find_landmarks = lambda faces: jnp.zeros((len(faces), 20, 2))  # noqa: E731
    generated = jnp.zeros((2, 8, 32, 32, 3))
    metrics = talking_metrics(
        EvaluationNetworks(embed, embed, find_landmarks), generated, clips, ()
    )
    real = np.asarray(clips["faces"], np.float32)[..., 0, 0, 0] / 255
    for row, mouths in (("static_mouth", (200, 200)), ("closed_mouth", (3, 13))):
        expected = []
        for clip, frames in ((0, 8), (1, 6)):
            error = (real[clip, :frames] - mouths[clip] / 255) ** 2 / 2
            expected += [min(100, -10 * np.log10(max(e, 1e-10))) for e in error]
        mean = metrics[f"{row}_psnr"].compute()
        assert mean == pytest.approx(np.mean(expected), rel=1e-3), row


def test_roll_audio_keeps_frames_that_both_clips_have(clips):
    rolled = roll_audio(clips)
    np.testing.assert_array_equal(rolled["mels"][0], clips["mels"][1])
    np.testing.assert_array_equal(rolled["sync_mels"][1], clips["sync_mels"][0])
    np.testing.assert_array_equal(rolled["faces"], clips["faces"])
    np.testing.assert_array_equal(rolled["frame_mask"].sum(1), [6, 6])
    padded = roll_audio({**clips, "weight": jnp.asarray([1.0, 0.0])})
    assert not padded["weight"].any()
    single = roll_audio(jax.tree.map(lambda x: x[:1], clips))
    assert not single["weight"].any()  # there is no other clip
