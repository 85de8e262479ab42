"""Adapt a denoiser to a whole image in PyTorch, as the published program does it.

    python tests/helpers/denoiser_peer.py CHECKPOINT IMAGE.npy

Random weights are written to CHECKPOINT. For each line of the standard input, the
network is adapted to IMAGE (f32 [h w 3] in [0, 1]), a line "SECONDS CPU_SECONDS LOSS"
is printed, and the restored image is written to IMAGE.npy.clean.npy.

It is written from facts about the program of Gunawan et al., 2022: five steps of Adam
for the tensors of the two heads but the first one, with the loss weighted by a rounded
mask; the result is the image before the fifth step. It is not known how that program
keeps the body fixed; here no gradient is computed for it. It needs torch and numpy.
"""

import copy
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

STEPS, LEARNING_RATE = 5, 1e-5
WIDTHS = 32, 48, 64


def conv(inputs: int, outputs: int, size: int = 3) -> nn.Conv2d:
    """Make a convolution that keeps the sides."""
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)


class Pair(nn.Module):
    """Two convolutions with a shortcut."""

    def __init__(self, width: int, activation: nn.Module | None = None):
        super().__init__()
        activation = activation or nn.ReLU()
        self.model = nn.Sequential(conv(width, width), activation, conv(width, width))

    def forward(self, x):
        return x + self.model(x)


class Resize(nn.Module):
    """Bilinear resampling and a convolution of one pixel."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = conv(inputs, outputs, 1)

    def forward(self, x, factor: float):
        return self.conv(functional.interpolate(x, None, factor, mode="bilinear"))


class Restorer(nn.Module):
    """The U-Net with a head that restores and one that reconstructs."""

    def __init__(self):
        super().__init__()
        self.shallow_fe = nn.Sequential(conv(3, WIDTHS[0]))
        for name in "encoder", "decoder":
            levels = {
                f"{name}_l{level + 1}": nn.Sequential(Pair(width), Pair(width))
                for level, width in enumerate(WIDTHS)
            }
            self.add_module(name, nn.ModuleDict(levels))
        self.encoder["down12"], self.encoder["down23"] = Resize(32, 48), Resize(48, 64)
        self.decoder["up32"], self.decoder["up21"] = Resize(64, 48), Resize(48, 32)
        self.primary_head = nn.Sequential(Pair(32), Pair(32), conv(32, 3))
        self.auxiliary_head = nn.Sequential(conv(6, 32), Pair(32), conv(32, 3))

    def features(self, noisy):
        down, up = self.encoder, self.decoder
        first = down["encoder_l1"](self.shallow_fe(noisy))
        second = down["encoder_l2"](down["down12"](first, 0.5))
        third = down["encoder_l3"](down["down23"](second, 0.5))
        x = up["up32"](up["decoder_l3"](third), 2.0) + second
        return up["decoder_l1"](up["up21"](up["decoder_l2"](x), 2.0) + first)

    def forward(self, noisy):
        with torch.no_grad():
            features = self.features(noisy)
        residual = self.primary_head(features)
        clean = noisy + residual
        return clean, self.auxiliary_head(torch.cat([clean, residual], 1))


class MaskNet(nn.Module):
    """Weights of the pixels in the loss; its PReLUs share one slope."""

    def __init__(self):
        super().__init__()
        slope = nn.PReLU()
        pairs = [Pair(32, slope) for _ in range(3)]
        self.mask_net = nn.Sequential(conv(3, 32), *pairs, conv(32, 1), nn.Sigmoid())

    def forward(self, noisy):
        return self.mask_net(noisy)


def adapt(restorer: Restorer, mask_net: MaskNet, noisy):
    """Adapt a copy of the network, and return the restored image and the last loss."""
    restorer = copy.deepcopy(restorer)
    heads = list(restorer.parameters())[-9:][1:]
    optimizer = torch.optim.Adam(heads, LEARNING_RATE)
    with torch.no_grad():
        mask = (mask_net(noisy) > 0.5).float()
    for _ in range(STEPS):
        optimizer.zero_grad()
        clean, reconstructed = restorer(noisy)
        loss = ((noisy - reconstructed).abs() * mask).mean()
        loss.backward()
        optimizer.step()
    return clean.detach().clamp(0, 1), loss.item()


def main() -> None:
    """Write the weights, then adapt for each line."""
    checkpoint, image = sys.argv[1:]
    torch.manual_seed(0)
    restorer, mask_net = Restorer(), MaskNet()
    nets = {"restoration_net": restorer, "mask_net": mask_net}
    torch.save(
        {f"{name}_state_dict": net.state_dict() for name, net in nets.items()},
        checkpoint,
    )
    noisy = torch.from_numpy(np.load(image)).permute(2, 0, 1)[None].contiguous()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter(), time.process_time()
        clean, loss = adapt(restorer, mask_net, noisy)
        end = time.perf_counter(), time.process_time()
        np.save(f"{image}.clean.npy", clean[0].permute(1, 2, 0).numpy())
        print(end[0] - start[0], end[1] - start[1], loss, flush=True)


if __name__ == "__main__":
    main()
