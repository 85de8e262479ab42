"""Folders of training runs, written without training."""

import json
import pathlib

import numpy as np

from avjax.train.monitor.metric_writer import MetricWriter


def make_run(folder: pathlib.Path, rate: float = 1e-3, steps: int = 40) -> pathlib.Path:
    """Write what a short run writes, without training."""
    arguments = ["cals_puppet", f"optim.generator.learning_rate={rate}"]
    config = {"steps": 40, "seed": 0, "rate": rate, "description": "<CALS> & co."}
    folder.mkdir(parents=True)
    experiment = {"arguments": arguments, "config": config}
    (folder / "experiment.json").write_text(json.dumps(experiment))
    clip = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3)).astype(np.uint8)
    with MetricWriter(folder, 0, 40) as writer:
        for step in range(10, steps + 1, 10):
            loss = abs(step - 30) + rate
            writer.write(step, {"train/generator/loss": loss, "hours": step / 100})
            lmd = {"test/lmd": loss / 10, "test/lmd_open": 1.0, "test/jerk": np.nan}
            writer.write(step, {**lmd, "test/static_mouth_lmd": 1.6})
            writer.write_images(step, {"test_faces": clip, "test_image": clip[:1]})
    return folder
