"""The published denoiser is two networks in one file, with their optimizers beside."""

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from reference import by_rule, filled
from torch_files import write_zip

from avjax import weights
from avjax.__main__ import main
from avjax.algorithms import denoiser_adaptation as restore
from avjax.convert import denoiser_maps as denoisers
from avjax.convert.registry import NETWORKS, published_shapes
from avjax.models.denoiser import PUBLISHED, DenoiserConfig

PARTS = {  # dicts of the file: what they are here, and seed and gain of their numbers
    "restoration_net_state_dict": ("restorer", denoisers.restoration(), 20, 0.5),
    "mask_net_state_dict": ("masker", denoisers.mask(), 22, 0.5),
}


@pytest.fixture(scope="module")
def content() -> dict:
    """A file filled by the rule of the published numbers."""
    shapes = published_shapes(NETWORKS["denoiser"], PUBLISHED)
    file = {"epoch": 150, "iteration": 19_500}
    for name, (_, rows, *rule) in PARTS.items():
        file[name] = {}
        for index, (key, _) in enumerate(rows):
            made = by_rule(key, shapes[f"{name}.{key}"], rule[0], index, rule[1])
            file[name][key] = made.astype(np.float32)
    moments = {"state": {0: {"exp_avg": np.ones(3, np.float32)}}, "param_groups": []}
    return file | {"mask_optimizer": moments, "restoration_optimizer": moments}


def test_a_published_file_is_loaded_as_the_networks_of_its_numbers(content, tmp_path):
    """Those whose outputs test_denoiser_golden.py compares."""
    write_zip(tmp_path / "model_best.pth", content)
    given = ["convert", str(tmp_path / "model_best.pth"), str(tmp_path / "out")]
    assert main(given) == 0
    kind = DenoiserConfig, restore.blank
    config, found = weights.open_parts(str(tmp_path / "out"), "denoiser", *kind)
    assert config == PUBLISHED and len(found) == 2
    blank = jax.eval_shape(lambda: restore.blank(PUBLISHED))
    for part, rows, *rule in PARTS.values():
        expected = filled(rows, flatten_dict(blank[part], sep="/"), *rule)
        arrays = flatten_dict(found[part], sep="/")
        assert arrays.keys() == expected.keys()
        for path, array in arrays.items():
            np.testing.assert_array_equal(array, expected[path])


@pytest.mark.parametrize("left_out", PARTS)
def test_a_file_with_one_network_alone_is_told_what_it_lacks(
    left_out, content, tmp_path, capfd
):
    alone = {name: value for name, value in content.items() if name != left_out}
    write_zip(tmp_path / "file", alone)
    assert main(["convert", str(tmp_path / "file"), str(tmp_path / "out")]) == 2
    told = capfd.readouterr().err
    assert f"is no denoiser: it lacks {left_out}." in told and told.count("\n") == 1
    assert not (tmp_path / "out").exists()
