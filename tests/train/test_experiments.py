"""Every named experiment, at its full size, by shapes alone."""

import functools
import itertools
import json
import pathlib
import re
import shlex

import jax
import pytest
from batch_shapes import clip_shapes, encoded, training_shapes

from avjax.config import override, to_assignments, to_json
from avjax.data.__main__ import make_parser
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.examples.text_to_lip import TextEvalClip
from avjax.errors import InputError
from avjax.train import registry
from avjax.train.experiment import check
from avjax.train.experiments import EXPERIMENTS
from avjax.train.experiments.corpora import BUILD_ARGUMENTS
from avjax.train.listing import format_experiments
from avjax.train.optimizers import make_optimizer
from avjax.train.step import make_state, make_step
from avjax.train.tasks.bridging import BridgingTask
from avjax.train.tasks.lipwarp.speech_loader import PseudoSpeechLoader
from avjax.train.tasks.talking.lip_reading import PART

PUPPET_LOSS_READER = "runs/loss_reader_puppet/weights"
RESULTS = pathlib.Path(__file__).parents[2] / "docs" / "results"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_is_consistent_and_documented(name):
    experiment = EXPERIMENTS[name]()
    check(experiment)
    assert EXPERIMENTS[name].__doc__ and experiment.description
    assert to_json(experiment)["steps"] == experiment.steps


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_experiment_selects_on_the_test_split(name):
    experiment = EXPERIMENTS[name]()
    loaders = (x for x in experiment.evals.values() if hasattr(x, "split"))
    splits = {loader.split.partition("[")[0] for loader in loaders}
    assert "test" not in splits and "test" not in experiment.evals
    assert not (experiment.select_by or ("",))[0].startswith("test/")


def test_reader_of_a_loss_does_not_judge():
    """No table of read words is by a lip reader that helped to train a talker."""
    loss_readers = {
        source
        for name in EXPERIMENTS
        for path, source in EXPERIMENTS[name]().init_from.items()
        if path.startswith(PART)
    }
    assert loss_readers == {"runs/loss_reader_grid/weights", PUPPET_LOSS_READER}
    tables = [json.loads(file.read_text()) for file in RESULTS.glob("*.json")]
    commands = [table["command"] for table in tables]
    words = [shlex.split(command) for command in commands if "readability" in command]
    assert words and not loss_readers & set(itertools.chain(*words))
    loss, judge = (EXPERIMENTS[f"{name}_reader_grid"]() for name in ("loss", "judge"))
    assert loss.seed != judge.seed and loss.init_from != judge.init_from
    assert {loss.train.split, judge.train.split} == {"train[:50%]", "train[50%:]"}
    loss, judge = (
        EXPERIMENTS[name]() for name in ("loss_reader_puppet", "bridging_puppet")
    )
    assert loss.seed != judge.seed and not loss.init_from and not judge.init_from
    assert BUILD_ARGUMENTS[loss.train.root].endswith("--seed 1")
    assert "--seed" not in BUILD_ARGUMENTS[judge.train.root]


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


TRACED: list[tuple] = []  # what the programs of the experiments depend on


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_step_and_evaluation_have_shapes(name):
    experiment = EXPERIMENTS[name]()
    task, loader = experiment.task, experiment.train
    size = getattr(task.model, "size", None)  # a denoiser takes any
    batch = training_shapes(encoded(loader), loader.batch_size, size)
    evals = [(encoded(x), x.batch_size) for x in experiment.evals.values()]
    program = task, dict(experiment.optim), experiment.accumulate, batch, evals
    if program in TRACED:  # of another experiment, with other data or steps
        return
    TRACED.append(program)
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


def test_experiments_are_listed_by_system_and_size():
    times = {
        name: "Time:" in (make.__doc__ or "") for name, make in EXPERIMENTS.items()
    }
    lines = format_experiments(dict.fromkeys(times, "")).splitlines()
    groups, heading = {}, ""
    for line in lines[:-2]:  # the last two explain the sizes
        heading = heading if line.startswith(" ") else line
        groups[line.strip()] = heading
    for name, has_time in times.items():
        is_reader = name.startswith(("judge_reader_", "loss_reader_"))
        system = "bridging" if is_reader else name.partition("_")[0]
        assert groups[name] == (system if has_time else f"{system}, full size")
    assert lines[-2].startswith("full size: ")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_fields_of_an_experiment_are_listed_as_changes_of_it(name):
    experiment = EXPERIMENTS[name]()
    assert override(experiment, to_assignments(experiment)) == experiment


SPLITS = {  # that `avjax data build` writes
    **dict.fromkeys(("puppet", "grid", "pictures", "pairs"), {"train", "val", "test"}),
    **dict.fromkeys(("clips", "lrw", "lrs2", "hdtf"), {"train", "val", "test"}),
    "sidd-blocks": {"val"},
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_corpus_has_a_command_that_builds_it(name):
    experiment = EXPERIMENTS[name]()
    for loader in (experiment.train, *experiment.evals.values()):
        if isinstance(loader, PseudoSpeechLoader):
            continue  # it makes its clips
        arguments = shlex.split(BUILD_ARGUMENTS[loader.root])
        assert loader.split.partition("[")[0] in SPLITS[arguments[0]]
        make_parser().parse_args(["build", *arguments, "--out", loader.root])
