"""Arguments of a wrong type are reported in one sentence."""

import pathlib
from typing import Literal

import numpy as np
import pytest

import avjax
from avjax.config.arguments import checked_arguments
from avjax.errors import InputError
from avjax.typing import PathLike


@checked_arguments
def accept(
    clip: PathLike | np.ndarray | None = None,
    *,
    count: int | Literal["all"] = 0,
    rate: float = 1.0,
    box: tuple[float, float, float, float] | None = None,
):
    return clip, count, rate, box


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"clip": 5}, "clip must be a path or an array or None, not 5"),
        ({"clip": ["a.mp4"]}, "clip must be a path or an array or None"),
        ({"count": 1.5}, "count must be an integer or 'all', not 1.5"),
        ({"count": True}, "count must be an integer or 'all', not True"),
        ({"rate": "fast"}, "rate must be a number, not 'fast'"),
        ({"box": (1, 2, 3)}, "box must be 4 numbers or None"),
    ],
)
def test_wrong_type_is_an_input_error(arguments, message):
    with pytest.raises(InputError, match=message):
        accept(**arguments)


def test_fitting_arguments_are_converted():
    clip, count, rate, box = accept([0.5], count=np.int64(3), rate=2, box=[1, 2, 3, 4])
    assert isinstance(clip, np.ndarray) and clip.tolist() == [0.5]
    assert (count, rate, box) == (3, 2.0, (1.0, 2.0, 3.0, 4.0))
    assert accept(pathlib.Path("a.mp4"), count="all")[:2] == (
        pathlib.Path("a.mp4"),
        "all",
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: avjax.talk("a.jpg", text=5), "text must be a string or None, not 5"),
        (lambda: avjax.lipread(7), "clip must be a path or an array, not 7"),
        (lambda: avjax.speak(None), "clip must be a path or an array, not None"),
        (lambda: avjax.sync("a.mp4", face_index="first"), "an integer or 'all'"),
        (lambda: avjax.denoise("a.png", strength="much"), "strength must be a number"),
        (lambda: avjax.align("a.wav", None), "text must be a string, not None"),
        (lambda: avjax.live("a.png", lookahead="5"), "lookahead must be an integer"),
    ],
)
def test_public_functions_check_their_arguments(call, message):
    with pytest.raises(InputError, match=message):
        call()
