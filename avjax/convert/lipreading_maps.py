"""Maps from the tensors of the published lip readers with memory to our parameters.

A file holds one dict for each of four modules.

Source:
    Files of github.com/ms-dot-k/Visual-Audio-Memory (Kim et al., ICCV 2021).
"""

from avjax.convert.layers import (
    TensorMap,
    map_kernel,
    map_kernel_and_bias,
    map_norm,
    map_slope,
    with_prefix,
)


def map_residual_block(
    name: str, path: str, prelu: bool, downsample: bool
) -> TensorMap:
    """Map a residual block.

    Args:
        name: Published name of the block.
        path: Our path of the block.
        prelu: True if the block has PReLU instead of ReLU.
        downsample: True if the shortcut has a convolution.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = map_kernel(f"{name}.conv1", f"{path}/conv_1")
    rows += map_norm(f"{name}.bn1", f"{path}/norm_1")
    if prelu:
        for number in (1, 2):
            rows += map_slope(f"{name}.relu{number}", f"{path}/prelu_{number}")
    rows += map_kernel(f"{name}.conv2", f"{path}/conv_2")
    rows += map_norm(f"{name}.bn2", f"{path}/norm_2")
    if downsample:
        rows += map_kernel(f"{name}.downsample.0", f"{path}/conv_shortcut")
        rows += map_norm(f"{name}.downsample.1", f"{path}/norm_shortcut")
    return rows


def visual_front_map() -> TensorMap:
    """Map the visual front-end: a 3-D convolution and a ResNet-18.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = map_kernel("frontend.0", "visual/stem")
    rows += map_norm("frontend.1", "visual/stem/norm")
    rows += map_slope("frontend.2", "visual/stem/prelu")
    for stage in range(4):
        for number in range(2):
            name = f"resnet.layer{stage + 1}.{number}"
            path = f"visual/block_{2 * stage + number}"
            first = number == 0
            rows += map_residual_block(
                name, path, prelu=True, downsample=first and stage > 0
            )
    return rows


def audio_front_map() -> TensorMap:
    """Map the audio front-end.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = []
    for index in range(2):
        rows += map_kernel_and_bias(f"frontend.{3 * index}", f"audio/conv_{index}")
        rows += map_norm(f"frontend.{3 * index + 1}", f"audio/norm_{index}")
        rows += map_slope(f"frontend.{3 * index + 2}", f"audio/prelu_{index}")
    rows += map_residual_block(
        "Res_block.0", "audio/block", prelu=False, downsample=False
    )
    return rows + map_kernel_and_bias("Linear", "audio/out")


def memory_map() -> TensorMap:
    """Map the visual-audio memory and the fusion layer.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = [("key", "params/memory/keys"), ("value", "params/memory/values")]
    rows += map_kernel_and_bias("q_embd", "memory/to_key")
    rows += map_kernel_and_bias("v_embd", "memory/to_value")
    return rows + map_kernel_and_bias("fusion", "fusion/proj")


def gru_map() -> TensorMap:
    """Map the back-end of two bidirectional GRU layers.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = []
    for layer in range(2):
        for direction, suffix in (("forward", ""), ("backward", "_reverse")):
            path = f"params/backend/{direction}_{layer}"
            ending = f"l{layer}{suffix}"
            rows += [
                (f"gru.weight_ih_{ending}", f"{path}/input_proj/kernel"),
                (f"gru.weight_hh_{ending}", f"{path}/kernel"),
                (f"gru.bias_ih_{ending}", f"{path}/input_proj/bias"),
                (f"gru.bias_hh_{ending}", f"{path}/bias"),
            ]
    return rows + map_kernel_and_bias("fc", "out")


def tcn_map() -> TensorMap:
    """Map the back-end of a multi-scale temporal convolutional network.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = []
    for number in range(4):
        name = f"tcn.mb_ms_tcn.network.{number}"
        for half in range(2):
            for branch, kernel_size in enumerate((3, 5, 7)):
                published = f"{name}.cbcr{half}_{branch}"
                path = f"backend/block_{number}_{half}_{kernel_size}"
                rows += map_kernel_and_bias(f"{published}.conv", path)
                rows += map_norm(f"{published}.batchnorm", f"{path}/norm")
                rows += map_slope(f"{published}.non_lin", f"{path}/prelu")
        rows += map_kernel_and_bias(f"{name}.downsample", f"backend/shortcut_{number}")
        rows += map_slope(f"{name}.relu_final", f"backend/prelu_{number}")
    return rows + map_kernel_and_bias("tcn.tcn_output", "out")


def reader_map(backend: TensorMap) -> TensorMap:
    """Map all four modules of a file.

    Args:
        backend: The map of the back-end.

    Returns:
        (published key, our path) of each tensor.
    """
    return [
        *with_prefix("v_front_state_dict", visual_front_map()),
        *with_prefix("a_front_state_dict", audio_front_map()),
        *with_prefix("mem_state_dict", memory_map()),
        *with_prefix("back_state_dict", backend),
    ]
