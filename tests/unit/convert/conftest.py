"""Networks with few channels."""

import pytest
import random_networks


@pytest.fixture(scope="module")
def narrow_networks():
    """Reduce the number of channels of the published networks."""
    with random_networks.narrow_networks():
        yield
