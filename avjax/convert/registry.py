"""The published networks that are known, and which of them a file holds."""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from avjax.algorithms import denoiser_adaptation as restore
from avjax.convert import denoiser_maps as denoisers
from avjax.convert import lipreading_maps as readers
from avjax.convert import talking_face_maps as faces
from avjax.convert.layers import Rows, our_array, published_shape, red_first
from avjax.convert.tensors import Tensor
from avjax.errors import InputError
from avjax.models.bridging import BridgingConfig
from avjax.models.denoiser import PUBLISHED, DenoiserConfig
from avjax.models.sync_expert import SyncConfig
from avjax.models.syncnet_v2 import SyncNetConfig
from avjax.models.synctalkface import WAV2LIP, SyncTalkFaceConfig
from avjax.nn.wav2lip import Discriminator
from avjax.pipelines import audio_talkers as talkers
from avjax.pipelines import lipread
from avjax.pipelines import sync_models as judge
from avjax.typing import Params

WORDS, SLOTS, DIM = 500, 96, 512  # of published files, where a tensor does not tell
SHOWN = 3  # keys of each kind in a sentence about what does not fit
WRAPPED = "state_dict."  # begins names where a file holds more than a network
PREFIX = re.compile(r"(?:state_dict\.)?(\w+_state_dict\.)?(?:module\.)?")

Shapes = Mapping[str, tuple[int, ...]]


class Part(NamedTuple):
    """A part of our weights, and where in a published file it is.

    rows        which of the file's tensors is which of ours
    blank       config -> variables of ours that have learnt nothing
    blue_first  {our path: axis} where blue comes before red
    """

    rows: Rows
    blank: Callable[[Any], Params]
    blue_first: Mapping[str, int] = {}


class Network(NamedTuple):
    """A published network, and what it is here.

    system  of the weights that it becomes
    parts   of these weights, by their names
    config  the config of ours, from the shapes in the file
    beside  how the names of other tensors begin that a file may hold as well
    """

    system: str
    parts: Mapping[str, Part]
    config: Callable[[Shapes], Any]
    beside: tuple[str, ...] = ()

    @property
    def keys(self) -> set[str]:
        """Of all tensors of the file."""
        return {key for part in self.parts.values() for key, _ in part.rows}


def wav2lip(_: Shapes) -> SyncTalkFaceConfig:
    return dataclasses.replace(WAV2LIP, published=True)


def synctalkface(shapes: Shapes) -> SyncTalkFaceConfig:
    slots = rows_in(shapes, "model_state_dict.mem.key", DIM, SLOTS)
    return SyncTalkFaceConfig(slots=slots, published=True)


def reader(shapes: Shapes, backend: str, answers: str, codes: int) -> BridgingConfig:
    words = rows_in(shapes, f"back_state_dict.{answers}.weight", codes, WORDS)
    return BridgingConfig(
        symbols=tuple(f"word {number}" for number in range(words)),
        slots=rows_in(shapes, "mem_state_dict.key", DIM, SLOTS),
        backend=backend,
        published=True,
    )


def rows_in(shapes: Shapes, key: str, columns: int, usual: int) -> int:
    """How many rows a tensor has; where it is not what it should be, the usual ones."""
    rows, *rest = shapes.get(key) or (0,)
    return rows if rows and rest == [columns] else usual


def blank_critic(config: Mapping[str, Any]) -> Params:
    shape = 1, config["size"], config["size"], 3
    return Discriminator(**config).init(jax.random.key(0), jnp.zeros(shape))


def blank_denoiser(part: str) -> Callable[[DenoiserConfig], Params]:
    return lambda config: restore.blank(config)[part]


def expert(size: int, blocks: int) -> Network:
    blue_first = {"params/tower/block_0/conv/kernel": 2}
    part = Part(faces.expert(blocks), judge.blank, blue_first)
    return Network("sync", {"expert": part}, lambda _: SyncConfig(size))


def critic(size: int) -> Network:
    config = {"size": size, "width": 1.0, "dtype": "float32"}  # as train.tasks makes it
    part = Part(faces.critic(), blank_critic, {"params/block_0/conv/kernel": 2})
    return Network("critic", {"critic": part}, lambda _: config)


def bridging(backend: str, rows: Rows, answers: str, codes: int) -> Network:
    kinds = {"backend": backend, "answers": answers, "codes": codes}
    part = Part(readers.reader(rows), lipread.blank)
    return Network("bridging", {"bridge": part}, functools.partial(reader, **kinds))


FACE = {
    "params/identity/stage_0/block_0/conv/kernel": 2,
    "params/decoder/pixels/kernel": 3,
    "params/decoder/pixels/bias": 0,
}
LIPS = {"params/lips/kernel": 3}
JUDGE = Part(faces.syncnet_v2(), judge.blank, {"params/lips/block_0/kernel": 3})
NETWORKS = {
    "wav2lip": Network(
        "synctalkface", {"face": Part(faces.wav2lip(), talkers.blank, FACE)}, wav2lip
    ),
    "wav2lip_disc": critic(96),
    "syncnet_color": expert(96, blocks=17),
    "syncnet_v2": Network("syncnet_v2", {"expert": JUDGE}, lambda _: SyncNetConfig()),
    "bridging_gru": bridging("gru", readers.gru(), "fc", 1024),
    "bridging_mstcn": bridging("tcn", readers.tcn(), "tcn.tcn_output", 768),
    "synctalkface": Network(
        "synctalkface",
        {"face": Part(faces.synctalkface(), talkers.blank, FACE | LIPS)},
        synctalkface,
        beside=("disc_state_dict.",),
    ),
    "synctalkface_disc": critic(128),
    "synctalkface_syncnet": expert(128, blocks=19),
    "denoiser": Network(
        "denoiser",
        {
            "restorer": Part(denoisers.restorer(), blank_denoiser("restorer")),
            "masker": Part(denoisers.masker(), blank_denoiser("masker")),
        },
        lambda _: PUBLISHED,
    ),
}


def plainly_named(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same without what PyTorch's wrappers put before the names of a network.

    Where some are in a `state_dict`, the others are no part of the network.
    """
    inner = {key: tensors[key] for key in tensors if key.startswith(WRAPPED)}
    named = {}
    for key, tensor in (inner or tensors).items():
        name = PREFIX.sub(r"\1", key, count=1)
        if name in named:
            raise InputError(f"the file holds {name[:80]!r} twice")
        named[name] = tensor
    return named


def recognised(shapes: Shapes, name: str | None) -> tuple[str, Any]:
    """Which network has tensors of these shapes, and its config.

    name  which one is meant; without, it is found out

    InputError says what is missing, extra or misshapen.
    """
    if name is None:
        name = nearest(shapes)
    elif name not in NETWORKS:
        raise InputError(f"no network is called {name!r}; known are {known()}")
    network = NETWORKS[name]
    config = network.config(shapes)
    wanted, found = published_shapes(network, config), counted_in(network, shapes)
    troubles = [
        listed("it lacks", [key for key in wanted if key not in found]),
        listed("it holds besides", [k[:80] for k in found if k not in wanted]),
        listed("it has in another shape", misshapen(found, wanted)),
    ]
    if any(troubles):
        raise InputError(f"the file is no {name}: {'; '.join(filter(None, troubles))}")
    return name, config


def nearest(shapes: Shapes) -> str:
    """The network whose tensors these seem to be; InputError if they are none's."""
    keys = {name: network.keys for name, network in NETWORKS.items()}
    if not any(keys[name] & shapes.keys() for name in keys):
        raise InputError(f"the file is none of the networks that are known: {known()}")
    apart = {
        name: len(keys[name] ^ counted_in(network, shapes).keys())
        for name, network in NETWORKS.items()
    }
    alike = [name for name in apart if apart[name] == min(apart.values())]
    if len(alike) == 1:
        return alike[0]
    return min(alike, key=lambda name: wrong_shapes(name, shapes))


def wrong_shapes(name: str, shapes: Shapes) -> int:
    network = NETWORKS[name]
    wanted = published_shapes(network, network.config(shapes))
    return len(misshapen(shapes, wanted))


def counted_in(network: Network, shapes: Shapes) -> Shapes:
    """Those that are not beside the network."""
    return {k: v for k, v in shapes.items() if not k.startswith(network.beside)}


def misshapen(found: Shapes, wanted: Shapes) -> list[str]:
    return [
        f"{key} {list(found[key])} for {list(shape)}"
        for key, shape in wanted.items()
        if key in found and found[key] != shape
    ]


def listed(what: str, keys: list[str]) -> str:
    """A few of the keys, and how many there are besides; nothing of none."""
    if not keys:
        return ""
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return f"{what} {', '.join(keys[:SHOWN])}{more}"


def known() -> str:
    return ", ".join(NETWORKS)


def published_shapes(network: Network, config: Any) -> Shapes:
    """{key: shape} of the published file, from the shapes of ours."""
    shapes = {}
    for part in network.parts.values():
        blank = jax.eval_shape(functools.partial(part.blank, config))
        ours = flatten_dict(blank, sep="/")
        for key, path in part.rows:
            shapes[key] = published_shape(path, ours[path].shape)
    return shapes


def variables(part: Part, tensors: Mapping[str, Tensor]) -> Params:
    """The published tensors as a part of ours takes them; raises Refused."""
    flat = {}
    for key, path in part.rows:
        array = our_array(path, tensors[key].read())
        if path in part.blue_first:
            array = red_first(array, part.blue_first[path])
        flat[path] = np.asarray(array, order="C")
    return unflatten_dict(flat, sep="/")
