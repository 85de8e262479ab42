"""The list of experiments that `avjax train --list` prints."""

import itertools
from collections.abc import Iterator, Mapping

from avjax.cli.output import print_json
from avjax.errors import InputError
from avjax.train.names import unknown_experiment

# Systems whose name is not the first word of the names of their experiments.
SYSTEMS = {"judge": "bridging", "loss": "bridging"}
FULL_SIZE = "lrw", "lrs2", "hdtf", "div2k", "sidd"  # ends of names: their corpora
EXPLANATION = (
    "full size: as in the papers, for accelerators; the other experiments of avjax "
    "take\nminutes to hours on two CPU cores"
)


def print_experiments(
    descriptions: Mapping[str, str], name: str | None, as_json: bool
) -> None:
    """Print the first lines of all descriptions, or the whole of one.

    Args:
        descriptions: {name of an experiment: its description}.
        name: The experiment to describe. None: all.
        as_json: Print a JSON object, {name: text}, instead of lines.

    Raises:
        InputError: There is no experiment of this name.
    """
    if name is not None and name not in descriptions:
        raise InputError(unknown_experiment(name, descriptions))
    summaries = {key: text.split("\n")[0] for key, text in descriptions.items()}
    if as_json:
        print_json(summaries if name is None else {name: descriptions[name]})
    else:
        print(format_experiments(summaries) if name is None else descriptions[name])


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
