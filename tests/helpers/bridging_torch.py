"""The lip reader with a visual-audio memory in PyTorch, with published tensor names.

Written from facts about the system of Kim et al., ICCV 2021; nothing of avjax is
needed.
"""

import torch
from torch import nn
from torch.nn import functional


class BasicBlock(nn.Module):
    """Residual block of two 3 x 3 convolutions."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, prelu: bool = True):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.PReLU(outputs) if prelu else nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.PReLU(outputs) if prelu else nn.ReLU()
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu2(y + shortcut)


class VisualFront(nn.Module):
    """Grey mouths [b 1 t 112 112] -> [b t 512]."""

    def __init__(self):
        super().__init__()
        self.frontend = nn.Sequential(
            nn.Conv3d(1, 64, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False),
            nn.BatchNorm3d(64),
            nn.PReLU(64),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
        self.resnet, inputs = nn.Module(), 64
        for stage, outputs in enumerate((64, 128, 256, 512)):
            stride = 2 if stage else 1
            blocks = BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs)
            self.resnet.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
            inputs = outputs
        self.dropout = nn.Dropout(0.3)

    def forward(self, mouths):
        x = self.frontend(mouths).transpose(1, 2)
        batch = x.shape[0]
        x = x.flatten(0, 1)
        for layer in self.resnet.children():
            x = layer(x)
        x = functional.avg_pool2d(x, 3).flatten(1)
        return self.dropout(x).unflatten(0, (batch, -1))


class AudioFront(nn.Module):
    """Log-mel [b 1 80 4t] -> [b t 512]."""

    def __init__(self):
        super().__init__()
        self.frontend = nn.Sequential(
            nn.Conv2d(1, 128, 3, 2, 1),
            nn.BatchNorm2d(128),
            nn.PReLU(128),
            nn.Conv2d(128, 256, 3, 2, 1),
            nn.BatchNorm2d(256),
            nn.PReLU(256),
        )
        self.Res_block = nn.Sequential(BasicBlock(256, 256, prelu=False))
        self.dropout, self.Linear = nn.Dropout(0.3), nn.Linear(5120, 512)

    def forward(self, mel):
        x = self.Res_block(self.frontend(mel))
        return self.Linear(self.dropout(x.flatten(1, 2).transpose(1, 2)))


class Memory(nn.Module):
    """Visual-audio memory of 88 slots, and the fusion."""

    def __init__(self, num_slots: int = 88):
        super().__init__()
        self.key = nn.Parameter(0.5 * torch.randn(num_slots, 512))
        self.value = nn.Parameter(0.5 * torch.randn(num_slots, 512))
        self.q_embd, self.v_embd = nn.Linear(512, 512), nn.Linear(512, 512)
        self.fusion, self.dropout = nn.Linear(1024, 512), nn.Dropout(0.5)

    def recall(self, visual):
        """Join visual features and the audio that they recall."""
        by_video = self.address(self.q_embd(visual), self.key)
        return self.fusion(torch.cat([visual, by_video @ self.value], -1))

    def forward(self, visual, audio):
        """Return the fused features of both paths, and the loss of the memory."""
        by_video = self.address(self.q_embd(visual), self.key)
        target = audio.detach()
        by_audio = self.address(self.v_embd(target), self.value)
        fused = [
            self.fusion(self.dropout(torch.cat([visual, x], -1)))
            for x in (by_video @ self.value.detach(), audio)
        ]
        goal = by_audio.detach()
        bridge = (goal * (goal.log() - by_video.log())).sum(-1).mean()
        return fused, functional.mse_loss(by_audio @ self.value, target) + bridge

    @staticmethod
    def address(query, slots):
        query, slots = (functional.normalize(x, dim=-1) for x in (query, slots))
        return torch.softmax(16 * query @ slots.T, -1)


class Back(nn.Module):
    """Two layers of bidirectional GRUs, and the mean of their states -> logits."""

    def __init__(self, num_words: int):
        super().__init__()
        sizes = {"num_layers": 2, "batch_first": True, "bidirectional": True}
        self.gru = nn.GRU(512, 512, dropout=0.3, **sizes)
        self.fc = nn.Linear(1024, num_words)

    def forward(self, features):
        return self.fc(self.gru(features)[0].mean(1))


class Reader(nn.Module):
    """The whole reader: logits of both paths, and the loss of the memory."""

    def __init__(self, num_words: int):
        super().__init__()
        self.v_front_state_dict = VisualFront()
        self.a_front_state_dict = AudioFront()
        self.mem_state_dict = Memory()
        self.back_state_dict = Back(num_words)

    def forward(self, mouths, mel):
        visual, audio = self.v_front_state_dict(mouths), self.a_front_state_dict(mel)
        fused, loss = self.mem_state_dict(visual, audio)
        return [self.back_state_dict(features) for features in fused], loss
