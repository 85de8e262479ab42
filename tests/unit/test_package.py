"""The public names of the packages, which are imported when they are first used."""

import importlib
import subprocess
import sys

import pytest

import avjax

LAZY = "", ".convert", ".data", ".faces", ".media", ".metrics", ".pipelines", ".train"
PACKAGES = [f"avjax{name}" for name in LAZY]


@pytest.mark.parametrize("name", PACKAGES)
def test_package_has_all_names_that_it_lists_and_no_others(name):
    package = importlib.import_module(name)
    assert set(package.__all__) <= set(dir(package))
    assert all(getattr(package, public) is not None for public in package.__all__)
    with pytest.raises(AttributeError, match=f"'{name}' has no attribute 'sing'"):
        _ = package.sing
    with pytest.raises(AttributeError):
        _ = package.__wrapped__


def test_functions_are_those_of_their_modules():
    assert avjax.talk is importlib.import_module("avjax.pipelines.talk").talk
    assert avjax.data.puppet is importlib.import_module("avjax.data.puppet")
    assert all(callable(getattr(avjax, name)) for name in avjax.__all__)


def test_packages_are_cheap_to_import():
    code = (
        f"import sys\nfor name in {PACKAGES}: __import__(name)\n"
        "assert not {'jax', 'numpy', 'cv2', 'av'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
