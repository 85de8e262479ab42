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
from PIL import Image
from torch import nn

SIZE, MEAN, STD, RADIUS = 112, 0.4136, 0.1700, 16
DIM, SLOTS, WORDS = 512, 88, 500


def conv(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Conv2d:
    """Make a convolution without bias that keeps the size at stride 1."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class BasicBlock(nn.Module):
    """Two convolutions with a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, prelu: bool = True):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs), nn.BatchNorm2d(outputs)
        self.relu1 = nn.PReLU(outputs) if prelu else nn.ReLU()
        self.relu2 = nn.PReLU(outputs) if prelu else nn.ReLU()
        self.downsample = None
        if inputs != outputs:
            shortcut = conv(inputs, outputs, stride, kernel=1)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Four stages of two blocks; the upper left 3 x 3 pixels are averaged."""

    def __init__(self):
        super().__init__()
        inputs = 64
        for stage, outputs in enumerate((64, 128, 256, 512), 1):
            blocks = (
                BasicBlock(inputs, outputs, 1 if stage == 1 else 2),
                BasicBlock(outputs, outputs, 1),
            )
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            inputs = outputs
        self.avgpool = nn.AvgPool2d(3)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.avgpool(x).flatten(1)


class VisualFront(nn.Module):
    """Frames [b 1 t h w] -> features [b t d]."""

    def __init__(self):
        super().__init__()
        self.frontend = nn.Sequential(
            nn.Conv3d(1, 64, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False),
            nn.BatchNorm3d(64),
            nn.PReLU(64),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
        self.resnet = ResNet()

    def forward(self, x):
        x = self.frontend(x).transpose(1, 2)
        return self.resnet(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class Memory(nn.Module):
    """Recall audio from lips, and join both."""

    def __init__(self):
        super().__init__()
        self.key = nn.Parameter(torch.zeros(SLOTS, DIM))
        self.value = nn.Parameter(torch.zeros(SLOTS, DIM))
        self.q_embd, self.v_embd = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.fusion = nn.Linear(2 * DIM, DIM)

    def forward(self, visual):
        query = nn.functional.normalize(self.q_embd(visual), dim=-1)
        keys = nn.functional.normalize(self.key, dim=-1)
        recalled = torch.softmax(RADIUS * query @ keys.T, -1) @ self.value
        return self.fusion(torch.cat([visual, recalled], -1))


class Back(nn.Module):
    """Features -> logits of the words."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(DIM, DIM, 2, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * DIM, WORDS)

    def forward(self, x):
        return self.fc(self.gru(x)[0].mean(1))


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
    networks = VisualFront(), Memory(), Back()
    states = torch.load(checkpoint, weights_only=True)
    for network, part in zip(networks, ("v_front", "mem", "back"), strict=True):
        network.load_state_dict(states[f"{part}_state_dict"])
        network.eval()
    x, y, side = map(int, square.split(","))
    front, memory, back = networks
    for number, clip in enumerate(clips):
        mouths = read_clip(clip, (x, y, x + side, y + side))
        with torch.no_grad():
            logits = back(memory(front(mouths)))
        if number == 0:
            np.savez(out, mouths=mouths, logits=logits)
        probability, word = torch.softmax(logits, -1).max(-1)
        print(f"{clip}: word {word.item()} ({probability.item():.3f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
