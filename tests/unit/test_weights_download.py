"""Weights at an address of the web; the network is replaced by files."""

import io
import pathlib
import urllib.error
import urllib.request

import numpy as np
import pytest

from avjax import weights
from avjax.__main__ import main
from avjax.errors import InputError
from avjax.models.synctalkface import WAV2LIP
from avjax.weights_download import fetch_weights, folder_checksum

SITE = "https://example.org/mine"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Folder of weights that is at SITE, and the addresses that were read."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder, read = tmp_path / "published", []
    params = {"generator": {"kernel": np.ones((2, 3), np.float32)}}
    weights.save(folder, params, {}, WAV2LIP, system="synctalkface", card="A card.")

    def urlopen(url, timeout):
        read.append(url)
        file = folder / url.removeprefix(f"{SITE}/")
        if not file.is_file():
            raise urllib.error.HTTPError(url, 404, "Not Found", {}, None)
        return io.BytesIO(file.read_bytes())

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return folder, read


def cached(tmp_path: pathlib.Path) -> list[str]:
    return [file.name for file in (tmp_path / "cache").rglob("*") if file.is_file()]


def test_weights_are_downloaded_once(site):
    folder, read = site
    name = f"{SITE}#sha256={folder_checksum(folder)}"
    loaded = weights.load(name)
    assert loaded.card == "A card." and len(read) == 2
    assert weights.load(f"{SITE}/#sha256={folder_checksum(folder)}").system
    assert len(read) == 2


def test_show_prints_the_checksum(site, capsys):
    folder, _ = site
    assert main(["weights", "show", str(folder)]) == 0
    shown = capsys.readouterr().out.split()
    assert shown[shown.index("sha256") + 1] == folder_checksum(folder)


def test_other_content_is_refused_and_not_kept(site, tmp_path):
    with pytest.raises(InputError, match=r"has the checksum \w{64} instead of 00"):
        fetch_weights(f"{SITE}#sha256={'0' * 64}")
    assert not cached(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (SITE, "the checksum of https://example.org/mine is missing: write"),
        (f"{SITE}#sha256=12", "the checksum of https://example.org/mine is missing"),
        ("http://example.org/mine", "weights are read by https:// only"),
        (f"{SITE}2#sha256={'0' * 64}", "cannot read .*/config.json: Not Found"),
    ],
)
def test_address_that_cannot_be_used_is_refused(name, message, site, tmp_path, capsys):
    with pytest.raises(InputError, match=message):
        weights.load(name)
    assert main(["weights", "show", name]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not cached(tmp_path)


@pytest.mark.parametrize("error", [TimeoutError("timed out"), OSError("no route")])
def test_broken_connection_is_one_sentence(error, site, tmp_path, monkeypatch):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise error

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Broken())
    with pytest.raises(InputError, match=f"cannot read .*config.json: {error}"):
        fetch_weights(f"{SITE}#sha256={'0' * 64}")
    assert not cached(tmp_path)
