"""Numbers of a config outside of their range are refused."""

import dataclasses
from typing import ClassVar

import pytest

from avjax.config import check_ranges
from avjax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Model:
    SIZE_MULTIPLE: ClassVar[int] = 16
    size: int = 96
    num_slots: int = 8
    width: float = 1.0
    level_db: float = -30.0
    shift: float = 0.0
    limit: float = float("inf")


@dataclasses.dataclass(frozen=True)
class Study:
    model: Model = Model()
    optim: dict = dataclasses.field(default_factory=dict)


def make(**changes):
    return Study(Model(**changes), {"net": Model(**changes)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 0}, "model.size=0 must be at least 1"),
        ({"size": 100}, "model.size=100 must be a multiple of 16"),
        ({"num_slots": -5}, "model.num_slots=-5 must be at least 0"),
        ({"width": 0.0}, "model.width=0.0 must be greater than 0"),
        ({"shift": float("nan")}, "model.shift=nan is not a finite number"),
    ],
)
def test_number_outside_of_its_range_is_refused_by_its_path(changes, message):
    with pytest.raises(InputError, match=message):
        check_ranges(make(**changes))


def test_numbers_inside_their_ranges_are_accepted():
    check_ranges(make(num_slots=0, level_db=-60.0, shift=-1.0))
