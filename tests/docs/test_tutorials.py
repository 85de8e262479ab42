"""The code in the tutorials of docs/extend runs as it is printed.

Blocks of a page run one after the other in an empty folder and share their names.
`python` blocks are executed; a block with `title="name.py"` is written to that file
instead. `toml` blocks with a title are only written. In `console` blocks, lines that
begin with `$ avjax` are run as commands and must succeed.
"""

import pathlib
import re
import shlex
import tomllib

import pytest

from avjax.__main__ import main
from avjax.models import registry as models_registry
from avjax.models import talker
from avjax.train import registry as train_registry

PAGES = sorted((pathlib.Path(__file__).parents[2] / "docs" / "extend").glob("*.md"))
BLOCK = re.compile(r"^```(python|console|toml)([^\n]*)\n(.*?)^```$", flags=re.M | re.S)
TITLE = re.compile(r'title="([^"]+)"')


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_of_the_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # Systems and experiments that a page registers are forgotten after its test.
    monkeypatch.setattr(models_registry, "_SYSTEMS", dict(models_registry._SYSTEMS))
    monkeypatch.setattr(talker, "_LATENT_SPACES", dict(talker._LATENT_SPACES))
    monkeypatch.setattr(train_registry, "EXPERIMENTS", dict(train_registry.EXPERIMENTS))
    names = {"__name__": "__main__"}
    for kind, options, code in BLOCK.findall(page.read_text(encoding="utf-8")):
        if title := TITLE.search(options):
            (tmp_path / title[1]).write_text(code, encoding="utf-8")
            continue
        if kind == "python":
            exec(compile(code, f"{page.name}: {options}", "exec"), names)
            continue
        for line in code.splitlines() if kind == "console" else ():
            if line.startswith("$ avjax "):
                assert main(shlex.split(line)[2:]) == 0, line


def test_package_of_the_new_talker_registers_its_module():
    page = next(page for page in PAGES if page.stem == "new-talker")
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    (code,) = (code for kind, _, code in blocks if kind == "toml")
    package = tomllib.loads(code)
    modules = list(
        package["project"]["entry-points"][models_registry.ENTRY_POINTS].values()
    )
    assert modules == package["tool"]["setuptools"]["py-modules"] == ["stripes"]
