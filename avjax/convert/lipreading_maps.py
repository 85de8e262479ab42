"""Lip readers with a memory, as published: which tensor is which of ours.

A file is in four parts, each a dict of its own.

Source   the files of github.com/ms-dot-k/Visual-Audio-Memory (Kim et al., ICCV 2021)
"""

from avjax.convert.layers import Rows, held_in, kernel, kernel_and_bias, norm, slope


def block(name: str, path: str, learnt: bool, halved: bool) -> Rows:
    """Two convolutions beside a shortcut, with learnt slopes or without."""
    rows = kernel(f"{name}.conv1", f"{path}/conv_1")
    rows += norm(f"{name}.bn1", f"{path}/norm_1")
    if learnt:
        for bend in (1, 2):
            rows += slope(f"{name}.relu{bend}", f"{path}/bend_{bend}")
    rows += kernel(f"{name}.conv2", f"{path}/conv_2")
    rows += norm(f"{name}.bn2", f"{path}/norm_2")
    if halved:
        rows += kernel(f"{name}.downsample.0", f"{path}/conv_shortcut")
        rows += norm(f"{name}.downsample.1", f"{path}/norm_shortcut")
    return rows


def lip_front() -> Rows:
    rows = kernel("frontend.0", "visual/stem")
    rows += norm("frontend.1", "visual/stem/norm")
    rows += slope("frontend.2", "visual/stem/bend")
    for stage in range(4):
        for number in range(2):
            name = f"resnet.layer{stage + 1}.{number}"
            path = f"visual/block_{2 * stage + number}"
            rows += block(name, path, True, stage > 0 and number == 0)
    return rows


def sound_front() -> Rows:
    rows = []
    for index in range(2):
        rows += kernel_and_bias(f"frontend.{3 * index}", f"audio/conv_{index}")
        rows += norm(f"frontend.{3 * index + 1}", f"audio/norm_{index}")
        rows += slope(f"frontend.{3 * index + 2}", f"audio/bend_{index}")
    rows += block("Res_block.0", "audio/block", False, False)
    return rows + kernel_and_bias("Linear", "audio/code")


def memory() -> Rows:
    rows = [("key", "params/memory/keys"), ("value", "params/memory/values")]
    rows += kernel_and_bias("q_embd", "memory/to_key")
    rows += kernel_and_bias("v_embd", "memory/to_value")
    return rows + kernel_and_bias("fusion", "fusion/mix")


def gru() -> Rows:
    rows = []
    for layer in range(2):
        for way, suffix in (("forth", ""), ("back", "_reverse")):
            path = f"params/backend/{way}_{layer}"
            end = f"l{layer}{suffix}"
            rows += [
                (f"gru.weight_ih_{end}", f"{path}/given/kernel"),
                (f"gru.weight_hh_{end}", f"{path}/kernel"),
                (f"gru.bias_ih_{end}", f"{path}/given/bias"),
                (f"gru.bias_hh_{end}", f"{path}/bias"),
            ]
    return rows + kernel_and_bias("fc", "answers")


def tcn() -> Rows:
    rows = []
    for number in range(4):
        name = f"tcn.mb_ms_tcn.network.{number}"
        for half in range(2):
            for branch, taps in enumerate((3, 5, 7)):
                scale = f"{name}.cbcr{half}_{branch}"
                path = f"backend/block_{number}_{half}_{taps}"
                rows += kernel_and_bias(f"{scale}.conv", path)
                rows += norm(f"{scale}.batchnorm", f"{path}/norm")
                rows += slope(f"{scale}.non_lin", f"{path}/bend")
        rows += kernel_and_bias(f"{name}.downsample", f"backend/shortcut_{number}")
        rows += slope(f"{name}.relu_final", f"backend/bend_{number}")
    return rows + kernel_and_bias("tcn.tcn_output", "answers")


def reader(backend: Rows) -> Rows:
    """All four parts of a file."""
    return [
        *held_in("v_front_state_dict", lip_front()),
        *held_in("a_front_state_dict", sound_front()),
        *held_in("mem_state_dict", memory()),
        *held_in("back_state_dict", backend),
    ]
