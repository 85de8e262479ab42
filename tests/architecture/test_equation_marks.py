"""A paper's equations, as its model's header lists them, occur in code and tests."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
MODELS = sorted(
    file for file in (ROOT / "avjax/models").glob("*.py") if file.stem != "__init__"
)
SECTIONS = ("Paper", "Symbols", "Equations", "Departures")


def equations(header: str) -> list[str]:
    """Numbers of the rows in a header's equation table, e.g. ["1", "2"]."""
    table = header.split("Equations", 1)[1].split("Departures", 1)[0]
    return re.findall(r"^\s+\((\w+)\)\s", table, flags=re.MULTILINE)


def mentions(mark: str, folders: tuple[str, ...], besides: pathlib.Path) -> bool:
    """Whether a mark such as `bridging (2)` occurs; a header's own table is no use."""
    texts = (
        file.read_text().split('"""', 2)[-1] if file == besides else file.read_text()
        for folder in folders
        for file in (ROOT / folder).rglob("*.py")
    )
    return any(mark in text for text in texts)


@pytest.mark.parametrize("model", MODELS, ids=lambda file: file.stem)
def test_the_header_of_a_model_names_paper_symbols_equations_and_departures(model):
    header = model.read_text().split('"""')[1]
    assert all(section in header for section in SECTIONS)


@pytest.mark.parametrize("model", MODELS, ids=lambda file: file.stem)
def test_every_equation_is_marked_in_code_and_in_a_test(model):
    header = model.read_text().split('"""')[1]
    for number in equations(header):
        mark = f"{model.stem} ({number})"
        assert mentions(mark, ("avjax", "train/tasks"), model), f"no code: {mark}"
        assert mentions(mark, ("tests",), model), f"no test: {mark}"
