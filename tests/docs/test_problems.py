"""The page of known problems names tests, commands and options that exist."""

import argparse
import ast
import collections
import functools
import pathlib
import re
import shlex

import pytest

from avjax.__main__ import COMMANDS
from avjax.cli import completion, make_parser

TESTS = pathlib.Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "guides" / "problems.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\d+) \| (.*) \|$", flags=re.M)
PROBLEMS, LISTED_TESTS = TEXT.split("\n## Tests\n")
ROWS = {int(number): cells.split(" | ") for number, cells in ROW.findall(PROBLEMS)}
TESTS_OF = {int(number): cells for number, cells in ROW.findall(LISTED_TESTS)}
CODE = re.findall(r"`([^`\n]+)`", TEXT)
COMMAND_LINES = [words for words in map(shlex.split, CODE) if words[0] == "avjax"]


@functools.cache
def list_tests(path: str) -> set[str]:
    """Return the names of the test functions of a file."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.fixture(scope="module")
def parser():
    """The parser of all commands."""
    return completion.make_full_parser(make_parser, COMMANDS)


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Return the options of a parser and of all commands below it."""
    commands = [
        command
        for choices in completion.find_choices(parser)
        for command in choices.values()
    ]
    return set(parser._option_string_actions).union(*map(options_of, commands))


def test_problems_are_numbered_and_counted():
    assert list(ROWS) == list(TESTS_OF) == list(range(1, 37))
    counts = collections.Counter(cells[1] for cells in ROWS.values())
    yes, partly, no = (counts.pop(answer) for answer in ("yes", "in part", "no"))
    assert not counts
    assert f"{yes} of the 36 are solved, {partly} in part, and {no} " in TEXT


@pytest.mark.parametrize("number", ROWS)
def test_every_problem_has_a_report_and_tests_that_exist(number):
    problem, _, answer = ROWS[number]
    tests = TESTS_OF[number]
    assert answer and re.search(r"<br>.*#\d", problem)
    names = re.findall(r"`([\w/]+\.py)::(test_\w+)`", tests)
    assert names and len(names) == tests.count("`") / 2
    assert not [name for path, name in names if name not in list_tests(path)]


@pytest.mark.parametrize("words", COMMAND_LINES, ids=" ".join)
def test_every_command_is_accepted_by_its_parser(words, parser):
    for word in words[1:]:
        for choices in completion.find_choices(parser):
            parser = choices.get(word, parser)
    assert parser.prog != "avjax", "the command exists"
    flags = {word for word in words if word.startswith("-")}
    assert flags <= set(parser._option_string_actions)
    if words[1] == "train":
        assert words[2] in completion.list_experiments()
    if words[1] == "export":
        assert words[2] in completion.list_bundled()


def test_every_option_on_its_own_exists(parser):
    flags = {word for word in CODE if re.fullmatch(r"--[\w-]+", word)}
    assert flags and flags <= options_of(parser)
