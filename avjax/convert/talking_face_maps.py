"""Talking faces, their critic and who judges them, as published: which tensor is which.

Source   the files of github.com/Rudrabha/Wav2Lip (Prajwal et al., ACM MM 2020); the
         layer tables of SyncTalkFace (Park et al., AAAI 2022); the network of
         github.com/joonson/syncnet_python (Chung and Zisserman, 2016)
"""

import itertools

from avjax.convert.layers import Rows, held_in, kernel_and_bias, norm


def conv_block(name: str, path: str) -> Rows:
    """Convolution and norm."""
    rows = kernel_and_bias(f"{name}.conv_block.0", f"{path}/conv")
    return rows + norm(f"{name}.conv_block.1", f"{path}/norm")


def tower(name: str, path: str, blocks: range, skipped: int = 0) -> Rows:
    """Blocks in a row; ours begin at 0, where theirs have `skipped` other layers."""
    rows = []
    for index in blocks:
        rows += conv_block(f"{name}.{index}", f"{path}/block_{index - skipped}")
    return rows


def identity() -> Rows:
    rows = []
    for stage, blocks in enumerate((1, 3, 4, 3, 3, 2, 2)):
        name = f"face_encoder_blocks.{stage}"
        rows += tower(name, f"identity/stage_{stage}", range(blocks))
    return rows


def audio(blocks: int) -> Rows:
    return tower("audio_encoder", "audio/tower", range(blocks))


def decoder() -> Rows:
    rows = conv_block("face_decoder_blocks.0.0", "decoder/stage_0/block_0")
    for stage, blocks in enumerate((2, 3, 3, 3, 3, 3), start=1):
        name, path = f"face_decoder_blocks.{stage}", f"decoder/stage_{stage}"
        rows += conv_block(f"{name}.0", f"decoder/grow_{stage}")
        rows += tower(name, path, range(1, blocks), skipped=1)
    rows += conv_block("output_block.0", "decoder/stage_7/block_0")
    return rows + kernel_and_bias("output_block.1", "decoder/pixels")


def wav2lip() -> Rows:
    return identity() + audio(13) + decoder()


def encoder() -> Rows:
    """What SyncTalkFace has before its decoder."""
    rows = [("mem.key", "params/memory/keys"), ("mem.value", "params/memory/values")]
    rows += kernel_and_bias("mem.q_embd", "memory/to_key")
    rows += kernel_and_bias("mem.v_embd", "memory/to_value")
    rows += kernel_and_bias("mem.fusion", "fusion/mix")
    rows += kernel_and_bias("lip_encoder.0", "lips")
    rows += tower("lip_encoder", "lips/tower", range(2, 16), skipped=2)
    return rows + identity() + audio(13)


def synctalkface() -> Rows:
    """Both parts of a file; its third is a critic."""
    encoding = held_in("model_state_dict", encoder())
    return encoding + held_in("dec_state_dict", decoder())


def critic() -> Rows:
    rows = []
    stages = [(0, 0), *itertools.product(range(1, 7), (0, 1))]
    for index, (stage, block) in enumerate(stages):
        name = f"face_encoder_blocks.{stage}.{block}.conv_block.0"
        rows += kernel_and_bias(name, f"block_{index}/conv")
    return rows + kernel_and_bias("binary_pred.0", "verdict")


def expert(blocks: int) -> Rows:
    return tower("face_encoder", "tower", range(blocks)) + audio(14)


# Convolutions stand at these places of a tower of syncnet_v2, their norms behind them.
PLACES = (0, 4, 8, 11, 14, 18)


def syncnet_v2() -> Rows:
    def side(name: str, path: str, conv: str) -> Rows:
        rows = []
        for block, place in enumerate(PLACES):
            here = f"{path}/block_{block}"
            rows += kernel_and_bias(f"{name}.{place}", f"{here}{conv}")
            rows += norm(f"{name}.{place + 1}", f"{here}/norm")
        return rows

    def code(name: str, path: str) -> Rows:
        rows = kernel_and_bias(f"{name}.0", f"{path}/inner")
        rows += norm(f"{name}.1", f"{path}/norm")
        return rows + kernel_and_bias(f"{name}.3", f"{path}/outer")

    codes = code("netfcaud", "audio_code") + code("netfclip", "lip_code")
    return side("netcnnaud", "audio", "/conv") + codes + side("netcnnlip", "lips", "")
