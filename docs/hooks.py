"""Build steps of the documentation: pages that are made from the source code.

mkdocs calls these functions. They read source files and import nothing, so that the
documentation is built without JAX.
"""

import ast
import pathlib
import re

import mkdocs.plugins
from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parent.parent
IMPORT_ROOT = ROOT / "build" / "api"
FOLDERS = {"avjax": "avjax", "avjax/data": "data", "avjax/train": "train"}
TOP_LEVEL = ("config", "constants", "typing", "errors", "weights", "compilation")
NOT_LISTED = {"ablations"}  # studies for the results pages, not part of the API
INCLUDE = re.compile(r"^\{\{ (header|include): (\S+) \}\}$", flags=re.MULTILINE)


def on_config(config):
    """Lay out one import root, in which data/ and train/ are parts of avjax."""
    package = IMPORT_ROOT / "avjax"
    package.mkdir(parents=True, exist_ok=True)
    for entry in sorted((ROOT / "avjax").iterdir()):
        if entry.name not in {"data", "train", "__pycache__"}:
            _link(package / entry.name, entry)
    for name in ("data", "train"):
        _link(package / name, ROOT / name)
    return config


def _link(link: pathlib.Path, target: pathlib.Path) -> None:
    if not link.exists():
        link.symlink_to(target)


@mkdocs.plugins.event_priority(100)
def on_files(files, config):
    """Add the API pages, the notebooks and the pages that lie beside the README."""
    for package, modules in _packages().items():
        content = _api_page(package, modules)
        files.append(File.generated(config, f"api/{package}.md", content=content))
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        uri, urls = f"notebooks/{notebook.name}", config.use_directory_urls
        files.append(File(uri, str(ROOT), config.site_dir, urls))
    for name in ("CHANGELOG", "CONTRIBUTING"):
        source = str(ROOT / f"{name}.md")
        uri = f"{name.lower()}.md"
        files.append(File.generated(config, uri, abs_src_path=source))
    return files


def on_page_markdown(markdown, page, config, files):
    """Replace `{{ header: … }}` and `{{ include: … }}`; mend links of included files."""
    return INCLUDE.sub(_included, markdown).replace("](docs/", "](")


def _included(match: re.Match) -> str:
    kind, name = match.groups()
    text = (ROOT / name).read_text(encoding="utf-8")
    if kind == "include":
        return text
    return _header_page(ast.get_docstring(ast.parse(text)) or "")


def _header_page(header: str) -> str:
    """Turn a model's header into sections; its aligned tables stay as they are."""
    parts = re.split(r"^(Paper|Symbols|Equations|Departures)\b", header, flags=re.M)
    lines = [parts[0].strip(), ""]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        lines += [f"## {title}", "", "```text", body.strip("\n"), "```", ""]
    return "\n".join(lines)


def _packages() -> dict[str, list[str]]:
    """Map each API page to the modules on it."""
    pages: dict[str, list[str]] = {"avjax": ["avjax"]}
    pages["avjax"] += [f"avjax.{name}" for name in TOP_LEVEL]
    for prefix, folder in FOLDERS.items():
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = (*prefix.split("/"), *file.relative_to(ROOT / folder).parts)
            linked = prefix == "avjax" and parts[1] in {"data", "train"}
            if linked or len(parts) < 3 or NOT_LISTED & set(parts):
                continue
            if file.name not in {"__init__.py", "__main__.py"}:
                module = ".".join(parts).removesuffix(".py")
                pages.setdefault(parts[1], []).append(module)
    return pages


def _api_page(package: str, modules: list[str]) -> str:
    title = "avjax" if package == "avjax" else f"avjax.{package}"
    return "\n\n".join([f"# {title}", *(f"::: {module}" for module in modules), ""])
