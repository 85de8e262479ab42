"""The task of the sync model for people never seen."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax import weights
from avjax.errors import InputError
from avjax.metrics.sync_evidence import OFFSETS, offset_log_probs
from avjax.models import lipwarp
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.sync_people import SyncPeopleConfig, encode_audio, encode_mouths
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.lipwarp import code_loader
from avjax.train.tasks.lipwarp.mouths import interpolate_frames
from avjax.train.tasks.lipwarp.sync import (
    MAX_CUT,
    SyncPeopleTask,
    clip_evidence,
    cut_ends,
    move_audio,
    stretch_losses,
)

FRAMES = 40
LIPWARP = LipWarpConfig(
    code_dim=4, context_frames=2, audio_dim=16, layers=1, heads=2, dropout=0.0
)
TASK = SyncPeopleTask(SyncPeopleConfig(LIPWARP, embedding_dim=8, width=8, dropout=0.0))
KEY = jax.random.key(1)


@pytest.fixture(scope="module", autouse=True)
def small_networks():
    """Make editor and encoder two levels deep instead of four."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("avjax.nn.lip_editor.EDITOR_CHANNELS", (8, 8))
        patch.setattr("avjax.nn.lip_editor.ENCODER_CHANNELS", (8, 8))
        yield


@pytest.fixture(scope="module")
def batch():
    """Three examples with the keys of CodeLoader; of one, 30 frames exist."""
    rng = np.random.default_rng(2)
    codes = rng.normal(size=(3, FRAMES, 4)).astype(np.float32)
    mask = np.arange(FRAMES)[None] < np.array([[FRAMES], [FRAMES], [30]])
    values = {
        "codes": codes,
        "features": np.tile(codes, (1, 1, 4)),
        "frame_mask": mask.astype(np.float32),
        "weight": np.ones(3, np.float32),
    }
    return jax.tree.map(jnp.asarray, values)


@pytest.fixture(scope="module")
def training(batch):
    """The states before and after some steps on one batch, and the losses."""
    optimizers = {"embeddings": make_optimizer(Adam(learning_rate=1e-2), 20)}
    before = jax.jit(lambda batch: make_state(TASK, optimizers, KEY, batch))(batch)
    step, state, losses = jax.jit(make_step(TASK, optimizers)), before, []
    for _ in range(20):
        state, logs = step(state, batch, KEY)
        losses.append(float(logs["embeddings/loss"]))
    return before, state, losses


def test_training_improves_the_embeddings_alone(training):
    before, after, losses = training
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    for part in ("mouth_encoder", "audio_to_code"):
        jax.tree.map(
            np.testing.assert_array_equal, before.params[part], after.params[part]
        )


def test_evaluated_and_released_are_the_averages(training, batch):
    _, state, _ = training
    params, stats = jax.device_get((state.params, state.stats))
    released = TASK.export(params, stats)
    assert released.system == "sync_people" and not released.stats
    assert set(released.params) == {"mouth_encoder", "audio_to_code", "embeddings"}
    average = stats["embeddings"]["params"]
    jax.tree.map(np.testing.assert_allclose, released.params["embeddings"], average)
    means = jax.jit(TASK.evaluate)(state.params, state.stats, batch)
    assert set(means) == {"offset1", "none", "loss"}
    changed = {**state.params, "embeddings": jax.tree.map(lambda x: 0 * x, average)}
    same = jax.jit(TASK.evaluate)(changed, state.stats, batch)
    assert means["loss"].compute() == pytest.approx(float(same["loss"].compute()))


def test_loss_is_the_cross_entropy_of_offsets_in_stretches(monkeypatch):
    """sync_people (5)"""
    monkeypatch.setattr("avjax.train.tasks.lipwarp.sync.STRETCH_FRAMES", (10,))
    rng = np.random.default_rng(0)
    lips, audio = rng.normal(size=(2, 2, 20, 4)).astype(np.float32)
    mask = np.ones((2, 20), np.float32)
    evidence, pairs = (np.asarray(x) for x in clip_evidence(lips, audio, mask, mask))
    right, none, offsets = [], [], (0, 2)
    for clip, offset in enumerate(offsets):
        for start in (0, 5, 10):
            part = slice(start, start + 10)
            sums = (x[clip, part].sum(0) for x in (evidence, pairs))
            log_probs = np.asarray(offset_log_probs(*sums))
            near = log_probs[14 + offset : 17 + offset]
            right.append(-(near[0] + 4 * near[1] + near[2]) / 6)
            none.append(-log_probs[-1])
    loss = stretch_losses(lips, audio, mask, mask, jnp.array(offsets))
    assert loss == pytest.approx(np.mean(right), rel=1e-4)
    loss = stretch_losses(lips, audio, mask, mask, None)
    assert loss == pytest.approx(np.mean(none), rel=1e-4)


def test_audio_is_moved_ahead_and_behind():
    features = jnp.arange(10.0).reshape(2, 5, 1)
    mask = jnp.array([[1.0, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
    moved, moved_mask = move_audio(features, mask, jnp.array([2, -1]))
    np.testing.assert_array_equal(moved_mask, [[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]])
    np.testing.assert_array_equal(moved[0, :3, 0], [2, 3, 4])
    np.testing.assert_array_equal(moved[1, 1:, 0], [5, 6, 7, 8])


def test_the_right_offset_of_moved_audio_has_the_most_evidence():
    values = np.random.default_rng(0).normal(size=(2, 40, 16)).astype(np.float32)
    mask, offsets = jnp.ones((2, 40)), jnp.array([9, -4])
    audio, audio_mask = move_audio(jnp.asarray(values), mask, offsets)
    evidence, pairs = clip_evidence(jnp.asarray(values), audio, mask, audio_mask)
    best = jnp.argmax(offset_log_probs(evidence.sum(1), pairs.sum(1)), axis=-1)
    np.testing.assert_array_equal(OFFSETS[np.asarray(best)], offsets)


def test_ends_are_cut_at_random_but_not_more_than_allowed():
    mask = np.ones((200, 40), np.float32)
    mask[:, 30:] = 0
    cut = np.asarray(cut_ends(mask, KEY))
    first = cut.argmax(1)
    last = 30 - (first + cut.sum(1))
    for count in (first, last):
        assert set(count.astype(int)) == set(range(MAX_CUT + 1))


def test_frames_between_others_are_interpolated():
    values = jnp.arange(6.0).reshape(1, 3, 2)
    positions = jnp.array([[0.0, 0.25, 2.0]])
    expected = [[[0, 1], [0.5, 1.5], [4, 5]]]
    np.testing.assert_allclose(interpolate_frames(values, positions), expected)


@pytest.fixture(scope="module")
def loader(lip_record, tmp_path_factory):
    """A loader of three equal clips, whose frozen networks are small and untrained."""
    folder = tmp_path_factory.mktemp("lipwarp") / "weights"
    params = TASK.init(KEY, {})[0]
    editor = lipwarp.init_variables(LIPWARP, KEY)["editor"]["params"]
    params = {part: tree for part, tree in params.items() if part != "embeddings"}
    weights.save(
        folder, {**params, "editor": editor}, {}, LIPWARP, system="lipwarp", card=""
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_loader, "open_split", lambda *_: [lip_record] * 3)
        patch.setattr("avjax.data.loader.open_split", lambda *_: [lip_record] * 3)
        yield code_loader.CodeLoader(
            "corpus", batch_size=2, passes=2, weights=str(folder)
        )


def test_loader_encodes_each_clip_some_times_and_repeats(loader):
    examples = code_loader._encode_clips(loader)
    assert len(examples) == 6
    assert examples[0]["codes"].shape == (40, 4)
    assert examples[0]["features"].shape == (40, 16)
    batches = loader.train_batches()
    first = [next(batches) for _ in range(3)]
    assert first[0]["codes"].shape == (2, 40, 4)
    seen = {batch["features"][i].tobytes() for batch in first for i in range(2)}
    assert seen == {example["features"].tobytes() for example in examples}
    batches.close()


def test_loader_refuses_batches_that_cannot_be_divided(loader):
    with pytest.raises(InputError, match="batch_size 2 is not divisible by 3"):
        loader.train_batches(0, 3)
    with pytest.raises(InputError, match="passes of a loader must be at least 1"):
        dataclasses.replace(loader, passes=0).train_batches()


def test_loader_evaluates_the_codes_of_the_clips_as_they_are(loader, lip_record):
    (batch,) = list(dataclasses.replace(loader, batch_size=3).eval_batches())
    assert batch["weight"].tolist() == [1, 1, 1]
    example = loader.transform.at(lip_record, 0, 1)
    mouths = example["mouths"][None, :40] / np.float32(255)
    _, parts = code_loader._load_encoder(loader.weights)
    expected = encode_mouths(TASK.model, parts, mouths)
    np.testing.assert_allclose(batch["codes"][:1], expected, atol=1e-4)
    mels, mask = example["mels"][None], example["frame_mask"][None]
    expected = encode_audio(TASK.model, parts, mels, mask)
    np.testing.assert_allclose(batch["features"][:1], expected, atol=1e-4)
