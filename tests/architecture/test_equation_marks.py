"""Each equation in a model's header is marked in the code and in a test."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
NOT_PAPERS = {"__init__", "context_latents", "registry", "talker"}
MODELS = sorted(
    file for file in (ROOT / "avjax/models").glob("*.py") if file.stem not in NOT_PAPERS
)
SECTIONS = ("Paper", "Symbols", "Equations")
LAST = re.compile("Departures|Design")  # a system of our own has no departures


def header_of(model: pathlib.Path) -> str:
    return ast.get_docstring(ast.parse(model.read_text()), clean=False) or ""


def equations(header: str) -> list[str]:
    """List the numbers in a header's equation table, e.g. ["1", "2"]."""
    table = LAST.split(header.split("Equations", 1)[1], maxsplit=1)[0]
    return re.findall(r"^\s+\((\w+)\)\s", table, flags=re.MULTILINE)


def has_mark(mark: str, folders: tuple[str, ...], model: pathlib.Path) -> bool:
    """Look for a mark such as `bridging (2)` outside of the header of its model."""
    texts = (
        file.read_text().split('"""', 2)[-1] if file == model else file.read_text()
        for folder in folders
        for file in (ROOT / folder).rglob("*.py")
    )
    return any(mark in text for text in texts)


@pytest.mark.parametrize("model", MODELS, ids=lambda file: file.stem)
def test_model_header_has_all_sections(model):
    header = header_of(model)
    assert all(section in header for section in SECTIONS)
    assert LAST.search(header)


@pytest.mark.parametrize("model", MODELS, ids=lambda file: file.stem)
def test_every_equation_is_marked_in_code_and_in_a_test(model):
    for number in equations(header_of(model)):
        mark = f"{model.stem} ({number})"
        assert has_mark(mark, ("avjax", "train/tasks"), model), f"no code: {mark}"
        assert has_mark(mark, ("tests",), model), f"no test: {mark}"
