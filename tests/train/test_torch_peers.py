"""The programs in PyTorch that benchmarks compare with compute what avjax computes."""

import importlib
import pathlib

import flax.linen as nn
import jax
import numpy as np
import pytest

from avjax.algorithms.adaptation_plan import REFERENCE_TEST, init_inner_lrs
from avjax.algorithms.denoiser_adaptation import adapt_denoiser, restore
from avjax.convert.open_file import open_tensors
from avjax.convert.registry import NETWORKS, convert_part
from avjax.models.denoiser import REFERENCE_CONFIG
from avjax.train.tasks.parts import split_variables

torch = pytest.importorskip("torch")

BENCHMARKS = pathlib.Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    """The benchmark of training steps."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("train_step")


def convert(name, state, folder):
    """Convert tensors of PyTorch to variables of avjax, {part: variables}."""
    torch.save(state, folder / f"{name}.pth")
    tensors = open_tensors(folder / f"{name}.pth")
    parts = NETWORKS[name].parts
    return {part: convert_part(parts[part], tensors) for part in parts}


def states(networks):
    return {name: network.state_dict() for name, network in networks.items()}


def without_dropout(monkeypatch, *networks):
    """Switch dropout off in both libraries."""
    monkeypatch.setattr(nn.Dropout, "__call__", lambda self, x, **_: x)
    for network in networks:
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
            elif isinstance(module, torch.nn.GRU):
                module.dropout = 0.0


def make_steps(benchmark, name, clips):
    """Return the task and the batch of avjax, and the step of the peer."""
    from train_step_peer import STEPS

    task, _ = benchmark.make_system(name)
    batch = benchmark.make_batch(name, clips)
    torch.manual_seed(0)
    arrays = {key: torch.from_numpy(array) for key, array in batch.items()}
    return task, batch, STEPS[name](arrays)


def first_loss(task, variables, batch):
    """Compute the loss of the first objective."""
    params, stats = split_variables(variables)
    loss = jax.jit(task.objectives()[0].loss)
    value, aux = loss(params, stats, batch, jax.random.key(0))
    return float(value), aux.logs


def test_wav2lip_has_the_same_loss(benchmark, tmp_path):
    task, batch, peer = make_steps(benchmark, "wav2lip", clips=1)
    variables = convert("wav2lip", peer.parts["generator"].state_dict(), tmp_path)
    expert = peer.parts["expert"].state_dict()
    variables |= convert("syncnet_color", expert, tmp_path)
    loss, _ = first_loss(task, variables, batch)
    assert loss == pytest.approx(peer(), rel=1e-4)


def test_lip_reading_has_the_same_loss(benchmark, tmp_path, monkeypatch):
    task, batch, peer = make_steps(benchmark, "bridging", clips=1)
    without_dropout(monkeypatch, peer.parts["reader"])
    modules = states(dict(peer.parts["reader"].named_children()))
    variables = convert("bridging_gru", modules, tmp_path)
    loss, _ = first_loss(task, variables, batch)
    assert loss == pytest.approx(peer(), rel=1e-4)


def test_the_denoiser_adapts_equally(tmp_path):
    import denoiser_peer

    torch.manual_seed(0)
    restorer, mask_net = denoiser_peer.Restorer(), denoiser_peer.MaskNet()
    nets = {"restoration_net": restorer, "mask_net": mask_net}
    state = {f"{name}_state_dict": net.state_dict() for name, net in nets.items()}
    variables = convert("denoiser", state, tmp_path)
    params = {part: tree["params"] for part, tree in variables.items()}
    noisy = np.random.default_rng(0).uniform(0, 1, (1, 32, 32, 3)).astype(np.float32)
    expected, _ = denoiser_peer.adapt(
        restorer, mask_net, torch.from_numpy(noisy.transpose(0, 3, 1, 2))
    )
    lrs = init_inner_lrs(REFERENCE_CONFIG, REFERENCE_TEST, params["restorer"])
    adapted = adapt_denoiser(
        REFERENCE_CONFIG, REFERENCE_TEST, params, lrs, noisy, jax.random.key(0)
    )
    before = np.clip(restore(REFERENCE_CONFIG, params["restorer"], noisy).clean, 0, 1)
    after = np.clip(restore(REFERENCE_CONFIG, adapted.params, noisy).clean, 0, 1)
    expected = expected.numpy().transpose(0, 2, 3, 1)
    change = np.abs(after - before).max()
    assert np.abs(after - expected).max() < 0.05 * change
