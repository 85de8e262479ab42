"""The list of experiments that `avjax train --list` prints."""

import itertools
from collections.abc import Iterator, Mapping

# Systems whose name is not the first word of the names of their experiments.
SYSTEMS = {"judge": "bridging", "loss": "bridging"}
FULL_SIZE = "lrw", "lrs2", "hdtf", "div2k", "sidd"  # ends of names: their corpora
EXPLANATION = (
    "full size: as in the papers, for accelerators; the other experiments of avjax "
    "take\nminutes to hours on two CPU cores"
)


def format_experiments(summaries: Mapping[str, str]) -> str:
    """Group experiments by system: those that two cores train, then full sizes.

    Args:
        summaries: {name: what the experiment trains}. The first word of a name is that
            of the system, but for those of `SYSTEMS`.

    Returns:
        The lines.
    """
    width = max(map(len, summaries), default=0)
    lines = []
    for heading, names in _group_names(summaries):
        rows = (f"  {name:<{width}}  {summaries[name]}".rstrip() for name in names)
        lines += [heading, *rows]
    has_full_size = any(map(_is_full_size, summaries))
    return "\n".join([*lines, EXPLANATION] if has_full_size else lines)


def _group_names(summaries: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the headings, and the names below each."""

    def key(name: str) -> tuple[str, bool]:
        word = name.partition("_")[0]
        return SYSTEMS.get(word, word), _is_full_size(name)

    for (system, is_full), names in itertools.groupby(sorted(summaries, key=key), key):
        yield system + ", full size" * is_full, list(names)


def _is_full_size(name: str) -> bool:
    """Tell by its corpus whether an experiment has the size of a paper."""
    return name.rpartition("_")[2] in FULL_SIZE
