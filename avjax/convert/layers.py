"""Maps for single layers: names of PyTorch tensors, and conversion of their arrays."""

import numpy as np
from einops import rearrange

from avjax.nn.batch_renorm import RENORM_FULL

TensorMap = list[tuple[str, str]]  # (published key, our path), in the order of the file

KERNEL_AXES = {  # axes of our kernels -> those of published ones, by their number
    2: "i o -> o i",
    3: "t i o -> o i t",
    4: "h w i o -> o i h w",
    5: "t h w i o -> o i t h w",
}


def map_kernel(name: str, path: str) -> TensorMap:
    """Map the kernel of a layer without a bias.

    Args:
        name: Published name of the layer.
        path: Our path of the layer.

    Returns:
        One (published key, our path).
    """
    return [(f"{name}.weight", f"params/{path}/kernel")]


def map_kernel_and_bias(name: str, path: str) -> TensorMap:
    """Map the kernel and the bias of a layer.

    Args:
        name: Published name of the layer.
        path: Our path of the layer.

    Returns:
        (published key, our path) of both.
    """
    return map_kernel(name, path) + [(f"{name}.bias", f"params/{path}/bias")]


def map_norm(name: str, path: str) -> TensorMap:
    """Map a batch normalisation and its running statistics.

    Args:
        name: Published name of the layer.
        path: Our path of the layer.

    Returns:
        (published key, our path) of scale, bias, mean, variance and count.
    """
    return [
        (f"{name}.weight", f"params/{path}/scale"),
        (f"{name}.bias", f"params/{path}/bias"),
        (f"{name}.running_mean", f"batch_stats/{path}/mean"),
        (f"{name}.running_var", f"batch_stats/{path}/var"),
        (f"{name}.num_batches_tracked", f"batch_stats/{path}/count"),
    ]


def map_slope(name: str, path: str) -> TensorMap:
    """Map the slopes of a PReLU.

    Args:
        name: Published name of the layer.
        path: Our path of the layer.

    Returns:
        One (published key, our path).
    """
    return [(f"{name}.weight", f"params/{path}/slope")]


def with_prefix(name: str, tensor_map: TensorMap) -> TensorMap:
    """Prefix the published keys of a network that is stored in a dict of its own.

    Args:
        name: Key of the dict.
        tensor_map: The map of the network.

    Returns:
        The map with published keys `name.key`.
    """
    return [(f"{name}.{key}", path) for key, path in tensor_map]


def published_shape(path: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a published tensor.

    Args:
        path: Our path of the array.
        shape: Our shape of the array.

    Returns:
        The shape in PyTorch's order of axes.
    """
    if not path.endswith("kernel"):
        return shape
    *window, inputs, outputs = shape
    if "upsample" in path:
        return inputs, outputs, *window
    return outputs, inputs, *(window or _extra_axis(path))


def _extra_axis(path: str) -> tuple[int, ...]:
    """Return the extra axis of a dense kernel published as a convolution, or ()."""
    return (1,) if "backend/shortcut" in path else ()


def convert_array(path: str, published: np.ndarray) -> np.ndarray:
    """Convert a published tensor to our type and order of axes.

    Args:
        path: Our path of the array.
        published: The published tensor.

    Returns:
        The array, f32.
    """
    array = published.astype(np.float32)
    if path.endswith("/count"):
        return np.minimum(array, RENORM_FULL)
    if not path.endswith("kernel"):
        return array
    if "upsample" in path:
        return rearrange(array[..., ::-1, ::-1], "i o h w -> h w i o")
    if _extra_axis(path):
        array = array[..., 0]
    our_axes, torch_axes = KERNEL_AXES[array.ndim].split(" -> ")
    return rearrange(array, f"{torch_axes} -> {our_axes}")


def bgr_to_rgb(array: np.ndarray, axis: int) -> np.ndarray:
    """Reorder the weights of a network for images in RGB instead of BGR.

    Args:
        array: Weights of any shape.
        axis: The axis of the colours; its length is a multiple of 3.

    Returns:
        The array with the colours of every image reversed, same shape.
    """
    sides = array.shape[:axis] + (-1, 3) + array.shape[axis + 1 :]
    return np.flip(array.reshape(sides), axis + 1).reshape(array.shape)
