"""Configs: overrides by path, conversion to JSON and back, and error messages."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Literal

import pytest

from avjax.config import differences, from_json, override, to_json
from avjax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Rule:
    rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    warmup: int = 0
    schedule: Literal["constant", "cosine"] = "constant"
    clip: float | None = None
    nesterov: bool = False


@dataclasses.dataclass(frozen=True)
class Other:
    momentum: float = 0.9


@dataclasses.dataclass(frozen=True)
class Run:
    root: str
    optim: Mapping[str, Rule | Other] = dataclasses.field(default_factory=dict)
    task: Any = None
    widths: tuple[int, ...] = (8, 16)
    rules: tuple[Rule, ...] = ()
    best: tuple[str, Literal["min", "max"]] | None = None
    start: Mapping[str, str] = dataclasses.field(default_factory=dict)


@pytest.fixture
def run():
    rules = {"face": Rule(clip=1.0), "critic": Other()}
    return Run("/data", optim=rules, task=Rule(), rules=(Rule(), Rule(rate=2.0)))


@pytest.mark.parametrize(
    ("assignment", "read", "expected"),
    [
        ("root=/other/7", lambda run: run.root, "/other/7"),
        ("root=7", lambda run: run.root, "7"),
        ("root=a=b", lambda run: run.root, "a=b"),
        ("optim.face.rate=3e-4", lambda run: run.optim["face"].rate, 3e-4),
        ("optim.face.rate=1", lambda run: run.optim["face"].rate, 1.0),
        ("optim.critic.momentum=0", lambda run: run.optim["critic"].momentum, 0.0),
        ("optim.face.betas=0.5,0.9", lambda run: run.optim["face"].betas, (0.5, 0.9)),
        ("optim.face.betas.0=0.5", lambda run: run.optim["face"].betas, (0.5, 0.999)),
        (
            "optim.face.schedule=cosine",
            lambda run: run.optim["face"].schedule,
            "cosine",
        ),
        ("optim.face.clip=none", lambda run: run.optim["face"].clip, None),
        ("optim.face.clip=2", lambda run: run.optim["face"].clip, 2.0),
        ("optim.face.nesterov=true", lambda run: run.optim["face"].nesterov, True),
        ("task.warmup=5", lambda run: run.task.warmup, 5),
        ("widths=1,2,3", lambda run: run.widths, (1, 2, 3)),
        ("widths=()", lambda run: run.widths, ()),
        ("rules.1.warmup=4", lambda run: run.rules[1].warmup, 4),
        ("best=('psnr','max')", lambda run: run.best, ("psnr", "max")),
        ("start={'face': 'a'}", lambda run: dict(run.start), {"face": "a"}),
    ],
)
def test_assignment_changes_one_value_of_a_copy(run, assignment, read, expected):
    before = to_json(run)
    changed = override(run, [assignment])
    assert read(changed) == expected
    assert type(read(changed)) is type(expected)
    assert to_json(run) == before
    assert all(
        p.startswith(assignment.split("=")[0]) for p in differences(run, changed)
    )


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        (
            "optim.face.warmup=0.5",
            "'optim.face.warmup' must be an integer, not 0.5",
        ),
        ("optim.face.warmup=true", "must be an integer, not True"),
        ("optim.face.rate=true", "must be a number, not True"),
        ("optim.face.rate=fast", "must be a number, not 'fast'"),
        ("optim.face.rate=none", "must be a number, not None"),
        ("optim.face.nesterov=1", "must be true or false, not 1"),
        ("optim.face.schedule=cosin", "'constant' or 'cosine', not 'cosin'"),
        ("optim.face.betas=1,2,3", "must be a tuple"),
        ("optim.face.betas.2=1", "unknown field '2' in 'optim.face.betas'"),
        ("optim.fase.rate=1", "unknown field 'fase' in 'optim'; did you mean face"),
        ("optim.face.rat=1", "did you mean rate"),
        ("wdths=1,2", "did you mean widths"),
        ("root.x=1", "unknown field 'x' in 'root', which has no fields"),
        ("optim.face=3", "holds several values; set one of rate"),
        ("task.warmup=x", "must be an integer"),
        ("widths=1,x", "must be"),
        ("widths=1,2.5", "must be"),
        ("best=('psnr','more')", "must be"),
        ("steps", "not of the form path=value"),
        ("=3", "not of the form path=value"),
    ],
)
def test_invalid_assignment_gives_a_one_line_error(run, assignment, sentence):
    with pytest.raises(InputError) as caught:
        override(run, [assignment])
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_value_without_annotation_keeps_its_type():
    config = {"steps": 3, "rate": 0.5, "name": "a", "sizes": (1, 2)}
    changed = override(config, ["steps=4", "rate=1", "name=7", "sizes=3,4"])
    assert changed == {"steps": 4, "rate": 1.0, "name": "7", "sizes": (3, 4)}
    with pytest.raises(InputError, match="an integer"):
        override(config, ["steps=4.5"])


def test_config_survives_conversion_to_json(run):
    run = dataclasses.replace(run, task=None, best=("psnr", "max"), start={"a": "b"})
    assert from_json(Run, json.loads(json.dumps(to_json(run)))) == run


def test_json_may_omit_only_fields_with_defaults():
    assert from_json(Run, {"root": "/x"}) == Run("/x")
    with pytest.raises(InputError, match="lacks 'root'"):
        from_json(Run, {})


def test_json_with_an_unknown_name_or_wrong_type_is_rejected():
    with pytest.raises(InputError, match="unknown field 'rot'"):
        from_json(Run, {"rot": "/x"})
    with pytest.raises(InputError, match="widths.1' must be an integer"):
        from_json(Run, {"root": "/x", "widths": [1, "2"]})


def test_values_that_json_cannot_hold_are_rejected():
    with pytest.raises(TypeError, match="no plain|not a plain"):
        to_json({"function": print})


def test_differences_names_the_paths_that_changed(run):
    other = override(run, ["optim.face.rate=1", "widths=8,16,32", "root=/x"])
    paths = differences(run, other)
    assert paths == ["root", "optim.face.rate", "widths.2"]
    assert differences(run, to_json(run)) == []
