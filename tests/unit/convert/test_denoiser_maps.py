"""Convert the published denoiser: two networks and two optimizers in one file."""

import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from reference import fill_by_rule, tensor_by_rule
from torch_files import write_zip

from avjax.__main__ import main
from avjax.convert import denoiser_maps
from avjax.convert.registry import NETWORKS, published_shapes
from avjax.models.denoiser import REFERENCE_CONFIG
from avjax.models.registry import get_system, load_system

# Dict of the file: our part, its map, and seed and gain of the reference numbers.
PARTS = {
    "restoration_net_state_dict": (
        "restorer",
        denoiser_maps.restoration_net_map(),
        20,
        0.5,
    ),
    "mask_net_state_dict": ("mask_net", denoiser_maps.mask_net_map(), 22, 0.5),
}


@pytest.fixture(scope="module")
def content() -> dict:
    """Content of a published file, filled with the reference numbers."""
    shapes = published_shapes(NETWORKS["denoiser"], REFERENCE_CONFIG)
    file = {"epoch": 150, "iteration": 19_500}
    for name, (_, tensor_map, *rule) in PARTS.items():
        file[name] = {}
        for index, (key, _) in enumerate(tensor_map):
            array = tensor_by_rule(
                key, shapes[f"{name}.{key}"], rule[0], index, rule[1]
            )
            file[name][key] = array.astype(np.float32)
    moments = {"state": {0: {"exp_avg": np.ones(3, np.float32)}}, "param_groups": []}
    return file | {"mask_optimizer": moments, "restoration_optimizer": moments}


def test_a_published_file_gives_the_reference_parameters(content, tmp_path):
    """The outputs of these parameters are compared in test_denoiser_golden.py."""
    write_zip(tmp_path / "model_best.pth", content)
    source, out = str(tmp_path / "model_best.pth"), str(tmp_path / "out")
    assert main(["convert", source, out]) == 0
    config, variables = load_system(out, "denoiser")
    assert config == REFERENCE_CONFIG and len(variables) == 2
    shapes = get_system("denoiser").variable_shapes(REFERENCE_CONFIG)
    for part, tensor_map, *rule in PARTS.values():
        expected = fill_by_rule(tensor_map, flatten_dict(shapes[part], sep="/"), *rule)
        arrays = flatten_dict(variables[part], sep="/")
        assert arrays.keys() == expected.keys()
        for path, array in arrays.items():
            np.testing.assert_array_equal(array, expected[path])


@pytest.mark.parametrize("missing", PARTS)
def test_a_file_with_one_network_is_rejected_with_the_missing_keys(
    missing, content, tmp_path, capfd
):
    remaining = {name: value for name, value in content.items() if name != missing}
    write_zip(tmp_path / "file", remaining)
    assert main(["convert", str(tmp_path / "file"), str(tmp_path / "out")]) == 2
    message = capfd.readouterr().err
    assert f"is not a denoiser network: missing are {missing}." in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()
