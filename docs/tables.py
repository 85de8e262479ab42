"""Write the tables of the results pages from the JSON files next to them.

    python docs/tables.py           rewrite every table
    python docs/tables.py --check   exit with status 1 where a page is out of date

A page names a table by a pair of comments; everything between them is generated:

    <!-- table: sync_offsets -->
    <!-- end -->

`docs/results/NAME.json` holds `columns`, `rows`, and where the values come from:
`command`, `data`, `seeds`, `machine`, `commit`. Benchmarks and ablations write such
files with `--json PATH` (`avjax.train.ablations.results`).
"""

import json
import pathlib
import re
import sys

DOCS = pathlib.Path(__file__).parent
RESULTS = DOCS / "results"
TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)
PAGES = (*sorted(DOCS.rglob("*.md")), DOCS.parent / "README.md")


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


def filled(text: str) -> str:
    """Rewrite every table of a page."""
    return TABLE.sub(lambda match: match[1] + table(match[2]) + match[3], text)


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
