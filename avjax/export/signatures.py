"""Descriptions of the functions that are exported."""

from collections.abc import Callable
from typing import Any, NamedTuple

from avjax.typing import Array


class ArraySpec(NamedTuple):
    """An input array.

    Attributes:
        shape: Sizes of the axes, such as "b 4*t 80"; a letter stands for any size.
        dtype: The dtype, such as "float32".
        description: Meaning of the values.
    """

    shape: str
    dtype: str
    description: str


class ExportedFunction(NamedTuple):
    """A function of arrays with the weights inside.

    Attributes:
        run: Takes arrays in the order of `inputs`, returns {name: array}.
        inputs: {name: input array}.
        outputs: {name: shape and meaning of the output array}.
        constraints: Conditions on the letters of the shapes, such as "h >= 3".
    """

    run: Callable[..., dict[str, Array]]
    inputs: dict[str, ArraySpec]
    outputs: dict[str, str]
    constraints: tuple[str, ...] = ()


class ExportReport(NamedTuple):
    """What was exported.

    Attributes:
        files: The exported file, and its description as JSON.
        kind: "stablehlo" or "npz".
        system: The system id.
        functions: Names of the functions.
        check: How the file was checked, as a sentence.
    """

    files: tuple[str, str]
    kind: str
    system: str
    functions: tuple[str, ...]
    check: str

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts."""
        return {
            "kind": self.kind,
            "system": self.system,
            "functions": list(self.functions),
            "check": self.check,
        }

    def __str__(self) -> str:
        return f"{self.check}; described in {self.files[1]}"


Functions = dict[str, ExportedFunction]  # {name: function} of one system


def image_shape(size: int) -> str:
    """Return the shape of a batch of square RGB images.

    Args:
        size: Width and height in pixels.

    Returns:
        The shape as in `ArraySpec`.
    """
    return f"b {size} {size} 3"
