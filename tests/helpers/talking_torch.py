"""Networks of talking faces in PyTorch, with the published names of tensors.

Written from facts about Wav2Lip and SyncTalkFace; nothing of avjax is needed.
"""

import torch
from torch import nn
from torch.nn import functional

# Output channels, kernel, stride, padding; "r": residual; "t": transposed.
AUDIO = """32 3 1 1, 32 3 1 1 r, 32 3 1 1 r, 64 3 31 1, 64 3 1 1 r, 64 3 1 1 r,
    128 3 3 1, 128 3 1 1 r, 128 3 1 1 r, 256 3 32 1, 256 3 1 1 r,
    512 3 1 0, 512 1 1 0"""
IDENTITY = """16 7 1 3 | 32 3 2 1, 32 3 1 1 r, 32 3 1 1 r
    | 64 3 2 1, 64 3 1 1 r, 64 3 1 1 r, 64 3 1 1 r
    | 128 3 2 1, 128 3 1 1 r, 128 3 1 1 r | 256 3 2 1, 256 3 1 1 r, 256 3 1 1 r
    | 512 3 2 1, 512 3 1 1 r | 512 3 1 0, 512 1 1 0"""
DECODER = """512 1 1 0 | 512 3 1 0 t, 512 3 1 1 r
    | 512 3 2 1 t, 512 3 1 1 r, 512 3 1 1 r | 384 3 2 1 t, 384 3 1 1 r, 384 3 1 1 r
    | 256 3 2 1 t, 256 3 1 1 r, 256 3 1 1 r | 128 3 2 1 t, 128 3 1 1 r, 128 3 1 1 r
    | 64 3 2 1 t, 64 3 1 1 r, 64 3 1 1 r"""
LIPS = """64 3 2 1, 64 3 1 1 r, 64 3 1 1 r, 64 3 1 1 r,
    128 3 2 1, 128 3 1 1 r, 128 3 1 1 r, 256 3 2 1, 256 3 1 1 r, 256 3 1 1 r,
    512 3 2 1, 512 3 1 1 r, 512 4 1 0, 512 1 1 0"""
EXPERT = """32 7 1 3, 64 5 12 1, 64 3 1 1 r, 64 3 1 1 r,
    128 3 2 1, 128 3 1 1 r, 128 3 1 1 r, 128 3 1 1 r,
    256 3 2 1, 256 3 1 1 r, 256 3 1 1 r, 512 3 2 1, 512 3 1 1 r, 512 3 1 1 r,
    512 3 2 1, {deeper} 512 {last} 1 0, 512 1 1 0"""
EXPERT_AUDIO = AUDIO.replace("512 3 1 0", "256 3 1 1 r, 512 3 1 0")
CRITIC = """32 7 1 3 | 64 5 12 2, 64 5 1 2 | 128 5 2 2, 128 5 1 2 | 256 5 2 2, 256 5 1 2
    | 512 3 2 1, 512 3 1 1 | 512 3 2 1, 512 3 1 1 | 512 3 1 0, 512 1 1 0"""
STRIDES = {"12": (1, 2), "31": (3, 1), "32": (3, 2)}


class Block(nn.Module):
    """Convolution, batch normalisation, ReLU; the input may be added before it."""

    def __init__(self, inputs: int, row: str):
        super().__init__()
        outputs, kernel, stride, padding, *kind = row.split()
        sizes = inputs, int(outputs), int(kernel), STRIDES.get(stride, int(stride))
        if kind == ["t"]:
            conv = nn.ConvTranspose2d(*sizes, int(padding), int(stride != "1"))
        else:
            conv = nn.Conv2d(*sizes, int(padding))
        self.conv_block = nn.Sequential(conv, nn.BatchNorm2d(int(outputs)))
        self.residual, self.outputs = kind == ["r"], int(outputs)

    def forward(self, x):
        y = self.conv_block(x)
        return torch.relu(y + x if self.residual else y)


class PlainBlock(nn.Module):
    """Convolution and leaky ReLU, of the discriminator."""

    def __init__(self, inputs: int, row: str):
        super().__init__()
        outputs, kernel, stride, padding = row.split()
        sizes = inputs, int(outputs), int(kernel), STRIDES.get(stride, int(stride))
        self.conv_block = nn.Sequential(nn.Conv2d(*sizes, int(padding)))
        self.outputs = int(outputs)

    def forward(self, x):
        return functional.leaky_relu(self.conv_block(x), 0.01)


def make_stack(inputs: int, rows: str, block: type = Block) -> nn.Sequential:
    """Make blocks of a table whose rows are separated by commas."""
    blocks = []
    for row in rows.split(","):
        blocks.append(block(inputs, row))
        inputs = blocks[-1].outputs
    return nn.Sequential(*blocks)


def make_stages(inputs: int, table: str, block: type = Block) -> nn.ModuleList:
    """Make the stages of a table that are separated by bars."""
    stages = []
    for rows in table.split("|"):
        stages.append(make_stack(inputs, rows, block))
        inputs = stages[-1][-1].outputs
    return nn.ModuleList(stages)


def fit_table(table: str, size: int) -> str:
    """Let the kernels that cover the smallest map cover that of another size."""
    return table.replace("512 3 1 0", f"512 {size // 32} 1 0")


class Decoder(nn.Module):
    """Latents and maps of an identity -> faces: 96 pixels in [0, 1], 128 in [-1, 1]."""

    def __init__(self, size: int):
        super().__init__()
        stages, inputs = [], 512
        skips = 512, 512, 256, 128, 64, 32, 16
        for rows, skip in zip(fit_table(DECODER, size).split("|"), skips, strict=True):
            stages.append(make_stack(inputs, rows))
            inputs = stages[-1][-1].outputs + skip
        self.face_decoder_blocks = nn.ModuleList(stages)
        last = nn.Sigmoid() if size == 96 else nn.Tanh()
        self.output_block = nn.Sequential(
            Block(inputs, "32 3 1 1"), nn.Conv2d(32, 3, 1), last
        )

    def forward(self, x, maps):
        maps = list(maps)
        for stage in self.face_decoder_blocks:
            x = torch.cat([stage(x), maps.pop()], dim=1)
        return self.output_block(x)


class Encoders(nn.Module):
    """Encoders of log-mel windows and of an identity."""

    def __init__(self, size: int):
        super().__init__()
        self.audio_encoder = make_stack(1, AUDIO)
        self.face_encoder_blocks = make_stages(6, fit_table(IDENTITY, size))

    def encode_identity(self, faces):
        maps = []
        for stage in self.face_encoder_blocks:
            faces = stage(faces)
            maps.append(faces)
        return maps


class Wav2Lip(Encoders):
    """The published generator for faces of 96 pixels, with its names of tensors."""

    def __init__(self):
        super().__init__(96)
        decoder = Decoder(96)
        self.face_decoder_blocks = decoder.face_decoder_blocks
        self.output_block = decoder.output_block

    def forward(self, mels, faces):
        maps = self.encode_identity(faces)
        return Decoder.forward(self, self.audio_encoder(mels), maps)


class Memory(nn.Module):
    """Audio-lip memory of 96 slots."""

    def __init__(self):
        super().__init__()
        self.key = nn.Parameter(0.5 * torch.randn(96, 512))
        self.value = nn.Parameter(0.5 * torch.randn(96, 512))
        self.q_embd, self.v_embd = nn.Linear(512, 512), nn.Linear(512, 512)
        self.fusion, self.dropout = nn.Linear(1024, 512), nn.Dropout(0.5)

    def forward(self, audio, lips):
        """Return the codes of both paths, and the loss of the memory."""
        by_audio = address(self.q_embd(audio), self.key)
        target = self.v_embd(lips)
        by_lips = address(target, self.value)
        stored = by_lips @ self.value
        codes = [
            self.fusion(self.dropout(torch.cat([audio, recalled], 1)))
            for recalled in (by_audio @ self.value, stored)
        ]
        goal = by_lips.detach()
        aligned = (goal * (goal.log() - (by_audio + 1e-13).log())).sum(1).mean()
        return codes, functional.mse_loss(stored, target.detach()) + aligned


def address(query, slots):
    """Compute addresses of slots by cosine similarity."""
    cosine = functional.normalize(query, dim=1) @ functional.normalize(slots, dim=1).T
    return torch.softmax(16 * cosine, 1)


class SyncTalkFaceEncoders(Encoders):
    """Encoders and memory of SyncTalkFace, for faces of 128 pixels."""

    def __init__(self):
        super().__init__(128)
        first = nn.Conv3d(3, 64, (5, 7, 7), 2, (0, 3, 3))
        self.lip_encoder = nn.Sequential(
            first, nn.Flatten(1, 2), *make_stack(64, LIPS), nn.Flatten()
        )
        self.mem = Memory()


class SyncExpert(nn.Module):
    """The published sync expert: unit vectors of a clip and a log-mel window."""

    def __init__(self, size: int):
        super().__init__()
        deeper = "512 3 1 1 r, 512 3 1 1 r," if size == 128 else ""
        rows = EXPERT.format(deeper=deeper, last=size // 32)
        self.face_encoder = make_stack(15, rows)
        self.audio_encoder = make_stack(1, EXPERT_AUDIO)

    def forward(self, mel, lower_halves):
        towers = self.audio_encoder(mel), self.face_encoder(lower_halves)
        return [functional.normalize(tower.flatten(1), dim=1) for tower in towers]


class Critic(nn.Module):
    """The published discriminator, of lower halves of frames -> probabilities."""

    def __init__(self, size: int):
        super().__init__()
        self.face_encoder_blocks = make_stages(3, fit_table(CRITIC, size), PlainBlock)
        self.binary_pred = nn.Sequential(nn.Conv2d(512, 1, 1), nn.Sigmoid())

    def forward(self, faces):
        x = faces[:, :, faces.shape[2] // 2 :]
        for stage in self.face_encoder_blocks:
            x = stage(x)
        return self.binary_pred(x).flatten()
