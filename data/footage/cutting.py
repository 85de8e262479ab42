"""Cut one video into clips of one speaking face, in bounded memory.

The video is decoded twice at the same time. The first reading finds the face in a part
of at most a minute; the second one follows and cuts the face out. Each clip is written
to a temporary file at once, so that one clip is in memory; but a text without times is
aligned with the whole sound.
"""

import bisect
import itertools
import operator
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from av.error import FFmpegError

from avjax.console import format_count
from avjax.constants import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from avjax.data.builders.clip_reader import crop_frames
from avjax.data.builders.source import PeopleTracker
from avjax.data.footage import stretches as plans
from avjax.data.footage.face_follower import FaceFollower
from avjax.data.footage.pickles import read_pickle, write_pickle
from avjax.data.footage.report import SkippedStretch, TakenStretch, VideoReport
from avjax.data.footage.shots import number_shots
from avjax.data.footage.stretches import Stretch, Timeline
from avjax.data.footage.sync_check import MIN_OFFSET, SyncEvidence, describe_offset
from avjax.data.footage.transcripts import (
    NO_TRANSCRIPT,
    VideoTranscript,
    align_transcript,
    read_transcript,
    timed_words,
    words_of_stretch,
)
from avjax.data.footage.videos import Video
from avjax.data.footage.wave_reader import WaveReader
from avjax.data.schema import make_record
from avjax.errors import InputError
from avjax.faces.alignment import fit_similarity, smooth_similarities
from avjax.faces.editing import relative_pose
from avjax.media.audio_io import stream_audio
from avjax.media.video_reader import probe, read_at_rate
from avjax.text.intervals import Intervals

MIN_FPS = 8  # average frame rate: fewer frames do not show how lips move


class CuttingOptions(NamedTuple):
    """How videos are cut.

    Attributes:
        face_size: Side of a face crop in pixels.
        face_index: Which face; 0 is the most important.
        tracker: Tracks all faces through the frames of a part of a video.
        folder: Where the records of clips are written.
        aligner: (wave, text) -> words with their times; None: a text is not aligned.
    """

    face_size: int
    face_index: int
    tracker: PeopleTracker
    folder: pathlib.Path
    aligner: Callable[[np.ndarray, str], Intervals] | None = None


def cut_once(options: CuttingOptions, numbered: tuple[int, Video]) -> VideoReport:
    """Cut a video into clips, unless an interrupted build has already done so.

    Args:
        options: How to cut.
        numbered: See `cut_video`.

    Returns:
        See `cut_video`.
    """
    note = options.folder / f"{numbered[0]:06d}.report"
    if not note.exists():
        write_pickle(note, cut_video(options, numbered))
    return read_pickle(note)


def cut_video(options: CuttingOptions, numbered: tuple[int, Video]) -> VideoReport:
    """Cut a video into clips.

    Args:
        options: How to cut.
        numbered: A number, from which the temporary files get their names, and the
            video.

    Returns:
        What was taken, and what was left out. A file that cannot be read to its end is
        left out as a whole.
    """
    number, video = numbered
    report = VideoReport(video.name, video.speaker)
    try:
        _Cutter(options, number, video, report).run()
    except InputError as error:
        report.skip_all(str(error).replace(str(video.path), "the file"))
    except (FFmpegError, ValueError) as error:
        report.skip_all(f"the file cannot be decoded: {error}")
    if not report.taken:
        for path in options.folder.glob(f"{number:06d}-*"):
            path.unlink()
    return report


class _Cutter:
    """Cuts one video, and fills its report."""

    def __init__(
        self, options: CuttingOptions, number: int, video: Video, report: VideoReport
    ):
        self.options, self.number = options, number
        self.video, self.report = video, report
        self.follower = FaceFollower(options.tracker, options.face_index)
        self.evidence = SyncEvidence()
        self.transcript = self.read_transcript()
        self.untimed_text = "" if self.transcript.cues else self.transcript.text
        self.unaligned = ""  # why a text without times was not aligned
        self.left_out: list[Stretch] = []
        self.without_text = 0

    def run(self) -> None:
        """Cut the video.

        Raises:
            InputError: The video cannot be read, or nobody speaks in it.
        """
        path = self.video.path
        info = probe(path)
        if info.num_frames < MIN_FPS * info.duration:
            raise InputError(
                f"it shows {info.num_frames} frames in {info.duration:.1f} s, and at "
                f"least {MIN_FPS} a second are needed, or its timestamps are damaged"
            )
        self.report.seconds = info.duration
        if not info.has_audio:
            raise InputError("it has no audio track")
        self.transcript, self.unaligned = align_transcript(
            self.transcript, path, info.duration, self.options.aligner
        )
        timeline = self.read_timeline(int(info.duration * FPS) + 1)
        if timeline.silent.all():
            raise InputError(plans.SILENT)
        finder, cutter = read_at_rate(path, FPS), read_at_rate(path, FPS)
        wave = WaveReader(stream_audio(path, SAMPLE_RATE))
        for stretch, landmarks in self.find_stretches(finder, timeline):
            frames = itertools.islice(cutter, len(landmarks))
            if stretch.problem:
                self.left_out.append(stretch)
                for _ in frames:
                    pass
            else:
                self.write_clip(stretch, landmarks, frames, wave)
        self.use_untimed_text(timeline)
        self.finish()

    def read_transcript(self) -> VideoTranscript:
        """Read the transcript, if there is one that can be read."""
        if self.video.transcript is None:
            return NO_TRANSCRIPT
        try:
            return read_transcript(self.video.transcript)
        except InputError as error:
            name = self.video.transcript.name
            message = str(error).replace(str(self.video.transcript), name)
            self.report.notes.append(f"its transcript is not used: {message}")
            return NO_TRANSCRIPT

    def read_timeline(self, num_frames: int) -> Timeline:
        """Read the sound, and find its pauses."""
        blocks = stream_audio(self.video.path, SAMPLE_RATE)
        levels = WaveReader(blocks).read_levels()
        return plans.make_timeline(levels, num_frames, self.transcript.cues)

    def find_stretches(
        self, frames: Iterator[np.ndarray], timeline: Timeline
    ) -> Iterator[tuple[Stretch, np.ndarray]]:
        """Find the face part by part: yield stretches and landmarks [t 5 2]."""
        count = len(timeline.pauses)
        edges = plans.divide(0, count, plans.MAX_BLOCK_FRAMES, timeline.costs)
        parts = itertools.groupby(
            (
                ((shot, bisect.bisect(edges, number)), frame)
                for number, (shot, frame) in enumerate(
                    number_shots(itertools.islice(frames, count))
                )
            ),
            key=operator.itemgetter(0),
        )
        start = 0
        for (shot, _), group in parts:
            landmarks = self.follower.follow((frame for _, frame in group), shot)
            has_face = np.isfinite(landmarks[:, 0, 0])
            part = timeline.part(start, start + len(landmarks))
            for stretch in plans.plan_stretches(has_face, part, self.no_face):
                first, last = stretch.start + start, stretch.stop + start
                yield (
                    stretch._replace(start=first, stop=last),
                    landmarks[stretch.start : stretch.stop],
                )
            start += len(landmarks)
            self.report.shots = shot + 1
            self.report.seconds = start / FPS

    @property
    def no_face(self) -> str:
        """Reason to leave out frames in which the face was not found."""
        index = self.options.face_index
        return f"face {index} was not found" if index else "no face was found"

    def write_clip(
        self,
        stretch: Stretch,
        landmarks: np.ndarray,
        frames: Iterator[np.ndarray],
        wave: WaveReader,
    ) -> None:
        """Write the record of a clip to a temporary file."""
        start, end = stretch.start / FPS, stretch.stop / FPS
        similarities = smooth_similarities(fit_similarity(landmarks))
        face, mouth, lower_face = crop_frames(
            frames, similarities, self.options.face_size
        )
        sound = wave.read(
            stretch.start * SAMPLES_PER_FRAME, stretch.stop * SAMPLES_PER_FRAME
        )
        self.evidence.add(mouth[:], sound)
        cues = words_of_stretch(self.transcript.cues, start, end)
        self.without_text += cues is None
        cues = cues or []
        index = len(self.report.taken)
        name = f"{self.video.clip}_{index:04d}"
        record = make_record(
            face=face,
            mouth=mouth,
            lower_face=lower_face,
            pose=relative_pose(landmarks, similarities),
            wave=sound,
            words=timed_words(cues, start, end) if self.transcript.has_words else (),
            text=" ".join(cue.text for cue in cues),
            speaker=self.video.speaker,
            clip=name,
        )
        file = f"{self.number:06d}-{index:04d}.pickle"
        write_pickle(self.options.folder / file, record)
        self.report.taken.append(TakenStretch(name, start, end, record["text"], file))

    def use_untimed_text(self, timeline: Timeline) -> None:
        """Give a text without times to the only clip, if it has all the speech."""
        taken, text = self.report.taken, self.untimed_text
        if not text or not taken:
            return
        if len(taken) == 1 and timeline.has_all_speech(taken[0].start, taken[0].end):
            path = self.options.folder / taken[0].record
            record = read_pickle(path)
            if record["text"] != text:  # not aligned, or a word is outside of the clip
                words = {column: [] for column in record["words"]}
                write_pickle(path, {**record, "text": text, "words": words})
                taken[0] = taken[0]._replace(text=text)
                self.without_text = 0
        elif not self.transcript.cues:
            reason = f" ({self.unaligned})" if self.unaligned else ""
            self.report.notes.append(
                f"its text has no times{reason}, so the words of its clips are "
                "unknown: give them as .srt or .vtt"
            )

    def finish(self) -> None:
        """Complete the report."""
        report = self.report
        report.faces = self.follower.num_faces
        report.skipped = [
            SkippedStretch(start / FPS, stop / FPS, problem)
            for start, stop, problem in plans.merge(self.left_out)
        ]
        if report.faces > 1:
            report.notes.append(
                f"{report.faces} faces are visible; face {self.options.face_index} was "
                "used"
            )
        if self.without_text:
            report.notes.append(
                f"no text in {self.without_text} of its "
                f"{format_count(len(report.taken), 'clip')}, because a subtitle or a "
                "word reaches beyond"
            )
        offset = self.evidence.find_offset() if report.taken else None
        report.sync = describe_offset(offset, self.evidence.num_frames)
        if offset is not None and abs(offset) >= MIN_OFFSET:
            report.skipped += [
                SkippedStretch(clip.start, clip.end, report.sync)
                for clip in report.taken
            ]
            report.skipped.sort(key=lambda stretch: stretch.start)
            report.taken.clear()
