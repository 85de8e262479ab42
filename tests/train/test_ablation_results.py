"""Tables of results are written in the format of the documentation."""

import json
import pathlib
import sys

import numpy as np
import pytest

from avjax.train.ablations import results

EXAMPLE = pathlib.Path(__file__).parents[2] / "docs" / "results" / "sync_offsets.json"


def write_example(path, rows):
    results.write_table(
        path,
        title="A study",
        columns=("row", "PSNR, dB"),
        rows=rows,
        data="two clips",
        seeds="3",
    )
    return json.loads(path.read_text(encoding="utf-8"))


def test_table_has_the_fields_of_the_documentation(tmp_path):
    written = write_example(tmp_path / "table.json", [("ours", 30.5), ("±", None)])
    known = set(json.loads(EXAMPLE.read_text(encoding="utf-8")))
    assert set(written) == known - {"recorded"}
    assert written["title"] == "A study"
    assert written["columns"] == ["row", "PSNR, dB"]
    assert written["rows"] == [["ours", 30.5], ["±", None]]
    assert (written["data"], written["seeds"]) == ("two clips", "3")
    assert all(written[key] for key in ("command", "machine", "commit"))


def test_numpy_numbers_are_written_as_numbers_and_nan_as_null(tmp_path):
    rows = [(np.str_("a"), np.float32(0.5)), ("b", np.int64(2)), ("c", np.nan)]
    written = write_example(tmp_path / "table.json", rows)
    assert written["rows"] == [["a", 0.5], ["b", 2], ["c", None]]


def test_rows_of_another_length_are_refused(tmp_path):
    with pytest.raises(ValueError, match="has not 2 cells"):
        write_example(tmp_path / "table.json", [("ours",)])


def test_command_names_the_module_or_the_file(monkeypatch):
    module = pathlib.Path(results.__file__).with_name("sync.py")
    monkeypatch.setattr(sys, "argv", [str(module), "a b", "--json", "x.json"])
    expected = "python -m avjax.train.ablations.sync 'a b' --json x.json"
    assert results.current_command() == expected
    benchmark = results.ROOT / "tests" / "benchmarks" / "conv.py"
    monkeypatch.setattr(sys, "argv", [str(benchmark), "8"])
    assert results.current_command() == "python tests/benchmarks/conv.py 8"


def test_commit_is_unknown_outside_of_a_repository(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert results.current_commit() == "unknown"


def test_rows_are_printed_as_they_are_added(capsys, tmp_path):
    table = results.ResultTable("A study", "row", "value")
    table.add("ours", 1 / 3)
    table.add("plain", None)
    assert capsys.readouterr().out == "row | value\nours | 0.3333\nplain | -\n"
    table.write(None, data="nothing")
    table.write(tmp_path / "table.json", data="two clips")
    written = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert written["rows"] == [["ours", 1 / 3], ["plain", None]]
