"""Denoise a photo with the restoration network in PyTorch, without adaptation.

    python tests/helpers/denoise_peer.py CHECKPOINT PHOTO OUT.png

The photo, whose sides are multiples of 4, is read, restored as a whole, clipped, and
written. The program follows facts about the published code (Gunawan et al., 2022). It
needs torch and opencv-python-headless, and nothing of avjax.
"""

import sys

import cv2
import numpy as np
import torch
from denoiser_peer import Restorer


def main(checkpoint: str, photo: str, out: str) -> None:
    """Denoise a photo."""
    network = Restorer()
    states = torch.load(checkpoint, weights_only=True)
    network.load_state_dict(states["restoration_net_state_dict"])
    network.eval()
    image = np.ascontiguousarray(cv2.imread(photo)[..., ::-1])
    noisy = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32) / 255)
    with torch.no_grad():
        clean = noisy + network.primary_head(network.features(noisy))
    pixels = (
        (clean.clamp(0, 1)[0].numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)
    )
    cv2.imwrite(out, pixels[..., ::-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
