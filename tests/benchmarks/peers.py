"""Compare `avjax lipread`, `sync` and `denoise` with their originals in PyTorch.

    AVJAX_REAL=/path/to/real AVJAX_GOLDEN=/path/to/golden
        python tests/benchmarks/peers.py --peer-python PATH [--only NAME...]
        [--rounds N] [--json PATH]

Both programs have the same full-size network, with weights by the rule of the reference
numbers, and the same inputs: clips of 29 frames with a given mouth, a clip with a given
face, a photo that is denoised without adaptation. The processes run in turns, in
alternating order. PATH is a Python with the packages that `tests/helpers/*_peer.py`
name. The compiled programs of avjax are in its cache, except in the row "empty cache".

    seconds       wall-clock time of the whole process, median
    CPU seconds   of the process and its children, median
    memory        largest resident set in MiB, median
    ... ratio     median of the ratios of the rounds
    difference    largest difference of the networks' outputs, relative to their scale
"""

import pathlib
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from convert import denoiser_file, lip_reader_file, make_tensors
from talk import COLUMNS, Usage, compare, measure
from torch_files import write_zip

from avjax.algorithms import tiling
from avjax.constants import FPS, SAMPLE_RATE
from avjax.faces import tracking
from avjax.media import audio_io, image_io, video_reader
from avjax.media.video_writer import VideoWriter
from avjax.models.denoiser import DenoiserConfig
from avjax.pipelines.lip_networks import load_lip_network
from avjax.pipelines.lipread import jit_read
from avjax.pipelines.sync_models import load_sync_model
from avjax.train.ablations.results import ResultTable, make_parser, real_clips_folder

HELPERS = pathlib.Path(__file__).parents[1] / "helpers"
PHOTO = "denoise/polyu/Canon5D2_5_160_3200_chair_11_real.JPG"
WORD_CLIPS, WORD_FRAMES, WORD_SIZE = 20, 29, 256  # clips, frames, side in pixels
SYNC_SECONDS, SYNC_SIZE = 10, 224
FACE_SIZE = 160  # side of the face box from which SyncNet's crop has SYNC_SIZE
PHOTO_SIZE = 1024


class Comparison(NamedTuple):
    """A command and its original.

    Attributes:
        inputs: What both read, as the column "inputs" says it.
        content: Function that makes the content of the original's checkpoint.
        arguments: (folder, real) -> the arguments of avjax but the weights, and those
            of the peer after the checkpoint.
        difference: (weights, folder) -> the largest relative difference.
    """

    inputs: str
    content: Callable[[], dict]
    arguments: Callable[[pathlib.Path, pathlib.Path], tuple[list, list]]
    difference: Callable[[pathlib.Path, pathlib.Path], float]


def read_frames(real: pathlib.Path, size: int) -> list[np.ndarray]:
    """Read the frames of a real clip, `size` pixels wide."""
    return [
        cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA)
        for frame in video_reader.read_clip(real / "talking" / "fps25.mp4")
    ]


def lipread_arguments(folder: pathlib.Path, real: pathlib.Path) -> tuple[list, list]:
    """Write clips of one word; the mouth is at the same place in all."""
    frames = read_frames(real, WORD_SIZE)
    x, y, right, _ = np.round(tracking.track_face(frames[:1]).boxes[0]).astype(int)
    side = (right - x) // 4 * 4
    clips = [folder / f"{number}.mp4" for number in range(WORD_CLIPS)]
    for number, clip in enumerate(clips):
        with VideoWriter(clip, FPS) as writer:
            for frame in range(number, number + WORD_FRAMES):
                writer.write(frames[frame])
    ours = ["lipread", *clips, "--box", f"{x},{y},{side},{side}"]
    return ours, [f"{x},{y + side // 4},{side}", folder / "peer.npz", *clips]


def sync_arguments(folder: pathlib.Path, real: pathlib.Path) -> tuple[list, list]:
    """Write a clip of a face, which fills the frame as SyncNet expects it."""
    frames = read_frames(real, SYNC_SIZE)
    wave = audio_io.read_audio(real / "speech" / "german.wav")
    wave = np.resize(wave, SYNC_SECONDS * SAMPLE_RATE)
    clip = folder / "face.mp4"
    with VideoWriter(clip, FPS, audio=wave) as writer:
        count = SYNC_SECONDS * FPS
        for number in video_reader.ping_pong_indices(len(frames), count):
            writer.write(frames[number])
    margin = (SYNC_SIZE - FACE_SIZE) // 2
    ours = ["sync", clip, "--box", f"{margin},0,{FACE_SIZE},{FACE_SIZE}"]
    return ours, [clip, folder / "peer.npz"]


def denoise_arguments(folder: pathlib.Path, real: pathlib.Path) -> tuple[list, list]:
    """Write a photo."""
    photo = image_io.read_image(real / PHOTO)
    repeats = -(-PHOTO_SIZE // min(photo.shape[:2]))
    photo = np.tile(photo, (repeats, repeats, 1))[:PHOTO_SIZE, :PHOTO_SIZE]
    image_io.write_png(folder / "photo.png", np.ascontiguousarray(photo))
    ours = ["denoise", folder / "photo.png", "-o", folder / "ours.png", "--steps", "0"]
    return ours, [folder / "photo.png", folder / "peer.png"]


def largest(ours: np.ndarray, peer: np.ndarray) -> float:
    """Compute the largest difference, relative to the scale of the peer's output."""
    return float(np.abs(ours - peer).max() / np.abs(peer).max())


def lipread_difference(weights: pathlib.Path, folder: pathlib.Path) -> float:
    """Compare the logits of the first clip."""
    config, variables = load_lip_network(weights, speech=False)
    with np.load(folder / "peer.npz") as stored:
        mouths, expected = stored["mouths"][0, 0], stored["logits"]
    pixels = np.round((mouths * 0.17 + 0.4136) * 255).astype(np.uint8)[None, ..., None]
    mask = np.ones((1, len(mouths)), np.float32)
    logits = np.asarray(jit_read(config)(variables, pixels, mask))
    return largest(logits.mean(axis=1), expected)


def sync_difference(weights: pathlib.Path, folder: pathlib.Path) -> float:
    """Compare the embeddings of lips and audio of the first batch."""
    model = load_sync_model(weights)
    with np.load(folder / "peer.npz") as stored:
        arrays = dict(stored)
    windows = arrays["images"].transpose(0, 2, 3, 4, 1)[..., ::-1]
    frames = np.concatenate([windows[:, 0], windows[-1, 1:]])
    features = arrays["mfccs"].transpose(0, 2, 1)
    starts = np.arange(len(features))
    audio = np.concatenate([features[:, :4].reshape(-1, 13), features[-1, 4:]])
    pairs = (
        (model.encode_frames(frames), arrays["lips"]),
        (model.encode_audio(audio, starts), arrays["audio"]),
    )
    return max(largest(*pair) for pair in pairs)


def denoise_difference(weights: pathlib.Path, folder: pathlib.Path) -> float:
    """Compare the written photos, but for their edges: zeros are around the peer's."""
    del weights
    margin = tiling.receptive_field(DenoiserConfig())
    inner = slice(margin, -margin)
    ours, peer = (
        image_io.read_image(folder / f"{name}.png")[inner, inner].astype(np.float64)
        for name in ("ours", "peer")
    )
    return largest(ours, peer)


COMPARISONS = {
    "lipread": Comparison(
        f"{WORD_CLIPS} clips of {WORD_FRAMES} frames, mouth given",
        lambda: lip_reader_file(88, "gru"),
        lipread_arguments,
        lipread_difference,
    ),
    "sync": Comparison(
        f"{SYNC_SECONDS} s of a face of {SYNC_SIZE} pixels",
        lambda: make_tensors("syncnet_v2"),
        sync_arguments,
        sync_difference,
    ),
    "denoise": Comparison(
        f"a photo of {PHOTO_SIZE} x {PHOTO_SIZE} pixels, no adaptation",
        denoiser_file,
        denoise_arguments,
        denoise_difference,
    ),
}


def add_empty_cache(table: ResultTable, name: str, cold: Usage) -> None:
    """Add the row of the first run, which compiles."""
    cells = [cell for value in cold for cell in (value, None)]
    table.add(name, "avjax, empty cache", *cells)


def main() -> None:
    """Compare the programs."""
    parser = make_parser(__doc__)
    parser.add_argument("--peer-python", type=pathlib.Path, required=True)
    parser.add_argument("--only", nargs="+", choices=COMPARISONS, default=COMPARISONS)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    real = real_clips_folder(parser)
    table = ResultTable("Commands: avjax and PyTorch", "command, inputs", *COLUMNS[1:])
    for name in options.only:
        comparison = COMPARISONS[name]
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            file, weights = folder / "original.pth", folder / "weights"
            helper = HELPERS / f"{name}_peer.py"
            write_zip(file, comparison.content())
            command = [sys.executable, "-m", "avjax"]
            measure([*command, "convert", file, weights], folder)
            ours, peer = comparison.arguments(folder, real)
            programs = {
                "avjax": [*command, *ours, "--weights", weights],
                "PyTorch": [options.peer_python, helper, file, *peer],
            }
            label = f"{name}, {comparison.inputs}"
            add_empty_cache(table, label, measure(programs["avjax"], folder / "cache"))
            compare(table, label, programs, options.rounds, folder / "cache")
            difference = comparison.difference(weights, folder)
            table.add(label, "difference", difference, *[None] * 5)
        table.write(options.json, data="a real clip, a recording, a photo of PolyU")


if __name__ == "__main__":
    main()
