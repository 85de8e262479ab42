"""Animate a face with Wav2Lip in PyTorch, as the published program does it.

    python tests/helpers/talk_peer.py init CHECKPOINT
    python tests/helpers/talk_peer.py talk CHECKPOINT FACE AUDIO X,Y,W,H OUT

`init` writes random weights. `talk` reads all frames into memory, crops the given box,
resizes it to 96 pixels, generates batches of 128 faces, pastes each over its box,
writes an AVI file (DIVX), and lets ffmpeg encode it with the audio. OUT.npz receives
the inputs and outputs of the first frames.

It is written from facts about the published program; only the audio front-end is
lighter than that (no librosa). It needs torch, opencv-python-headless, scipy, soundfile
and imageio-ffmpeg, and nothing of avjax.
"""

import pathlib
import subprocess
import sys

import cv2
import imageio_ffmpeg
import numpy as np
import scipy.signal
import soundfile
import torch
from talking_torch import Wav2Lip
from torch import nn

SIZE, BATCH, MEL_WINDOW, MELS_PER_SECOND, FPS = 96, 128, 16, 80, 25
NUM_STORED = 16  # frames whose inputs and outputs are stored


def init(path: str) -> None:
    """Write random weights, with statistics of noise, as a published checkpoint."""
    torch.manual_seed(0)
    network = Wav2Lip()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean of all batches
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
    with torch.no_grad():
        network.train()(torch.randn(16, 1, 80, 16), torch.rand(16, 6, SIZE, SIZE))
    state = {f"module.{key}": value for key, value in network.state_dict().items()}
    torch.save({"state_dict": state, "global_step": 1}, path)


def log_mel(path: str) -> np.ndarray:
    """Compute the log-mel of a mono recording at 16 kHz, f32 [k=80 f]."""
    wave, rate = soundfile.read(path, dtype="float32")
    assert rate == 16_000 and wave.ndim == 1
    wave = np.pad(scipy.signal.lfilter([1, -0.97], [1], wave), 400)
    frames = np.lib.stride_tricks.sliding_window_view(wave, 800)[::200]
    magnitude = np.abs(np.fft.rfft(frames * scipy.signal.get_window("hann", 800)))
    decibels = 20 * np.log10(np.maximum(1e-5, magnitude @ mel_filters().T)) - 20
    return np.clip(8 * (decibels + 100) / 100 - 4, -4, 4).T.astype(np.float32)


def mel_filters() -> np.ndarray:
    """Make 80 triangular filters of equal area on the scale of Slaney, [80 401]."""
    slope, knee, step = 200 / 3, 1000.0, np.log(6.4) / 27
    knee_mel = knee / slope

    def to_mel(hertz: float) -> float:
        if hertz < knee:
            return hertz / slope
        return knee_mel + np.log(hertz / knee) / step

    mels = np.linspace(to_mel(55), to_mel(7600), 82)
    high = knee * np.exp(step * (mels - knee_mel))
    edges = np.where(mels < knee_mel, slope * mels, high)
    ramps = edges[:, None] - np.linspace(0, 8000, 401)
    widths = np.diff(edges)[:, None]
    filters = np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:])
    return np.maximum(0, filters) * 2 / (edges[2:] - edges[:-2])[:, None]


def mel_windows(mel: np.ndarray, fps: float) -> list[np.ndarray]:
    """Cut a window for each video frame; the last one ends with the recording."""
    windows, number = [], 0
    while True:
        start = int(number * MELS_PER_SECOND / fps)
        if start + MEL_WINDOW > mel.shape[1]:
            return [*windows, mel[:, -MEL_WINDOW:]]
        windows.append(mel[:, start : start + MEL_WINDOW])
        number += 1


def read_face(path: str) -> tuple[list[np.ndarray], float]:
    """Read a photo, or all frames of a clip and its frame rate."""
    if path.endswith((".jpg", ".png")):
        return [cv2.imread(path)], FPS
    video, frames = cv2.VideoCapture(path), []
    fps = video.get(cv2.CAP_PROP_FPS)
    while True:
        found, frame = video.read()
        if not found:
            return frames, fps
        frames.append(frame)


def talk(checkpoint: str, face: str, audio: str, box: str, out: str) -> None:
    """Animate a face."""
    frames, fps = read_face(face)
    windows = mel_windows(log_mel(audio), fps)
    frames = frames[: len(windows)]
    x, y, width, height = map(int, box.split(","))
    area = slice(y, y + height), slice(x, x + width)
    network = Wav2Lip()
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    network.load_state_dict(
        {key.removeprefix("module."): v for key, v in state.items()}
    )
    network.eval()
    avi = f"{out}.avi"
    shape = frames[0].shape[1::-1]
    writer = cv2.VideoWriter(avi, cv2.VideoWriter_fourcc(*"DIVX"), fps, shape)
    for start in range(0, len(windows), BATCH):
        batch = [
            frames[number % len(frames)].copy()
            for number in range(start, min(start + BATCH, len(windows)))
        ]
        crops = np.stack([cv2.resize(frame[area], (SIZE, SIZE)) for frame in batch])
        masked = crops.copy()
        masked[:, SIZE // 2 :] = 0
        faces = np.concatenate([masked, crops], axis=3) / 255.0
        mels = np.stack(windows[start : start + BATCH])[:, None]
        with torch.no_grad():
            outputs = network(
                torch.FloatTensor(mels),
                torch.FloatTensor(np.transpose(faces, (0, 3, 1, 2))),
            )
        outputs = outputs.numpy().transpose(0, 2, 3, 1) * 255
        if start == 0:
            n = NUM_STORED
            np.savez(f"{out}.npz", mels=mels[:n], crops=crops[:n], faces=outputs[:n])
        for frame, patch in zip(batch, outputs, strict=True):
            frame[area] = cv2.resize(patch.astype(np.uint8), (width, height))
            writer.write(frame)
    writer.release()
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error"]
    command += ["-i", audio, "-i", avi, "-strict", "-2", "-q:v", "1", out]
    subprocess.run(command, check=True)
    pathlib.Path(avi).unlink()


if __name__ == "__main__":
    {"init": init, "talk": talk}[sys.argv[1]](*sys.argv[2:])
