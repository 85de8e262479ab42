"""Small valid files of every kind that a command reads, as a start for fuzzing."""

import json
import pathlib
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
import soundfile
import tifffile
from denoisers import save as save_denoiser
from PIL import Image
from random_networks import random_arrays
from safetensors.numpy import save_file
from torch_files import write_legacy, write_script, write_zip
from untrained_talkers import save_parts, untrained_parts

from avjax.constants import FPS, SAMPLE_RATE
from avjax.data import puppet
from avjax.media.video_writer import VideoWriter
from avjax.models.aligner import AlignerConfig
from avjax.models.bridging import BridgingConfig
from avjax.models.cals import CalsConfig
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.sync_expert import SyncExpertConfig
from avjax.models.sync_people import SyncPeopleConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import TaemConfig
from avjax.text.phonemes import PHONEMES
from avjax.text.tokenizer import CHARACTERS

KINDS = "video", "long", "sound", "image", "text", "network"
SIDE = 96  # pixels; the face of a puppet fills the frame
SHORT_FRAMES, LONG_FRAMES = 12, 55  # adaptation needs two seconds
SMALL = {"size": 32, "width": 0.02}
CALS = CalsConfig(**SMALL, unit_dim=6, context_frames=2, layers=1, heads=2)
LIPWARP = LipWarpConfig(
    size=32, code_dim=4, context_frames=3, audio_dim=16, layers=1, heads=2
)
CONFIGS = {
    "lipwarp": LIPWARP,
    "cals": CALS,
    "synctalkface": SyncTalkFaceConfig(**SMALL, num_slots=4),
    "taem": TaemConfig(
        CALS,
        len(PHONEMES),
        dim=8,
        heads=2,
        encoder_layers=1,
        refiner_layers=1,
        context_phonemes=3,
        context_frames=2,
    ),
    "sentences": BridgingConfig(
        "sentences", CHARACTERS, outputs_per_frame=2, num_slots=6, **SMALL
    ),
    "words": BridgingConfig("words", ("blue", "red"), num_slots=6, **SMALL),
    "speech": BridgingConfig("speech", num_slots=6, **SMALL),
    "sync_expert": SyncExpertConfig(**SMALL),
    "sync_people": SyncPeopleConfig(
        LipWarpConfig(code_dim=4, context_frames=3, audio_dim=16, layers=1, heads=2),
        embedding_dim=8,
        width=8,
    ),
    "aligner": AlignerConfig(PHONEMES, dim=8, layers=1, heads=2, context_mels=3),
}
WEIGHTS = *CONFIGS, "denoiser"
CONTAINERS = {  # name: video codec, pixel format, audio codec
    "h264.mkv": ("libx264", "yuv420p", "flac"),
    "vp8.webm": ("libvpx", "yuv420p", "libopus"),
    "mjpeg.avi": ("mjpeg", "yuvj420p", "pcm_s16le"),
    "mpeg4.mov": ("mpeg4", "yuv420p", "pcm_s16be"),
    "mpeg2.ts": ("mpeg2video", "yuv420p", "mp2"),
    "ffv1.mkv": ("ffv1", "yuv444p10le", None),
    "raw.h264": ("libx264", "yuv420p", None),
}
SOUNDS = {  # name: codec, sample rate, layout
    "sound.mp3": ("libmp3lame", 22_050, "mono"),
    "sound.m4a": ("aac", 48_000, "stereo"),
    "sound.opus": ("libopus", 48_000, "mono"),
}
TEXTS = {
    "words.srt": "1\n00:00:00,000 --> 00:00:00,300\nyes <i>or</i>\n\n"
    "2\n00:00:00,400 --> 00:00:00,700\nno\n",
    "words.vtt": "WEBVTT\n\nNOTE a note\n\n00:00.000 --> 00:00.600 align:start\n"
    "<v Bob>yes<00:00:00.300> no\n",
    "grammar.txt": "bin lay\nblue green\n# comment\none two [three]\n",
    "words.txt": "blue\nred\n",
}


def write_seeds(folder: pathlib.Path, weights: Iterable[str] = WEIGHTS) -> None:
    """Write valid files, in a folder for each of KINDS, and folders of weights.

    Args:
        folder: The folder of these folders; it exists.
        weights: Names of untrained weights to write.
    """
    for kind in KINDS:
        (folder / kind).mkdir()
    clip = puppet.make_clip(0, 4, SIDE, ("grid",))
    write_videos(folder / "video", clip.frames[:SHORT_FRAMES], clip.wave)
    frames = np.concatenate([clip.frames, clip.frames[::-1]])[:LONG_FRAMES]
    write_video(folder / "long" / "h264.mp4", frames, clip.wave)
    mux(folder / "long" / "mpeg4.mkv", frames, clip.wave, "mpeg4", "yuv420p", "aac")
    write_sounds(folder / "sound", clip.wave[: SAMPLE_RATE // 2])
    write_images(folder / "image")
    for name, text in TEXTS.items():
        (folder / "text" / name).write_text(text)
    write_networks(folder / "network")
    for name in weights:
        if name == "denoiser":
            save_denoiser(folder / "weights" / name)
            continue
        config = CONFIGS[name]
        save_parts(folder / "weights" / name, untrained_parts(config), config)
        # The checksum would refuse nearly every change of a file.
        remove_checksum(folder / "weights" / name / "config.json")


def remove_checksum(config_file: pathlib.Path) -> None:
    """Make weights as older versions have written them."""
    description = json.loads(config_file.read_text(encoding="utf-8"))
    del description["sha256"]
    config_file.write_text(json.dumps(description), encoding="utf-8")


def write_videos(folder: pathlib.Path, frames: np.ndarray, wave: np.ndarray) -> None:
    """Write a speaking face in several containers, and a video without a face."""
    write_video(folder / "puppet.mp4", frames, wave)
    write_video(folder / "grey.mp4", np.full((5, 48, 64, 3), 128, np.uint8), None)
    for name, codecs in CONTAINERS.items():
        mux(folder / name, frames, wave, *codecs)


def write_video(path: pathlib.Path, frames: np.ndarray, wave) -> None:
    """Write a video with the writer of avjax."""
    with VideoWriter(path, FPS, wave) as writer:
        for image in frames:
            writer.write(image)


def mux(
    path: pathlib.Path,
    frames: np.ndarray,
    wave: np.ndarray,
    video_codec: str,
    pixel_format: str,
    audio_codec: str | None,
) -> None:
    """Write a video with any codecs."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(video_codec, FPS)
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = pixel_format
        rate = 48_000 if audio_codec in ("libopus", "mp2") else SAMPLE_RATE
        audio = audio_codec and container.add_stream(audio_codec, rate, layout="mono")
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio:
            samples = wave[: len(frames) * SAMPLE_RATE // FPS]
            encode_sound(container, audio, samples, rate)


def encode_sound(container, stream, wave: np.ndarray, rate: int) -> None:
    """Encode a waveform of 16 kHz with any codec, sample rate and layout."""
    samples = np.int16(30_000 * wave / max(np.abs(wave).max(), 1e-9))[None]
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts = SAMPLE_RATE, 0
    frame.time_base = Fraction(1, SAMPLE_RATE)
    codec = stream.codec_context
    resampler = av.AudioResampler(codec.format, codec.layout, rate, codec.frame_size)
    for part in (*resampler.resample(frame), *resampler.resample(None)):
        container.mux(stream.encode(part))
    container.mux(stream.encode(None))


def write_sounds(folder: pathlib.Path, wave: np.ndarray) -> None:
    """Write a recording in several formats."""
    stereo = np.stack([wave, -wave], axis=1)
    soundfile.write(folder / "sound.wav", wave, SAMPLE_RATE)
    soundfile.write(folder / "float.wav", stereo, 44_100, subtype="FLOAT")
    soundfile.write(folder / "sound.flac", wave, SAMPLE_RATE)
    soundfile.write(folder / "sound.ogg", wave, SAMPLE_RATE)
    for name, (codec, rate, layout) in SOUNDS.items():
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream(codec, rate, layout=layout)
            encode_sound(container, stream, wave, rate)


def write_images(folder: pathlib.Path) -> None:
    """Write a portrait in several formats, with metadata."""
    pixels, _ = puppet.render_portrait(puppet.make_puppet(0, 1), SIDE)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"  # orientation, make
    image.save(folder / "face.png", dpi=(72, 72))
    image.save(folder / "face.jpg", exif=exif)
    image.save(folder / "progressive.jpg", progressive=True)
    image.save(folder / "face.webp", lossless=True)
    image.save(folder / "face.bmp")
    image.save(folder / "face.gif")
    frames = [image.rotate(angle) for angle in (90, 180)]
    image.save(folder / "animated.gif", save_all=True, append_images=frames)
    image.convert("P").save(folder / "palette.png", transparency=3)
    image.convert("I;16").save(folder / "grey16.png")
    image.save(folder / "deflate.tif", compression="tiff_deflate", exif=exif)
    wide = pixels.astype(np.uint16) * 257
    tifffile.imwrite(folder / "wide.tif", wide, photometric="rgb")
    floats = np.float32(pixels / 255)
    tifffile.imwrite(folder / "float.tif", floats, photometric="rgb", tile=(32, 32))
    tifffile.imwrite(folder / "lzw.tif", pixels, photometric="rgb", compression="lzw")


def write_networks(folder: pathlib.Path) -> None:
    """Write files of PyTorch weights in every format that `convert` reads.

    The networks have few channels; call it inside of `narrow_networks`.
    """
    expert, critic = random_arrays("syncnet_color"), random_arrays("wav2lip_disc")
    write_zip(folder / "expert.pth", {"state_dict": expert, "global_step": 1})
    write_legacy(folder / "critic.pth", critic)
    write_script(folder / "critic.pt", critic)
    save_file(critic, folder / "critic.safetensors")
    np.savez(folder / "critic.npz", **critic)
    np.savez_compressed(folder / "deflated.npz", **critic)
