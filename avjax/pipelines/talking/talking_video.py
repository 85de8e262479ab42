"""A generated video: frames on demand, sound, a report, and how it is saved."""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence

import numpy as np

from avjax.audio.loudness import LEVELS_PER_SECOND, is_silent, is_speech_like
from avjax.audio.mel import log_mel
from avjax.console import track
from avjax.constants import SAMPLE_RATE
from avjax.faces.source import FaceSource
from avjax.media.audio_io import read_audio
from avjax.media.files import check_distinct, check_suffix, check_writable
from avjax.media.video_writer import VideoWriter
from avjax.pipelines.formatting import format_frames
from avjax.pipelines.talk_report import TalkReport
from avjax.pipelines.talking.audio_talkers import ContextTalker
from avjax.pipelines.talking.compositor import crop_portrait
from avjax.pipelines.talking.editing_compositor import (
    describe_source,
    make_compositor,
)
from avjax.pipelines.talking.loading import LoadedTalker
from avjax.pipelines.talking.speech_source import SpeechTrack
from avjax.pipelines.talking.streaming_encoder import StreamingEncoder
from avjax.pipelines.talking.talker_functions import edits_frames
from avjax.typing import PathLike

FILE_SAMPLE_RATE = 48_000  # Hz, of written files if the audio is a file


class TalkingVideo:
    """A generated video: an iterable of frames u8 [h w 3], with sound and a report.

    Each iteration generates the frames again, from the first on.

    Args:
        source: A photo or a clip with its face boxes.
        speech: The speech.
        talker: Generates the faces.
        native: Return the generated faces alone, at the resolution of the network.
        progress: Show a progress display in `save`.

    Attributes:
        fps: Frames per second: those of the clip, or 25 for a photo.
        num_frames: Number of frames, also `len(video)`.
        shape: Height and width of a frame in pixels.
        wave: The audio, f32 [n] at 16 kHz.
        phones: Phones in IPA with their times in seconds; None if they are not known.
        report: Summary of the last iteration; complete once that has ended.
        inputs: The arguments face, audio and srt of `talk`: files that `save` does not
            overwrite.
    """

    def __init__(
        self,
        source: FaceSource,
        speech: SpeechTrack,
        talker: LoadedTalker,
        *,
        native: bool = False,
        progress: bool = False,
    ):
        self._source, self._speech, self._talker = source, speech, talker
        self._native, self._progress = native, progress
        self._silence = speech.silence_mask()
        unknown = speech.phones is None  # so that the lips follow the audio alone
        self._is_silent_audio = unknown and is_silent(speech.wave)
        self._is_speech = not unknown or is_speech_like(speech.wave)
        self.fps = source.fps
        self.num_frames = max(1, round(speech.seconds * self.fps))
        self.shape = make_compositor(source, talker.talker, native).shape
        self.wave, self.phones = speech.wave, speech.phones
        self.inputs: Sequence[PathLike | np.ndarray | None] = (None, None, None)
        self.report = self._empty_report()

    def __len__(self) -> int:
        return self.num_frames

    def __iter__(self) -> Iterator[np.ndarray]:
        self.report = self._empty_report()
        compositor = make_compositor(self._source, self._talker.talker, self._native)
        with contextlib.closing(compositor.stream(self._iter_latents())) as frames:
            for number, (frame, patch, box) in enumerate(frames):
                self.report.add_frame(number, patch, box, self._is_silent(number))
                yield frame

    def __repr__(self) -> str:
        height, width = self.shape
        return (
            f"<TalkingVideo: {format_frames(self.num_frames)} of {width}x{height} "
            f"pixels, {float(self.fps):.6g} fps, weights {self._talker.name}>"
        )

    def save(self, path: PathLike) -> TalkReport:
        """Write the video with its sound as an mp4 file.

        The file appears under its name only when it is complete.

        Args:
            path: The file to write, ending in .mp4.

        Returns:
            The report.

        Raises:
            InputError: The file cannot be written.
        """
        check_output(path, *self.inputs)
        audio, wave, rate = self.inputs[1], self.wave, SAMPLE_RATE
        if isinstance(audio, (str, os.PathLike)):
            wave, rate = read_audio(audio, FILE_SAMPLE_RATE), FILE_SAMPLE_RATE
        with VideoWriter(path, self.fps, wave, sample_rate=rate) as writer:
            for frame in track(
                self,
                "generating frames",
                total=self.num_frames,
                progress=self._progress,
            ):
                writer.write(frame)
        return self.report

    def _iter_latents(self) -> Iterator[np.ndarray]:
        """Yield the latents of all frames in chunks f32 [t d]."""
        talker, text_talker = self._talker.talker, self._talker.text_talker
        if text_talker is not None:
            tier = self._speech.phoneme_tier()
            portrait = crop_portrait(self._source, talker)
            return text_talker.iter_latents(tier, portrait, self.num_frames, self.fps)
        if isinstance(talker, ContextTalker) and talker.lookahead is not None:
            # At a low frame rate, a frame after the end may already be final.
            return itertools.islice(self._iter_live_latents(talker), self.num_frames)
        mel = log_mel(talker.preprocess_audio(self.wave))
        return talker.iter_latents(mel, self.num_frames, self.fps)

    def _iter_live_latents(self, talker: ContextTalker) -> Iterator[np.ndarray]:
        """Yield the latents of a live session with the same audio."""
        encoder = StreamingEncoder(talker, self.fps)
        for start in range(0, len(self.wave), SAMPLE_RATE):
            yield from encoder.feed(self.wave[start : start + SAMPLE_RATE])
        yield from encoder.finish()

    def _empty_report(self) -> TalkReport:
        """Make a report without frames."""
        return TalkReport(
            num_frames=self.num_frames,
            fps=self.fps,
            weights=self._talker.name,
            face_size=self._talker.talker.config.size,
            composited=not self._native,
            edits=edits_frames(self._talker.talker.config),
            box_given=self._source.track is None,
            is_silent=self._is_silent_audio,
            is_speech=self._is_speech,
            remarks=(
                *self._talker.remarks,
                *self._source.remarks,
                *self._speech.remarks,
                *describe_source(self._source, self._talker.talker),
            ),
        )

    def _is_silent(self, frame: int) -> bool:
        """Return True if nobody speaks from the frame before to the frame after."""
        first, last = (
            int((frame + offset) / self.fps * LEVELS_PER_SECOND) for offset in (-1, 2)
        )
        return bool(self._silence[max(first, 0) : last + 1].all())


def check_output(path: PathLike, *inputs: PathLike | np.ndarray | None) -> None:
    """Check that a video can be written.

    Args:
        path: The file to write.
        inputs: Files that must not be overwritten.

    Raises:
        InputError: The name does not end in .mp4, the folder cannot be written, or the
            file is one of the inputs.
    """
    check_suffix(path, ".mp4")
    check_distinct(path, *inputs)
    check_writable(path)
