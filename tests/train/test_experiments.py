"""Every named run, at its full size and without computing anything."""

import jax
import jax.numpy as jnp
import pytest

from avjax.config import override, to_json
from avjax.data.examples.alignment import HearClip
from avjax.data.examples.cals import ContextWindow, UnitWindow
from avjax.data.examples.image_pairs import PairCrop
from avjax.data.examples.lipreading import ReadClip, VoiceClip
from avjax.data.examples.talking import SyncWindow
from avjax.data.examples.talking_eval import TalkClip
from avjax.data.examples.text_to_lip import TextClip, TextWindow
from avjax.errors import InputError
from avjax.train.experiment import check
from avjax.train.experiments import EXPERIMENTS
from avjax.train.optimizers import make_optimizer
from avjax.train.step import make_state, make_step


def training_shapes(window, batch: int, size: int) -> dict:
    """What a loader gives for training, as its window describes it."""
    pictures, floats = jnp.uint8, jnp.float32
    if isinstance(window, PairCrop):
        square = (window.size, window.size, 3), floats
        kinds = {"noisy": square, "clean": square, "weight": ((), floats)}
    elif isinstance(window, ReadClip | VoiceClip):
        kinds = reading_shapes(window)
    elif isinstance(window, HearClip):
        kinds = hearing_shapes(window)
    elif isinstance(window, SyncWindow):
        m = window.moments
        kinds = {"lips": ((m, 5, size, size, 3), pictures)}
        kinds |= {"mels": ((m, 16, 80), floats), "start": ((m,), jnp.int32)}
        kinds |= {"weight": ((), floats)}
    elif isinstance(window, UnitWindow):
        t = window.frames
        kinds = {"faces": ((t + 4, size, size, 3), pictures)}
        kinds |= {"mels": ((t, 16, 80), floats), "exists": ((t,), floats)}
        kinds |= {"weight": ((), floats)}
    elif isinstance(window, TextWindow):
        t, square = window.frames, (size, size, 3)
        kinds = {"portrait": (square, pictures), "mels": ((t, 16, 80), floats)}
        kinds |= {"exists": ((t,), floats), "counts": ((t,), floats)}
        kinds |= {"weight": ((), floats)} | told_shapes(window)
    else:
        kinds = {
            "window": ((9, size, size, 3), pictures),
            "reference": ((5, size, size, 3), pictures),
            "mels": ((5, 16, 80), floats),
            "mel": ((16, 80), floats),
            "landmarks": ((5, 20, 2), floats),
            "weight": ((), floats),
        }
    if isinstance(window, ContextWindow):
        t, near = 5 + 2 * window.reach, window.near
        kinds |= {"mels": ((t, 16, 80), floats), "exists": ((t,), floats)}
        kinds |= {"window": ((5 + 2 * near, size, size, 3), pictures)}
        kinds |= {"there": ((1 + 2 * near,), floats)}
    return {
        key: jax.ShapeDtypeStruct((batch, *shape), kind)
        for key, (shape, kind) in kinds.items()
    }


def reading_shapes(window) -> dict:
    t, size, floats = window.frames, window.size, jnp.float32
    kinds = {"lips": ((t, size, size, 1), jnp.uint8), "mel": ((4 * t, 80), floats)}
    kinds |= {"mask": ((t,), floats), "weight": ((), floats)}
    if isinstance(window, VoiceClip):
        sound = {"voice": ((4 * t, 80), floats), "wave": ((640 * t,), floats)}
        return kinds | sound
    room = 1 if window.of == "words" else window.longest
    if window.of != "words":
        kinds |= {"allowed": ((t, len(window.symbols)), jnp.uint8)}
    return kinds | {"symbols": ((room,), jnp.int32), "spoken": ((room,), floats)}


def told_shapes(window: TextWindow | TextClip) -> dict:
    room = window.sounds
    return {"said": ((room,), jnp.int32), "edges": ((room + 1,), jnp.float32)}


def hearing_shapes(window: HearClip) -> dict:
    f, room, floats = window.frames * 80 // 25, window.longest, jnp.float32
    kinds = {"mel": ((f, 80), floats), "exists": ((f,), floats)}
    kinds |= {"allowed": ((f, room), jnp.uint8), "sounds": ((room,), jnp.int32)}
    kinds |= {"length": ((), jnp.int32), "weight": ((), floats)}
    each = "optional", "begins", "ends", "opens", "closes"
    return kinds | {name: ((room,), floats) for name in each}


def clip_shapes(clip: TalkClip | TextClip, batch: int, size: int) -> dict:
    faces, mels = (clip.frames, size, size, 3), (clip.frames, 16, 80)
    kinds = {
        "faces": (faces, jnp.uint8),
        "reference": (faces[1:], jnp.uint8),
        "mels": (mels, jnp.float32),
        "heard": (mels, jnp.float32),
        "landmarks": ((clip.frames, 20, 2), jnp.float32),
        "sounds": ((clip.frames,), jnp.int32),
        "mask": ((clip.frames,), jnp.float32),
        "weight": ((), jnp.float32),
    }
    if isinstance(clip, TextClip):
        kinds |= {"portrait": (faces[1:], jnp.uint8), "retold": (mels, jnp.float32)}
        kinds |= told_shapes(clip)
    return {
        key: jax.ShapeDtypeStruct((batch, *shape), kind)
        for key, (shape, kind) in kinds.items()
    }


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_recipe_is_whole_and_says_what_it_is(name):
    experiment = EXPERIMENTS[name]()
    check(experiment)
    assert EXPERIMENTS[name].__doc__ and experiment.doc
    assert to_json(experiment)["steps"] == experiment.steps


def test_photographs_can_be_learnt_without_going_through_steps():
    rates = 'optim={"restore": {"rate": 1e-3}, "mask": {"rate": 2e-3}}'
    recipe = EXPERIMENTS["denoiser_polyu"]()
    without = override(recipe, ["task.stage=clean", rates])
    check(without)
    assert without.optim["mask"].rate == 2e-3 and without.train == recipe.train
    with pytest.raises(InputError, match="the objectives are"):
        check(override(recipe, ["task.stage=clean"]))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_step_and_a_measurement_have_shapes(name):
    experiment = EXPERIMENTS[name]()
    task, loader = experiment.task, experiment.train
    size = getattr(task.model, "size", None)  # a denoiser takes any
    batch = training_shapes(loader.window, loader.batch, size)
    optimizers = {
        objective: make_optimizer(config, experiment.steps)
        for objective, config in experiment.optim.items()
    }
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(lambda k, b: make_state(task, optimizers, k, b), key, batch)
    step = make_step(task, optimizers, experiment.accumulate)
    after, logs = jax.eval_shape(step, state, batch, key)
    shapes = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype), tree)  # noqa: E731
    assert shapes(after) == shapes(state)
    assert all(log.shape == () for log in logs.values())
    for evaluation in experiment.evals.values():
        window = evaluation.window
        whole = isinstance(window, TalkClip | TextClip)
        wanted = clip_shapes if whole else training_shapes
        judged = wanted(window, evaluation.batch, size)
        given = state.params, state.stats, judged
        means = jax.eval_shape(task.measure, *given)
        assert means and all(mean.total.shape == () for mean in means.values())
        if getattr(task, "answer", None):
            answers = jax.eval_shape(task.answer, *given)
            assert {x.shape[0] for x in answers.values()} == {evaluation.batch}
