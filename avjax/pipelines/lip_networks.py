"""Load the weights of the networks that read lips, or generate speech from them."""

from avjax.errors import InputError, wrong_system
from avjax.models.bridging import Bridging, BridgingConfig
from avjax.models.registry import load_system
from avjax.nn.inference.folding import fold_network, suits_folding
from avjax.typing import Params, PathLike
from avjax.weights import list_weights, weights_system

SPEECH_PREFIX = "bridging-speech"  # bundled weights that generate speech begin with it


def load_lip_network(name: PathLike, speech: bool) -> tuple[BridgingConfig, Params]:
    """Load the weights of a lip reader or of a lip-to-speech network.

    Args:
        name: Bundled name, or folder, of the weights.
        speech: True for a lip-to-speech network, False for a lip reader.

    Returns:
        Config and variables of the network.

    Raises:
        InputError: The weights are missing or damaged, or belong to another system or
            task; the message names bundled weights that can be used.
    """
    accepted, found = BridgingConfig.system, weights_system(name)
    fitting = [
        x
        for x in list_weights()
        if weights_system(x) == accepted and x.startswith(SPEECH_PREFIX) == speech
    ]
    if found != accepted:
        raise InputError(wrong_system(name, found, [accepted], fitting))
    config, parts = load_system(name)
    names = ", ".join(fitting)
    if speech and config.task != "speech":
        raise InputError(
            f"the weights {name} read lips and generate no speech: use those of a "
            f"lip-to-speech network, such as {names}, or `avjax lipread`"
        )
    if config.task == "speech" and not speech:
        raise InputError(
            f"the weights {name} generate speech: use those of a lip reader, such as "
            f"{names}, or `avjax speak`"
        )
    (variables,) = parts.values()
    if suits_folding(config):
        shapes = (1, 1, config.size, config.size, 1), (1, 1)
        variables = fold_network(Bridging(config), variables, *shapes, method="predict")
    return config, variables
