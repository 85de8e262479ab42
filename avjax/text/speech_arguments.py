"""What is spoken: a recording, a text or subtitles, and in which voice."""

from avjax.errors import InputError, suggest
from avjax.text import espeak
from avjax.typing import PathLike

_NEUTRAL = {"rate": 175, "pitch": 50, "range": 50, "seed": 0}  # of no importance


def check_speech_arguments(
    audio: object,
    text: str | None,
    srt: PathLike | None,
    voice: str | None,
    lang: str | None,
) -> None:
    """Check that there is one source of speech, and that all options fit it.

    Args:
        audio: The recording. None: there is none.
        text: The text. None: there is none.
        srt: The file of subtitles. None: there is none.
        voice: Voice for a text or subtitles. None: the voice of the language.
        lang: Language of the text or subtitles. None: the default.

    Raises:
        InputError: The arguments contradict each other.
    """
    if audio is None and text is None and srt is None:
        raise InputError("there is nothing to say: give `audio`, `text` or `srt`")
    if srt is not None and (audio is not None or text is not None):
        raise InputError("subtitles cannot be combined with audio or another text")
    if voice is not None and audio is not None:
        raise InputError("a voice is for text or subtitles; it cannot replace audio")
    if lang is not None and text is None and srt is None:
        raise InputError("a language is for text or subtitles; there are none")


def check_language(language: str) -> None:
    """Check that eSpeak has a language.

    Args:
        language: Name of an eSpeak voice.

    Raises:
        InputError: It has no such voice.
    """
    if not language:
        raise InputError("the language is empty: give a name such as en-us")
    try:
        espeak.synthesize(text="", voice=language, **_NEUTRAL)
    except RuntimeError as error:
        code, languages = language.partition("+")[0], espeak.list_languages()
        if "no voice" not in str(error) or code in {*languages, ""}:
            raise InputError(str(error)) from error
        raise InputError(
            f"unknown language '{code}' for `lang`; "
            f"{suggest(code, languages, 'avjax.text.espeak.list_languages()')}"
        ) from error
