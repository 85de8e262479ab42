"""Denoise a photo with the restoration network in PyTorch, without adaptation.

    python tests/helpers/denoise_peer.py CHECKPOINT PHOTO OUT.png

The photo is read, restored as a whole, clipped, and written. It is written from facts
about the published code (Gunawan et al., 2022). It needs torch and
opencv-python-headless, and nothing of avjax.
"""

import sys

import cv2
import numpy as np
import torch
from torch import nn

WIDTHS = 32, 48, 64


def conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    """Make a convolution without bias that keeps the size."""
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)


class ResBlock(nn.Module):
    """Two convolutions with a shortcut."""

    def __init__(self, width: int):
        super().__init__()
        self.model = nn.Sequential(conv(width, width), nn.ReLU(), conv(width, width))

    def forward(self, x):
        return x + self.model(x)


class Projection(nn.Module):
    """A convolution of one pixel, after a change of size."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = conv(inputs, outputs, 1)

    def forward(self, x, size):
        return self.conv(nn.functional.interpolate(x, size, mode="bilinear"))


class Levels(nn.Module):
    """Blocks of three levels, and what changes from one to the next."""

    def __init__(self, name: str, steps: tuple[str, str], is_up: bool):
        super().__init__()
        for level, width in enumerate(WIDTHS, 1):
            blocks = nn.Sequential(ResBlock(width), ResBlock(width))
            setattr(self, f"{name}_l{level}", blocks)
        for level, step in enumerate(steps):
            inputs, outputs = WIDTHS[level], WIDTHS[level + 1]
            sizes = (outputs, inputs) if is_up else (inputs, outputs)
            setattr(self, step, Projection(*sizes))


class RestorationNet(nn.Module):
    """The published network, with its names of tensors."""

    def __init__(self):
        super().__init__()
        first = WIDTHS[0]
        self.shallow_fe = nn.Sequential(conv(3, first))
        self.encoder = Levels("encoder", ("down12", "down23"), is_up=False)
        self.decoder = Levels("decoder", ("up21", "up32"), is_up=True)
        self.primary_head = nn.Sequential(
            ResBlock(first), ResBlock(first), conv(first, 3)
        )
        self.auxiliary_head = nn.Sequential(
            conv(6, first), ResBlock(first), conv(first, 3)
        )

    def forward(self, noisy):
        encoder, decoder = self.encoder, self.decoder
        fine = encoder.encoder_l1(self.shallow_fe(noisy))
        half = [size // 2 for size in fine.shape[2:]]
        middle = encoder.encoder_l2(encoder.down12(fine, half))
        quarter = [size // 2 for size in middle.shape[2:]]
        coarse = encoder.encoder_l3(encoder.down23(middle, quarter))
        x = decoder.decoder_l3(coarse)
        x = decoder.decoder_l2(decoder.up32(x, middle.shape[2:]) + middle)
        x = decoder.decoder_l1(decoder.up21(x, fine.shape[2:]) + fine)
        return noisy + self.primary_head(x)


def main(checkpoint: str, photo: str, out: str) -> None:
    """Denoise a photo."""
    network = RestorationNet()
    states = torch.load(checkpoint, weights_only=True)
    network.load_state_dict(states["restoration_net_state_dict"])
    network.eval()
    image = np.ascontiguousarray(cv2.imread(photo)[..., ::-1])
    noisy = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32) / 255)
    with torch.no_grad():
        clean = network(noisy).clamp(0, 1)
    pixels = (clean[0].numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)
    cv2.imwrite(out, pixels[..., ::-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
