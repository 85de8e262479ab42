"""Talking faces: animate a photo or a clip so that it speaks audio, text or subtitles.

Frames are generated one after the other; a clip of any length needs the memory of one
chunk of frames. The weights decide what drives the lips: audio
(`pipelines.talking.audio_talkers`) or text (`pipelines.talking.text_talker`).
"""

import functools

import numpy as np

from avjax.config.arguments import checked_arguments
from avjax.console import status
from avjax.errors import InputError
from avjax.faces.source import FaceSource, open_face_source
from avjax.pipelines.adapt import adapt as adapt_to_person
from avjax.pipelines.recording import read_waveform
from avjax.pipelines.talking.compositor import crop_portrait
from avjax.pipelines.talking.loading import LoadedTalker, load_any_talker
from avjax.pipelines.talking.speech_source import (
    SILENT_VOICE,
    track_from_durations,
    track_from_recording,
    track_from_tts,
)
from avjax.pipelines.talking.talking_video import TalkingVideo
from avjax.text.speech_arguments import check_speech_arguments
from avjax.text.subtitles import Cue, read_subtitles
from avjax.text.tts import DEFAULT_LANGUAGE
from avjax.typing import PathLike


@checked_arguments
def talk(
    face: PathLike | np.ndarray,
    audio: PathLike | np.ndarray | None = None,
    *,
    text: str | None = None,
    srt: PathLike | None = None,
    voice: str | None = None,
    lang: str | None = None,
    weights: PathLike | None = None,
    system: str | None = None,
    adapt: bool = False,
    lookahead: int | None = None,
    box: tuple[float, float, float, float] | None = None,
    face_index: int = 0,
    native: bool = False,
    progress: bool = False,
) -> TalkingVideo:
    """Animate a face so that it speaks audio, a text or subtitles.

    Args:
        face: A photo or a clip: a file, an image u8 [h w 3], or frames u8 [t h w 3] at
            25 frames per second.
        audio: Any file with sound, or a waveform f32 [n] at 16 kHz.
        text: Text to speak; with `audio`, the words spoken in it.
        srt: A .srt or .vtt file of subtitles, each spoken at its time.
        voice: Voice for a text or subtitles: a variant of eSpeak's voices, such as
            "f3". "none": a video without audible speech. None: the voice of the
            language.
        lang: Language of the text or subtitles, by eSpeak's name. None: "en-us".
        weights: Name of bundled weights, or a folder of weights. TAEM weights are
            driven by text, all others by audio; if there is only a text, eSpeak speaks
            it. None: "lipwarp-people", or "taem-people" for a text without a voice.
        system: System id that the weights must have, such as "cals". None: any.
        adapt: First adapt the weights, those of LipWarp, to the person in `face`; see
            `avjax.adapt`.
        lookahead: Video frames (1/25 s) of future audio that the lips may depend on, as
            in a live session, for systems with audio context. None: no limit.
        box: x, y, width and height of the face in pixels. None: it is detected.
        face_index: Which face to animate; 0 is the most important.
        native: Return the generated faces alone, at the resolution of the network.
        progress: Show a progress display here and in `TalkingVideo.save`.

    Returns:
        The video. Iterate over it, or save it: `talk(...).save("out.mp4")`.

    Raises:
        InputError: An argument cannot be used.
    """
    check_speech_arguments(audio, text, srt, voice, lang)
    talker = load_any_talker(
        weights,
        system,
        lookahead,
        has_text=text is not None or srt is not None,
        has_audio=audio is not None or voice != SILENT_VOICE,
    )
    language = DEFAULT_LANGUAGE if lang is None else lang
    open_source = functools.partial(_open_face, face, box, face_index, progress)
    if audio is not None:
        speech = track_from_recording(read_waveform(audio), text, language, talker)
        source = open_source()
    elif voice != SILENT_VOICE:
        speech = track_from_tts(read_cues(text, srt), voice, language, talker)
        source = open_source()
    elif talker.text_talker is None:
        raise InputError(
            f"the weights {talker.name} do not use text: without a voice there is no "
            "audio to drive the lips"
        )
    else:
        cues, source = read_cues(text, srt), open_source()
        portrait = crop_portrait(source, talker.talker)
        speech = track_from_durations(cues, language, talker.text_talker, portrait)
    if adapt:
        talker = _adapt(talker, lookahead, face, box, face_index, progress)
    video = TalkingVideo(source, speech, talker, native=native, progress=progress)
    video.inputs = face, audio, srt
    return video


def _open_face(
    face: PathLike | np.ndarray,
    box: tuple[float, ...] | None,
    face_index: int,
    progress: bool,
) -> FaceSource:
    """Open a photo or a clip and find the face in it."""
    with status("finding the face", progress=progress):
        return open_face_source(face, box, face_index)


def _adapt(
    talker: LoadedTalker,
    lookahead: int | None,
    face: PathLike | np.ndarray,
    box: tuple[float, float, float, float] | None,
    face_index: int,
    progress: bool,
) -> LoadedTalker:
    """Adapt a talker to the person in a clip."""
    adapted = adapt_to_person(
        face,
        weights=talker.name,
        box=box,
        face_index=face_index,
        progress=progress,
    )
    remarks = tuple(f"adapted {line}" for line in adapted.report.sentences)
    return LoadedTalker(talker.name, adapted.talker(lookahead), remarks=remarks)


def read_cues(text: str | None, srt: PathLike | None) -> list[Cue]:
    """Return the subtitles of a file, or a text as a single one.

    Args:
        text: The text, used if there is no file.
        srt: A file of subtitles.

    Returns:
        Subtitles in the order of time.

    Raises:
        InputError: The file cannot be read.
    """
    return [Cue(0, 0, text or "")] if srt is None else read_subtitles(srt)
