"""The tasks of LipWarp: what they update, measure and release."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax import weights
from avjax.data.examples.lip_codes import LipCodeExample
from avjax.data.examples.lip_editing import LipEditClip, LipEditExample
from avjax.errors import InputError
from avjax.faces.editing import crop_encoder_mouth
from avjax.metrics.lip_codes import clip_correlation, clip_std
from avjax.models.lipwarp import AudioToCode, LipWarpConfig
from avjax.pipelines.talking.audio_talkers import load_talker
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.lipwarp.articulation import ArticulationTask
from avjax.train.tasks.lipwarp.audio import (
    STATS,
    AudioToCodeTask,
    code_covariance,
    released_params,
)
from avjax.train.tasks.lipwarp.editing import LipEditingTask
from avjax.train.tasks.lipwarp.mouths import crop_mouths

MODEL = LipWarpConfig(
    size=32, code_dim=4, context_frames=2, audio_dim=16, layers=1, heads=2, dropout=0.0
)
EDITING = LipEditingTask(MODEL, code_noise=0.0)
AUDIO = AudioToCodeTask(MODEL, average_decay=0.5)
KEY = jax.random.key(1)


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def small_networks():
    """Make editor and encoder two levels deep instead of four."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("avjax.nn.lip_editor.EDITOR_CHANNELS", (8, 8))
        patch.setattr("avjax.nn.lip_editor.ENCODER_CHANNELS", (8, 8))
        yield


@pytest.fixture(scope="module")
def edits():
    """Four examples with the keys of LipEditExample."""
    target = 0.3 + 0.4 * random(4, 32, 32, 3)
    frame = target.copy()
    frame[:, 12:22, 10:22] = 0.5
    batch = {"frame": frame, "target": target, "reference": target[::-1]}
    batch |= {"mouth": random(4, 40, 56, seed=1), "weight": np.ones(4, np.float32)}
    return jax.tree.map(jnp.asarray, batch)


@pytest.fixture(scope="module")
def speech():
    """Three examples with the keys of LipCodeExample; of one, six frames exist."""
    mels = np.random.default_rng(2).normal(size=(3, 8, 16, 80)).astype(np.float32)
    light = mels.mean((2, 3))[..., None, None]
    pattern = random(40, 56, seed=1)
    mouths = 128 + 400 * light * pattern + 20 * random(3, 8, 40, 56)
    mask = np.arange(8)[None] < np.array([[8], [8], [6]])
    batch = {"mels": mels, "mouths": np.clip(mouths, 0, 255).astype(np.uint8)}
    batch |= {"positions": np.tile(np.arange(8, dtype=np.float32), (3, 1))}
    batch |= {"frame_mask": mask.astype(np.float32), "weight": np.ones(3, np.float32)}
    return jax.tree.map(jnp.asarray, batch)


def train(task, batch, steps: int = 12):
    """Return the states before and after some steps on one batch, and the losses."""
    name = task.objectives()[0].name
    optimizers = {name: make_optimizer(Adam(learning_rate=3e-3), steps)}
    before = jax.jit(lambda batch: make_state(task, optimizers, KEY, batch))(batch)
    step, state, losses = jax.jit(make_step(task, optimizers)), before, []
    for _ in range(steps):
        state, logs = step(state, batch, KEY)
        losses.append(float(logs[f"{name}/loss"]))
    return before, state, losses


def changed(before, after) -> set[str]:
    """Name the parts whose parameters differ."""
    return {
        part
        for part, tree in after.params.items()
        if any(
            (a != b).any()
            for a, b in zip(
                *map(jax.tree.leaves, (tree, before.params[part])), strict=True
            )
        )
    }


@pytest.fixture(scope="module")
def trained_audio(speech):
    return train(AUDIO, speech)


@pytest.fixture(scope="module")
def synthetic(speech):
    """Three examples with the keys of ArticulationExample; lips follow the level."""
    level = speech["mels"].mean((2, 3))[..., None]
    tracks = 0.3 + level * jnp.arange(1, 8)[None, None]
    kept = {key: speech[key] for key in ("mels", "frame_mask", "weight")}
    return {**kept, "articulation": tracks}


def test_articulation_is_learned_where_frames_and_labels_exist(synthetic):
    task = ArticulationTask(MODEL)
    before, after, losses = train(task, synthetic, steps=40)
    assert losses[0] > 0.8 and losses[-1] < 0.5 * losses[0]
    assert changed(before, after) == {"audio_to_code", "articulation"}
    means = task.evaluate(after.params, after.stats, synthetic)
    assert set(means) == {"articulation", "jaw", "closure"}
    assert all(mean.total / mean.weight > 0.7 for mean in means.values())
    mask = synthetic["frame_mask"][..., None]
    ignored = {
        **synthetic,
        "mels": synthetic["mels"] * mask[..., None],
        "articulation": synthetic["articulation"] + 100 * (1 - mask),
    }
    reference = {**synthetic, "mels": ignored["mels"]}
    values = [
        float(task.loss(after.params, {}, batch, KEY)[0])
        for batch in (reference, ignored)
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    unknown = {**synthetic, "weight": jnp.zeros(3)}
    assert float(task.loss(after.params, {}, unknown, KEY)[0]) == 0


def test_a_talker_starts_from_the_network_that_knows_articulation(synthetic):
    task = ArticulationTask(MODEL)
    _, after, _ = train(task, synthetic, steps=1)
    released = task.export(after.params, after.stats)
    assert set(released.params) == {"audio_to_code"}
    shapes = jax.eval_shape(AUDIO.init, KEY, {})[0]
    assert weights.array_shapes(released.params["audio_to_code"]) == (
        weights.array_shapes(shapes["audio_to_code"])
    )


def test_editing_improves_and_can_freeze_the_encoder(edits):
    before, after, losses = train(EDITING, edits)
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert changed(before, after) == {"mouth_encoder", "editor"}
    frozen = dataclasses.replace(EDITING, freeze_encoder=True)
    assert frozen.objectives()[0].parts == ("editor",)


def test_evaluation_measures_the_mouth_and_its_codes(lip_record):
    params, stats = untrained(jax.eval_shape(EDITING.init, KEY, {}))
    example = LipEditClip(num_frames=5, size=32).at(lip_record, 0, 1)
    batch = jax.tree.map(lambda x: jnp.asarray(x)[None], example)
    means = jax.jit(EDITING.evaluate)(params, stats, batch)
    assert set(means) == {"l1", "unedited_l1", "lips", "leak"}
    assert means["unedited_l1"].compute() > 0.01
    assert all(abs(means[key].compute()) <= 1 for key in ("lips", "leak"))
    images = jax.jit(EDITING.visualize)(params, stats, batch)["edited"]
    assert images.shape == (5, 32, 96, 3) and images.dtype == jnp.uint8


def test_a_size_that_does_not_fit_is_refused(lip_record):
    example = LipEditExample(64).at(lip_record, 0, 1)
    batch = {key: np.asarray(value)[None] for key, value in example.items()}
    with pytest.raises(InputError, match="size is 32, but the examples have 64"):
        EDITING.validate(batch)


def test_mouths_are_cropped_as_for_the_pipelines(lip_record):
    face = lip_record["lower_face"][8].astype(np.float32) / 255
    np.testing.assert_allclose(
        crop_mouths(jnp.asarray(face)[None])[0, ..., 0],
        crop_encoder_mouth(face),
        atol=0.02,  # of OpenCV's positions, which it rounds to 1/32 pixel
    )


def test_audio_improves_and_updates_its_part_only(trained_audio):
    """lipwarp (7)"""
    before, after, losses = trained_audio
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert changed(before, after) == {"audio_to_code"}


def test_codes_between_two_mouths_are_interpolated(speech):
    params, _ = untrained(jax.eval_shape(AUDIO.init, KEY, {}))
    encode = jax.jit(AUDIO.target_codes)
    whole = encode(params, speech)
    codes = encode(params, {**speech, "positions": speech["positions"] + 0.5})
    np.testing.assert_allclose(
        codes[:, :7], (whole[:, :7] + whole[:, 1:]) / 2, atol=1e-5
    )
    np.testing.assert_allclose(codes[:, 7], whole[:, 7], atol=1e-5)


def test_a_mirrored_mouth_has_the_same_code(speech):
    params, _ = untrained(jax.eval_shape(AUDIO.init, KEY, {}))
    mirrored = {**speech, "mouths": speech["mouths"][..., ::-1]}
    np.testing.assert_allclose(
        *(jax.jit(AUDIO.target_codes)(params, batch) for batch in (speech, mirrored)),
        atol=1e-5,
    )


def test_averages_are_those_of_a_loop(speech):
    params, stats = untrained(jax.eval_shape(AUDIO.init, KEY, {}))
    averages = jax.tree.map(jnp.zeros_like, stats[STATS])
    bias = lambda value: {  # noqa: E731
        **params,
        "audio_to_code": jax.tree.map(
            lambda x: jnp.full_like(x, value), params["audio_to_code"]
        ),
    }
    codes = jax.random.uniform(KEY, (3, 8, 4))
    mask = speech["frame_mask"]
    for value in (1.0, 3.0, 7.0):
        averages = AUDIO.update_averages(bias(value), averages, codes, mask)
    expected = 0.5 * (0.5 * 1 + 0.5 * 3) + 0.5 * 7
    np.testing.assert_allclose(averages["params"]["code"]["bias"], expected)
    clips = [
        np.asarray(clip[:count]) for clip, count in zip(codes, (8, 8, 6), strict=True)
    ]
    centred = np.concatenate([clip - clip.mean(0) for clip in clips])
    np.testing.assert_allclose(
        code_covariance(averages),
        centred.T @ centred / 22 + 1e-6 * np.eye(4),
        atol=1e-7,
        rtol=1e-3,
    )


def test_released_weights_are_a_whole_talker(trained_audio, speech, tmp_path):
    """Their codes have the scale of true codes."""
    before, after, _ = trained_audio
    released = AUDIO.export(*jax.device_get((after.params, after.stats)))
    assert set(released.params) == {"mouth_encoder", "editor", "audio_to_code"}
    assert released.system == "lipwarp" and not released.stats
    assert len(released.config.speech_code) == MODEL.code_dim
    assert np.any(released.config.speech_code)
    weights.save(tmp_path / "talker", *released[1:], system="lipwarp", card="")
    assert load_talker(tmp_path / "talker").config == released.config
    std = np.sqrt(np.diagonal(np.asarray(code_covariance(after.stats[STATS]))))
    average = after.stats[STATS]["params"]
    inputs = speech["mels"], speech["frame_mask"], AUDIO.lookahead(speech)
    predict = jax.jit(
        lambda params: AudioToCode(MODEL).apply({"params": params}, *inputs)
    )
    expected = std * np.asarray(predict(average))
    codes = predict(released.params["audio_to_code"])
    np.testing.assert_allclose(codes, expected, rtol=1e-3, atol=1e-5)
    untouched = released_params(before.params, before.stats)
    jax.tree.map(
        np.testing.assert_array_equal, untouched, before.params["audio_to_code"]
    )


def test_evaluation_correlates_codes_along_main_directions(trained_audio, speech):
    _, after, _ = trained_audio
    means = jax.jit(AUDIO.evaluate)(after.params, after.stats, speech)
    assert set(means) == {"lips1", "lips2", "lips3", "motion1"}
    assert 0 < means["lips1"].compute() <= 1


def test_examples_of_a_record_fit_the_task(lip_record):
    example = LipCodeExample(12).at(lip_record, 0, 1)
    batch = jax.tree.map(lambda x: jnp.asarray(x)[None], example)
    params, stats = untrained(jax.eval_shape(AUDIO.init, KEY, {}))
    loss, _ = jax.jit(AUDIO.loss)(params, stats, batch, KEY)
    assert np.isfinite(loss)


def test_correlation_is_that_of_numpy_and_ignores_missing_frames():
    first, second = random(2, 6, 3), random(2, 6, 3, seed=1)
    mask = np.float32([[1] * 6, [1] * 4 + [0] * 2])
    result, std = clip_correlation(first, second, mask), clip_std(first, mask)
    for clip, count in enumerate((6, 4)):
        a, b = first[clip, :count], second[clip, :count]
        expected = [np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(3)]
        np.testing.assert_allclose(result[clip], expected, atol=1e-4)
        np.testing.assert_allclose(std[clip], a.std(0), rtol=1e-4)
