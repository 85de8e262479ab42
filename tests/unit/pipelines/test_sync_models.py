"""Face crops of the sync models."""

import numpy as np
import pytest

from avjax.pipelines.sync_models import syncnet_crop


def test_syncnet_crop_keeps_the_top_edge_and_is_wider():
    box = np.array([10, 20, 60, 70], np.float32)
    assert syncnet_crop(box) == pytest.approx([0, 20, 70, 90])
