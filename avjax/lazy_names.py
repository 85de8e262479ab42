"""Names of a package that are imported when they are first used.

A package lists them once, as type checkers need them, in `if TYPE_CHECKING:`, and ends
with `__getattr__, __dir__ = lazy_names(__name__)`.
"""

import functools
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any


def lazy_names(
    package: str,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the functions `__getattr__` and `__dir__` of a package.

    Args:
        package: Its name, `__name__`.

    Returns:
        - `__getattr__`: imports a name that the package imports in its block
          `if TYPE_CHECKING:`.
        - `__dir__`: lists these names and those that the package has already.
    """
    modules = functools.cache(lambda: _read_imports(package))

    def get(name: str) -> Any:
        module = None if name.startswith("__") else modules().get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if module == package:
            return importlib.import_module(f"{package}.{name}")
        return getattr(importlib.import_module(module), name)

    def names() -> list[str]:
        return sorted({*vars(importlib.import_module(package)), *modules()})

    return get, names


def _read_imports(package: str) -> dict[str, str]:
    """Read {name: module} of the imports in the block `if TYPE_CHECKING:`."""
    import ast  # here: most processes use no such name

    spec = importlib.util.find_spec(package)
    loader: Any = spec.loader if spec else None
    blocks = (
        node.body
        for node in ast.parse(loader.get_source(package)).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.name: node.module
        for block in blocks
        for node in block
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
