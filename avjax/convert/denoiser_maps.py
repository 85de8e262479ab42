"""Maps from the tensors of the published denoisers to our parameters.

A file holds one dict for each of two networks, and those of their optimizers.

Source:
    Files of github.com/agusgun/TTAID (Gunawan et al., 2022).
"""

from avjax.convert.layers import (
    TensorMap,
    map_kernel,
    with_prefix,
)


def map_conv_pairs(name: str, path: str, count: int, first: int = 0) -> TensorMap:
    """Map pairs of convolutions.

    Args:
        name: Published name of the list of pairs.
        path: Our path of the block.
        count: Number of pairs.
        first: Published number of the first pair.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = []
    for pair in range(count):
        published, ours = f"{name}.{first + pair}.model", f"{path}/conv_{pair}"
        rows += map_kernel(f"{published}.0", f"{ours}_0")
        rows += map_kernel(f"{published}.2", f"{ours}_1")
    return rows


def restoration_net_map() -> TensorMap:
    """Map the restoration network.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = map_kernel("shallow_fe.0", "body/first")
    for level in range(3):
        rows += map_conv_pairs(
            f"encoder.encoder_l{level + 1}", f"body/encode_{level}", 2
        )
    rows += map_kernel("encoder.down12.conv", "body/down_1")
    rows += map_kernel("encoder.down23.conv", "body/down_2")
    for level in range(3):
        rows += map_conv_pairs(
            f"decoder.decoder_l{level + 1}", f"body/decode_{level}", 2
        )
    rows += map_kernel("decoder.up32.conv", "body/up_1")
    rows += map_kernel("decoder.up21.conv", "body/up_0")
    rows += map_conv_pairs("primary_head", "primary/blocks", 2)
    rows += map_kernel("primary_head.2", "primary/last")
    rows += map_kernel("auxiliary_head.0", "auxiliary/first")
    rows += map_conv_pairs("auxiliary_head", "auxiliary/head/blocks", 1, first=1)
    return rows + map_kernel("auxiliary_head.2", "auxiliary/head/last")


def mask_net_map() -> TensorMap:
    """Map the mask network.

    Its slope is one number that the file holds three times; the last one is used.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = map_kernel("mask_net.0", "first")
    for block in range(3):
        name, path = f"mask_net.{block + 1}.model", f"conv_{block}"
        rows += map_kernel(f"{name}.0", f"{path}_0")
        rows += [(f"{name}.1.weight", "params/slope")]
        rows += map_kernel(f"{name}.2", f"{path}_1")
    return rows + map_kernel("mask_net.4", "last")


def restorer_part_map() -> TensorMap:
    """Map the restoration network in its dict of the file.

    Returns:
        (published key, our path) of each tensor.
    """
    return with_prefix("restoration_net_state_dict", restoration_net_map())


def mask_net_part_map() -> TensorMap:
    """Map the mask network in its dict of the file.

    Returns:
        (published key, our path) of each tensor.
    """
    return with_prefix("mask_net_state_dict", mask_net_map())
