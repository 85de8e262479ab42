"""The package avjax.train is cheap to import, and offers its public names."""

import subprocess
import sys

import pytest

import avjax.train
from avjax.train.loop import fit


def test_import_does_not_load_jax():
    program = "import sys, avjax.train; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", avjax.train.__all__)
def test_public_names_are_found(name):
    assert getattr(avjax.train, name).__module__.startswith("avjax.train.")
    assert name in dir(avjax.train)


def test_fit_is_that_of_the_loop():
    assert avjax.train.fit is fit
    with pytest.raises(AttributeError):
        _ = avjax.train.no_such_name
