"""Write exported functions or weights, check the files, and describe them in JSON.

stablehlo  A program for CPUs, GPUs and TPUs with the weights inside. JAX alone runs it:
           `jax.export.deserialize(data).call(arrays in their order)`. If a system has
           several functions, the file is a zip archive of them.
npz        The weights alone, as plain arrays by their path.

The JSON file next to it describes the export, with all inputs and outputs. Every file
is read again and checked before it gets its final name.
"""

import json
import math
import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from avjax.errors import InputError
from avjax.export.networks import EXPORTERS, get_exporter
from avjax.export.signatures import ExportedFunction, ExportReport
from avjax.media.files import atomic_file, check_distinct, check_suffix, wrap_os_errors
from avjax.models.talker import list_talkers
from avjax.typing import PathLike
from avjax.weights import Weights, load, weights_files

PLATFORMS = ("cpu", "cuda", "tpu")
CHECKED_BATCHES = (1, 3)  # batch sizes on which a written program is checked
INPUT_LIMITS = {"uint8": 256, "int32": 4, "float32": 1}  # upper ends of test inputs
TOLERANCE = 1e-5  # largest error, relative to the largest value of an output


def export(
    weights: PathLike, out: PathLike, kind: Literal["stablehlo", "npz"] | None = None
) -> ExportReport:
    """Write the functions of a system, or its weights, and a description.

    Args:
        weights: Bundled name, or folder, of weights.
        out: The file to write. The description is written to the same name with .json
            appended.
        kind: "stablehlo" for the functions, "npz" for the weights. None: as the suffix
            of `out` says.

    Returns:
        The written files and their check.

    Raises:
        InputError: The weights cannot be exported, or a file cannot be written.
        RuntimeError: The written file does not give the same numbers.
    """
    chosen = kind or check_suffix(out, ".stablehlo", ".npz")[1:]
    loaded = load(weights)
    exporter = get_exporter(loaded.system)
    if exporter is None:
        known = ", ".join([*list_talkers(), *EXPORTERS])
        raise InputError(
            f"the weights {weights} belong to {loaded.system}; only these systems "
            f"can be exported: {known}"
        )
    functions = exporter(weights)
    for path in (out, f"{os.fspath(out)}.json"):
        check_distinct(path, *weights_files(weights))
    with (
        atomic_file(out) as temporary,
        atomic_file(f"{os.fspath(out)}.json") as description,
        wrap_os_errors(out, "write"),
    ):
        if chosen == "npz":
            check = write_arrays(temporary, loaded)
        else:
            check = write_functions(temporary, functions)
        text = json.dumps(describe(weights, loaded, functions, chosen), indent=1)
        description.write_text(text + "\n", encoding="utf-8")
    files = os.fspath(out), f"{os.fspath(out)}.json"
    return ExportReport(files, chosen, loaded.system, tuple(functions), check)


def describe(
    name: PathLike,
    weights: Weights,
    functions: Mapping[str, ExportedFunction],
    kind: str,
) -> dict[str, Any]:
    """Describe an export as values that `json.dumps` accepts.

    Args:
        name: Name or folder of the weights.
        weights: The weights.
        functions: The exported functions.
        kind: "stablehlo" or "npz".

    Returns:
        The description.
    """
    description: dict[str, Any] = {
        "kind": kind,
        "weights": os.fspath(name),
        "system": weights.system,
        "config": weights.config,
        "card": weights.card,
        "functions": {
            name: describe_function(function) for name, function in functions.items()
        },
    }
    if kind == "stablehlo":
        description |= {"platforms": PLATFORMS, "jax": jax.__version__}
    return description


def describe_function(function: ExportedFunction) -> dict[str, Any]:
    """Describe the inputs and outputs of a function for JSON.

    Args:
        function: The function.

    Returns:
        {"inputs": …, "outputs": …, "constraints": …}.
    """
    return {
        "inputs": [
            {"name": name, **spec._asdict()} for name, spec in function.inputs.items()
        ],
        "outputs": function.outputs,
        "constraints": function.constraints,
    }


def write_arrays(file: pathlib.Path, weights: Weights) -> str:
    """Write parameters and running statistics, and read them again.

    Args:
        file: The .npz file to write.
        weights: The weights.

    Returns:
        A description of the check.

    Raises:
        RuntimeError: The file does not hold the arrays.
    """
    tree = {"params": dict(weights.params), "stats": dict(weights.stats)}
    arrays: dict[str, Any] = dict(flatten_dict(tree, sep="/"))
    with open(file, "wb") as stream:
        np.savez(stream, **arrays)
    with np.load(file, allow_pickle=False) as written:
        are_equal = [
            np.array_equal(written[path], array) for path, array in arrays.items()
        ]
    if not all(are_equal):
        raise RuntimeError("the written arrays differ from the weights")
    return f"{len(arrays)} arrays, checked by reading them again"


def write_functions(
    file: pathlib.Path, functions: Mapping[str, ExportedFunction]
) -> str:
    """Write functions, and compare them with the originals on new batches.

    Args:
        file: The file to write: a program, or a zip archive of several.
        functions: The functions.

    Returns:
        A description of the check.

    Raises:
        RuntimeError: A written function gives other numbers.
    """
    programs = {name: serialize(function) for name, function in functions.items()}
    if len(programs) == 1:
        file.write_bytes(*programs.values())
    else:
        with zipfile.ZipFile(file, "w") as archive:
            for name, program in programs.items():
                archive.writestr(name, program)
    written = read_functions(file, list(functions))
    error = max(
        max_relative_error(function, written[name], batch)
        for name, function in functions.items()
        for batch in CHECKED_BATCHES
    )
    if not error <= TOLERANCE:
        raise RuntimeError(
            f"the written functions have a relative error of {error:.1e}"
        )
    names = ", ".join(functions)
    batches = " and ".join(map(str, CHECKED_BATCHES))
    return f"{names}, checked with batch size {batches}: relative error {error:.1g}"


def serialize(function: ExportedFunction) -> bytes:
    """Compile a function for all platforms, with symbolic sizes.

    Args:
        function: The function.

    Returns:
        The serialised program, for `jax.export.deserialize`.
    """
    exported = jax.export.export(jax.jit(function.run), platforms=PLATFORMS)
    return bytes(exported(*symbolic_shapes(function)).serialize())


def read_functions(
    file: pathlib.Path, names: list[str]
) -> dict[str, Callable[..., Any]]:
    """Read written functions.

    Args:
        file: A program, or a zip archive of several.
        names: The names of the functions.

    Returns:
        {name: function}.
    """
    if len(names) == 1:
        programs = {names[0]: file.read_bytes()}
    else:
        with zipfile.ZipFile(file) as archive:
            programs = {name: archive.read(name) for name in names}
    return {
        name: jax.export.deserialize(bytearray(program)).call
        for name, program in programs.items()
    }


def symbolic_shapes(function: ExportedFunction) -> list[jax.ShapeDtypeStruct]:
    """Return the inputs of a function with symbolic sizes.

    Args:
        function: The function.

    Returns:
        The shape and dtype of each input.
    """
    scope = jax.export.SymbolicScope(function.constraints)
    return [
        jax.ShapeDtypeStruct(
            jax.export.symbolic_shape(spec.shape.replace(" ", ","), scope=scope),
            spec.dtype,
        )
        for spec in function.inputs.values()
    ]


def max_relative_error(
    function: ExportedFunction, other: Callable[..., Any], batch: int
) -> float:
    """Compare another implementation of a function on sampled inputs.

    Args:
        function: The function.
        other: The other implementation.
        batch: Batch size.

    Returns:
        Largest difference, relative to the largest absolute value of the output.
    """
    inputs = sample_inputs(function, batch)
    expected, outputs = jax.jit(function.run)(*inputs), other(*inputs)
    return max(
        float(jnp.max(jnp.abs(outputs[name] - array)) / jnp.max(jnp.abs(array)))
        for name, array in expected.items()
    )


def sample_inputs(function: ExportedFunction, batch: int) -> list[np.ndarray]:
    """Sample inputs of a function; other batch sizes have other lengths.

    Args:
        function: The function.
        batch: Batch size.

    Returns:
        Arrays in the order of the inputs.
    """
    rng = np.random.default_rng(batch)
    sizes = {"b": batch, "t": 7 + 2 * batch, "h": 2 + batch, "w": 4}

    def axis_size(axis: str) -> int:
        return math.prod(sizes.get(part) or int(part) for part in axis.split("*"))

    arrays = []
    for spec in function.inputs.values():
        shape = [axis_size(axis) for axis in spec.shape.split()]
        limit = INPUT_LIMITS[spec.dtype]
        arrays.append((limit * rng.random(shape)).astype(spec.dtype))
    return arrays
