import json

import numpy as np

from avjax.train.metric_writer import Journal, strike_out, strip


def lines(folder):
    return [json.loads(x) for x in (folder / "journal.jsonl").read_text().splitlines()]


def test_numbers_become_lines_of_json(tmp_path):
    with Journal(tmp_path, 0, 10) as journal:
        journal.write(1, {"train/loss": 0.5})
        journal.write(2, {"train/loss": 0.25})
    assert lines(tmp_path) == [
        {"step": 1, "train/loss": 0.5},
        {"step": 2, "train/loss": 0.25},
    ]
    assert list(tmp_path.glob("events*"))


def test_a_resumed_run_strikes_out_what_came_after_its_checkpoint(tmp_path):
    with Journal(tmp_path, 0, 10) as journal:
        for step in range(1, 6):
            journal.write(step, {"loss": 1.0})
    with Journal(tmp_path, 3, 10) as journal:
        journal.write(4, {"loss": 2.0})
    assert [entry["step"] for entry in lines(tmp_path)] == [1, 2, 3, 4]
    assert lines(tmp_path)[-1]["loss"] == 2.0


def test_a_line_cut_by_a_kill_is_struck_out(tmp_path):
    file = tmp_path / "journal.jsonl"
    file.write_text('{"step": 1}\n{"step": 2, "lo')
    strike_out(file, 5)
    assert file.read_text() == '{"step": 1}\n'


def test_the_pace_tells_steps_and_the_share_of_waiting(tmp_path, monkeypatch):
    clock = iter([0.0, 1.0, 2.0, 4.0, 4.0, 5.0])
    monkeypatch.setattr(
        "avjax.train.metric_writer.time.perf_counter", lambda: next(clock)
    )
    with Journal(tmp_path, 0, 10) as journal:
        with journal.waiting():
            pass
        journal._steps = 8
        pace = {"steps_per_second": 2.0, "wait_share": 0.25, "hours": 4 / 3600}
        assert journal.pace() == pace
        assert journal._steps == 0


def test_a_strip_shows_frames_from_first_to_last_side_by_side():
    clip = np.repeat(np.arange(20, dtype=np.uint8), 3 * 2 * 2).reshape(20, 3, 2, 2)
    shown = strip(clip)
    assert shown.shape == (3, 16, 2)
    assert shown[0, 0, 0] == 0 and shown[0, -1, 0] == 19


def test_a_clip_is_written_as_video(tmp_path):
    clip = np.full((3, 16, 16, 3), 100, np.uint8)
    with Journal(tmp_path, 0, 10) as journal:
        journal.show(7, {"made": clip, "still": clip[:1]})
    assert [x.name for x in (tmp_path / "pictures").iterdir()] == ["made_0000007.mp4"]
