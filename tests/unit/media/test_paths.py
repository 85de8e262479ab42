"""Local paths, URLs of stores, and what is refused."""

import pathlib

import fake_store
import pytest

from avjax.data.__main__ import main as build
from avjax.data.split_source import open_split
from avjax.errors import InputError
from avjax.media.files import atomic_folder, check_writable
from avjax.media.paths import as_path, is_remote
from avjax.weights import load


def test_local_paths_stay_local():
    for path in ("a/b", "/a", "odd:/name", pathlib.Path("a")):
        assert as_path(path) == pathlib.Path(path) and not is_remote(as_path(path))
    assert as_path("file:///a/b") == pathlib.Path("/a/b")


def test_registered_scheme_is_remote(tmp_path, monkeypatch):
    monkeypatch.setattr(fake_store, "ROOT", [tmp_path])
    path = as_path(fake_store.url("runs")) / "a.txt"
    path.parent.mkdir()
    path.write_text("text")
    assert is_remote(path) and str(path) == "fake://runs/a.txt"
    assert (tmp_path / "runs/a.txt").read_text() == "text"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gs://bucket/a", r"cannot be used without gcsfs; .*'avjax\[gcs\]'"),
        ("hdfs://host/a", "known schemes are file, gs, s3"),
        ("az://bucket/a", "known schemes are file, gs, s3"),
        (pathlib.Path("gs://bucket/a"), "one slash after 'gs:'; write gs://"),
    ],
)
@pytest.mark.parametrize("use", [as_path, load, lambda path: open_split(path, "train")])
def test_store_that_cannot_be_used_is_refused(path, message, use, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=message):
        use(path)


def test_outputs_are_not_written_to_stores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for out in ("gs://bucket/a", pathlib.Path("gs://bucket/a"), "new://a"):
        message = "give a local path, and copy the result"
        with pytest.raises(InputError, match=message), atomic_folder(out, ["a"]):
            pass
        with pytest.raises(InputError, match=message):
            check_writable(out)
        with pytest.raises(InputError, match=message):
            build(["build", "puppet", "--out", str(out)])
    assert not list(tmp_path.iterdir())
