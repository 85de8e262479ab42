"""Lip-to-speech: generate the speech of a person in a silent video."""

import functools
import warnings
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from avjax import console
from avjax.algorithms.griffin_lim import SILENCE, GriffinLim, Vocoder
from avjax.audio.speech_mel import PEAK_LEVEL, SPEECH_MEL_HOP
from avjax.config.arguments import checked_arguments
from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError
from avjax.faces.mouth_video import open_mouth_video, run_windows
from avjax.media import audio_io, files, video_reader
from avjax.media.video_writer import VideoWriter
from avjax.models.bridging import BridgingConfig
from avjax.pipelines.formatting import (
    describe_found,
    describe_scope,
    format_seconds,
    frame_ranges,
)
from avjax.pipelines.lip_networks import SPEECH_PREFIX, load_lip_network
from avjax.pipelines.lipread import jit_read
from avjax.typing import Params, PathLike
from avjax.weights import full_name

VOCODER_FRAMES = 1600  # mel frames that are vocoded at once
FADE_FRAMES = 16  # mel frames that consecutive parts share
MAX_GAIN = 4.0  # quiet output stays quiet: it is not amplified more than this
GRIFFIN_LIM = GriffinLim()


class GeneratedSpeech(NamedTuple):
    """Speech that was generated from lips.

    Attributes:
        wave: Waveform f32 [n] at 16 kHz.
        mel: Log-mel spectrogram f32 [f k], 100 frames a second.
        missed_frames: Frames in which no face was found, at 25 frames a second. They
            are silent.
        num_frames: Number of all frames, at 25 frames a second.
        weights: Name or folder of the weights.
        box_given: True if the box of the face was given, and not detected.
    """

    wave: np.ndarray
    mel: np.ndarray
    missed_frames: list[int]
    num_frames: int
    weights: str
    box_given: bool = False

    def save(
        self,
        path: PathLike,
        clip: PathLike | None = None,
        *,
        progress: bool = False,
    ) -> None:
        """Write the speech as a .wav file, or a video with the speech as .mp4 file.

        Args:
            path: The file to write, which ends in .wav or .mp4.
            clip: The silent video, for .mp4. It may be the same file as `path`.
            progress: True to show a progress bar.

        Raises:
            InputError: The file cannot be written, or has another suffix.
        """
        if files.check_suffix(path, ".wav", ".mp4") == ".wav":
            audio_io.write_wav(path, self.wave, SAMPLE_RATE)
            return
        if clip is None:
            raise InputError(f"cannot write {path}: the silent video is missing")
        info = video_reader.probe(clip)
        for remark in info.remarks:
            message = remark.removeprefix("warning: ")
            warnings.warn(f"{clip}: {message}", stacklevel=2)
        frames = console.track(
            video_reader.read_at_rate(clip, info.fps),
            "writing",
            total=video_reader.count_at_rate(clip, info.fps),
            progress=progress,
        )
        with VideoWriter(path, info.fps, self.wave, sample_rate=SAMPLE_RATE) as writer:
            for frame in frames:
                writer.write(frame)

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts.

        Returns:
            {"weights", "scope" (whom the weights know, or None), "seconds",
            "num_frames", "missed_frames": [[first, last]]}.
        """
        return {
            "weights": self.weights,
            "scope": "".join(describe_scope(self.weights)) or None,
            "seconds": round(len(self.wave) / SAMPLE_RATE, 3),
            "num_frames": self.num_frames,
            "missed_frames": frame_ranges(self.missed_frames),
        }

    def __str__(self) -> str:
        """Format as sentences, one per line."""
        duration = format_seconds(len(self.wave) / SAMPLE_RATE)
        lines = [
            f"{duration} of speech, with the weights {self.weights}",
            *describe_scope(self.weights),
            describe_found(
                self.missed_frames, self.num_frames, "are silent", self.box_given
            ),
        ]
        return "\n".join(lines)


@checked_arguments
def speak(
    clip: PathLike | np.ndarray,
    *,
    weights: PathLike = "bridging-speech-grid-s1",
    box: tuple[float, float, float, float] | None = None,
    face_index: int = 0,
    vocoder: Vocoder = GRIFFIN_LIM,
    progress: bool = False,
) -> GeneratedSpeech:
    """Generate the speech of a person from the lips alone.

    Args:
        clip: A video file, or frames u8 [t h w 3] at 25 frames a second.
        weights: Bundled name, or folder, of weights of a lip-to-speech network.
        box: x, y, width and height of the face in pixels. None: found by face
            detection.
        face_index: Number of the face; 0 is the most important.
        vocoder: Converts log-mel spectrograms [b f k] to waveforms [b n].
        progress: True to show a progress bar.

    Returns:
        The speech, as long as the video.

    Raises:
        InputError: The video or the weights cannot be used.
    """
    config, variables = load_network(weights)
    video = open_mouth_video(clip, box, face_index, progress)
    network = functools.partial(jit_read(config), variables)
    mel = run_windows(video, config.size, network, progress)
    face_found = np.repeat(video.face_found, len(mel) // len(video))
    mel = np.where(face_found[:, None], mel, np.float32(SILENCE))
    missed_frames = np.flatnonzero(~video.face_found).tolist()
    wave = vocode(mel, vocoder)
    has_box = box is not None
    return GeneratedSpeech(wave, mel, missed_frames, len(video), str(weights), has_box)


def vocode(mel: np.ndarray, vocoder: Vocoder) -> np.ndarray:
    """Convert a log-mel spectrogram of any length to a waveform.

    The spectrogram is converted in parts of one length, so that the vocoder is
    compiled once. Consecutive parts overlap and are cross-faded. The peak of the
    result is normalised, but quiet speech is amplified only by up to `MAX_GAIN`.

    Args:
        mel: Log-mel spectrogram f32 [f k].
        vocoder: Converts log-mel spectrograms [b f k] to waveforms [b n].

    Returns:
        Waveform f32 [n = 160 f] at 16 kHz.
    """
    hop = SPEECH_MEL_HOP
    wave = np.zeros(len(mel) * hop, np.float32)
    fade = FADE_FRAMES * hop
    ramp = (np.arange(fade, dtype=np.float32) + 0.5) / fade
    last_start = max(len(mel) - FADE_FRAMES, 1)
    for first in range(0, last_start, VOCODER_FRAMES - FADE_FRAMES):
        part = mel[first : first + VOCODER_FRAMES]
        missing = (0, VOCODER_FRAMES - len(part)), (0, 0)
        padded = np.pad(part, missing, constant_values=SILENCE)
        part_wave = np.array(vocoder(jnp.asarray(padded[None]))[0][: len(part) * hop])
        if first:
            part_wave[:fade] *= ramp
        if first + VOCODER_FRAMES < len(mel):
            part_wave[-fade:] *= ramp[::-1]
        wave[first * hop : first * hop + len(part_wave)] += part_wave
    peak = np.max(np.abs(wave), initial=0)
    return wave * min(PEAK_LEVEL / max(peak, 1e-9), MAX_GAIN)


def load_network(weights: PathLike) -> tuple[BridgingConfig, Params]:
    """Load the weights of a lip-to-speech network.

    Args:
        weights: Bundled name, or folder, of weights of a lip-to-speech network.

    Returns:
        Config and variables of the network.

    Raises:
        InputError: The weights are missing or damaged, or belong to another system.
    """
    return load_lip_network(full_name(weights, SPEECH_PREFIX), speech=True)


def write(
    out: PathLike, clip: PathLike, *, progress: bool = False, **options
) -> GeneratedSpeech:
    """Generate speech from lips and write it to a file.

    Args:
        out: The file to write: .wav for the speech, .mp4 for the video with it.
        clip: A video file.
        progress: True to show a progress bar.
        **options: Further arguments of `speak`.

    Returns:
        The speech.

    Raises:
        InputError: A file or the weights cannot be used.
    """
    files.check_suffix(out, ".wav", ".mp4")
    files.check_writable(out)
    speech = speak(clip, progress=progress, **options)
    speech.save(out, clip, progress=progress)
    return speech
