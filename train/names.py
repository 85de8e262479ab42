"""Names of experiments, read from their source, so that JAX is not imported."""

import ast
import importlib.metadata
import os
import pathlib
import sys
from collections.abc import Iterable
from typing import TypeGuard

from avjax.errors import InputError, suggest
from avjax.media.paths import is_remote

ENTRY_POINTS = "avjax.experiments"  # the entry point group of packages
_PACKAGE = "avjax.train.experiments"


def may_have_others() -> bool:
    """Tell whether a package, or code of this process, may register experiments."""
    entry_points = importlib.metadata.entry_points(group=ENTRY_POINTS)
    return _PACKAGE in sys.modules or bool(entry_points)


def read_descriptions() -> dict[str, str]:
    """Read the descriptions of avjax's experiments: functions with that decorator.

    Returns:
        {name: its docstring}, in the order of files and lines.
    """
    package = pathlib.Path(__file__).parent / "experiments"
    return {
        node.name: ast.get_docstring(node) or ""
        for file in sorted(package.glob("*.py"))
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if _is_experiment(node)
    }


def check_name(name: str, *runs: pathlib.Path) -> None:
    """Refuse a name that no experiment, file or run has.

    Args:
        name: The name.
        runs: Folders of a run that it may stand for as well.

    Raises:
        InputError: There is nothing of this name.
    """
    if may_have_others() or any(map(os.path.lexists, runs)):
        return
    known = read_descriptions()
    if name in known:
        return
    file = name.rpartition(":")[0] if ".py:" in name else name
    if os.path.lexists(file) or is_remote(file):
        return
    if file.endswith(".py"):
        raise InputError(f"there is no file {file}")
    if len(pathlib.Path(name).parts) > 1:
        raise InputError(f"there is no folder {name}")
    raise InputError(unknown_experiment(name, known))


def unknown_experiment(name: str, known: Iterable[str]) -> str:
    """Compose the error message for an experiment that does not exist.

    Args:
        name: The unknown name.
        known: The names of the experiments.
    """
    return (
        f"unknown experiment '{name}' (see avjax train --list); {suggest(name, known)}"
    )


def _is_experiment(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    """Tell whether a statement defines an experiment."""
    return isinstance(node, ast.FunctionDef) and any(
        isinstance(one, ast.Name) and one.id == "experiment"
        for one in node.decorator_list
    )
