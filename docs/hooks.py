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
TOP_LEVEL = (
    "config",
    "constants",
    "typing",
    "errors",
    "weights",
    "weights_folders",
    "weights_download",
    "model_cards",
    "weights_format1",
    "compilation",
    "program_store",
    "lazy_names",
    "console",
    "cli",
)
CONSTANTS = "avjax.constants"  # constants have comments, which only the source shows
# On GitHub: [`Mean`](../../avjax/metrics/base.py); on the site: its entry in the API.
SOURCE_LINK = re.compile(
    r"\[`([\w.]+)`\]\((?:\.\./)+((?:avjax|data|train)/[\w/]+)\.py\)"
)
PROJECT_LINK = re.compile(r"\]\(\.\./((?:\.\./)*(?:CHANGELOG|CONTRIBUTING))\.md")
NOTEBOOK_LINK = re.compile(r"\]\(\.\./((?:\.\./)*notebooks/)")
PAGE_OF_NOTEBOOK = re.compile(
    r'href="(?:\.\./docs/([\w/-]+\.md)|(\w+\.ipynb))(#[\w-]+)?"'
)
NOT_LISTED = {"ablations"}  # studies for the results pages, not part of the API


@mkdocs.plugins.event_priority(100)  # before mkdocstrings looks for the folder
def on_config(config):
    """Lay out one import root, in which data/ and train/ are parts of avjax."""
    package = IMPORT_ROOT / "avjax"
    package.mkdir(parents=True, exist_ok=True)
    for link in package.iterdir():
        if not link.exists():  # its target was moved or removed
            link.unlink()
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
    """Add the API pages, the notebooks and the pages next to the README."""
    for page, modules in _pages().items():
        content = _api_page(modules)
        files.append(File.generated(config, f"api/{page}.md", content=content))
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        uri, urls = f"notebooks/{notebook.name}", config.use_directory_urls
        files.append(File(uri, str(ROOT), config.site_dir, urls))
    for name in ("CHANGELOG", "CONTRIBUTING"):
        source = str(ROOT / f"{name}.md")
        uri = f"{name.lower()}.md"
        files.append(File.generated(config, uri, abs_src_path=source))
    return files


def on_page_markdown(markdown, page, config, files):
    """Link to the API instead of source files; mend the links of included pages."""
    markdown = SOURCE_LINK.sub(_api_link, markdown).replace("](docs/", "](")
    markdown = NOTEBOOK_LINK.sub(r"](\1", markdown)
    return PROJECT_LINK.sub(lambda match: f"]({match[1].lower()}.md", markdown)


def on_page_content(html, page, config, files):
    """Name source files by their paths in the repository; mend links of notebooks."""
    if page.file.src_uri.startswith("notebooks/"):

        def mend(match: re.Match) -> str:
            target = match[1] or f"notebooks/{match[2]}"
            url = files.get_file_from_path(target).url_relative_to(page.file)
            return f'href="{url}{match[3] or ""}"'

        html = PAGE_OF_NOTEBOOK.sub(mend, html)
    for folder in ("data", "train"):
        html = html.replace(f"build/api/avjax/{folder}/", f"{folder}/")
    return html.replace("build/api/avjax/", "avjax/")


def _api_link(match: re.Match) -> str:
    """Link a name, as the text of a link to its source file, to its entry."""
    name, path = match.groups()
    source = (ROOT / f"{path}.py").read_text(encoding="utf-8")
    module = path.removeprefix("avjax/").removesuffix("/__init__").replace("/", ".")
    defined = {getattr(node, "name", "") for node in ast.parse(source).body}
    member = name.rpartition(".")[2]
    target = f"avjax.{module}" + f".{member}" * (member in defined)
    return f"[`{name}`][{target}]"


def _pages() -> dict[str, dict[str, pathlib.Path]]:
    """Map each API page to its packages and modules: {page: {module: file}}."""
    pages = {"avjax": {"avjax": ROOT / "avjax" / "__init__.py"}}
    for prefix, folder in FOLDERS.items():
        for file in sorted((ROOT / folder).rglob("*.py"), key=_package_first):
            parts = (*prefix.split("/"), *file.relative_to(ROOT / folder).parts)
            linked = prefix == "avjax" and parts[1] in {"data", "train"}
            name = ".".join(parts).removesuffix(".py").removesuffix(".__init__")
            if linked or NOT_LISTED & set(parts) or file.name == "__main__.py":
                continue
            top = name.split(".")[1] if "." in name else ""
            if top in TOP_LEVEL:
                pages["avjax"][name] = file
            elif len(parts) > 2 and file.read_text(encoding="utf-8").strip():
                pages.setdefault(top, {})[name] = file
    order = ("avjax", *(f"avjax.{name}" for name in TOP_LEVEL))
    pages["avjax"] = {
        name: file
        for first in order
        for name, file in pages["avjax"].items()
        if name == first or (first != "avjax" and name.startswith(f"{first}."))
    }
    return pages


def _package_first(file: pathlib.Path) -> tuple[str, ...]:
    """Sort a package before its modules, and modules before nested packages."""
    is_package = file.name == "__init__.py"
    return (*file.parent.parts, "" if is_package else file.name)


def _api_page(modules: dict[str, pathlib.Path]) -> str:
    """Write a page: the title, then each package and module."""
    title, *_ = modules
    blocks = [f"# {title} {{ #{title} }}"]
    for name, file in modules.items():
        if file.name == "__init__.py":
            blocks.append(_package_block(name, file, is_title=name == title))
        else:
            blocks.append(f"::: {name}")
        if name == CONSTANTS:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            first = tree.body[1].lineno - 1  # after the docstring
            source = file.read_text(encoding="utf-8").split("\n")[first:]
            blocks.append("\n".join(["```python", *source, "```"]))
    return "\n\n".join([*blocks, ""])


def _package_block(name: str, file: pathlib.Path, is_title: bool) -> str:
    """Write a package: its docstring, what it exports, and what it defines itself."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    defined = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
    ]
    heading = "false" if is_title else "true"
    options = [f"show_root_heading: {heading}", f"show_root_toc_entry: {heading}"]
    options.append(f"members: {defined or 'false'}")
    lines = [f"::: {name}", "    options:", *(f"      {line}" for line in options)]
    sources = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    exports = [
        _reference(one, sources[one]) for one in _exports(tree) if one in sources
    ]
    if exports and not defined:
        lines += ["", f"Names that `{name}` exports: {', '.join(exports)}."]
    return "\n".join(lines)


def _reference(name: str, target: str) -> str:
    """Link a class or a function; constants and type aliases have no entry."""
    module, _, target_name = target.rpartition(".")
    path = IMPORT_ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    documented = {
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node)
    }
    return f"[`{name}`][{target}]" if target_name in documented else f"`{name}`"


def _exports(tree: ast.Module) -> list[str]:
    """Return the names in `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return []
