"""A corpus that Apache Beam builds is equal to that of local processes."""

import importlib.util

import pytest

from avjax.data.__main__ import main
from avjax.data.builders import shards
from avjax.data.builders.corpus import build_corpus
from avjax.errors import InputError

needs_beam = pytest.mark.skipif(
    importlib.util.find_spec("apache_beam") is None,
    reason="apache-beam is not installed",
)
BEAM = "runner=DirectRunner"


@pytest.fixture
def contents():
    """contents(folder) returns {name: bytes} of all its files."""

    def read(folder):
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    return read


@needs_beam
def test_corpus_is_that_of_local_processes(numbered_source, tmp_path, contents):
    source = numbered_source(40, damaged=(3, 38))
    build_corpus(source, tmp_path / "local", num_workers=0)
    summary = build_corpus(source, tmp_path / "beam", beam=BEAM)
    assert summary.clips == {"train": 36, "test": 2}
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")
    assert len(list(tmp_path.glob(".*"))) == 0


@needs_beam
def test_pipeline_continues_what_processes_began(
    numbered_source, tmp_path, contents, monkeypatch
):
    source = numbered_source(40)
    build_corpus(source, tmp_path / "whole", num_workers=0)

    def fail(clip):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        original = shards.divide_record
        patch.setattr(
            shards,
            "divide_record",
            lambda record: (fail if record["clip"] == "clip 20" else original)(record),
        )
        with pytest.raises(RuntimeError, match="killed"):
            build_corpus(source, tmp_path / "out", num_workers=0)
    (done,) = (tmp_path / ".out.unfinished" / "corpus").iterdir()
    build_corpus(source, tmp_path / "out", beam=BEAM)
    assert done.name in contents(tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@needs_beam
def test_option_without_a_value_is_refused(tmp_path):
    command = ["build", "puppet", "--clips", "4", "--out", str(tmp_path / "out")]
    with pytest.raises(InputError, match="'DirectRunner' is not an option"):
        main([*command, "--beam", "DirectRunner"])
    assert not list(tmp_path.iterdir())


def test_missing_package_is_named(numbered_source, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "apache_beam", None)
    with pytest.raises(InputError, match=r"pip install 'avjax\[beam\]'"):
        build_corpus(numbered_source(5), tmp_path / "out", beam=BEAM)
    assert not list(tmp_path.iterdir())
