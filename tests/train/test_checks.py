"""Errors of a network that cannot be built name the changes of the config."""

import pytest

from avjax.errors import InputError
from avjax.train.checks import explain_failure


def test_error_of_a_changed_network_is_one_sentence():
    message = r"cannot be used with task.size=7: 7 is odd$"
    with (
        pytest.raises(InputError, match=message),
        explain_failure(["task.size=7", "steps=3"]),
    ):
        raise AssertionError("7 is odd.\nMore about it")


def test_error_of_an_unchanged_network_keeps_its_traceback():
    with pytest.raises(AssertionError), explain_failure(["steps=3"]):
        raise AssertionError("7 is odd")
