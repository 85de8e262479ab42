"""Every task, through the whole contract on a toy batch."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.models.bridging import BridgingConfig
from avjax.models.lip_landmarks import LipLandmarksConfig
from avjax.models.sync_expert import SyncExpertConfig
from avjax.models.synctalkface import WAV2LIP, SyncTalkFaceConfig
from avjax.text.phonemes import PHONEME_CLASSES
from avjax.train.optimizers import Adam, make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.bridging import BridgingTask
from avjax.train.tasks.lip_landmarks import LipLandmarksTask
from avjax.train.tasks.sync_expert import SyncExpertTask, compare_pairs
from avjax.train.tasks.synctalkface import SyncTalkFaceTask
from avjax.train.tasks.talking.auxiliary import AuxiliaryNetworks

SIDE = 32
TINY = {"size": SIDE, "width": 0.02}
AUX = AuxiliaryNetworks(0.02, 0.02, 0.02)
QUICK = {"size": 16, "width": 1 / 64, "num_slots": 5}
BRIDGING = {
    "words": BridgingConfig("words", tuple("abcd"), **QUICK),
    "sentences": BridgingConfig(
        "sentences", ("", *"abcd"), **QUICK, outputs_per_frame=2
    ),
    "speech": BridgingConfig("speech", **QUICK, heads=2),
    "control": BridgingConfig("words", tuple("abcd"), **QUICK | {"num_slots": 0}),
}
TASKS = {
    **{name: BridgingTask(config) for name, config in BRIDGING.items()},
    "sync": SyncExpertTask(SyncExpertConfig(**TINY)),
    "lip_landmarks": LipLandmarksTask(LipLandmarksConfig(**TINY)),
    "synctalkface": SyncTalkFaceTask(SyncTalkFaceConfig(**TINY, num_slots=4), aux=AUX),
    "wav2lip": SyncTalkFaceTask(dataclasses.replace(WAV2LIP, **TINY), aux=AUX),
}


def random_images(random, *shape):
    return jnp.asarray(random.integers(0, 256, (*shape, SIDE, SIDE, 3)), jnp.uint8)


def random_mels(random, *shape):
    return jnp.asarray(random.normal(size=(*shape, 16, 80)), jnp.float32)


@pytest.fixture
def batch():
    """Two examples with the keys of several training transforms."""
    random = np.random.default_rng(0)
    return {
        "frames": random_images(random, 2, 9),
        "reference": random_images(random, 2, 5),
        "mels": random_mels(random, 2, 5),
        "mel": random_mels(random, 2),
        "landmarks": jnp.asarray(random.uniform(8, 24, (2, 5, 20, 2)), jnp.float32),
        "lips": random_images(random, 2, 5, 5),
        "start": jnp.asarray([[0, 5, 12, 20, 23], [9, 0, 4, 30, 18]]),
        "weight": jnp.ones(2),
    }


@pytest.fixture
def clips():
    """Two clips of eight frames; of the second, six exist."""
    random = np.random.default_rng(1)
    exists = jnp.arange(8)[None] < jnp.asarray([[8], [6]])
    return {
        "faces": random_images(random, 2, 8),
        "reference": random_images(random, 2),
        "mels": random_mels(random, 2, 8),
        "sync_mels": random_mels(random, 2, 8),
        "landmarks": jnp.zeros((2, 8, 20, 2)),
        "phoneme_class": jnp.asarray(random.integers(0, 3, (2, 8))),
        "frame_mask": exists.astype(jnp.float32),
        "weight": jnp.ones(2),
    }


def trained(task, batch, steps):
    """Return the states before and after some steps on one batch, and the logs."""
    optimizers = {
        objective.name: make_optimizer(Adam(learning_rate=5e-3), steps)
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
    is_equal = jax.tree.map(lambda a, b: bool((a == b).all()), tree, other)
    return not all(jax.tree.leaves(is_equal))


@pytest.mark.parametrize("name", TASKS)
def test_task_improves_on_one_batch_and_updates_its_parts_only(
    name, batch, reading, quick_fronts
):
    task = TASKS[name]
    batch = reading if name in BRIDGING else batch
    before, after, logs = trained(task, batch, steps=12)
    first = task.objectives()[0].name
    assert logs[-1][f"{first}/loss"] < logs[0][f"{first}/loss"]
    updated = {part for objective in task.objectives() for part in objective.parts}
    for part, tree in after.params.items():
        assert unequal(tree, before.params[part]) == (part in updated), part
        if part not in updated and part in after.stats:
            assert not unequal(after.stats[part], before.stats[part]), part


def test_discriminator_loss_has_no_gradient_for_the_generator(batch, quick_faces):
    """synctalkface (10)"""
    task = TASKS["synctalkface"]
    params, stats = jax.jit(task.init)(jax.random.key(0), batch)
    key = jax.random.key(1)
    generated = jax.random.uniform(key, (2, 2, 5, SIDE, SIDE, 3), minval=-1)
    with_generated = {**batch, "generated": generated}

    @jax.jit
    def compute_gradient(params):
        return jax.grad(
            lambda p: task.discriminator_loss(p, stats, with_generated, key)[0]
        )(params)

    gradient = compute_gradient(params)
    assert any(jnp.any(leaf) for leaf in jax.tree.leaves(gradient["discriminator"]))
    assert not any(jnp.any(leaf) for leaf in jax.tree.leaves(gradient["generator"]))


def test_pairs_that_share_a_frame_have_no_weight(batch):
    """A loop over the moments of lips and of audio."""
    random = np.random.default_rng(2)
    codes = np.abs(random.normal(size=(2, 10, 8)))
    audio, video = codes / np.linalg.norm(codes, axis=-1, keepdims=True)
    batch = {**batch, "weight": jnp.asarray([1.0, 0.0])}
    pairs = compare_pairs(jnp.asarray(audio), jnp.asarray(video), batch)
    assert not pairs.weight[1].any(), "a clip of weight zero"
    for lips, mel in np.ndindex(5, 5):
        distance = abs(int(batch["start"][0, lips] - batch["start"][0, mel]))
        cosine = video[lips] @ audio[mel]
        prob = cosine if distance == 0 else 1 - cosine
        np.testing.assert_allclose(pairs.error[0, lips, mel], -np.log(prob), rtol=1e-4)
        assert pairs.correct[0, lips, mel] == ((cosine > 0.5) == (distance == 0))
        assert bool(pairs.weight[0, lips, mel]) == (distance == 0 or distance >= 5)
    same = np.eye(5, dtype=bool)
    np.testing.assert_allclose(pairs.weight[0][same].sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(pairs.weight[0][~same].sum(), 1, rtol=1e-6)


def test_term_of_weight_zero_is_left_out(batch, quick_faces):
    task = TASKS["synctalkface"]
    zero_weights = {"audio_visual": 0.0, "visual_visual": 0.0, "adversarial": 0.0}
    task = dataclasses.replace(
        task, losses=dataclasses.replace(task.losses, **zero_weights)
    )
    params, stats = jax.jit(task.init)(jax.random.key(0), batch)
    total, aux = jax.jit(task.generator_loss)(params, stats, batch, jax.random.key(1))
    expected = 10 * aux.logs["pixels"] + 0.2 * aux.logs["memory"]
    np.testing.assert_allclose(total, expected, rtol=1e-6)  # synctalkface (11)
    assert not any(aux.logs[name] for name in zero_weights)


@pytest.mark.parametrize("name", ["synctalkface", "wav2lip"])
def test_evaluation_has_reference_and_baselines(name, batch, clips, quick_faces):
    task = TASKS[name]
    params, stats = jax.jit(task.init)(jax.random.key(0), batch)
    means = jax.jit(task.evaluate)(params, stats, clips)
    sync = {"lse_d_expert", "lse_c_expert", "offset", "in_sync"}
    motion = {"speed", "jerk", "velocity_error", "bilabials_shut"}
    names = sync | motion | {"psnr", "ssim", "lmd"}
    prefixed = {
        f"{p}_{n}" for p in ("reference", "static_mouth", "closed_mouth") for n in names
    }
    swapped = {f"swapped_audio_{n}" for n in sync}
    expected = names | swapped | prefixed - {"reference_psnr", "reference_ssim"}
    if name == "synctalkface":
        expected |= {f"mean_recall_{n}" for n in names}
        expected |= {"slots_by_audio", "slot_spread"}
    assert set(means) == expected | {f"lmd_{name}" for name in PHONEME_CLASSES}
    assert float(means["psnr"].weight) == 14  # frames that exist
    assert float(means["speed"].weight) == 12  # steps between them
    assert float(means["in_sync"].weight) == 2  # clips
    assert float(means["reference_lmd"].total) == pytest.approx(0, abs=1e-3)


def test_export_is_enough_to_talk(batch, quick_faces):
    task = TASKS["synctalkface"]
    params, stats = jax.jit(task.init)(jax.random.key(0), batch)
    released = task.export(params, stats)
    assert set(released.params) == {"generator"} and released.system == "synctalkface"


def test_images_show_real_and_generated_frames(batch, clips, quick_faces):
    task = TASKS["synctalkface"]
    params, stats = jax.jit(task.init)(jax.random.key(0), batch)
    picture = jax.jit(task.visualize)(params, stats, clips)["talk"]
    assert picture.shape == (8, 2 * SIDE, 2 * SIDE, 3) and picture.dtype == jnp.uint8
    np.testing.assert_array_equal(picture[:, :SIDE, :SIDE], clips["faces"][0])
