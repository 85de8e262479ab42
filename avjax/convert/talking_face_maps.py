"""Maps from the tensors of published talking-face networks to our parameters.

These are generators, discriminators and synchronisation experts.

Source:
    Files of github.com/Rudrabha/Wav2Lip (Prajwal et al., ACM MM 2020); layer tables of
    SyncTalkFace (Park et al., AAAI 2022); the network of
    github.com/joonson/syncnet_python (Chung and Zisserman, 2016).
"""

import itertools

from avjax.convert.layers import (
    TensorMap,
    map_kernel_and_bias,
    map_norm,
    with_prefix,
)


def map_conv_block(name: str, path: str) -> TensorMap:
    """Map a convolution and its batch normalisation.

    Args:
        name: Published name of the block.
        path: Our path of the block.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = map_kernel_and_bias(f"{name}.conv_block.0", f"{path}/conv")
    return rows + map_norm(f"{name}.conv_block.1", f"{path}/norm")


def map_conv_stack(name: str, path: str, blocks: range, skipped: int = 0) -> TensorMap:
    """Map consecutive convolution blocks.

    Args:
        name: Published name of the list of layers.
        path: Our path of the stack.
        blocks: Published numbers of the blocks.
        skipped: Published number of our first block.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = []
    for index in blocks:
        rows += map_conv_block(f"{name}.{index}", f"{path}/block_{index - skipped}")
    return rows


def identity_encoder_map() -> TensorMap:
    """Map the identity encoder.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = []
    for stage, blocks in enumerate((1, 3, 4, 3, 3, 2, 2)):
        name = f"face_encoder_blocks.{stage}"
        rows += map_conv_stack(name, f"identity/stage_{stage}", range(blocks))
    return rows


def audio_encoder_map(blocks: int) -> TensorMap:
    """Map an audio encoder.

    Args:
        blocks: Number of its blocks.

    Returns:
        (published key, our path) of each tensor.
    """
    return map_conv_stack("audio_encoder", "audio/tower", range(blocks))


def decoder_map() -> TensorMap:
    """Map the decoder.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = map_conv_block("face_decoder_blocks.0.0", "decoder/stage_0/block_0")
    for stage, blocks in enumerate((2, 3, 3, 3, 3, 3), start=1):
        name, path = f"face_decoder_blocks.{stage}", f"decoder/stage_{stage}"
        rows += map_conv_block(f"{name}.0", f"decoder/upsample_{stage}")
        rows += map_conv_stack(name, path, range(1, blocks), skipped=1)
    rows += map_conv_block("output_block.0", "decoder/stage_7/block_0")
    return rows + map_kernel_and_bias("output_block.1", "decoder/to_rgb")


def wav2lip_map() -> TensorMap:
    """Map the generator of Wav2Lip.

    Returns:
        (published key, our path) of each tensor.
    """
    return identity_encoder_map() + audio_encoder_map(13) + decoder_map()


def encoder_map() -> TensorMap:
    """Map the modules of SyncTalkFace before its decoder.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = [("mem.key", "params/memory/keys"), ("mem.value", "params/memory/values")]
    rows += map_kernel_and_bias("mem.q_embd", "memory/to_key")
    rows += map_kernel_and_bias("mem.v_embd", "memory/to_value")
    rows += map_kernel_and_bias("mem.fusion", "fusion/proj")
    rows += map_kernel_and_bias("lip_encoder.0", "lips")
    rows += map_conv_stack("lip_encoder", "lips/tower", range(2, 16), skipped=2)
    return rows + identity_encoder_map() + audio_encoder_map(13)


def synctalkface_map() -> TensorMap:
    """Map the two modules of the generator in a file; the third is a discriminator.

    Returns:
        (published key, our path) of each tensor.
    """
    encoder = with_prefix("model_state_dict", encoder_map())
    return encoder + with_prefix("dec_state_dict", decoder_map())


def discriminator_map() -> TensorMap:
    """Map the visual quality discriminator.

    Returns:
        (published key, our path) of each tensor.
    """
    rows = []
    stages = [(0, 0), *itertools.product(range(1, 7), (0, 1))]
    for index, (stage, block) in enumerate(stages):
        name = f"face_encoder_blocks.{stage}.{block}.conv_block.0"
        rows += map_kernel_and_bias(name, f"block_{index}/conv")
    return rows + map_kernel_and_bias("binary_pred.0", "logits")


def sync_expert_map(blocks: int) -> TensorMap:
    """Map the sync expert.

    Args:
        blocks: Number of blocks of its face encoder.

    Returns:
        (published key, our path) of each tensor.
    """
    return map_conv_stack("face_encoder", "visual", range(blocks)) + audio_encoder_map(
        14
    )


# Indices of the convolutions in a stack of syncnet_v2; each is followed by its norm.
SYNCNET_CONVS = (0, 4, 8, 11, 14, 18)


def syncnet_v2_map() -> TensorMap:
    """Map SyncNet v2.

    Returns:
        (published key, our path) of each tensor.
    """

    def stack(name: str, path: str, conv: str) -> TensorMap:
        rows = []
        for block, index in enumerate(SYNCNET_CONVS):
            block_path = f"{path}/block_{block}"
            rows += map_kernel_and_bias(f"{name}.{index}", f"{block_path}{conv}")
            rows += map_norm(f"{name}.{index + 1}", f"{block_path}/norm")
        return rows

    def head(name: str, path: str) -> TensorMap:
        rows = map_kernel_and_bias(f"{name}.0", f"{path}/fc1")
        rows += map_norm(f"{name}.1", f"{path}/norm")
        return rows + map_kernel_and_bias(f"{name}.3", f"{path}/fc2")

    heads = head("netfcaud", "audio_head") + head("netfclip", "lip_head")
    return stack("netcnnaud", "audio", "/conv") + heads + stack("netcnnlip", "lips", "")
