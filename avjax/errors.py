"""Exceptions that the command line prints for the user, and a message of many."""

import os
from collections.abc import Iterable, Sequence

MIN_SIMILARITY = 0.65  # of a name that is suggested, from 0 to 1
SIMILARITY_GAP = 0.05  # below the most similar name, for further suggestions
MAX_SUGGESTED = 3
MAX_LISTED = 16  # existing names in a message
MAX_FITTING = 4  # bundled weights in a message
COMMANDS = {  # what takes the weights of a system
    "aligner": "avjax align",
    "bridging": "avjax lipread or avjax speak",
    "cals": "avjax talk",
    "cals_units": "init_from of avjax train",
    "denoiser": "avjax denoise",
    "lip_landmarks": "init_from of avjax train",
    "lipwarp": "avjax talk",
    "sync_expert": "avjax sync",
    "sync_people": "avjax sync",
    "syncnet_v2": "avjax sync",
    "synctalkface": "avjax talk",
    "taem": "avjax talk",
}
UNKNOWN_SYSTEM = (
    "a system of your own must be registered: name its module in an entry point "
    "'avjax.systems' of an installed package, or import it first in Python"
)


class InputError(ValueError):
    """Invalid input; the message is one clear sentence that says what to do.

    The command line prints the message and exits with status 2.  Any other exception is
    a defect of the library.
    """


class Interrupted(KeyboardInterrupt):
    """A signal stopped the program after its work was saved.

    Args:
        message: Where the work was saved, and how it continues.
        signal_number: Number of the signal.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number


class FaceNotFoundError(InputError):
    """No face was found; the user can give the face's box instead."""


def not_a_folder(path: object) -> str:
    """Compose the error message for a path that is not a folder, or does not exist."""
    exists = os.path.lexists(str(path))
    return f"{path} is not a folder" if exists else f"there is no folder {path}"


def wrong_system(
    name: object,
    system: str,
    accepted: Iterable[str],
    fitting: Sequence[str],
    is_known: bool = True,
) -> str:
    """Compose the error message for weights of another system.

    Args:
        name: The weights.
        system: Their system id.
        accepted: System ids that can be used.
        fitting: Names of bundled weights of these systems.
        is_known: False if no such system is registered.

    Returns:
        One sentence that names weights to use instead, and what takes these weights,
        or how their system is registered.
    """
    message = (
        f"the weights {name} belong to {system}; only weights of "
        f"{', '.join(accepted)} can be used here"
    )
    if fitting:
        message += f", such as {', '.join(fitting[:MAX_FITTING])}"
    if system in COMMANDS:
        message += f"; those of {system} are for {COMMANDS[system]}"
    elif not is_known:
        message += f"; {UNKNOWN_SYSTEM}"
    return message


def unknown_name(
    name: str, known: Iterable[str], kind: str = "name", parent: str = ""
) -> str:
    """Compose the error message for a name that does not exist.

    Args:
        name: The unknown name.
        known: Existing names.
        kind: What is named, such as "experiment".
        parent: The path in which the name was looked up.

    Returns:
        One sentence; see `suggest`.
    """
    known = list(known)
    message = f"unknown {kind} '{name}'" + f" in '{parent}'" * bool(parent)
    if not known:
        return f"{message}, which has no fields"
    return f"{message}; {suggest(name, known)}"


def suggest(name: str, known: Iterable[str], listing: str = "") -> str:
    """Compose the end of a message about a name that does not exist.

    Args:
        name: The unknown name.
        known: Existing names.
        listing: The function that lists all names, such as `avjax.list_weights()`;
            it is named if there are too many for a message.

    Returns:
        A question with similar names, or else a list of existing ones: all, or if
        these are many, the most similar ones.
    """
    known = list(known)
    ratios = {other: _similarity(name, other) for other in known}
    best = max(ratios.values(), default=0.0)
    similar = sorted(ratios, key=lambda other: -ratios[other])[:MAX_SUGGESTED]
    has_many = len(known) > MAX_LISTED
    all_names = f" (`{listing}` lists all)" * (has_many and bool(listing))
    if best >= MIN_SIMILARITY:
        close = [other for other in similar if ratios[other] > best - SIMILARITY_GAP]
        return f"did you mean {' or '.join(close)}?{all_names}"
    if has_many:
        closest = ", ".join(similar)
        return f"the closest of {len(known)} names are {closest}{all_names}"
    return f"choose from {', '.join(known)}"


def _similarity(name: str, other: str) -> float:
    """Rate how similar two names are, from 0 to 1."""
    import difflib  # here: most processes compare no names

    return difflib.SequenceMatcher(None, name, other).ratio()
