"""The documentation agrees with the repository."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

import avjax
from avjax.__main__ import COMMANDS, DELEGATED_COMMANDS

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]
RESULTS = sorted((DOCS / "results").glob("*.json"))


def test_tables_are_generated_from_the_json_files():
    command = [sys.executable, str(DOCS / "tables.py"), "--check"]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.stem)
def test_a_result_names_its_command_data_seeds_and_commit(file):
    result = json.loads(file.read_text(encoding="utf-8"))
    assert all(result[key] for key in ("command", "data", "seeds", "commit"))
    assert {len(row) for row in result["rows"]} == {len(result["columns"])}


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.stem)
def test_every_result_is_on_a_page(file):
    pages = [*DOCS.rglob("*.md"), ROOT / "README.md"]
    mark = f"<!-- table: {file.stem} -->"
    assert any(mark in page.read_text(encoding="utf-8") for page in pages)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_of_a_page_work_in_the_repository(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    links = re.findall(r"\]\(([^)#\s]+)", text)
    local = [link for link in links if not link.startswith(("http", "mailto"))]
    assert not [link for link in local if not (page.parent / link).exists()]
    assert "][" not in text and "{{" not in text, "only the site can show this"


def test_readme_is_short_and_names_every_command():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert all(f"avjax {name}" in text for name in (*COMMANDS, *DELEGATED_COMMANDS))


def test_weights_page_lists_all_bundled_weights():
    text = (ROOT / "avjax" / "bundled" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in avjax.list_weights())


def test_results_name_weights_by_their_full_names():
    text = "\n".join(file.read_text(encoding="utf-8") for file in RESULTS)
    commands = re.findall(r'"command": "([^"]*)"', text)
    assert not [line for line in commands if re.search(r"(?<![-\w])grid-s1\b", line)]
