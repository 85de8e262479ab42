"""The public names of the package."""

import pytest

import avjax


def test_package_exports_its_functions_and_no_others():
    assert all(callable(getattr(avjax, name)) for name in avjax.__all__)
    assert set(avjax.__all__) <= set(dir(avjax))
    with pytest.raises(AttributeError, match="no attribute 'sing'"):
        _ = avjax.sing
