"""Training steps of the published systems in PyTorch, written from facts about them.

    python tests/helpers/train_step_peer.py SYSTEM FOLDER

SYSTEM is wav2lip, synctalkface or bridging. FOLDER/batch.npz has the arrays of a batch
as avjax stores it; weights are random. For each line of the standard input, one step is
taken, and a line "SECONDS CPU_SECONDS LOSS" is printed. It needs torch and numpy, and
nothing of avjax.
"""

import copy
import pathlib
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from bridging_torch import Reader
from talking_torch import (
    Critic,
    Decoder,
    SyncExpert,
    SyncTalkFaceEncoders,
    Wav2Lip,
)
from torch import nn
from torch.nn import functional

FRAMES, MARGIN = 5, 2  # of a clip; before and after it
SYNC_WEIGHT = 0.03  # of Wav2Lip; the rest is that of the pixels
MOUTH_MEAN, MOUTH_STD = 0.4136, 0.17


def read_batch(path: pathlib.Path) -> dict[str, torch.Tensor]:
    """Read the arrays of a batch."""
    with np.load(path) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


def to_images(pixels: torch.Tensor, signed: bool) -> torch.Tensor:
    """Convert RGB u8 [b t h w c] to BGR [b t c h w] in [0, 1] or [-1, 1]."""
    unit = pixels.flip(-1).permute(0, 1, 4, 2, 3).contiguous().float() / 255
    return 2 * unit - 1 if signed else unit


def mask_and_join(targets: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Make the input of the face encoder, [(b t) 6 h w]."""
    masked = targets.clone()
    masked[..., targets.shape[-1] // 2 :, :] = 0
    return torch.cat([masked, reference], 2).flatten(0, 1)


def lower_halves(frames: torch.Tensor) -> torch.Tensor:
    """Stack the lower halves of each clip: [b t c h w] -> [b 15 h/2 w]."""
    return frames[..., frames.shape[-1] // 2 :, :].flatten(1, 2)


def freeze(network: nn.Module) -> nn.Module:
    """Make a network that is not trained."""
    return network.eval().requires_grad_(False)


class Wav2LipStep:
    """Reconstruction and the frozen sync expert, as `wav2lip_train.py` has them."""

    def __init__(self, batch: dict[str, torch.Tensor]):
        window = to_images(batch["frames"], signed=False)
        self.targets = window[:, MARGIN:-MARGIN].contiguous()
        reference = to_images(batch["reference"], signed=False)
        self.faces = mask_and_join(self.targets, reference)
        self.mels = batch["mels"].flatten(0, 1).transpose(1, 2)[:, None].contiguous()
        self.mel = batch["mel"].transpose(1, 2)[:, None].contiguous()
        self.parts = {"generator": Wav2Lip(), "expert": freeze(SyncExpert(96))}
        self.optimizer = torch.optim.Adam(self.parts["generator"].parameters(), 1e-4)

    def __call__(self) -> float:
        self.optimizer.zero_grad()
        frames = self.parts["generator"](self.mels, self.faces)
        frames = frames.unflatten(0, (-1, FRAMES))
        pixels = functional.l1_loss(frames, self.targets)
        sync = sync_loss(self.parts["expert"], self.mel, frames)
        loss = SYNC_WEIGHT * sync + (1 - SYNC_WEIGHT) * pixels
        loss.backward()
        self.optimizer.step()
        return loss.item()


def sync_loss(expert: nn.Module, mel: torch.Tensor, frames: torch.Tensor):
    """Rate clips in [0, 1] by the sync expert."""
    audio, video = expert(mel, lower_halves(frames))
    cosine = functional.cosine_similarity(audio, video)
    return functional.binary_cross_entropy(cosine.clamp(0, 1), torch.ones(len(cosine)))


class SyncTalkFaceStep:
    """Steps of generator and discriminator, with the authors' losses."""

    def __init__(self, batch: dict[str, torch.Tensor]):
        window = to_images(batch["frames"], signed=True)
        self.targets = window[:, MARGIN:-MARGIN].contiguous()
        reference = to_images(batch["reference"], signed=True)
        self.faces = mask_and_join(self.targets, reference)
        self.mels = batch["mels"].flatten(0, 1).transpose(1, 2)[:, None].contiguous()
        self.mel = batch["mel"].transpose(1, 2)[:, None].contiguous()
        window = without_upper_half(window)
        lips = [window[:, start : start + FRAMES] for start in range(FRAMES)]
        self.lips = torch.stack(lips, 1).flatten(0, 1).transpose(1, 2).contiguous()
        self.parts = {
            "encoders": SyncTalkFaceEncoders(),
            "decoder": Decoder(128),
            "expert": freeze(SyncExpert(128)),
            "critic": Critic(128),
        }
        generator = [
            *self.parts["encoders"].parameters(),
            *self.parts["decoder"].parameters(),
        ]
        betas = 0.5, 0.999
        self.optimizer = torch.optim.Adam(generator, 1e-4, betas)
        critic = self.parts["critic"].parameters()
        self.critic_optimizer = torch.optim.Adam(critic, 5e-4, betas)

    def __call__(self) -> float:
        encoders, critic = self.parts["encoders"], self.parts["critic"]
        self.optimizer.zero_grad()
        audio = encoders.audio_encoder(self.mels).flatten(1)
        lips = encoders.lip_encoder(self.lips)
        codes, memory = encoders.mem(audio, lips)
        maps = encoders.encode_identity(self.faces)
        paths = [
            self.parts["decoder"](code[:, :, None, None], maps).unflatten(
                0, (-1, FRAMES)
            )
            for code in codes
        ]
        frozen = copy.deepcopy(encoders.lip_encoder).requires_grad_(False)
        centre = lips.unflatten(0, (-1, FRAMES))[:, FRAMES // 2]
        loss = 0.2 * memory
        for frames in paths:
            unit = (frames + 1) / 2
            pixels = functional.l1_loss(unit, (self.targets + 1) / 2)
            sync = sync_loss(self.parts["expert"], self.mel, unit)
            generated = frozen(without_upper_half(frames).transpose(1, 2))
            visual = functional.l1_loss(generated, centre)
            adversarial = rate(critic, frames, 1)
            loss = loss + 10 * pixels + 0.2 * (sync + visual + adversarial)
        loss.backward()
        self.optimizer.step()
        self.critic_optimizer.zero_grad()
        rate(critic, self.targets, 1).backward()
        fakes = [rate(critic, frames.detach(), 0) for frames in paths]
        sum(fakes).backward()
        self.critic_optimizer.step()
        return loss.item()


def without_upper_half(frames: torch.Tensor) -> torch.Tensor:
    """Set the upper half of frames [b t c h w] to zero."""
    mask = torch.ones_like(frames)
    mask[..., : frames.shape[-1] // 2, :] = 0
    return frames * mask


def rate(critic: nn.Module, frames: torch.Tensor, label: int) -> torch.Tensor:
    """Compute the cross-entropy of the discriminator's probabilities with a label."""
    probs = critic(frames.flatten(0, 1))
    return functional.binary_cross_entropy(probs, torch.full_like(probs, label))


class BridgingStep:
    """Lip reading of words: both paths, the memory, and the bridge."""

    def __init__(self, batch: dict[str, torch.Tensor]):
        lips = batch["lips"].permute(0, 4, 1, 2, 3).float() / 255
        self.lips = ((lips - MOUTH_MEAN) / MOUTH_STD).contiguous()
        self.mel = batch["mel"].transpose(1, 2)[:, None].contiguous()
        self.labels = batch["labels"][:, 0].long()
        self.parts = {"reader": Reader(num_words=500)}
        self.optimizer = torch.optim.SGD(
            self.parts["reader"].parameters(),
            lr=0.05,
            momentum=0.9,
            nesterov=True,
            weight_decay=1e-5,
        )

    def __call__(self) -> float:
        self.optimizer.zero_grad()
        logits, memory = self.parts["reader"](self.lips, self.mel)
        loss = memory + sum(functional.cross_entropy(x, self.labels) for x in logits)
        loss.backward()
        self.optimizer.step()
        return loss.item()


STEPS: dict[str, Callable] = {
    "wav2lip": Wav2LipStep,
    "synctalkface": SyncTalkFaceStep,
    "bridging": BridgingStep,
}


def main() -> None:
    """Take a step for each line."""
    system, folder = sys.argv[1:]
    torch.manual_seed(0)
    step = STEPS[system](read_batch(pathlib.Path(folder) / "batch.npz"))
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter(), time.process_time()
        loss = step()
        end = time.perf_counter(), time.process_time()
        print(end[0] - start[0], end[1] - start[1], loss, flush=True)


if __name__ == "__main__":
    main()
