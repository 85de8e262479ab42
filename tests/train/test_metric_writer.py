import importlib.machinery
import json
import sys
import time
import types

import numpy as np

from avjax.train.monitor import metric_writer
from avjax.train.monitor.images import make_strip
from avjax.train.monitor.metric_writer import MetricWriter, truncate_after


def lines(folder):
    return [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]


def test_numbers_are_written_as_json_lines(tmp_path):
    with MetricWriter(tmp_path, 0, 10) as writer:
        writer.write(1, {"train/loss": 0.5})
        writer.write(2, {"train/loss": 0.25})
    assert lines(tmp_path) == [
        {"step": 1, "train/loss": 0.5},
        {"step": 2, "train/loss": 0.25},
    ]
    assert list(tmp_path.glob("events*"))


def test_metric_without_examples_is_named_instead_of_printed_as_nan(tmp_path, capsys):
    with MetricWriter(tmp_path, 0, 10) as writer:
        writer.write(2, {"test/lmd": 0.5, "test/jerk": float("nan")})
    printed = " ".join(capsys.readouterr().err.split())
    assert "step 2 test/lmd 0.5 (no value for test/jerk)" in printed
    assert np.isnan(lines(tmp_path)[0]["test/jerk"])


def test_number_that_is_not_finite_is_kept_from_tensorboard(tmp_path, monkeypatch):
    with MetricWriter(tmp_path, 0, 10) as writer:
        names = []
        monkeypatch.setattr(
            writer._sinks[0], "write", lambda _, numbers: names.extend(numbers)
        )
        nan, infinity = float("nan"), float("inf")
        writer.write(2, {"lmd": 0.5, "lmd_open": nan, "gradient": infinity})
    assert names == ["lmd"]


def test_resumed_run_removes_entries_after_its_checkpoint(tmp_path):
    with MetricWriter(tmp_path, 0, 10) as writer:
        for step in range(1, 6):
            writer.write(step, {"loss": 1.0})
    with MetricWriter(tmp_path, 3, 10) as writer:
        writer.write(4, {"loss": 2.0})
    assert [entry["step"] for entry in lines(tmp_path)] == [1, 2, 3, 4]
    assert lines(tmp_path)[-1]["loss"] == 2.0


def test_incomplete_line_is_removed(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 1}\n{"step": 2, "lo')
    truncate_after(file, 5)
    assert file.read_text() == '{"step": 1}\n'


def test_pace_has_steps_examples_and_the_fraction_of_waiting(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    with MetricWriter(tmp_path, 0, 10) as writer:
        with writer.waiting():
            clock[0] += 1
        for _ in range(8):
            writer.advance({"x": np.zeros((3, 2))})
        clock[0] += 3
        assert writer.pace() == {
            "steps_per_second": 2.0,
            "examples_per_second": 6.0,
            "wait_fraction": 0.25,
            "hours": 4 / 3600,
        }
        assert writer.pace()["steps_per_second"] == 0


def test_progress_is_a_line_now_and_then_without_a_terminal(
    tmp_path, monkeypatch, capsys
):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    with MetricWriter(tmp_path, 0, 100) as writer:
        for _ in range(7):
            clock[0] += 10
            writer.advance({"x": np.zeros(2)})
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "minutes left" in line] == [
        "step 4 of 100 (4 %), about 16 minutes left"
    ]


def test_compilation_is_left_out_of_the_remaining_time(tmp_path, monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(metric_writer, "PROGRESS_SECONDS", -1)
    lengths, seconds = (2, 2, 2, 2, 5, 5), (300, 10, 10, 10, 400, 10)
    with MetricWriter(tmp_path, 0, 10) as writer:
        for length, duration in zip(lengths, seconds, strict=True):
            batch = {"x": np.zeros(length)}
            with writer.stepping(batch):
                clock[0] += duration
            writer.advance(batch)
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("step")] == [
        "step 1 of 10 (10 %)",
        "step 2 of 10 (20 %)",
        "step 3 of 10 (30 %)",
        "step 4 of 10 (40 %), about 1 minute left",
        "step 5 of 10 (50 %), about 1 minute left",
        "step 6 of 10 (60 %), about 1 minute left",
    ]


class FakeRun:
    logged: list = []

    def log(self, numbers, step):
        self.logged.append((step, numbers))

    def finish(self):
        self.logged.append("finished")


def test_metrics_go_to_weights_and_biases_where_it_is_wanted(tmp_path, monkeypatch):
    module = types.ModuleType("wandb")
    module.__spec__ = importlib.machinery.ModuleSpec("wandb", None)
    module.init = lambda **_: FakeRun()
    module.Image = lambda image: image.shape
    monkeypatch.setitem(sys.modules, "wandb", module)
    with MetricWriter(tmp_path / "a", 0, 10) as writer:
        writer.write(1, {"loss": 0.5})
    assert FakeRun.logged == []
    monkeypatch.setenv("WANDB_PROJECT", "faces")
    with MetricWriter(tmp_path / "b", 0, 10) as writer:
        writer.write(1, {"loss": 0.5, "lmd": float("nan")})
        writer.write_images(2, {"talk": np.zeros((1, 4, 6, 3), np.uint8)})
    assert FakeRun.logged == [(1, {"loss": 0.5}), (2, {"talk": (4, 6, 3)}), "finished"]


def test_strip_shows_frames_from_first_to_last():
    clip = np.repeat(np.arange(20, dtype=np.uint8), 3 * 2 * 2).reshape(20, 3, 2, 2)
    image = make_strip(clip)
    assert image.shape == (3, 16, 2)
    assert image[0, 0, 0] == 0 and image[0, -1, 0] == 19


def test_clip_is_written_as_video(tmp_path):
    clip = np.full((3, 16, 16, 3), 100, np.uint8)
    with MetricWriter(tmp_path, 0, 10) as writer:
        writer.write_images(7, {"made": clip, "still": clip[:1]})
    names = {file.name for file in (tmp_path / "images").iterdir()}
    assert names == {"made_0000007.mp4", "still_0000007.png"}


def test_progress_bar_says_when_a_step_is_compiled(tmp_path, capsys):
    with MetricWriter(tmp_path, 0, 3) as writer:
        seen = []
        for length in (25, 25, 48):
            with writer.stepping({"x": np.zeros((2, length))}):
                seen.append(writer._progress.tasks[0].description)
    assert seen == ["compiling", "train", "compiling"]
    printed = capsys.readouterr().err
    assert printed.count("compiling the training step; this may take minutes") == 1
    assert printed.count("step, for a batch of another shape; this may take") == 1


def test_long_compilation_gives_a_sign_of_life(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(metric_writer, "SIGN_SECONDS", 0.01)
    writer = MetricWriter(tmp_path, 0, 5)
    with writer, writer.stepping({"x": np.zeros((2, 3))}):
        time.sleep(0.1)
    assert "still compiling: 0 s" in capsys.readouterr().err


def test_baselines_and_classes_are_not_printed(tmp_path, capsys):
    names = ("lmd", "lmd_open", "reference_lmd", "in_sync", "jerk", "reference_jerk")
    with MetricWriter(tmp_path, 0, 5) as writer:
        writer.write(2, {f"test/{name}": 1.0 for name in names})
    printed = " ".join(capsys.readouterr().err.split())
    shown = (
        "step 2 test/lmd 1 test/in_sync 1 test/jerk 1 (and 3 others in metrics.jsonl)"
    )
    assert shown in printed
    assert len(lines(tmp_path)[0]) == 1 + len(names)
