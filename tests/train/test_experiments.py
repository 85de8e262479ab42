"""Every named experiment, at its full size, by shapes alone."""

import functools
import pathlib
import re
import shlex

import jax
import jax.numpy as jnp
import pytest

from avjax.config import override, to_assignments, to_json
from avjax.data.__main__ import make_parser
from avjax.data.examples.alignment import AlignmentClip
from avjax.data.examples.cals import CalsTrainExample, CalsUnitExample
from avjax.data.examples.image_pairs import ImagePairCrop
from avjax.data.examples.lip_codes import LipCodeExample
from avjax.data.examples.lip_editing import LipEditClip, LipEditExample
from avjax.data.examples.lipreading import LipreadClip, LipToSpeechClip
from avjax.data.examples.talking import SyncExample
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.examples.text_to_lip import TextEvalClip, TextToLipExample
from avjax.errors import InputError
from avjax.train import registry
from avjax.train.experiment import check
from avjax.train.experiments import EXPERIMENTS
from avjax.train.experiments.corpora import BUILD_ARGUMENTS
from avjax.train.optimizers import make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.bridging import BridgingTask
from avjax.train.tasks.lipwarp.code_loader import CodeLoader


def encoded(loader):
    """Return what makes the arrays: a loader that encodes, or a transform."""
    return loader if isinstance(loader, CodeLoader) else loader.transform


def training_shapes(transform, batch: int, size: int) -> dict:
    """Return the shapes of a batch, as the transform documents them."""
    u8, f32 = jnp.uint8, jnp.float32
    if isinstance(transform, ImagePairCrop):
        square = (transform.size, transform.size, 3), f32
        arrays = {"noisy": square, "clean": square, "weight": ((), f32)}
    elif isinstance(transform, LipreadClip | LipToSpeechClip):
        arrays = lipreading_shapes(transform)
    elif isinstance(transform, AlignmentClip):
        arrays = alignment_shapes(transform)
    elif isinstance(transform, SyncExample):
        m = transform.num_moments
        arrays = {"lips": ((m, 5, size, size, 3), u8)}
        arrays |= {"mels": ((m, 16, 80), f32), "start": ((m,), jnp.int32)}
        arrays |= {"weight": ((), f32)}
    elif isinstance(transform, CalsUnitExample):
        t = transform.num_frames
        arrays = {"faces": ((t + 4, size, size, 3), u8)}
        arrays |= {"mels": ((t, 16, 80), f32), "frame_mask": ((t,), f32)}
        arrays |= {"weight": ((), f32)}
    elif isinstance(transform, LipEditExample | LipEditClip):
        arrays = lip_editing_shapes(transform)
    elif isinstance(transform, CodeLoader):
        t = transform.transform.num_frames
        arrays = {"codes": ((t, 12), f32), "features": ((t, 192), f32)}
        arrays |= {"frame_mask": ((t,), f32), "weight": ((), f32)}
    elif isinstance(transform, LipCodeExample):
        t, m = transform.num_frames, transform.num_mouths
        arrays = {"mels": ((t, 16, 80), f32), "mouths": ((m, 40, 56), u8)}
        arrays |= {"positions": ((t,), f32), "frame_mask": ((t,), f32)}
        arrays |= {"weight": ((), f32)}
    elif isinstance(transform, TextToLipExample):
        t, square = transform.num_frames, (size, size, 3)
        arrays = {"portrait": (square, u8), "mels": ((t, 16, 80), f32)}
        arrays |= {"frame_mask": ((t,), f32), "loss_mask": ((t,), f32)}
        arrays |= {"weight": ((), f32)} | phoneme_shapes(transform)
    else:
        arrays = {
            "frames": ((9, size, size, 3), u8),
            "reference": ((5, size, size, 3), u8),
            "mels": ((5, 16, 80), f32),
            "mel": ((16, 80), f32),
            "landmarks": ((5, 20, 2), f32),
            "weight": ((), f32),
        }
    if isinstance(transform, CalsTrainExample):
        t, margin = 5 + 2 * transform.context_frames, transform.max_offset
        arrays |= {"mels": ((t, 16, 80), f32), "frame_mask": ((t,), f32)}
        arrays |= {"frames": ((5 + 2 * margin, size, size, 3), u8)}
        arrays |= {"candidate_mask": ((1 + 2 * margin,), f32)}
    return {
        key: jax.ShapeDtypeStruct((batch, *shape), dtype)
        for key, (shape, dtype) in arrays.items()
    }


def lip_editing_shapes(transform) -> dict:
    clip = isinstance(transform, LipEditClip)
    leading, side = ((transform.num_frames,) if clip else ()), transform.size
    shapes = dict.fromkeys(("frame", "target", "reference"), (side, side, 3))
    shapes["mouth"] = (40, 56)
    arrays = {key: ((*leading, *shape), jnp.float32) for key, shape in shapes.items()}
    return arrays | {"weight": ((), jnp.float32)}


def lipreading_shapes(transform) -> dict:
    t, size, f32 = transform.num_frames, transform.size, jnp.float32
    arrays = {"lips": ((t, size, size, 1), jnp.uint8), "mel": ((4 * t, 80), f32)}
    arrays |= {"frame_mask": ((t,), f32), "weight": ((), f32)}
    if isinstance(transform, LipToSpeechClip):
        target = {"voice": ((4 * t, 80), f32), "wave": ((640 * t,), f32)}
        return arrays | target
    length = 1 if transform.label_unit == "words" else transform.max_labels
    if transform.label_unit != "words":
        arrays |= {"allowed": ((t, len(transform.vocabulary)), jnp.uint8)}
    return arrays | {"labels": ((length,), jnp.int32), "label_mask": ((length,), f32)}


def phoneme_shapes(transform: TextToLipExample | TextEvalClip) -> dict:
    length = transform.max_phonemes
    return {
        "phoneme_ids": ((length,), jnp.int32),
        "phoneme_edges": ((length + 1,), jnp.float32),
    }


def alignment_shapes(transform: AlignmentClip) -> dict:
    f, length, f32 = (
        transform.num_frames * 80 // 25,
        transform.max_phonemes,
        jnp.float32,
    )
    arrays = {"mel": ((f, 80), f32), "frame_mask": ((f,), f32)}
    arrays |= {
        "allowed": ((f, length), jnp.uint8),
        "phoneme_ids": ((length,), jnp.int32),
    }
    arrays |= {"length": ((), jnp.int32), "weight": ((), f32)}
    names = "optional", "start", "end", "word_start", "word_end"
    return arrays | {name: ((length,), f32) for name in names}


def clip_shapes(clip: TalkEvalClip | TextEvalClip, batch: int, size: int) -> dict:
    faces, mels = (clip.num_frames, size, size, 3), (clip.num_frames, 16, 80)
    arrays = {
        "faces": (faces, jnp.uint8),
        "reference": (faces[1:], jnp.uint8),
        "mels": (mels, jnp.float32),
        "sync_mels": (mels, jnp.float32),
        "landmarks": ((clip.num_frames, 20, 2), jnp.float32),
        "phoneme_class": ((clip.num_frames,), jnp.int32),
        "frame_mask": ((clip.num_frames,), jnp.float32),
        "weight": ((), jnp.float32),
    }
    if isinstance(clip, TextEvalClip):
        arrays |= {
            "portrait": (faces[1:], jnp.uint8),
            "cascade_mels": (mels, jnp.float32),
        }
        arrays |= phoneme_shapes(clip)
    return {
        key: jax.ShapeDtypeStruct((batch, *shape), dtype)
        for key, (shape, dtype) in arrays.items()
    }


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_is_consistent_and_documented(name):
    experiment = EXPERIMENTS[name]()
    check(experiment)
    assert EXPERIMENTS[name].__doc__ and experiment.description
    assert to_json(experiment)["steps"] == experiment.steps


def test_second_stage_can_be_trained_without_the_inner_loop():
    optim = (
        'optim={"restore": {"learning_rate": 1e-3}, "mask": {"learning_rate": 2e-3}}'
    )
    base = EXPERIMENTS["denoiser_polyu"]()
    changed = override(base, ["task.stage=clean", optim])
    check(changed)
    assert changed.optim["mask"].learning_rate == 2e-3 and changed.train == base.train
    with pytest.raises(InputError, match="the objectives are"):
        check(override(base, ["task.stage=clean"]))


COMMON = "/loss", "/gradient"  # logs of every objective
GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "guides" / "train.md"


@functools.cache
def documented_metrics() -> tuple[str, ...]:
    """Return the names in the first column of the guide's tables of metrics.

    A word in capitals stands for any word, and an ellipsis for the name of a metric.
    """
    section = GUIDE.read_text().partition("## Metrics")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (.*?) \|", section, re.M)
    return tuple(name for cell in cells for name in re.findall(r"`([^`]+)`", cell))


def is_documented(name: str) -> bool:
    for known in documented_metrics():
        prefix = known.removesuffix("…")
        if prefix != known and name.startswith(prefix):
            return is_documented(name.removeprefix(prefix))
        if re.fullmatch(re.sub("[A-Z]+", r"\\w+", known), name):
            return True
    return False


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_step_and_evaluation_have_shapes(name):
    experiment = EXPERIMENTS[name]()
    task, loader = experiment.task, experiment.train
    size = getattr(task.model, "size", None)  # a denoiser takes any
    batch = training_shapes(encoded(loader), loader.batch_size, size)
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
    terms = {log if log.endswith(COMMON) else log.partition("/")[2] for log in logs}
    assert not [term for term in terms if not is_documented(term)]
    for evaluation in experiment.evals.values():
        transform = encoded(evaluation)
        is_clip = isinstance(transform, TalkEvalClip | TextEvalClip)
        make_shapes = clip_shapes if is_clip else training_shapes
        batch = make_shapes(transform, evaluation.batch_size, size)
        means = jax.eval_shape(task.evaluate, state.params, state.stats, batch)
        assert means and all(mean.total.shape == () for mean in means.values())
        assert not [metric for metric in means if not is_documented(metric)]
        predictions = jax.eval_shape(task.predict, state.params, state.stats, batch)
        sizes = {x.shape[0] for x in predictions.values()}
        assert sizes <= {evaluation.batch_size}
        scored = isinstance(task, BridgingTask) and task.model.task != "words"
        assert bool(predictions) == scored


def test_registered_experiment_is_found_by_its_name(monkeypatch, experiment):
    monkeypatch.setattr(registry, "EXPERIMENTS", {})

    def make():
        return experiment

    registry.register_experiment("mine", make)
    registry.register_experiment("mine", make)  # registering again changes nothing
    names = registry.EXPERIMENTS
    assert names == {"mine": make}
    with pytest.raises(InputError, match="'mine' exists already"):
        registry.register_experiment("mine", lambda: experiment)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_fields_of_an_experiment_are_listed_as_changes_of_it(name):
    experiment = EXPERIMENTS[name]()
    assert override(experiment, to_assignments(experiment)) == experiment


SPLITS = {  # that `avjax data build` writes
    **dict.fromkeys(("puppet", "grid", "pictures", "pairs"), {"train", "test"}),
    **dict.fromkeys(("clips", "lrw", "lrs2", "hdtf"), {"train", "val", "test"}),
    "sidd-blocks": {"test"},
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_corpus_has_a_command_that_builds_it(name):
    experiment = EXPERIMENTS[name]()
    for loader in (experiment.train, *experiment.evals.values()):
        arguments = shlex.split(BUILD_ARGUMENTS[loader.root])
        assert loader.split.partition("[")[0] in SPLITS[arguments[0]]
        make_parser().parse_args(["build", *arguments, "--out", loader.root])
