"""The published networks that can be converted to avjax weights."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from avjax.convert import denoiser_maps, lipreading_maps, talking_face_maps
from avjax.convert.layers import (
    TensorMap,
    bgr_to_rgb,
    convert_array,
    published_shape,
)
from avjax.convert.tensors import Tensor
from avjax.models.bridging import BridgingConfig
from avjax.models.denoiser import REFERENCE_CONFIG
from avjax.models.registry import get_system
from avjax.models.sync_expert import SyncExpertConfig
from avjax.models.syncnet_v2 import SyncNetConfig
from avjax.models.synctalkface import WAV2LIP, SyncTalkFaceConfig
from avjax.nn.wav2lip import Discriminator
from avjax.typing import Params

# Sizes of the published lip readers and memories, used if a tensor has another layout.
DEFAULT_NUM_WORDS, DEFAULT_NUM_SLOTS, MEMORY_DIM = 500, 96, 512
DISCRIMINATOR = "discriminator"  # its weights are for training; it is not a system

Shapes = Mapping[str, tuple[int, ...]]


class ConvertedPart(NamedTuple):
    """A part of our weights, and its tensors in a published file.

    Attributes:
        tensor_map: (published key, our path) of each tensor.
        color_axes: {our path: axis of the colours}, which are BGR in the file.
    """

    tensor_map: TensorMap
    color_axes: Mapping[str, int] = {}


class PublishedNetwork(NamedTuple):
    """A published network, and the weights that it is converted to.

    Attributes:
        system: System id of the weights.
        parts: The parts of the weights, by name.
        make_config: Function from the shapes in the file to our config.
        ignored_prefixes: Prefixes of other tensors that the file may hold.
    """

    system: str
    parts: Mapping[str, ConvertedPart]
    make_config: Callable[[Shapes], Any]
    ignored_prefixes: tuple[str, ...] = ()

    @property
    def keys(self) -> set[str]:
        """Keys of all tensors of the network."""
        return {key for part in self.parts.values() for key, _ in part.tensor_map}


def _wav2lip_config(_: Shapes) -> SyncTalkFaceConfig:
    return dataclasses.replace(WAV2LIP, reference_compat=True)


def _synctalkface_config(shapes: Shapes) -> SyncTalkFaceConfig:
    key = "model_state_dict.mem.key"
    num_slots = _num_rows(shapes, key, MEMORY_DIM, DEFAULT_NUM_SLOTS)
    return SyncTalkFaceConfig(num_slots=num_slots, reference_compat=True)


def _bridging_config(
    shapes: Shapes, backend: Literal["gru", "tcn"], output_layer: str, dim: int
) -> BridgingConfig:
    words_key = f"back_state_dict.{output_layer}.weight"
    num_words = _num_rows(shapes, words_key, dim, DEFAULT_NUM_WORDS)
    slots_key = "mem_state_dict.key"
    return BridgingConfig(
        symbols=tuple(f"word {number}" for number in range(num_words)),
        num_slots=_num_rows(shapes, slots_key, MEMORY_DIM, DEFAULT_NUM_SLOTS),
        backend=backend,
        reference_compat=True,
    )


def _num_rows(shapes: Shapes, key: str, columns: int, default: int) -> int:
    """Return the number of rows of a tensor; the default if columns differ."""
    rows, *other_axes = shapes.get(key) or (0,)
    return rows if rows and other_axes == [columns] else default


def _sync_expert(size: int, blocks: int) -> PublishedNetwork:
    part = ConvertedPart(
        talking_face_maps.sync_expert_map(blocks),
        {"params/visual/block_0/conv/kernel": 2},
    )
    return PublishedNetwork(
        "sync_expert", {"sync_expert": part}, lambda _: SyncExpertConfig(size)
    )


def _discriminator(size: int) -> PublishedNetwork:
    config = {"size": size, "width": 1.0, "dtype": "float32"}  # as the tasks make it
    part = ConvertedPart(
        talking_face_maps.discriminator_map(), {"params/block_0/conv/kernel": 2}
    )
    return PublishedNetwork(DISCRIMINATOR, {DISCRIMINATOR: part}, lambda _: config)


def _bridging(
    backend: Literal["gru", "tcn"], tensor_map: TensorMap, output_layer: str, dim: int
) -> PublishedNetwork:
    part = ConvertedPart(lipreading_maps.reader_map(tensor_map))
    make_config = functools.partial(
        _bridging_config, backend=backend, output_layer=output_layer, dim=dim
    )
    return PublishedNetwork("bridging", {"reader": part}, make_config)


FACE_COLORS = {
    "params/identity/stage_0/block_0/conv/kernel": 2,
    "params/decoder/to_rgb/kernel": 3,
    "params/decoder/to_rgb/bias": 0,
}
WAV2LIP_PART = ConvertedPart(talking_face_maps.wav2lip_map(), FACE_COLORS)
SYNCTALKFACE_PART = ConvertedPart(
    talking_face_maps.synctalkface_map(), FACE_COLORS | {"params/lips/kernel": 3}
)
SYNCNET_PART = ConvertedPart(
    talking_face_maps.syncnet_v2_map(), {"params/lips/block_0/kernel": 3}
)
NETWORKS = {
    "wav2lip": PublishedNetwork(
        "synctalkface", {"generator": WAV2LIP_PART}, _wav2lip_config
    ),
    "wav2lip_disc": _discriminator(96),
    "syncnet_color": _sync_expert(96, blocks=17),
    "syncnet_v2": PublishedNetwork(
        "syncnet_v2", {"sync_expert": SYNCNET_PART}, lambda _: SyncNetConfig()
    ),
    "bridging_gru": _bridging("gru", lipreading_maps.gru_map(), "fc", 1024),
    "bridging_mstcn": _bridging(
        "tcn", lipreading_maps.tcn_map(), "tcn.tcn_output", 768
    ),
    "synctalkface": PublishedNetwork(
        "synctalkface",
        {"generator": SYNCTALKFACE_PART},
        _synctalkface_config,
        ignored_prefixes=("disc_state_dict.",),
    ),
    "synctalkface_disc": _discriminator(128),
    "synctalkface_syncnet": _sync_expert(128, blocks=19),
    "denoiser": PublishedNetwork(
        "denoiser",
        {
            "restorer": ConvertedPart(denoiser_maps.restorer_part_map()),
            "mask_net": ConvertedPart(denoiser_maps.mask_net_part_map()),
        },
        lambda _: REFERENCE_CONFIG,
    ),
}


def _variable_shapes(network: PublishedNetwork, config: Any) -> dict[str, Params]:
    """Return the variables of our network as shapes, {part: tree}."""
    if network.system != DISCRIMINATOR:
        return get_system(network.system).variable_shapes(config)
    faces = jnp.zeros((1, config["size"], config["size"], 3))
    init = functools.partial(Discriminator(**config).init, faces=faces)
    return {DISCRIMINATOR: jax.eval_shape(init, jax.random.key(0))}


def published_shapes(network: PublishedNetwork, config: Any) -> Shapes:
    """Return the shapes of a published file, computed from those of our variables.

    Args:
        network: The published network.
        config: Our config.

    Returns:
        {published key: shape}.
    """
    shapes = {}
    variables = _variable_shapes(network, config)
    for name, part in network.parts.items():
        ours: dict[str, Any] = flatten_dict(variables[name], sep="/")
        for key, path in part.tensor_map:
            shapes[key] = published_shape(path, ours[path].shape)
    return shapes


def convert_part(part: ConvertedPart, tensors: Mapping[str, Tensor]) -> Params:
    """Convert published tensors to the variables of one part.

    Args:
        part: The part.
        tensors: {published key: tensor}.

    Returns:
        {"params": tree, "batch_stats": tree} of f32 arrays.

    Raises:
        MalformedFile: A tensor cannot be read.
    """
    flat = {}
    for key, path in part.tensor_map:
        array = convert_array(path, tensors[key].read())
        if path in part.color_axes:
            array = bgr_to_rgb(array, part.color_axes[path])
        flat[path] = np.asarray(array, order="C")
    return unflatten_dict(flat, sep="/")
