"""Model cards: the text that belongs to weights, and the facts in it.

A card is plain text with one fact a line. Lines that begin with one of `FIELDS` state
what the weights are for, what they were trained on, how good they are, and their
licence. Lines such as `test/lmd: 0.35` are metrics. Both may be absent.
"""

import re
from typing import NamedTuple

FIELDS = {  # attribute of CardFacts: how its line begins
    "task": "Task: ",
    "trained_on": "Trained on: ",
    "score": "Score: ",
    "licence": "Licence of these weights: ",
}
METRIC = re.compile(r"([\w-]+/[\w-]+): (-?\d[\d.e+-]*)")


class CardFacts(NamedTuple):
    """The facts in a model card. Those that the card does not state are empty.

    Attributes:
        summary: The first line.
        task: What the weights are for, and the command that takes them.
        trained_on: The training data.
        score: The most important result.
        licence: The licence of the weights.
        metrics: {"EVAL/METRIC": value}.
    """

    summary: str
    task: str
    trained_on: str
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
