"""Talking faces: a face and what it is to say -> frames in which the face says that.

Frames stream: of a clip of any length only one chunk is in memory.  Which system talks
is told by the weights: by a sound (pipelines.audio_talkers), or by a text and the times of
its sounds (pipelines.text_talker).
"""

import itertools
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import rich.console
import rich.progress

from avjax import weights
from avjax.audio import loudness as speech
from avjax.audio import mel as features
from avjax.errors import InputError
from avjax.media import audio_io as audio
from avjax.media import files
from avjax.media import video_reader as video
from avjax.media.face_source import Source, open_face
from avjax.pipelines.align import open_aligner
from avjax.pipelines.audio_talkers import (
    SYSTEMS,
    ContextTalker,
    Talker,
    open_talker,
    system_of,
)
from avjax.pipelines.compositor import Painter, portrait
from avjax.pipelines.live import Hearing
from avjax.pipelines.speech_source import NOBODY, Script, by_espeak, by_nobody, spoken
from avjax.pipelines.talk_report import Report
from avjax.pipelines.text_talker import SYSTEM, Prompter, open_prompter
from avjax.text.subtitles import Cue, read_srt
from avjax.text.tts import LANGUAGE

SOUND_RATE = 48_000  # of the sound in the file that is written, where it is a file's
BY_SOUND = "grid-s1"  # weights that are taken where none are named
ALIGNER = "grid-s1"  # the one that has heard somebody real
DOUBT = 3.3  # of an aligned text, from which on it is told; right ones have .1 to 3.0
CONSOLE = rich.console.Console(stderr=True)

Path = str | os.PathLike


def talk(
    face: Path | np.ndarray,
    audio: Path | np.ndarray | None = None,
    *,
    text: str | None = None,
    srt: Path | None = None,
    voice: str | None = None,
    lang: str | None = None,
    weights: str | None = None,
    system: str | None = None,
    lookahead: int | None = None,
    box: tuple[float, float, float, float] | None = None,
    face_index: int = 0,
    native: bool = False,
) -> "Talk":
    """Makes a face say something: an iterable of frames u8 [h w 3], and its report.

    face        a photo or a clip; a file, or one picture u8 [h w 3]
    audio       any file with sound in it, or a wave f32 [n] at 16 kHz
    text        what is said; with audio, what is said there
    srt         a file of subtitles, each said at its time
    voice       who says a text or subtitles: a variant of espeak's, such as f3; "none":
                nobody is heard; None: the language's own
    lang        of a text or subtitles, as espeak calls it; None: en-us
    weights     a bundled name, or a folder of weights; None: grid-s1, or for what is
                written taem-grid-s1 if that is bundled
    system      synctalkface, cals or taem, whose weights they are to be; None: any
    lookahead   frames of sound heard in advance, as in a live session (pipelines.live),
                by a system that hears any; None: as many as it can, of a sound that is
                known as a whole
    box         x, y, width, height of the face in pixels, where it is known
    face_index  which face, the largest being 0
    native      only the face, as large as the network draws it

    Weights of taem are told by text, any others by sound, be it that of espeak.

    Raises InputError, one clear sentence, for what cannot be used.
    """
    require_one(audio, text, srt, voice, lang)
    cast = open_cast(weights, system, lookahead, text is not None or srt is not None)
    language = LANGUAGE if lang is None else lang
    if voice == NOBODY:
        require_prompter(cast)
        cues = cues_of(text, srt)
        source = open_face(face, box, face_index)
        said = unheard(cues, language, cast, source)
    elif audio is None:
        said = aloud(cues_of(text, srt), voice, language, cast)
        source = open_face(face, box, face_index)
    else:
        said = recorded(wave_of(audio), text, language, cast)
        source = open_face(face, box, face_index)
    return Talk(source, said, cast, native)


def require_one(audio, text, srt, voice, lang) -> None:
    """InputError unless talk() was told once what is said, and no more than that."""
    if all(given is None for given in (audio, text, srt)):
        raise InputError("nothing is to be said: give a sound, a text or subtitles")
    if srt is not None and (audio is not None or text is not None):
        raise InputError("subtitles go without a sound and without another text")
    if voice is not None and audio is not None:
        raise InputError("a voice says a text or subtitles, not a sound that is given")
    if lang is not None and text is None and srt is None:
        raise InputError("a language is that of a text or of subtitles")


class Cast(NamedTuple):
    """Weights that talk: what draws the face, and what tells it of a text.

    Without the latter, it is told by sound.
    """

    name: str
    talker: Talker | ContextTalker
    prompter: Prompter | None = None


def open_cast(
    name: str | None, system: str | None, lookahead: int | None, written: bool
) -> Cast:
    """Weights by their name, for what is written or for a sound; as talk() says."""
    if name is None:
        name = default_weights(written and system in (None, SYSTEM))
    systems = (SYSTEM, *SYSTEMS) if written else (*SYSTEMS, SYSTEM)
    found = system or system_of(name, systems)
    if found != SYSTEM:
        return Cast(name, open_talker(name, found, lookahead))
    prompter = open_prompter(name)
    if lookahead is not None:
        raise InputError(f"the weights {name} are of taem, which takes no lookahead")
    return Cast(name, prompter.talker, prompter if written else None)


def require_prompter(cast: Cast) -> None:
    """InputError where weights can only be told by sound."""
    if cast.prompter is None:
        told = f"the weights {cast.name} take no text"
        raise InputError(f"{told}, so that they need a voice to hear")


def default_weights(written: bool) -> str:
    """Those of a sound; of what is written, a bundled taem of the same faces."""
    text = f"{SYSTEM}-{BY_SOUND}"
    return text if written and text in weights.bundled() else BY_SOUND


def recorded(wave: np.ndarray, text: str | None, language: str, cast: Cast) -> Script:
    """A sound, and what is said in it where that is told."""
    if text is None:
        return Script(wave)
    if cast.prompter is None:
        told = f"the sound alone moves the lips: the weights {cast.name} take no text"
        return Script(wave, None, (told,))
    found = open_aligner(ALIGNER).align_text(wave, text, language)
    told = ["the text moves the lips, as it was found in the sound"]
    if not speech.sounds_like_speech(wave):
        told.append("but the sound does not seem to be speech")
    elif found.doubt > DOUBT:
        told.append("but it hardly fits what is heard there: are these the words?")
    return Script(wave, found.phones, tuple(told))


def aloud(cues: list[Cue], voice: str | None, language: str, cast: Cast) -> Script:
    """What is written, said by espeak."""
    said = spoken(cues, by_espeak(voice, language))
    if cast.prompter is None:
        told = f"espeak's sound moves the lips: the weights {cast.name} take no text"
    else:
        told = "the text moves the lips, as espeak says it"
    return said._replace(remarks=(told, *said.remarks))


def unheard(cues: list[Cue], language: str, cast: Cast, source: Source) -> Script:
    """What is written, said by nobody."""
    who = portrait(source, cast.talker)
    said = spoken(cues, by_nobody(cast.prompter, who, language))
    told = "the text moves the lips, as fast as the weights foretell"
    return said._replace(remarks=(told, *said.remarks))


def cues_of(text: str | None, srt: Path | None) -> list[Cue]:
    return [Cue(0, 0, text)] if srt is None else read_srt(srt)


def wave_of(sound: Path | np.ndarray) -> np.ndarray:
    """f32 [n] at 16 kHz of a file, or as it is given."""
    wave = read_sound(sound) if isinstance(sound, Path) else np.asarray(sound)
    speech.check_wave(wave)
    if not len(wave):
        raise InputError("the sound is empty")
    return wave


def read_sound(path: Path) -> np.ndarray:
    return audio.read_sound(path, features.RATE)


class Talk:
    """Frames of a face that says something.  Iterating begins anew each time.

    fps     frames a second, those of the face's clip, or 25
    count   how many frames there will be
    shape   height and width of a frame
    wave    what is heard, f32 [n] at 16 kHz
    report  what happened, complete when the iteration is
    """

    def __init__(self, source: Source, said: Script, cast: Cast, native: bool):
        self._source, self._said, self._cast = source, said, cast
        self._native = native
        self._pauses = said.quiet()
        heard = said.spans is None
        self._speech = not heard or speech.sounds_like_speech(said.wave)
        self.fps = source.fps
        self.count = max(1, round(said.seconds * self.fps))
        self.shape = Painter(source, cast.talker, native).shape
        self.wave = said.wave
        self.report = self._blank_report()

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[np.ndarray]:
        self.report = self._blank_report()
        painter, number = Painter(self._source, self._cast.talker, self._native), 0
        for told in self._told():
            for frame, patch, box in painter.paint(told):
                self.report.count(number, patch, box, self._quiet(number))
                number += 1
                yield frame

    def _told(self) -> Iterator[np.ndarray]:
        """What the frames are told, one by one if not all of the sound is known."""
        _, talker, prompter = self._cast
        if prompter is not None:
            who = portrait(self._source, talker)
            return prompter.tell(self._said.sounds(), who, self.count, self.fps)
        if getattr(talker, "lookahead", None) is None:
            mel = features.log_mel(talker.heard(self.wave))
            return talker.tell(mel, self.count, self.fps)
        # Where a frame lasts longer than the reach, one is final before it is promised.
        return itertools.islice(self._heard_live(), self.count)

    def _heard_live(self) -> Iterator[np.ndarray]:
        hearing = Hearing(self._cast.talker, self.fps)
        for start in range(0, len(self.wave), features.RATE):
            yield from hearing.feed(self.wave[start : start + features.RATE])
        yield from hearing.finish()

    def _blank_report(self) -> Report:
        size, pasted = self._cast.talker.config.size, not self._native
        given = self.count, self.fps, size, pasted, self._speech
        return Report(*given, self._said.remarks)

    def _quiet(self, frame: int) -> bool:
        """Whether nobody speaks from one frame to the next, on either side of it."""
        first, last = (
            int((frame + side) / self.fps * speech.STEPS_PER_SECOND) for side in (-1, 2)
        )
        return bool(self._pauses[max(first, 0) : last + 1].all())


def write(
    out: Path, face: Path | np.ndarray, sound: Path | None = None, **options
) -> Report:
    """Writes what talk() yields, with its sound, as one mp4.  Options as talk()'s."""
    files.require_ending(out, ".mp4")
    files.require_other(out, face, sound, options.get("srt"))
    files.require_place(out)
    with rich.progress.Progress(console=CONSOLE, transient=True) as progress:
        task = progress.add_task("finding the face", total=None)
        frames = talk(face, sound, **options)
        progress.update(task, description="drawing", total=frames.count)
        wave, rate = frames.wave, features.RATE
        if sound is not None:
            wave, rate = audio.read_sound(sound, SOUND_RATE), SOUND_RATE
        with video.VideoWriter(out, frames.fps, wave, rate=rate) as writer:
            for frame in frames:
                writer.write(frame)
                progress.advance(task)
    return frames.report
