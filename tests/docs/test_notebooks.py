"""The notebooks use the public API, and their stored outputs come from a real run.

Nothing is executed here; `.ci/run` runs the notebooks.
"""

import ast
import importlib
import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# The packages that docs/extend/index.md calls public.
PUBLIC = (
    "avjax",
    "avjax.algorithms",
    "avjax.data",
    "avjax.losses",
    "avjax.metrics",
    "avjax.models",
    "avjax.nn",
    "avjax.pipelines",
    "avjax.text",
    "avjax.train",
    "avjax.visualize",
)
MAX_BYTES = 300_000
MACHINE_PATHS = re.compile(  # any absolute path; phonemes are short
    r"/tmp/|/home/|/root/|/usr/|(?:^|[^\w.])/[a-z]{3,}/|site-packages|[A-Z]:\\\\"
)

notebooks = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)


def cells(notebook: pathlib.Path, kind: str) -> list[dict]:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def code(notebook: pathlib.Path) -> ast.Module:
    sources = ["".join(cell["source"]) for cell in cells(notebook, "code")]
    return ast.parse("\n".join(sources))


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names_exist(package):
    module = importlib.import_module(package)
    assert all(getattr(module, name) is not None for name in module.__all__)
    assert set(module.__all__) <= set(dir(module))


def test_documentation_lists_the_public_packages():
    text = (ROOT / "docs" / "extend" / "index.md").read_text(encoding="utf-8")
    section = text.partition("## Public API")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(avjax[\w.]*)`", section)) == set(PUBLIC)


@notebooks
def test_only_public_names_are_imported(notebook):
    for node in ast.walk(code(notebook)):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
            assert not {name for name in names if name.startswith("avjax.")}
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("avjax"):
            assert node.module in PUBLIC
            exported = set(importlib.import_module(node.module).__all__)
            assert {alias.name for alias in node.names} <= exported


@notebooks
def test_nothing_private_is_used(notebook):
    for node in ast.walk(code(notebook)):
        name = getattr(node, "attr", getattr(node, "id", ""))
        assert not name.startswith("_") or name == "_", name


@notebooks
def test_cells_were_run_in_order_without_an_error(notebook):
    stored = cells(notebook, "code")
    assert [cell["execution_count"] for cell in stored] == list(
        range(1, len(stored) + 1)
    )
    outputs = [output for cell in stored for output in cell["outputs"]]
    assert outputs
    assert not [x for x in outputs if x["output_type"] == "error"]
    assert not [x for x in outputs if x.get("name") == "stderr"]


@notebooks
def test_outputs_are_small_and_name_no_machine(notebook):
    assert notebook.stat().st_size < MAX_BYTES
    for cell in cells(notebook, "code"):
        for output in cell["outputs"]:
            data = dict(output.get("data", {}))
            assert not [kind for kind in data if kind.startswith(("video", "audio"))]
            data.pop("image/png", None)
            assert not MACHINE_PATHS.search(json.dumps([output.get("text", ""), data]))


@notebooks
def test_links_of_a_notebook_work_in_the_repository(notebook):
    text = "\n".join("".join(cell["source"]) for cell in cells(notebook, "markdown"))
    links = re.findall(r"\]\(([^)#\s]+)", text)
    local = [link for link in links if not link.startswith("http")]
    assert not [link for link in local if not (notebook.parent / link).exists()]


def test_navigation_lists_every_notebook():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r": notebooks/(\S+\.ipynb)", text)
    assert listed == [notebook.name for notebook in NOTEBOOKS]
