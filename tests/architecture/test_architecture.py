"""The law of rooms: who may import whom, and what the wheel holds."""

import ast
import pathlib
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
FOLDERS = {"avjax": ROOT / "avjax", "avjax.data": ROOT / "data"}
FOLDERS["avjax.train"] = ROOT / "train"

EVERYBODY = {"errors"}
MATHS = {"typing", "nn", "losses", "metrics", "config"}
LAW = {
    "": set(),  # avjax/__init__.py: only inside functions
    "errors": set(),
    "options": set(),
    "typing": set(),
    "config": set(),
    "media": set(),
    "features": set(),
    "nn": {"typing"},
    "losses": {"typing"},
    "metrics": {"typing", "nn", "losses"},
    "models": {"typing", "nn"},
    "bundled": set(),
    "inference": MATHS | {"features", "media", "models"},
    "convert": {"typing", "media", "nn", "models", "inference"},
    "data": {"features", "media", "config", "options"},
    "train": MATHS | {"features", "media", "models", "inference", "data", "options"},
}
WITHOUT_JAX = {"", "errors", "options", "config", "media", "features", "data"}
FIXED_LOOP = {"task", "step", "loop"}


def sources() -> list[tuple[str, pathlib.Path]]:
    """(module name, file) of every source file of the three rooms."""
    found = []
    for package, folder in FOLDERS.items():
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            if package == "avjax" and parts[0] in {"data", "train"}:
                continue  # the editor's links
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found.append((".".join((package, *parts)), file))
    return found


def room_of(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def imported(tree: ast.AST) -> set[str]:
    """Absolute names of all modules that a piece of code imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def at_import(tree: ast.Module) -> set[str]:
    """What runs at import: everything but the insides of functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Pass()]
    return imported(tree)


@pytest.mark.parametrize(("module", "file"), sources(), ids=lambda x: str(x)[-40:])
def test_a_room_imports_only_what_the_law_allows(module, file):
    tree = ast.parse(file.read_text())
    room = room_of(module)
    inside = at_import(tree) if room in {"", "__main__"} else imported(tree)
    rooms = {room_of(name) for name in inside if name.startswith("avjax.")}
    if room == "__main__":
        assert rooms <= EVERYBODY | {"options"}, (
            "the front door reaches into rooms lazily"
        )
    else:
        assert rooms - {room} <= LAW[room] | EVERYBODY | {"__version__"}
    if room in WITHOUT_JAX:
        outside = {name.partition(".")[0] for name in inside}
        assert not outside & {"jax", "flax", "optax", "chex"}
    if module.removeprefix("avjax.train.") in FIXED_LOOP:
        kinds = {"avjax.train.tasks", "avjax.train.experiments", "avjax.models"}
        assert not {name for name in inside for kind in kinds if name.startswith(kind)}


def test_the_wheel_lists_every_folder_that_holds_code():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {module for module, file in sources() if file.name == "__init__.py"}
    assert set(listed["tool"]["setuptools"]["packages"]) == packages


def test_a_file_is_short_enough_to_be_one_room():
    long = {
        str(file.relative_to(ROOT)): lines
        for _, file in sources()
        if (lines := len(file.read_text().splitlines())) > 300
    }
    assert not long
