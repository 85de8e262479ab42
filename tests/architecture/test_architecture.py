"""The structure of the library: who may import whom, and how large files may be."""

import ast
import collections
import pathlib
import re
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
FOLDERS = {
    "avjax": ROOT / "avjax",
    "avjax.data": ROOT / "data",
    "avjax.train": ROOT / "train",
}

BASE = {"errors", "typing", "constants", "lazy_names"}
NUMPY = BASE | {"config", "console", "audio", "text", "media", "faces"}
NETWORKS = NUMPY | {"compilation", "program_store", "nn", "losses", "metrics", "models"}
NETWORKS |= {"weights", "weights_folders", "model_cards"}
COMMANDS = NETWORKS | {"algorithms", "pipelines", "visualize", "convert", "export"}
ALLOWED = {  # package: packages that it may import, in addition to itself
    "": {"errors", "lazy_names"},  # avjax/__init__.py; the rest only inside functions
    "errors": set(),
    "lazy_names": set(),
    "typing": set(),
    "constants": set(),
    "config": BASE,
    "console": BASE,
    "audio": BASE,
    "text": BASE | {"audio", "media"},
    "media": BASE | {"config", "console", "audio", "text"},
    "faces": BASE | {"console", "audio", "media"},
    "bundled": set(),
    "program_store": BASE,
    "compilation": BASE | {"program_store"},
    "nn": BASE | {"compilation"},
    "losses": BASE | {"nn"},
    "metrics": BASE | {"nn", "losses", "audio", "text"},
    "weights": NUMPY | {"weights_format1", "weights_folders", "model_cards"},
    "weights_folders": NUMPY | {"weights_format1", "weights_download", "model_cards"},
    "weights_download": NUMPY,
    "model_cards": BASE | {"metrics"},
    "weights_format1": NUMPY,
    "models": NUMPY | {"compilation", "program_store", "nn", "weights"},
    "algorithms": NETWORKS,
    "pipelines": NETWORKS | {"algorithms"},
    "visualize": NETWORKS | {"algorithms"},
    "convert": NETWORKS,
    "export": NETWORKS | {"algorithms", "pipelines"},
    "app": COMMANDS | {"data", "cli"},
    "data": NUMPY | {"cli"},
    "train": NETWORKS | {"algorithms", "data", "cli"},
    "train.ablations": COMMANDS | {"data", "train"},
}
WITHOUT_JAX = {"", "errors", "typing", "constants", "config", "console", "cli"}
WITHOUT_JAX |= {"lazy_names"}
WITHOUT_JAX |= {"audio", "text", "media", "faces", "data"}
WITHOUT_JAX |= {"weights_folders", "weights_format1", "model_cards"}
WITHOUT_JAX |= {"weights_download", "program_store"}
LOOP = {"task", "step", "loop"}  # modules of avjax.train that know no system
LARGE = {"data.puppet"}  # one renderer, whose parts only make sense together
FRAGILE = {"torch", "torchvision", "tensorflow", "librosa", "numba", "basicsr"}
FRAGILE |= {"gfpgan", "facexlib", "mmcv", "mmdet", "mmpose", "scenedetect"}
NOT_IN_WHEEL = {"avjax.train.ablations", "avjax.train.ablations.studies"}
STUDIES = "lip_codes", "lip_memory", "lipreading"
NOT_IN_WHEEL |= {f"avjax.train.ablations.{name}" for name in STUDIES}


def sources() -> list[tuple[str, pathlib.Path]]:
    """List (module name, file) of every source file of the library."""
    listed = []
    for package, folder in FOLDERS.items():
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            if package == "avjax" and parts[0] in {"data", "train"}:
                continue  # the two links of CONTRIBUTING.md
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            listed.append((".".join((package, *parts)), file))
    return listed


def package_of(module: str) -> str:
    """Name the package of a module: "avjax.nn.conv" -> "nn"."""
    path = module.removeprefix("avjax").removeprefix(".")
    if path.startswith("train.ablations"):
        return "train.ablations"
    return path.partition(".")[0]


def imported_names(tree: ast.AST) -> set[str]:
    """Collect the absolute names of everything that a piece of code imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


class WithoutTypeChecking(ast.NodeTransformer):
    """Remove `if TYPE_CHECKING:` blocks, which never run."""

    def visit_If(self, node: ast.If):
        if is_type_checking(node):
            return node.orelse or None
        return self.generic_visit(node)


def run_at_import(tree: ast.AST) -> ast.AST:
    """Remove the bodies of functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [ast.Pass()]
    return tree


def parse(file: pathlib.Path) -> ast.AST:
    return WithoutTypeChecking().visit(ast.parse(file.read_text()))


@pytest.mark.parametrize(("module", "file"), sources(), ids=lambda x: str(x)[-40:])
def test_imports_follow_the_layering(module, file):
    tree, package = parse(file), package_of(module)
    lazy = package in {"", "__main__", "cli"}
    names = imported_names(run_at_import(tree) if lazy else tree)
    packages = {package_of(name) for name in names if name.startswith("avjax.")}
    if package in {"__main__", "cli"}:
        assert packages <= BASE | {"cli"}, "the command line imports lazily"
    else:
        assert packages - {package, "__version__"} <= ALLOWED[package]
    if package in WITHOUT_JAX:
        outside = {name.partition(".")[0] for name in names}
        assert not outside & {"jax", "flax", "optax", "chex"}
    if module.removeprefix("avjax.train.") in LOOP:
        systems = ("avjax.train.tasks", "avjax.train.experiments", "avjax.models")
        assert not [name for name in names if name.startswith(systems)]


def module_imports() -> dict[str, set[str]]:
    """Map each module to the modules of the library that it imports at import time."""
    files = dict(sources())
    graph = {}
    for module, file in files.items():
        names = imported_names(run_at_import(parse(file)))
        modules = {name if name in files else name.rpartition(".")[0] for name in names}
        graph[module] = modules & set(files) - {module}
    return graph


def test_modules_import_each_other_without_a_cycle():
    graph = module_imports()
    state: dict[str, str] = {}

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert state.get(module) != "open", f"cycle: {' -> '.join((*path, module))}"
        if module in state:
            return
        state[module] = "open"
        for target in sorted(graph[module]):
            visit(target, (*path, module))
        state[module] = "closed"

    for module in graph:
        visit(module, ())


def test_wheel_lists_every_package():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {module for module, file in sources() if file.name == "__init__.py"}
    assert set(listed["tool"]["setuptools"]["packages"]) == packages - NOT_IN_WHEEL


def test_no_package_is_tied_to_a_version_of_torch_or_cuda():
    """Nor to packages whose interfaces changed under programs of this kind."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[^\w.-]", name)[0] for name in project["dependencies"]}
    imported = {
        name.partition(".")[0]
        for _, file in sources()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or node.names[0].name]
    }
    assert not (required | imported) & FRAGILE


def test_no_file_is_longer_than_300_lines():
    long = {
        str(file.relative_to(ROOT)): lines
        for _, file in sources()
        if (lines := len(file.read_text().splitlines())) > 300
    }
    assert not long


def test_no_function_is_longer_than_50_lines():
    long = {
        f"{file.relative_to(ROOT)}:{node.name}": lines
        for _, file in sources()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and (lines := code_lines(node)) > 50
    }
    assert not long


def code_lines(function: ast.FunctionDef) -> int:
    """Count the lines of a function, its docstring excluded."""
    first, end = function.body[0], function.end_lineno or function.lineno
    lines = end - function.lineno + 1
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_no_package_has_more_than_20_files_or_3000_lines():
    files, lines = collections.Counter(), collections.Counter()
    for module, file in sources():
        is_package = file.name == "__init__.py"
        package = module if is_package else module.rpartition(".")[0]
        files[package] += not is_package
        lines[package] += len(file.read_text().splitlines())
    large = {
        package: (files[package], lines[package])
        for package in files
        if files[package] > 20 or lines[package] > 3000
    }
    assert not {name for name in large if name.removeprefix("avjax.") not in LARGE}


def test_no_class_name_is_used_twice():
    places = collections.defaultdict(list)
    for module, file in sources():
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module)
    assert not {name: files for name, files in places.items() if len(files) > 1}
