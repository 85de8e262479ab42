"""What a system does when it is used, as a file that runs without any code of ours.

stablehlo  a program for CPUs, GPUs and TPUs with the weights in it; jax alone runs it:
           jax.export.deserialize(the bytes).call(arrays in their order).  Where a
           system is several programs, the file is a zip archive of them
npz        the weights alone: plain arrays by their path

Beside it lies a description, JSON: what was exported, what goes in and what comes out.
What was written is run again before it stays.
"""

import json
import math
import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from avjax import weights
from avjax.errors import InputError
from avjax.media.files import refusing, require_other, whole_file
from avjax.media.mouth_video import Path
from avjax.pipelines.signatures import PROGRAMS, Program

PLATFORMS = ("cpu", "cuda", "tpu")
TRIED = (1, 3)  # sizes of a batch on which a written program is run again
BELOW = {"uint8": 256, "int32": 4, "float32": 1}  # numbers that it is tried on
EXACT = 1e-5  # of the scale of our numbers: how far its own may be from them


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
    programs = PROGRAMS[found.system](name)
    for place in (out, f"{out}.json"):
        require_other(place, *weights.files_of(name))
    with (
        whole_file(out) as part,
        whole_file(f"{out}.json") as description,
        refusing(out, "write"),
    ):
        if kind == "npz":
            tried = write_arrays(part, found)
        else:
            tried = write_programs(part, programs)
        text = json.dumps(described(name, found, programs, kind), indent=1)
        description.write_text(text + "\n", encoding="utf-8")
    return f"wrote {out} and {out}.json; {tried}"


def described(
    name: Path, found: weights.Weights, programs: Mapping[str, Program], kind: str
) -> dict[str, Any]:
    """What JSON can say of an export."""
    about = {"kind": kind, "weights": os.fspath(name), "system": found.system}
    about |= {"config": found.config, "card": found.card}
    about["programs"] = {called: signature(each) for called, each in programs.items()}
    if kind == "stablehlo":
        about |= {"platforms": PLATFORMS, "jax": jax.__version__}
    return about


def signature(program: Program) -> dict[str, Any]:
    """What goes in and what comes out, as JSON has it."""
    inputs = [{"name": name, **slot._asdict()} for name, slot in program.inputs.items()]
    return {"inputs": inputs, "outputs": program.outputs, "sizes": program.sizes}


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


def write_programs(file: pathlib.Path, programs: Mapping[str, Program]) -> str:
    """The programs, once they gave our numbers on batches that they had not seen."""
    written = {name: serialized(program) for name, program in programs.items()}
    if len(written) == 1:
        file.write_bytes(*written.values())
    else:
        with zipfile.ZipFile(file, "w") as archive:
            for name, program in written.items():
                archive.writestr(name, program)
    calls = calls_of(file, list(programs))
    worst = max(
        apart(program, calls[name], batch)
        for name, program in programs.items()
        for batch in TRIED
    )
    if not worst <= EXACT:
        raise RuntimeError(f"what was written is off by {worst:.1e} of the scale")
    names, batches = (" and ".join(map(str, each)) for each in (programs, TRIED))
    return f"{names}, run again on batches of {batches}, off by {worst:.1g} of scale"


def serialized(program: Program) -> bytes:
    exported = jax.export.export(jax.jit(program.run), platforms=PLATFORMS)
    return bytes(exported(*open_shapes(program)).serialize())


def calls_of(file: pathlib.Path, names: list[str]) -> dict[str, Callable[..., dict]]:
    """The functions of the programs in a file: of one, or of several by their names."""
    if len(names) == 1:
        read = {names[0]: file.read_bytes()}
    else:
        with zipfile.ZipFile(file) as archive:
            read = {name: archive.read(name) for name in names}
    return {
        name: jax.export.deserialize(bytearray(program)).call
        for name, program in read.items()
    }


def open_shapes(program: Program) -> list[jax.ShapeDtypeStruct]:
    """The inputs of a program, their letters left open."""
    scope = jax.export.SymbolicScope(program.sizes)
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
    sizes |= {"h": 2 + batch, "w": 4}

    def size(axis: str) -> int:
        return math.prod(sizes.get(part) or int(part) for part in axis.split("*"))

    arrays = []
    for slot in program.inputs.values():
        shape = [size(axis) for axis in slot.shape.split()]
        arrays.append((BELOW[slot.dtype] * rng.random(shape)).astype(slot.dtype))
    return arrays
