"""Every task, walked through the contract on a toy batch."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.models.bridging import BridgingConfig
from avjax.models.lip_landmarks import LandmarkConfig
from avjax.models.sync_expert import SyncConfig
from avjax.models.synctalkface import WAV2LIP, SyncTalkFaceConfig
from avjax.text.phonemes import CLASSES
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.bridging import BridgingTask
from avjax.train.tasks.lip_landmarks import LandmarkTask
from avjax.train.tasks.sync_expert import SyncTask, every_pair
from avjax.train.tasks.synctalkface import SyncTalkFaceTask

SIDE = 32
TINY = {"size": SIDE, "width": 0.02}
WIDTHS = {"expert_width": 0.02, "critic_width": 0.02, "landmark_width": 0.02}
QUICK = {"size": 16, "width": 1 / 64, "slots": 5}
BRIDGING = {
    "words": BridgingConfig("words", tuple("abcd"), **QUICK),
    "sentences": BridgingConfig("sentences", ("", *"abcd"), **QUICK, steps=2),
    "speech": BridgingConfig("speech", **QUICK, heads=2),
    "control": BridgingConfig("words", tuple("abcd"), **QUICK | {"slots": 0}),
}
TASKS = {
    **{name: BridgingTask(config) for name, config in BRIDGING.items()},
    "sync": SyncTask(SyncConfig(**TINY)),
    "landmarks": LandmarkTask(LandmarkConfig(**TINY)),
    "synctalkface": SyncTalkFaceTask(SyncTalkFaceConfig(**TINY, slots=4), **WIDTHS),
    "wav2lip": SyncTalkFaceTask(dataclasses.replace(WAV2LIP, **TINY), **WIDTHS),
}


def pictures(random, *shape):
    return jnp.asarray(random.integers(0, 256, (*shape, SIDE, SIDE, 3)), jnp.uint8)


def sound(random, *shape):
    return jnp.asarray(random.normal(size=(*shape, 16, 80)), jnp.float32)


@pytest.fixture
def batch():
    """Two examples with the keys of every training window."""
    random = np.random.default_rng(0)
    return {
        "window": pictures(random, 2, 9),
        "reference": pictures(random, 2, 5),
        "mels": sound(random, 2, 5),
        "mel": sound(random, 2),
        "landmarks": jnp.asarray(random.uniform(8, 24, (2, 5, 20, 2)), jnp.float32),
        "lips": pictures(random, 2, 5, 5),
        "start": jnp.asarray([[0, 5, 12, 20, 23], [9, 0, 4, 30, 18]]),
        "weight": jnp.ones(2),
    }


@pytest.fixture
def clips():
    """Two whole clips of eight frames, of which the second has but six."""
    random = np.random.default_rng(1)
    exists = jnp.arange(8)[None] < jnp.asarray([[8], [6]])
    return {
        "faces": pictures(random, 2, 8),
        "reference": pictures(random, 2),
        "mels": sound(random, 2, 8),
        "heard": sound(random, 2, 8),
        "landmarks": jnp.zeros((2, 8, 20, 2)),
        "sounds": jnp.asarray(random.integers(0, 3, (2, 8))),
        "mask": exists.astype(jnp.float32),
        "weight": jnp.ones(2),
    }


def trained(task, batch, steps):
    """States before and after some steps on one batch, and the logs of each."""
    optimizers = {
        objective.name: make_optimizer(Adam(rate=5e-3), steps)
        for objective in task.objectives()
    }
    start = jax.jit(
        lambda batch: make_state(task, optimizers, jax.random.key(0), batch)
    )
    before, step = start(batch), jax.jit(make_step(task, optimizers))
    state, logs = before, []
    for _ in range(steps):
        state, log = step(state, batch, jax.random.key(1))
        logs.append(log)
    return before, state, logs


def unequal(tree, other) -> bool:
    same = jax.tree.map(lambda a, b: bool((a == b).all()), tree, other)
    return not all(jax.tree.leaves(same))


@pytest.mark.parametrize("name", TASKS)
def test_a_task_improves_on_one_batch_and_moves_its_parts_alone(
    name, batch, reading, quick_fronts
):
    task = TASKS[name]
    batch = reading if name in BRIDGING else batch
    before, after, logs = trained(task, batch, steps=12)
    first = task.objectives()[0].name
    assert logs[-1][f"{first}/loss"] < logs[0][f"{first}/loss"]
    moved = {part for objective in task.objectives() for part in objective.moves}
    for part, tree in after.params.items():
        assert unequal(tree, before.params[part]) == (part in moved), part
        if part not in moved and part in after.stats:
            assert not unequal(after.stats[part], before.stats[part]), part


def test_the_critic_s_loss_moves_the_critic_alone(batch):
    """synctalkface (10)"""
    task = TASKS["synctalkface"]
    params, stats = jax.jit(task.init)(jax.random.key(0), batch)
    key = jax.random.key(1)
    made = jax.random.uniform(key, (2, 2, 5, SIDE, SIDE, 3), minval=-1)
    shown = {**batch, "made": made}

    @jax.jit
    def gradient_of_critic(params):
        return jax.grad(lambda p: task.critic_loss(p, stats, shown, key)[0])(params)

    gradient = gradient_of_critic(params)
    assert any(jnp.any(leaf) for leaf in jax.tree.leaves(gradient["critic"]))
    assert not any(jnp.any(leaf) for leaf in jax.tree.leaves(gradient["face"]))


def test_pairs_of_a_clip_that_share_a_frame_are_not_judged(batch):
    """A loop over clips, lips and sounds."""
    random = np.random.default_rng(2)
    codes = np.abs(random.normal(size=(2, 10, 8)))
    heard, seen = codes / np.linalg.norm(codes, axis=-1, keepdims=True)
    batch = {**batch, "weight": jnp.asarray([1.0, 0.0])}
    pairs = every_pair(jnp.asarray(heard), jnp.asarray(seen), batch)
    assert not pairs.weight[1].any(), "a clip of weight zero"
    for face, sound in np.ndindex(5, 5):
        away = abs(int(batch["start"][0, face] - batch["start"][0, sound]))
        cosine = seen[face] @ heard[sound]
        likely = cosine if away == 0 else 1 - cosine
        np.testing.assert_allclose(
            pairs.error[0, face, sound], -np.log(likely), rtol=1e-4
        )
        assert pairs.right[0, face, sound] == ((cosine > 0.5) == (away == 0))
        assert bool(pairs.weight[0, face, sound]) == (away == 0 or away >= 5)
    same = np.eye(5, dtype=bool)
    np.testing.assert_allclose(pairs.weight[0][same].sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(pairs.weight[0][~same].sum(), 1, rtol=1e-6)


def test_a_loss_of_weight_zero_is_left_out(batch):
    task = TASKS["synctalkface"]
    off = {"audio_visual": 0.0, "visual_visual": 0.0, "critic": 0.0}
    task = dataclasses.replace(task, losses=dataclasses.replace(task.losses, **off))
    params, stats = jax.jit(task.init)(jax.random.key(0), batch)
    total, report = jax.jit(task.face_loss)(params, stats, batch, jax.random.key(1))
    kept = 10 * report.logs["pixels"] + 0.2 * report.logs["memory"]
    np.testing.assert_allclose(total, kept, rtol=1e-6)  # synctalkface (11)
    assert not any(report.logs[name] for name in off)


@pytest.mark.parametrize("name", ["synctalkface", "wav2lip"])
def test_clips_are_measured_beside_the_truth_and_a_floor(name, batch, clips):
    task = TASKS[name]
    params, stats = jax.jit(task.init)(jax.random.key(0), batch)
    means = jax.jit(task.measure)(params, stats, clips)
    timed = {"lse_d_expert", "lse_c_expert", "offset", "near"}
    moving = {"speed", "jerk", "velocity_error", "bilabials_shut"}
    names = timed | moving | {"psnr", "ssim", "lmd"}
    prefixed = {f"{p}_{n}" for p in ("truth", "pasted", "closed") for n in names}
    swapped = {f"swapped_{n}" for n in timed}
    expected = names | swapped | prefixed - {"truth_psnr", "truth_ssim"}
    assert set(means) == expected | {f"lmd_{name}" for name in CLASSES}
    assert float(means["psnr"].weight) == 14  # frames that exist
    assert float(means["speed"].weight) == 12  # steps between them
    assert float(means["near"].weight) == 2  # clips
    assert float(means["truth_lmd"].total) == pytest.approx(0, abs=1e-3)


def test_what_is_published_is_enough_to_talk(batch):
    task = TASKS["synctalkface"]
    params, stats = jax.jit(task.init)(jax.random.key(0), batch)
    published = task.published(params, stats)
    assert set(published.params) == {"face"} and published.system == "synctalkface"


def test_the_journal_shows_truth_and_speech_side_by_side(batch, clips):
    task = TASKS["synctalkface"]
    params, stats = jax.jit(task.init)(jax.random.key(0), batch)
    picture = jax.jit(task.picture)(params, stats, clips)["talk"]
    assert picture.shape == (8, 2 * SIDE, 2 * SIDE, 3) and picture.dtype == jnp.uint8
    np.testing.assert_array_equal(picture[:, :SIDE, :SIDE], clips["faces"][0])
