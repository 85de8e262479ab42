"""Denoisers that adapt to a picture, as published: which tensor is which of ours.

A file is in two parts, each a dict of its own; optimizers lie beside them.

Source   the files of github.com/agusgun/TTAID (Gunawan et al., 2022)
"""

from avjax.convert.layers import Rows, held_in, kernel


def pairs(name: str, path: str, count: int, first: int = 0) -> Rows:
    """Pairs of convolutions; `first` is the number of their first pair."""
    rows = []
    for pair in range(count):
        theirs, ours = f"{name}.{first + pair}.model", f"{path}/conv_{pair}"
        rows += kernel(f"{theirs}.0", f"{ours}_0") + kernel(f"{theirs}.2", f"{ours}_1")
    return rows


def restoration() -> Rows:
    rows = kernel("shallow_fe.0", "body/first")
    for level in range(3):
        rows += pairs(f"encoder.encoder_l{level + 1}", f"body/encode_{level}", 2)
    rows += kernel("encoder.down12.conv", "body/down_1")
    rows += kernel("encoder.down23.conv", "body/down_2")
    for level in range(3):
        rows += pairs(f"decoder.decoder_l{level + 1}", f"body/decode_{level}", 2)
    rows += kernel("decoder.up32.conv", "body/up_1")
    rows += kernel("decoder.up21.conv", "body/up_0")
    rows += pairs("primary_head", "primary/blocks", 2)
    rows += kernel("primary_head.2", "primary/last")
    rows += kernel("auxiliary_head.0", "auxiliary/first")
    rows += pairs("auxiliary_head", "auxiliary/head/blocks", 1, first=1)
    return rows + kernel("auxiliary_head.2", "auxiliary/head/last")


def mask() -> Rows:
    """Its slope is one number that the file holds three times; the last one counts."""
    rows = kernel("mask_net.0", "first")
    for block in range(3):
        name, path = f"mask_net.{block + 1}.model", f"conv_{block}"
        rows += kernel(f"{name}.0", f"{path}_0")
        rows += [(f"{name}.1.weight", "params/slope")]
        rows += kernel(f"{name}.2", f"{path}_1")
    return rows + kernel("mask_net.4", "last")


def restorer() -> Rows:
    return held_in("restoration_net_state_dict", restoration())


def masker() -> Rows:
    return held_in("mask_net_state_dict", mask())
