"""Model cards: the text that belongs to weights, and the facts in it.

A card is plain text with one fact a line. Lines that begin with one of `FIELDS` state
what the weights are for, what they were trained on, how good they are, and their
licence. Lines such as `test/lmd: 0.35` are metrics. Both may be absent. Model hubs show
the same facts from the YAML at the start of a README.md.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from avjax.errors import COMMANDS

FIELDS = {  # attribute of CardFacts: how its line begins
    "task": "Task: ",
    "trained_on": "Trained on: ",
    "started_from": "Started from: ",
    "score": "Score: ",
    "licence": "Licence of these weights: ",
}
HUB_LICENCES = {  # licence in a card: its identifier on model hubs
    "Apache-2.0": "apache-2.0",
    "BSD-3-Clause": "bsd-3-clause",
    "CC BY 4.0": "cc-by-4.0",
    "CC BY-NC 4.0": "cc-by-nc-4.0",
    "CC0-1.0": "cc0-1.0",
    "MIT": "mit",
}
# YAML reads 1e-05 as a text, and 1.0e-05 as a number.
WITHOUT_POINT = re.compile(r'(?<="value": )(-?\d+)(?=e)')
BASE = re.compile(r"(?:^|\), )([^()]+) \(")  # in "Started from: NAME (LICENCE), …"
OWN_DATA = ", and that of your own data"
METRIC = re.compile(r"([\w-]+/[\w-]+): (-?\d[\d.e+-]*)")


class CardFacts(NamedTuple):
    """The facts in a model card. Those that the card does not state are empty.

    Attributes:
        summary: The first line.
        task: What the weights are for, and the command that takes them.
        trained_on: The training data.
        started_from: Weights that the training started from, and their licences.
        score: The most important result.
        licence: The licence of the weights.
        metrics: {"EVAL/METRIC": value}.
    """

    summary: str
    task: str
    trained_on: str
    started_from: str
    score: str
    licence: str
    metrics: dict[str, float]


def read_card(text: str) -> CardFacts:
    """Find the facts in a model card.

    Args:
        text: The card.

    Returns:
        The facts.
    """
    lines = text.splitlines()
    fields = dict.fromkeys(FIELDS, "")
    metrics = {}
    for line in lines:
        for name, start in FIELDS.items():
            if line.startswith(start):
                fields[name] = line.removeprefix(start).removesuffix(".")
        if match := METRIC.fullmatch(line.strip()):
            metrics[match[1]] = float(match[2])
    return CardFacts(summary=lines[0] if lines else "", metrics=metrics, **fields)


def state_bases(licences: Mapping[str, str]) -> list[str]:
    """Write the lines of a card about the weights that a training started from.

    Args:
        licences: {name of weights: their licence}; a licence that is not known is
            empty.

    Returns:
        The lines with the names and the licence; none if there are no names.
    """
    if not licences:
        return []
    names, origins = [], []
    for name, licence in licences.items():
        origin = licence.removesuffix(OWN_DATA)
        names.append(f"{name} ({origin or 'licence not stated'})")
        if not origin.startswith("that of "):  # else they started from others, too
            origin = f"that of {name}, {origin or 'which is not stated'}"
        origins.append(origin)
    return [
        f"Started from: {', '.join(names)}.",
        f"Licence of these weights: {'; '.join(dict.fromkeys(origins))}{OWN_DATA}.",
    ]


def command_of(system: str, config: Mapping[str, Any]) -> str:
    """Name the command that takes some weights.

    Args:
        system: The system id.
        config: The model config as JSON.

    Returns:
        The command in words; empty for a system of the user's own.
    """
    if system == "bridging" and config.get("task"):
        return "avjax speak" if config["task"] == "speech" else "avjax lipread"
    return COMMANDS.get(system, "")


def hub_readme(system: str, card: str, config: Mapping[str, Any] | None = None) -> str:
    """Write the README.md of a folder of weights, as model hubs expect it.

    Args:
        system: The system id of the weights.
        card: The model card.
        config: The model config as JSON; None: it is not known.

    Returns:
        YAML with licence, tags, datasets and metrics, and the card.
    """
    facts = read_card(card)
    values = "".join(
        f"{name}: {_to_yaml(value)}\n"
        for name, value in _front_matter(system, facts).items()
    )
    command = command_of(system, config or {})
    use = f"`{command} --weights FOLDER`" if command.startswith("avjax") else "avjax"
    use = use.replace(" or ", " --weights FOLDER` or `")
    texts = [line for line in card.splitlines() if not METRIC.fullmatch(line.strip())]
    rows = [f"| {name} | {value:.5g} |" for name, value in facts.metrics.items()]
    parts = [
        f"---\n{values}---",
        f"# {system}",
        *filter(None, texts),
        "\n".join(["| metric | value |", "|---|---|", *rows]) if rows else "",
        "## Use",
        f"The weights are for {use}; `avjax weights show FOLDER` prints what is known "
        "about them.",
        "`weights.safetensors` holds the arrays by the paths of their parameters, and "
        "`config.json` the format, the system, the config of the model and the card. "
        "Reading them executes nothing.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _to_yaml(value: Any) -> str:
    """Write a value in one line of YAML, of which JSON is nearly a part."""
    return WITHOUT_POINT.sub(r"\1.0", json.dumps(value, ensure_ascii=False))


def _front_matter(system: str, facts: CardFacts) -> dict[str, Any]:
    """Collect the entries that model hubs read."""
    entries: dict[str, Any] = {"license": HUB_LICENCES.get(facts.licence, "other")}
    if not facts.licence:
        entries["license"] = "unknown"
    elif entries["license"] == "other":
        entries["license_name"] = _slug(facts.licence.partition(",")[0])
    entries["library_name"] = "avjax"
    entries["tags"] = ["avjax", "jax", "flax", _slug(system)]
    if facts.trained_on:
        entries["datasets"] = list(map(_slug, facts.trained_on.split(", ")))
    if bases := BASE.findall(facts.started_from):
        entries["base_model"] = bases
    if results := _results(system, facts.metrics):
        types = [metric["type"] for one in results for metric in one["metrics"]]
        entries["metrics"] = list(dict.fromkeys(types))
        name = f"avjax-{_slug(system)}"
        entries["model-index"] = [{"name": name, "results": results}]
    return entries


def _results(system: str, metrics: dict[str, float]) -> list[dict[str, Any]]:
    """List metrics that have a better direction, by the evaluation they are from."""
    from avjax.metrics.units import find_unit, main_metrics

    results: dict[str, list[dict[str, Any]]] = {}
    for name in main_metrics(metrics):
        evaluation, _, metric = name.partition("/")
        if find_unit(name).better:
            entry = {"type": metric, "name": name, "value": metrics[name]}
            results.setdefault(evaluation, []).append(entry)
    return [
        {
            "task": {"type": _slug(system), "name": system},
            "dataset": {"type": _slug(evaluation), "name": evaluation},
            "metrics": entries,
        }
        for evaluation, entries in results.items()
    ]


def _slug(text: str) -> str:
    """Write a text in lower case, with hyphens between its words and numbers."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
