"""Read words from lips with the bridging memory in PyTorch, as the published code does.

    python tests/helpers/lipread_peer.py CHECKPOINT X,Y,SIDE OUT.npz CLIP...

Each clip has 29 frames, as in LRW. Its frames are decoded, the given square is cut out
and resized to 112 pixels, made grey and normalised; the front-end, the memory and a
bidirectional GRU give the word, whose number and probability are printed. The clip is
read once, not mirrored a second time. OUT.npz receives input and output of the first
clip.

It is written from facts about the published code. It needs torch,
opencv-python-headless and pillow, and nothing of avjax.
"""

import sys

import cv2
import numpy as np
import torch
from bridging_torch import Back, Memory, VisualFront
from PIL import Image

SIZE, MEAN, STD = 112, 0.4136, 0.1700
WORDS = 500


def read_clip(path: str, box: tuple[int, ...]) -> torch.Tensor:
    """Read the normalised grey crops of a clip, [1 1 t h w]."""
    video, crops = cv2.VideoCapture(path), []
    while True:
        found, frame = video.read()
        if not found:
            break
        image = Image.fromarray(np.ascontiguousarray(frame[..., ::-1])).crop(box)
        image = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR).convert("L")
        crops.append(np.asarray(image, np.float32) / 255)
    return torch.from_numpy((np.stack(crops) - MEAN) / STD)[None, None]


def main(checkpoint: str, square: str, out: str, *clips: str) -> None:
    """Print the word of each clip."""
    networks = VisualFront(), Memory(), Back(WORDS)
    states = torch.load(checkpoint, weights_only=True)
    for network, part in zip(networks, ("v_front", "mem", "back"), strict=True):
        network.load_state_dict(states[f"{part}_state_dict"])
        network.eval()
    x, y, side = map(int, square.split(","))
    front, memory, back = networks
    for number, clip in enumerate(clips):
        mouths = read_clip(clip, (x, y, x + side, y + side))
        with torch.no_grad():
            logits = back(memory.recall(front(mouths)))
        if number == 0:
            np.savez(out, mouths=mouths, logits=logits)
        probability, word = torch.softmax(logits, -1).max(-1)
        print(f"{clip}: word {word.item()} ({probability.item():.3f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
