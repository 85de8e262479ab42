"""Score the lip-sync of a clip with SyncNet in PyTorch, as the published program does.

    python tests/helpers/sync_peer.py CHECKPOINT CLIP OUT.npz

The clip shows a face at 224 x 224 pixels. ffmpeg writes its frames as JPEG files and
its audio as 16-bit PCM; all frames become one array of floats; windows of five frames,
and of 20 MFCCs, are embedded in batches of 20; then each window is compared with the
audio up to 15 frames before and after it, in a loop. The scores are printed. OUT.npz
receives the inputs and outputs of the first batch.

It is written from facts about the published program. It needs torch,
opencv-python-headless, soundfile, imageio-ffmpeg and python_speech_features, and
nothing of avjax.
"""

import pathlib
import subprocess
import sys
import tempfile

import cv2
import imageio_ffmpeg
import numpy as np
import python_speech_features
import soundfile
import torch
from torch import nn

BATCH, FRAMES, MFCCS, MAX_SHIFT = 20, 5, 20, 15
SAMPLES = 640  # in a frame of 1/25 s, and MFCCS // FRAMES MFCCs
# Output channels, kernel, stride, padding; "max": pooling, "": the identity.
AUDIO = """64 3 1 1 | | 192 3 1 1 | max 3 12 0 | 384 3 1 1 | 256 3 1 1 | 256 3 1 1
    | max 3 2 0 | 512 54 1 0"""
LIPS = """96 7 2 0 | max 3 2 0 | 256 5 2 1 | max 3 2 1 | 256 3 1 1 | 256 3 1 1
    | 256 3 1 1 | max 3 2 0 | 512 6 1 0"""


def pair(text: str) -> tuple[int, int]:
    """Read one size for both axes, or two digits."""
    return int(text[0]), int(text[-1])


def make_stack(rows: str, channels: int, is_video: bool) -> nn.Sequential:
    """Make convolutions with normalisation and ReLU, and poolings."""
    layers: list[nn.Module] = []
    for row in rows.split("|"):
        kind, *sizes = row.split() or [""]
        kernel, stride, padding = map(pair, sizes or ["1", "1", "0"])
        if is_video:
            taps = 5 if not layers else 1
            kernel, stride, padding = (taps, *kernel), (1, *stride), (0, *padding)
        if kind in ("max", ""):
            pool = nn.MaxPool3d if is_video else nn.MaxPool2d
            layers.append(pool(kernel, stride, padding))
            continue
        conv, norm = (
            (nn.Conv3d, nn.BatchNorm3d) if is_video else (nn.Conv2d, nn.BatchNorm2d)
        )
        outputs = int(kind)
        layers += [conv(channels, outputs, kernel, stride, padding), norm(outputs)]
        layers.append(nn.ReLU())
        channels = outputs
    return nn.Sequential(*layers)


def make_head() -> nn.Sequential:
    """Make the two dense layers after a stack."""
    return nn.Sequential(
        nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024)
    )


class SyncNet(nn.Module):
    """The published network, with its names of tensors."""

    def __init__(self):
        super().__init__()
        self.netcnnaud = make_stack(AUDIO, 1, is_video=False)
        self.netfcaud, self.netfclip = make_head(), make_head()
        self.netcnnlip = make_stack(LIPS, 3, is_video=True)

    def embed_audio(self, mfccs):
        return self.netfcaud(self.netcnnaud(mfccs).flatten(1))

    def embed_lips(self, frames):
        return self.netfclip(self.netcnnlip(frames).flatten(1))


def extract(clip: str, folder: pathlib.Path) -> tuple[torch.Tensor, np.ndarray]:
    """Read frames f32 [1 c t h w] and samples i16 [n] through files."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-i", clip]
    images, sound = folder / "%06d.jpg", folder / "audio.wav"
    subprocess.run([*command, "-threads", "1", "-f", "image2", images], check=True)
    audio = ["-ac", "1", "-vn", "-acodec", "pcm_s16le", "-ar", "16000", sound]
    subprocess.run([*command, *audio], check=True)
    frames = [cv2.imread(str(path)) for path in sorted(folder.glob("*.jpg"))]
    stacked = np.stack(frames, axis=3)[None]
    lips = np.transpose(stacked, (0, 3, 4, 1, 2)).astype(float)
    samples, _ = soundfile.read(sound, dtype="int16")
    return torch.from_numpy(lips).float(), samples


def shift_distances(lips: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
    """Compute the mean distance at each shift, f32 [2 MAX_SHIFT + 1]."""
    padded = nn.functional.pad(audio, (0, 0, MAX_SHIFT, MAX_SHIFT))
    width = 2 * MAX_SHIFT + 1
    distances = [
        nn.functional.pairwise_distance(
            lips[[number]].repeat(width, 1), padded[number : number + width]
        )
        for number in range(len(lips))
    ]
    return torch.stack(distances, 1).mean(1)


def main(checkpoint: str, clip: str, out: str) -> None:
    """Print offset, LSE-D and LSE-C of a clip."""
    network = SyncNet()
    network.load_state_dict(torch.load(checkpoint, weights_only=True))
    network.eval()
    with tempfile.TemporaryDirectory() as folder:
        frames, samples = extract(clip, pathlib.Path(folder))
    mfcc = python_speech_features.mfcc(samples, 16_000).T
    mfccs = torch.from_numpy(mfcc[None, None]).float()
    last = min(frames.shape[2], len(samples) // SAMPLES) - FRAMES
    lips, audio = [], []
    for start in range(0, last, BATCH):
        numbers = range(start, min(last, start + BATCH))
        images = torch.cat([frames[:, :, n : n + FRAMES] for n in numbers], 0)
        sounds = torch.cat([mfccs[..., 4 * n : 4 * n + MFCCS] for n in numbers], 0)
        with torch.no_grad():
            lips.append(network.embed_lips(images))
            audio.append(network.embed_audio(sounds))
        if start == 0:
            arrays = {"lips": lips[0], "audio": audio[0], "mfccs": sounds[:, 0]}
            np.savez(out, **arrays, images=images.to(torch.uint8))
    means = shift_distances(torch.cat(lips, 0), torch.cat(audio, 0))
    smallest, index = torch.min(means, 0)
    confidence = torch.median(means) - smallest
    print(f"{MAX_SHIFT - index} {smallest:.4f} {confidence:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
