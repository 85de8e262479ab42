"""Find weights by name, and read what describes them, without JAX."""

import json
import pathlib
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

from avjax import weights_format1
from avjax.console import format_size
from avjax.errors import InputError, suggest
from avjax.media.files import wrap_os_errors
from avjax.media.paths import as_path
from avjax.model_cards import command_of, read_card, state_bases
from avjax.typing import PathLike
from avjax.weights_download import fetch_weights, is_address

FORMAT = 2
README = "README.md"  # for model hubs; folders of older versions lack it
FILE_NAMES = "weights.safetensors", "config.json", README
BUNDLED = pathlib.Path(__file__).parent / "bundled"


class WeightsInfo(NamedTuple):
    """What is known about weights without reading their arrays.

    Attributes:
        name: Bundled name, or folder.
        system: The system id.
        task: What the weights are for; empty: the card does not say.
        trained_on: The training data; empty: the card does not say.
        started_from: Weights that the training started from, with their licences;
            empty: the card does not say.
        score: The most important result; empty: the card does not say.
        licence: The licence; empty: the card does not say.
        size_bytes: Size of weights.safetensors.
        metrics: {"EVAL/METRIC": value}, as the card states them.
        config: The model config as JSON.
        card: The model card.
    """

    name: str
    system: str
    task: str
    trained_on: str
    started_from: str
    score: str
    licence: str
    size_bytes: int
    metrics: dict[str, float]
    config: dict[str, Any]
    card: str

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts."""
        return self._asdict()

    def __str__(self) -> str:
        """Format as the name, and one line for each fact."""
        facts = {
            "system": self.system,
            "for": self.task,
            "trained on": self.trained_on,
            "started from": self.started_from,
            "score": self.score,
            "licence": self.licence or "not stated",
            "size": format_size(self.size_bytes),
        }
        lines = [f"  {name:<13}{fact}" for name, fact in facts.items() if fact]
        return "\n".join([self.name, *lines])


def describe_weights(name: PathLike) -> WeightsInfo:
    """Read what is known about weights; their arrays are not read.

    Args:
        name: The name of bundled weights, a folder, or an address with a checksum.

    Returns:
        The facts.

    Raises:
        InputError: There are no such weights, or their description is damaged.
    """
    file, config_file = weights_files(name)
    with wrap_os_errors(file, "read"):
        size_bytes = file.stat().st_size
    description = read_description(config_file)
    facts = read_card(description["card"])
    command = command_of(description["system"], description["config"])
    return WeightsInfo(
        name=str(name),
        system=description["system"],
        task=facts.task or command,
        trained_on=facts.trained_on,
        started_from=facts.started_from,
        score=facts.score,
        licence=facts.licence,
        size_bytes=size_bytes,
        metrics=facts.metrics,
        config=description["config"],
        card=description["card"],
    )


def describe_bases(sources: Iterable[PathLike]) -> list[str]:
    """Write the lines of a card about the weights that a training started from.

    Args:
        sources: Names of bundled weights, folders, or addresses with a checksum.
            Weights that are gone, such as those of a deleted run, keep their name.

    Returns:
        The lines, see `state_bases`. A folder is named without the path to it.
    """
    licences = {}
    for source in dict.fromkeys(map(str, sources)):
        try:
            licence = describe_weights(source).licence
        except InputError:
            licence = ""
        path = pathlib.PurePath(source.partition("#")[0])
        is_run = path.name == "weights" and path.parent.name
        licences[path.parent.name if is_run else path.name] = licence
    return state_bases(licences)


def weights_files(name: PathLike) -> tuple[pathlib.Path, ...]:
    """Return the paths of weights.safetensors and config.json of some weights.

    Args:
        name: The name of bundled weights, a folder, or an address with a checksum.
    """
    folder = _find_folder(name)
    return tuple(folder / file for file in FILE_NAMES[:2])


def _find_folder(name: PathLike) -> pathlib.Path:
    """Return the folder of weights; a folder of that path comes before a name."""
    if is_address(name):
        return fetch_weights(str(name))
    folder, names = as_path(name), list_weights()
    for candidate in (folder, folder / "weights"):  # the latter in a run's folder
        if (candidate / "config.json").is_file():
            return candidate
    if str(name) in names:
        return BUNDLED / name
    of_system = [one for one in names if weights_system(one) == str(name)]
    if of_system:
        raise InputError(
            f"{name} is a system, not the name of weights: its bundled weights are "
            f"{' and '.join(', '.join(of_system).rsplit(', ', 1))}"
        )
    raise InputError(
        f"no weights at {name}: give a folder of weights, or a bundled name; "
        + suggest(str(name), names, "avjax.list_weights()")
    )


def list_weights() -> list[str]:
    """Return the names of the weights that come with the package, sorted."""
    return sorted(file.parent.name for file in BUNDLED.glob("*/config.json"))


def full_name(name: PathLike, *prefixes: str) -> PathLike:
    """Complete a bare name of bundled weights, such as "grid-s1" (deprecated).

    Args:
        name: A folder, the name of bundled weights, or a bare name.
        *prefixes: Prefixes to try in this order, such as "synctalkface".

    Returns:
        The full name, or `name` itself if it is not a bare name.
    """
    names = list_weights()
    for prefix in prefixes:
        if (full := f"{prefix}-{name}") in names:
            message = f"the name {name!r} of weights is deprecated: use {full!r}"
            warnings.warn(message, DeprecationWarning, stacklevel=3)
            return full
    return name


def weights_system(name: PathLike) -> str:
    """Return the system id of weights, from their config.json alone.

    Args:
        name: The name of bundled weights, or a folder.

    Returns:
        The system id.
    """
    return read_description(weights_files(name)[1])["system"]


def read_description(file: pathlib.Path) -> dict[str, Any]:
    """Read a config.json, with FORMAT 2 names whatever its format is.

    Args:
        file: The file; see `weights_files`.

    Returns:
        {"format", "system", "config", "card"}, and "sha256", the checksum of
        weights.safetensors, which folders of older versions lack.

    Raises:
        InputError: The file is missing, or does not describe weights.
    """
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} does not describe weights: {error}") from error
    fields = {"format": int, "system": str, "config": dict, "card": str}
    if not isinstance(description, dict) or any(
        not isinstance(description.get(name), value_type)
        for name, value_type in fields.items()
    ):
        raise InputError(f"{file} does not describe weights of avjax")
    if description["format"] == weights_format1.FORMAT:
        return weights_format1.upgrade_description(description)
    if description["format"] != FORMAT:
        message = f"{file} has format {description['format']}; known are 1 and {FORMAT}"
        raise InputError(message)
    return description
