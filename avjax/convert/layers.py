"""Layers of PyTorch's networks and ours: their tensors' names, and how kernels turn."""

import numpy as np
from einops import rearrange

from avjax.nn.layers import GROWN

Rows = list[tuple[str, str]]  # (published key, our path), in the order of the file

TURNS = {  # our kernels -> published ones, by how many axes they have
    2: "i o -> o i",
    3: "t i o -> o i t",
    4: "h w i o -> o i h w",
    5: "t h w i o -> o i t h w",
}


def kernel(name: str, path: str) -> Rows:
    return [(f"{name}.weight", f"params/{path}/kernel")]


def kernel_and_bias(name: str, path: str) -> Rows:
    return kernel(name, path) + [(f"{name}.bias", f"params/{path}/bias")]


def norm(name: str, path: str) -> Rows:
    return [
        (f"{name}.weight", f"params/{path}/scale"),
        (f"{name}.bias", f"params/{path}/bias"),
        (f"{name}.running_mean", f"batch_stats/{path}/mean"),
        (f"{name}.running_var", f"batch_stats/{path}/var"),
        (f"{name}.num_batches_tracked", f"batch_stats/{path}/seen"),
    ]


def slope(name: str, path: str) -> Rows:
    """Of a PReLU."""
    return [(f"{name}.weight", f"params/{path}/slope")]


def held_in(name: str, rows: Rows) -> Rows:
    """Rows of a network that lies in a dict of its own, where a file has several."""
    return [(f"{name}.{key}", path) for key, path in rows]


def published_shape(path: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """What the published file has for an array of ours."""
    if not path.endswith("kernel"):
        return shape
    *window, inputs, outputs = shape
    if "grow" in path:
        return inputs, outputs, *window
    return outputs, inputs, *(window or lone_tap(path))


def lone_tap(path: str) -> tuple[int, ...]:
    """Of a dense layer that is published as a convolution over one frame."""
    return (1,) if "backend/shortcut" in path else ()


def our_array(path: str, published: np.ndarray) -> np.ndarray:
    """A published tensor as ours: float32, its axes in our order."""
    array = published.astype(np.float32)
    if path.endswith("/seen"):
        return np.minimum(array, GROWN)
    if not path.endswith("kernel"):
        return array
    if "grow" in path:
        return rearrange(array[..., ::-1, ::-1], "i o h w -> h w i o")
    if lone_tap(path):
        array = array[..., 0]
    before, after = TURNS[array.ndim].split(" -> ")
    return rearrange(array, f"{after} -> {before}")


def red_first(array: np.ndarray, axis: int) -> np.ndarray:
    """The same for pictures whose colours are red, green, blue instead of blue first.

    axis  the one along which colours lie, three to a picture
    """
    sides = array.shape[:axis] + (-1, 3) + array.shape[axis + 1 :]
    return np.flip(array.reshape(sides), axis + 1).reshape(array.shape)
