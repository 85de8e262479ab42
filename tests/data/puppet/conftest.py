"""Fixtures: a few small clips."""

import pytest

from avjax.data.puppet import make_clip


@pytest.fixture(scope="session")
def clips():
    return [make_clip(seed=3, index=index, size=64) for index in range(5)]
