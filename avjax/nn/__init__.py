"""Neural network layers in Flax, and pure functions of arrays."""

from avjax.nn.apply import apply_network
from avjax.nn.batch_renorm import BatchRenorm
from avjax.nn.conv import max_pool, transposed_conv
from avjax.nn.duration import DurationPredictor, LengthRegulated, length_regulate
from avjax.nn.latent_normalizer import LatentNormalizer
from avjax.nn.layers import (
    Conv,
    ConvBlock,
    ConvLeakyReLU,
    ConvNoBias,
    ConvSpec,
    ConvStack,
    DeconvBlock,
    PReLU,
    TransposedConv,
    downsample,
    residual,
    scale_width,
)
from avjax.nn.local_attention import LocalSelfAttention, LocalTransformer, Mlp
from avjax.nn.masking import sample_lookahead, sample_masked_spans
from avjax.nn.memory import Fusion, KeyValueMemory, l2_normalize, standardize
from avjax.nn.pixels import (
    PixelRange,
    denormalize,
    mask_lower_face,
    normalize_mouth,
    normalize_pixels,
    to_uint8,
)
from avjax.nn.resnet import AudioFrontend, LipFrontend
from avjax.nn.temporal import BiGru, Gru, MelHead, MsTcn
from avjax.nn.temporal_conv import conv1d, conv3d
from avjax.nn.wav2lip import (
    AudioEncoder,
    Discriminator,
    FaceDecoder,
    IdentityEncoder,
    LipEncoder,
)

__all__ = [
    "AudioEncoder",
    "AudioFrontend",
    "BatchRenorm",
    "BiGru",
    "Conv",
    "ConvBlock",
    "ConvLeakyReLU",
    "ConvNoBias",
    "ConvSpec",
    "ConvStack",
    "DeconvBlock",
    "Discriminator",
    "DurationPredictor",
    "FaceDecoder",
    "Fusion",
    "Gru",
    "IdentityEncoder",
    "KeyValueMemory",
    "LatentNormalizer",
    "LengthRegulated",
    "LipEncoder",
    "LipFrontend",
    "LocalSelfAttention",
    "LocalTransformer",
    "MelHead",
    "Mlp",
    "MsTcn",
    "PReLU",
    "PixelRange",
    "TransposedConv",
    "apply_network",
    "conv1d",
    "conv3d",
    "denormalize",
    "downsample",
    "l2_normalize",
    "length_regulate",
    "mask_lower_face",
    "max_pool",
    "normalize_mouth",
    "normalize_pixels",
    "residual",
    "sample_lookahead",
    "sample_masked_spans",
    "scale_width",
    "standardize",
    "to_uint8",
    "transposed_conv",
]
