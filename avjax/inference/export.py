"""What a system does when it is used, as a file that runs without any code of ours.

stablehlo  a program for CPUs, GPUs and TPUs with the weights in it; jax alone runs it:
           jax.export.deserialize(the bytes).call(arrays in their order)
npz        the weights alone: plain arrays by their path

Beside it lies a description, JSON: what was exported, what goes in and what comes out.
Sizes of batches and lengths are open; what was written is run again before it stays.
"""

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from avjax.errors import InputError
from avjax.features.audio import MELS, WINDOW
from avjax.inference import (
    denoise,
    judge,
    lipread,
    restore,
    talkers,
    tiles,
    weights,
)
from avjax.inference.lips import Path
from avjax.media.files import refusing, whole_file
from avjax.models import synctalkface
from avjax.models.bridging import BridgingConfig
from avjax.models.denoiser import reach
from avjax.models.synctalkface import SyncTalkFace
from avjax.nn.landmarks import LandmarkConfig, LipLandmarks
from avjax.typing import Array, Params

PLATFORMS = ("cpu", "cuda", "tpu")
TRIED = (1, 3)  # sizes of a batch on which a written program is run again
EXACT = 1e-5  # of the scale of our numbers: how far its own may be from them


class Slot(NamedTuple):
    """An array that goes in.  shape is such as "b t 80"; a letter is any size."""

    shape: str
    dtype: str
    means: str


class Program(NamedTuple):
    """A function of arrays, in the order of `inputs`, to arrays by their names."""

    run: Callable[..., dict[str, Array]]
    inputs: dict[str, Slot]
    outputs: dict[str, str]  # {name: its shape and what it means}


def export(name: Path, out: Path, kind: str) -> str:
    """Writes the inference of a system, or its weights, and a description beside it.

    name  a bundled name in full, such as sync-puppet, or a folder of weights
    kind  stablehlo or npz
    -> what was written, and how it was tried

    Raises InputError, one clear sentence, for what cannot be used.
    """
    found = weights.load(name)
    if found.system not in PROGRAMS:
        known = ", ".join(PROGRAMS)
        raise InputError(f"the weights {name} are of {found.system}, not of {known}")
    program = PROGRAMS[found.system](name)
    with (
        whole_file(out) as part,
        whole_file(f"{out}.json") as description,
        refusing(out, "write"),
    ):
        if kind == "npz":
            tried = write_arrays(part, found)
        else:
            tried = write_program(part, program)
        text = json.dumps(described(name, found, program, kind), indent=1)
        description.write_text(text + "\n", encoding="utf-8")
    return f"wrote {out} and {out}.json; {tried}"


def described(
    name: Path, found: weights.Weights, program: Program, kind: str
) -> dict[str, Any]:
    """What JSON can say of an export."""
    about = {"kind": kind, "weights": os.fspath(name), "system": found.system}
    about |= {"config": found.config, "card": found.card}
    about["inputs"] = [
        {"name": name, **slot._asdict()} for name, slot in program.inputs.items()
    ]
    about["outputs"] = program.outputs
    if kind == "stablehlo":
        about |= {"platforms": PLATFORMS, "jax": jax.__version__}
    return about


def write_arrays(file: pathlib.Path, found: weights.Weights) -> str:
    """Parameters and running statistics, as they are called in a folder of weights."""
    tree = {"params": dict(found.params), "stats": dict(found.stats)}
    arrays = flatten_dict(tree, sep="/")
    with open(file, "wb") as opened:
        np.savez(opened, **arrays)
    with np.load(file, allow_pickle=False) as again:
        same = [np.array_equal(again[path], array) for path, array in arrays.items()]
    if not all(same):
        raise RuntimeError("the arrays that were written are not those of the weights")
    return f"{len(arrays)} arrays, read again"


def write_program(file: pathlib.Path, program: Program) -> str:
    """The program, once it gave our numbers on batches that it had not seen."""
    exported = jax.export.export(jax.jit(program.run), platforms=PLATFORMS)
    file.write_bytes(exported(*open_shapes(program)).serialize())
    again = jax.export.deserialize(bytearray(file.read_bytes()))
    worst = max(apart(program, again.call, batch) for batch in TRIED)
    if not worst <= EXACT:
        raise RuntimeError(f"what was written is off by {worst:.1e} of the scale")
    batches = " and ".join(map(str, TRIED))
    return f"run again on batches of {batches}, it is off by {worst:.1g} of the scale"


def open_shapes(program: Program) -> list[jax.ShapeDtypeStruct]:
    """The inputs of a program, their letters left open."""
    scope = jax.export.SymbolicScope()
    return [
        jax.ShapeDtypeStruct(
            jax.export.symbolic_shape(slot.shape.replace(" ", ","), scope=scope),
            slot.dtype,
        )
        for slot in program.inputs.values()
    ]


def apart(program: Program, other: Callable[..., dict], batch: int) -> float:
    """How far another program is from ours, as a share of the scale of our numbers."""
    given = made_up(program, batch)
    ours, theirs = jax.jit(program.run)(*given), other(*given)
    return max(
        float(jnp.max(jnp.abs(theirs[name] - own)) / jnp.max(jnp.abs(own)))
        for name, own in ours.items()
    )


def made_up(program: Program, batch: int) -> list[np.ndarray]:
    """Inputs by a rule: so many in a batch, and other lengths with other batches."""
    rng, sizes = np.random.default_rng(batch), {"b": batch, "t": 7 + 2 * batch}
    arrays = []
    for slot in program.inputs.values():
        shape = [sizes.get(axis) or int(axis) for axis in slot.shape.split()]
        brightest = 256 if slot.dtype == "uint8" else 1
        arrays.append((brightest * rng.random(shape)).astype(slot.dtype))
    return arrays


def talker(name: Path) -> Program:
    """Frames of a face that says a sound, as they are before they are rounded."""
    model = talkers.open_talker(name)
    network, signed = SyncTalkFace(model.config), model.config.signed

    def run(sound: Array, face: Array, reference: Array) -> dict[str, Array]:
        target = synctalkface.from_pixels(face, signed)[None]
        same = synctalkface.from_pixels(reference, signed)[None]
        faces = synctalkface.face_input(target, same)
        spoken = network.apply(model.variables, sound[None], faces, method="speak")
        return {"frames": synctalkface.to_unit(spoken.frames[0], signed)}

    picture = f"b {model.config.size} {model.config.size} 3"
    means = "0.2 s of log-mel, from 40 ms before a frame on"
    inputs = {
        "sound": Slot(f"b {WINDOW} {MELS}", "float32", means),
        "face": Slot(picture, "uint8", "the face in it; its lower half is not seen"),
        "reference": Slot(picture, "uint8", "another picture of the same face"),
    }
    return Program(run, inputs, {"frames": f"{picture}: the face that speaks, 0 to 1"})


def reader(name: Path) -> Program:
    """What is said by the lips of some clips, or how it sounds."""
    kind, blank = BridgingConfig, lipread.blank
    config, variables = weights.open_part(name, lipread.PREFIX, kind, blank)
    answer = lipread.program(config).__wrapped__  # without options of this machine
    called, means = ANSWERS[config.task]

    def run(lips: Array, exists: Array) -> dict[str, Array]:
        return {called: answer(variables, lips, exists)}

    mouth = f"b t {config.size} {config.size} 1"
    inputs = {
        "lips": Slot(mouth, "uint8", "grey mouths, 25 a second"),
        "exists": Slot("b t", "float32", "1, or 0 where there is no face"),
    }
    return Program(run, inputs, {called: means})


ANSWERS = {  # of a reader, by its task: a name, and what it means
    "words": ("logits", "b t v: of words, frame by frame"),
    "sentences": ("log_probs", "b r*t v: of symbols, the first being CTC's blank"),
    "speech": ("mel", "b 4*t 80: as features.spectrum.voice_mel gives it"),
}


def sync_judge(name: Path) -> Program:
    """Codes of sound and lips, which are near where both are of one moment."""
    found = judge.open_judge(name)
    config, variables = found.config, found.variables
    senses = "hear", "watch"
    hear, watch = (judge.program(config, sense).__wrapped__ for sense in senses)

    def run(sound: Array, faces: Array) -> dict[str, Array]:
        return {"heard": hear(variables, sound), "seen": watch(variables, faces)}

    columns, bands = found.kind.sound
    five = f"b {judge.SEEN} {config.size} {config.size} 3"
    inputs = {
        "sound": Slot(f"b {columns} {bands}", "float32", found.kind.means),
        "faces": Slot(five, "uint8", "five faces on end, 25 a second"),
    }
    outputs = {"heard": "b d: code of the sound", "seen": "b d: code of the lips"}
    return Program(run, inputs, outputs)


def lip_finder(name: Path) -> Program:
    """Where the lips are in some faces."""
    kind, blank = LandmarkConfig, blank_lip_finder
    config, variables = weights.open_part(name, "landmarks", kind, blank)
    network = LipLandmarks(config.size, config.width)

    def run(faces: Array) -> dict[str, Array]:
        return {"points": network.apply(variables, faces.astype(jnp.float32) / 255)}

    inputs = {"faces": Slot(f"b {config.size} {config.size} 3", "uint8", "face crops")}
    means = "b 20 2: x and y as shares of the sides, points 48 to 67 of 68"
    return Program(run, inputs, {"points": means})


def blank_lip_finder(config: LandmarkConfig) -> Params:
    """Variables of a lip finder that has learnt nothing."""
    faces = jnp.zeros((1, config.size, config.size, 3))
    return LipLandmarks(config.size, config.width).init(jax.random.key(0), faces)


def denoiser(name: Path) -> Program:
    """Squares of pictures without their noise, by the network as it was trained."""
    config, params, _ = denoise.load(name)
    side = tiles.CORE + 2 * reach()

    def run(noisy: Array) -> dict[str, Array]:
        return {"clean": restore.restore(config, params["restorer"], noisy).clean}

    inputs = {"noisy": Slot(f"b {side} {side} 3", "float32", "squares of pictures")}
    means = f"b {side} {side} 3: not clipped; beyond {reach()} pixels from the rim"
    return Program(run, inputs, {"clean": f"{means} as in a whole picture"})


PROGRAMS = {
    "synctalkface": talker,
    "bridging": reader,
    **dict.fromkeys(judge.KINDS, sync_judge),
    "landmarks": lip_finder,
    "denoiser": denoiser,
}
