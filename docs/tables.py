"""Write the parts of pages that are made from other files.

    python docs/tables.py           rewrite them
    python docs/tables.py --check   exit with status 1 where a page is out of date

A page names such a part by a pair of comments; everything between them is generated:

    <!-- table: sync_offsets -->               from docs/results/sync_offsets.json
    <!-- end -->

    <!-- header: avjax/models/cals.py -->      from the docstring of the file
    <!-- end -->

    <!-- include: avjax/bundled/README.md -->  the file itself
    <!-- end -->

`docs/results/NAME.json` holds `columns`, `rows`, and where the values come from:
`command`, `data`, `seeds`, `machine`, `commit`. Benchmarks and ablations write such
files with `--json PATH` (`avjax.train.ablations.results`).
"""

import ast
import json
import pathlib
import re
import sys

DOCS = pathlib.Path(__file__).parent
ROOT = DOCS.parent
RESULTS = DOCS / "results"
PART = re.compile(
    r"(<!-- (table|header|include): (\S+) -->\n).*?(<!-- end -->)", flags=re.DOTALL
)
REMARK = re.compile(r" *\(([^()\n]{3,})\)\n")  # before the first equation
SECTIONS = re.compile(
    r"^(Paper|Symbols|Equations|Departures|Design)\b", flags=re.MULTILINE
)
PAGES = (*sorted(DOCS.rglob("*.md")), ROOT / "README.md")


def cell(value) -> str:
    """Format a value: numbers with four digits, text as it is, null as empty.

    Lines do not break before a percent sign and after a plus-minus sign.
    """
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace(" %", "\u00a0%").replace("± ", "±\u00a0")


def table(name: str) -> str:
    """Format one JSON file as a Markdown table, with its provenance below."""
    result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    rows = [result["columns"], ["---"] * len(result["columns"]), *result["rows"]]
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    facts = {
        "Command": f"`{result['command']}`" if result["command"] else "",
        "Data": result["data"],
        "Seeds": str(result["seeds"]),
        "Machine": result["machine"],
        "Commit": f"`{result['commit']}`",
    }
    below = ". ".join(f"{key}: {value}" for key, value in facts.items() if value)
    return "\n".join(["", *lines, "", f"<small>{below}.</small>", "", ""])


def header_page(header: str) -> str:
    """Turn a model's header into sections.

    Paper and departures become text. Symbols and equations are aligned tables, so they
    stay as they are.
    """
    summary, *sections = SECTIONS.split(header)
    lines = [summary.strip(), ""]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        body = " " * len(title) + body.rstrip()  # as it was indented in the header
        lines += [f"## {title}", ""]
        if title in {"Symbols", "Equations"}:
            if remark := REMARK.match(body):
                lines += [remark[1].capitalize() + ".", ""]
                body = body[remark.end() :]
            lines += ["```text", dedent(body), "```", ""]
        else:
            lines += [to_markdown(dedent(body)), ""]
    return "\n".join(lines)


def to_markdown(text: str) -> str:
    """Escape symbols outside of backticks; start a paragraph at "Our own:"."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([_*])", r"\\\1", part) for part in parts[::2]]
    return re.sub(r"\n(?=[A-Z][^.;:(]{2,40}:)", "\n\n", "`".join(parts))


def dedent(text: str) -> str:
    """Remove the indentation that all lines of a section have."""
    lines = text.strip("\n").split("\n")
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    return "\n".join(line[min(indents, default=0) :] for line in lines)


def part(match: re.Match) -> str:
    """Rewrite one part of a page."""
    first, kind, name, last = match.groups()
    if kind == "table":
        return first + table(name) + last
    text = (ROOT / name).read_text(encoding="utf-8")
    if kind == "header":
        text = header_page(ast.get_docstring(ast.parse(text)) or "")
    return f"{first}\n{text.strip()}\n\n{last}"


def filled(text: str) -> str:
    """Rewrite every generated part of a page."""
    return PART.sub(part, text)


def main(arguments: list[str]) -> int:
    """Rewrite or check all pages -> the exit status."""
    stale = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            stale.append(page)
            if "--check" not in arguments:
                page.write_text(new, encoding="utf-8")
    for page in stale:
        print(f"{'out of date' if '--check' in arguments else 'wrote'}: {page}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
