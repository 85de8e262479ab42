"""Fold normalisations into convolutions, once, for a network that is not trained.

A convolutional block stores its folded kernel and bias in the collection "folded", if
this is mutable, and computes with them, if they are there. A kernel of 3 x 3 pixels is
also transformed as `nn.inference.winograd` needs it, where that is faster on a CPU.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from avjax.compilation import cached_jit
from avjax.nn.conv import as_pair, conv
from avjax.nn.inference.winograd import (
    TILE,
    strided_winograd_conv,
    transform_kernel,
    transform_strided_kernel,
    winograd_conv,
)
from avjax.typing import Array, Params

if TYPE_CHECKING:
    from avjax.nn.layers import ConvSpec

FOLDED = "folded"
EPSILON = 1e-5  # of `nn.batch_renorm.BatchRenorm`
# Channels with which Winograd's convolution is faster (chosen by measurement). With
# more, the transformed kernels need too much memory.
MIN_CHANNELS, MAX_CHANNELS = 64, 384
STRIDED = (5, 5), (2, 2)  # kernel and stride of `strided_winograd_conv`
MAX_WASTE = 1.6  # area of the tiles over that of the feature map


def fold_network(
    network: nn.Module,
    variables: Mapping[str, Any],
    *shapes: tuple[int, ...],
    method: str | Callable[..., Any] | None = None,
) -> dict[str, Params]:
    """Fold the normalisations of a network into its convolutions.

    Args:
        network: The module.
        variables: Its variables: "params" and "batch_stats".
        *shapes: Shapes of its inputs; the number of images does not matter.
        method: Its method, or the name of one. None: `__call__`.

    Returns:
        Variables for inference: "folded", and the variables of layers that are not
        folded.
    """

    folded = jit_fold(network, shapes, method)(variables)
    rest = {name: _without(tree, folded) for name, tree in variables.items()}
    if not jax.tree.leaves(rest.get("batch_stats")):
        rest.pop("batch_stats", None)
    return {**rest, FOLDED: folded}


@cached_jit
def jit_fold(
    network: nn.Module,
    shapes: tuple[tuple[int, ...], ...],
    method: str | Callable[..., Any] | None,
) -> Callable[[Mapping[str, Any]], Params]:
    """Compile the folding of a network; see `fold_network` for arguments."""

    def fold(variables: Mapping[str, Any]) -> Params:
        inputs = [jnp.zeros(shape) for shape in shapes]
        _, changed = network.apply(variables, *inputs, method=method, mutable=[FOLDED])
        return changed[FOLDED]

    return fold


def suits_folding(config: Any) -> bool:
    """Tell whether a network is folded on this platform.

    Small networks gain little, and keep their numbers to the last digit.

    Args:
        config: Its config, with `width` and `dtype`.

    Returns:
        True if the network has the published size and float32, on a CPU.
    """
    is_full_size = config.width >= 1 and config.dtype == "float32"
    return is_full_size and jax.default_backend() == "cpu"


def fold_decoder(
    network: Any,
    variables: Mapping[str, Mapping[str, Any]],
    part: str,
    method: str | None = None,
) -> Mapping[str, Mapping[str, Any]]:
    """Fold the network of a talker that turns latents and faces into frames.

    Args:
        network: The module, with the config of the talker as `config`.
        variables: {part: variables} of the talker.
        part: Name of the network's part.
        method: Name of its method. None: `__call__`.

    Returns:
        {part: variables} for inference; `variables` unless `suits_folding`.
    """
    config = network.config
    if not suits_folding(config):
        return variables
    shapes = (1, 1, config.latent_dim), (1, 1, config.size, config.size, 6)
    folded = fold_network(network, variables[part], *shapes, method=method)
    return {**variables, part: folded}


def is_folded(module: nn.Module) -> bool:
    """Tell whether a block, or a network, has folded variables."""
    return FOLDED in module.variables


def store_folded(
    module: nn.Module,
    conv: str = "conv",
    norm: str = "norm",
    *,
    name: str = "",
    is_winograd: bool = False,
) -> None:
    """Store the folded variables of a convolution and the normalisation after it.

    Nothing happens unless `fold_network` calls the network.

    Args:
        module: The module with both.
        conv: Name of the convolution. Empty: the module itself.
        norm: Name of the normalisation.
        name: Name under which a dict of the two is stored. Empty: they are stored as
            variables of the module.
        is_winograd: Transform the kernel for `winograd_conv`.
    """
    if module.is_initializing() or not module.is_mutable_collection(FOLDED):
        return
    params, stats = module.variables["params"], module.variables["batch_stats"][norm]
    layer, affine = params[conv] if conv else params, params[norm]
    gain = affine["scale"] * jax.lax.rsqrt(stats["var"] + EPSILON)
    kernel = layer["kernel"] * gain.reshape((1,) * (layer["kernel"].ndim - 1) + (-1,))
    bias = (layer.get("bias", 0.0) - stats["mean"]) * gain + affine["bias"]
    if is_winograd:
        kernel = kernel.reshape(kernel.shape[-4:])
        transform = transform_strided_kernel if len(kernel) == 5 else transform_kernel
        kernel = transform(kernel)
    folded = {"kernel": kernel, "bias": bias}
    for key, value in ({name: folded} if name else folded).items():
        module.put_variable(FOLDED, key, value)


def suits_winograd(spec: "ConvSpec", shape: tuple[int, ...]) -> bool:
    """Tell whether Winograd's convolution is used for a block on this platform.

    Args:
        spec: The `nn.layers.ConvSpec` of the block.
        shape: Shape of its input, (b, h, w, c).

    Returns:
        True if it is possible and faster.
    """
    padding = as_pair(spec.padding)
    sizes = as_pair(spec.kernel), as_pair(spec.stride)
    is_known = sizes == STRIDED or (*sizes, padding) == ((3, 3), (1, 1), (1, 1))
    outputs = [
        (size + 2 * pad - kernel) // stride + 1
        for size, pad, kernel, stride in zip(shape[1:3], padding, *sizes, strict=True)
    ]
    tiles = math.prod(-(-size // TILE) * TILE for size in outputs)
    return (
        jax.default_backend() == "cpu"
        and is_known
        and tiles <= MAX_WASTE * math.prod(outputs)
        and MIN_CHANNELS <= shape[-1] <= MAX_CHANNELS
    )


def folded_conv(
    module: nn.Module, x: Array, skip: Array | None, spec: "ConvSpec"
) -> Array:
    """Compute a convolution and its normalisation with folded variables.

    Args:
        module: The block.
        x: Input, [b h w c].
        skip: More channels of the input, [b or 1 h w e], or None.
        spec: The `nn.layers.ConvSpec` of the block.

    Returns:
        [b h w d].
    """
    return apply_folded(
        module, lambda x, kernel: convolve_folded(x, kernel, spec), x, skip
    )


def convolve_folded(x: Array, kernel: Array, spec: "ConvSpec") -> Array:
    """Compute a convolution, whose kernel may be transformed.

    Args:
        x: Input, [b h w c].
        kernel: The kernel that `store_folded` has stored.
        spec: The `nn.layers.ConvSpec` of the convolution.

    Returns:
        [b h w d].
    """
    (rows, columns), strides = as_pair(spec.padding), as_pair(spec.stride)
    if kernel.shape[0] == TILE + 2 and as_pair(spec.kernel) == (3, 3):
        return winograd_conv(x, kernel)
    if kernel.shape[0] == TILE + 2 and (as_pair(spec.kernel), strides) == STRIDED:
        return strided_winograd_conv(x, kernel, rows)
    padding = (rows, rows), (columns, columns)
    return conv(x, kernel, strides=strides, padding=padding)


def apply_folded(
    module: nn.Module,
    convolve: Callable[[Array, Array], Array],
    x: Array,
    skip: Array | None,
) -> Array:
    """Apply a convolution with folded variables.

    What is the same for all images is convolved once.

    Args:
        module: The block.
        convolve: Function from an input [b h w c] and a kernel [h w c d] to [b h w d].
        x: Input, [b h w c].
        skip: More channels of the input, [b or 1 h w e], or None.

    Returns:
        [b h w d].
    """
    folded = module.variables[FOLDED]
    kernel, bias = folded["kernel"], folded["bias"][None, None, None]
    if skip is None or len(skip) == len(x):
        return convolve(join_channels(x, skip), kernel) + bias
    channels = x.shape[-1]
    constant = convolve(skip, kernel[:, :, channels:]) + bias
    return convolve(x, kernel[:, :, :channels]) + constant


def join_channels(x: Array, skip: Array | None) -> Array:
    """Concatenate x [b h w c] and, if there are any, more channels [b or 1 h w e]."""
    if skip is None:
        return x
    skip = jnp.broadcast_to(skip, (len(x), *skip.shape[1:]))
    return jnp.concatenate([x, skip], axis=-1)


def _without(params: Mapping[str, Any], folded: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the parameters of blocks that have been folded."""
    return {
        name: _without(tree, folded[name]) if name in folded else tree
        for name, tree in params.items()
        if "kernel" not in folded.get(name, {})
    }
