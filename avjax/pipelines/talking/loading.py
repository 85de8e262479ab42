"""Load the weights of any talking-face system, or choose them by the input."""

from typing import NamedTuple

from avjax import weights
from avjax.errors import InputError
from avjax.models.registry import check_system, get_system
from avjax.models.taem import TaemConfig
from avjax.models.talker import list_talkers
from avjax.pipelines.talking.audio_talkers import (
    BARE_NAME_SYSTEMS,
    CONTEXT_WEIGHTS,
    Talker,
    load_talker,
    resolve_system,
)
from avjax.pipelines.talking.text_talker import TextTalker, load_text_talker
from avjax.typing import PathLike

DEFAULT_WEIGHTS = "lipwarp-people"
DEFAULT_TEXT_WEIGHTS = "taem-people"  # for a text that is not spoken aloud


class LoadedTalker(NamedTuple):
    """Loaded weights of any talking-face system.

    Attributes:
        name: Name or folder of the weights, for messages.
        talker: Generates the faces.
        text_talker: Computes latents from text. None: latents come from audio.
        remarks: Sentences for the report.
    """

    name: str
    talker: Talker
    text_talker: TextTalker | None = None
    remarks: tuple[str, ...] = ()


def load_any_talker(
    name: PathLike | None,
    system: str | None,
    lookahead: int | None,
    has_text: bool,
    has_audio: bool = True,
) -> LoadedTalker:
    """Load weights that are driven by text if there is one, otherwise by audio.

    Args:
        name: Name of bundled weights, or a folder of weights. None: a default.
        system: System id that the weights must have. None: any talker.
        lookahead: Future frames (1/25 s) that latents may depend on. None: no limit.
        has_text: True if the text that is spoken is known.
        has_audio: False if only the text can drive the lips.

    Returns:
        The talker.

    Raises:
        InputError: The weights cannot be used.
    """
    taem = TaemConfig.system
    if name is None:
        name = default_weights(system, has_audio)
    order = (taem, *BARE_NAME_SYSTEMS) if has_text else (*BARE_NAME_SYSTEMS, taem)
    found = resolve_system(name, order)
    if system is None:
        check_system(name, found, (*list_talkers(), taem))
    if (system or found) != taem:
        return LoadedTalker(str(name), load_talker(name, system, lookahead))
    text_talker = load_text_talker(name)
    if lookahead is not None:
        raise InputError(
            f"the weights {name} belong to {taem}, which takes no lookahead; weights "
            f"of a system with audio context do, such as {CONTEXT_WEIGHTS}"
        )
    return LoadedTalker(
        str(name), text_talker.talker, text_talker if has_text else None
    )


def default_weights(system: str | None, has_audio: bool) -> str:
    """Return the name of the weights that are used if none are named.

    Args:
        system: System id that the weights must have. None: any talker.
        has_audio: False if only a text can drive the lips.

    Returns:
        A name of bundled weights; if a system has several, those for any face, or else
        those of a real speaker.
    """
    if system is not None:
        get_system(system)  # an unknown id is refused
    if system is None:
        return DEFAULT_WEIGHTS if has_audio else DEFAULT_TEXT_WEIGHTS
    defaults = DEFAULT_WEIGHTS, DEFAULT_TEXT_WEIGHTS
    names = [*defaults, *weights.list_weights()]
    candidates = [name for name in names if weights.weights_system(name) == system]
    return candidates[0] if candidates else DEFAULT_WEIGHTS
