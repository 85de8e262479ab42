"""Networks with few channels."""

import pytest
from random_networks import narrow

from avjax.convert.registry import NETWORKS


@pytest.fixture(scope="module")
def narrow_networks():
    """Reduce the number of channels of the published networks."""
    narrow_networks = {
        name: network._replace(
            make_config=lambda shapes, original=network: narrow(
                original.make_config(shapes)
            )
        )
        for name, network in NETWORKS.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, network in narrow_networks.items():
            patch.setitem(NETWORKS, name, network)
        yield
