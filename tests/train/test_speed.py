"""Speed, operations and profiles of a run."""

import dataclasses
import json
import time
import types

import jax
import numpy as np
import pytest

from avjax.train.compiled import build
from avjax.train.loop import fit
from avjax.train.monitor import speed
from avjax.train.monitor.speed import SpeedMeter, peak_flops, step_flops
from avjax.train.parallel import sharding


def test_peak_of_a_device_is_found_by_the_beginning_of_its_name():
    assert peak_flops("NVIDIA H100 80GB HBM3") == 989e12
    assert peak_flops("NVIDIA H100 PCIe") == 756e12
    assert peak_flops("TPU v5 lite") == 197e12 and peak_flops("TPU v5p") == 459e12
    assert peak_flops("cpu") is None


def test_operations_of_a_step_are_counted_on_all_devices(experiment):
    example = next(iter(experiment.train.train_batches()))
    counts = []
    for mesh in ((1, 1), (2, 1)):
        program = build(experiment, sharding.make_mesh(mesh), example)
        counts.append(step_flops(program, example))
    width, size, batch = 512, 8, 8
    least = 3 * 2 * 2 * width * size * batch  # two layers, forward and backward
    assert least < counts[0] < 3 * least
    assert counts[1] == pytest.approx(counts[0], rel=0.1)


def test_utilisation_is_the_operations_over_the_peak(monkeypatch):
    monkeypatch.setitem(speed.PEAK_FLOPS, "cpu", 100.0)
    monkeypatch.setattr(speed, "step_flops", lambda program, batch: 60.0)
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    program = types.SimpleNamespace(mesh=sharding.make_mesh((2, 1)))
    meter = SpeedMeter(program)
    for _ in range(10):
        meter.count({"x": np.zeros((4, 2))})
    clock[0] = 6.0
    assert meter.read()["mfu"] == 10 * 60 / 6 / 200
    assert "mfu" not in SpeedMeter(None).read()
    monkeypatch.delitem(speed.PEAK_FLOPS, "cpu")
    assert "mfu" not in SpeedMeter(program).read()


def test_planned_steps_are_profiled_and_speed_is_logged(experiment, tmp_path):
    planned = dataclasses.replace(experiment, profile="2:3", steps=4, evals={})
    fit(planned, tmp_path)
    assert list(tmp_path.glob("plugins/profile/*/*.xplane.pb"))
    lines = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert all(entry["examples_per_second"] > 0 for entry in lines)
    # The trace was ended: another one can be started.
    jax.profiler.start_trace(str(tmp_path / "other"))
    jax.profiler.stop_trace()
