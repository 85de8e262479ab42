"""The speech of a video: audio, and the times of its phones where they are known.

The speech comes from a recording, with or without its text; from a text, spoken by
eSpeak or timed by the model without audio; or from subtitles, each spoken at its time.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from avjax.audio.loudness import (
    LEVELS_PER_SECOND,
    find_pauses,
    is_silent,
    is_speech_like,
)
from avjax.console import format_count
from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError, suggest
from avjax.pipelines.align import load_aligner
from avjax.pipelines.alignment import MISMATCH_THRESHOLD
from avjax.pipelines.talking.loading import LoadedTalker
from avjax.pipelines.talking.text_talker import TextTalker
from avjax.text import espeak
from avjax.text.intervals import Interval, Intervals, PhonemeTier
from avjax.text.phonemes import PAUSE, PHONEMES, intervals_to_columns, to_phoneme_tier
from avjax.text.subtitles import Cue
from avjax.text.tts import DEFAULT_WORDS_PER_MINUTE, synthesize

SILENT_VOICE = "none"  # the voice of a text that is not spoken aloud
MIN_DELAY = 0.05  # seconds of delay that are reported
MAX_SPEEDUP = 1.4  # largest factor by which a subtitle is sped up to end in time
ALIGNER_WEIGHTS = "aligner-grid-s1"  # trained on recordings of a real speaker

Voice = Callable[[str, float], tuple[np.ndarray, Intervals]]
"""(text, speedup) -> waveform f32 [n] at 16 kHz, and phones with their times."""


class SpeechTrack(NamedTuple):
    """The speech of a video.

    Attributes:
        wave: f32 [n] at 16 kHz; silence if the speech has no audio.
        phones: Phones in IPA with their times in seconds; None if they are not known.
        remarks: Sentences about the source of the speech, for the report.
    """

    wave: np.ndarray
    phones: Intervals | None = None
    remarks: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.wave) / SAMPLE_RATE

    def phoneme_tier(self) -> PhonemeTier:
        """Return the phonemes of the phones, and the pauses between them.

        Returns:
            Phoneme ids i32 [l] and their edges f32 [l+1] in seconds.

        Raises:
            ValueError: The phones are not known.
        """
        if self.phones is None:
            raise ValueError("the phones of this speech are not known")
        return to_phoneme_tier(intervals_to_columns(self.phones), self.seconds)

    def silence_mask(self) -> np.ndarray:
        """Return where nobody speaks, bool [steps of 10 ms]."""
        if self.phones is None or self.wave.any():
            return find_pauses(self.wave)
        num_steps = int(np.ceil(self.seconds * LEVELS_PER_SECOND))
        speaking = np.zeros(num_steps, bool)
        for _, start, end in self.phones:
            first, last = (round(x * LEVELS_PER_SECOND) for x in (start, end))
            speaking[first:last] = True
        return ~speaking


def track_from_recording(
    wave: np.ndarray, text: str | None, language: str, talker: LoadedTalker
) -> SpeechTrack:
    """Use a recording; align its text if there is one and the talker uses text.

    Args:
        wave: f32 [n] at 16 kHz.
        text: The words in the recording. None: they are not known.
        language: Language of the text, by eSpeak's name.
        talker: The talker that the speech is for.

    Returns:
        The speech.

    Raises:
        InputError: The text cannot be aligned with the recording.
    """
    if text is None:
        return SpeechTrack(wave)
    if talker.text_talker is None:
        remark = f"the lips follow the audio: the weights {talker.name} do not use text"
        return SpeechTrack(wave, None, (remark,))
    alignment = load_aligner(ALIGNER_WEIGHTS).align_text(wave, text, language)
    remarks = ["the lips follow the text, aligned with the audio"]
    if is_silent(wave):
        remarks.append("warning: the audio is silent")
    elif not is_speech_like(wave):
        remarks.append("warning: the audio does not seem to be speech")
    elif alignment.nll_gap > MISMATCH_THRESHOLD:
        remarks.append("warning: the text does not fit the audio; is it the right one?")
    return SpeechTrack(wave, alignment.phones, tuple(remarks))


def track_from_tts(
    cues: Sequence[Cue], voice: str | None, language: str, talker: LoadedTalker
) -> SpeechTrack:
    """Let eSpeak speak a text or subtitles.

    Args:
        cues: Texts with their times.
        voice: Variant of the voice, such as "f3". None: the voice of the language.
        language: Language of the text, by eSpeak's name.
        talker: The talker that the speech is for.

    Returns:
        The speech.

    Raises:
        InputError: There is no such voice, or the text cannot be spoken.
    """
    track = synthesize_cues(cues, espeak_voice(voice, language))
    if talker.text_talker is None:
        remark = (
            f"the lips follow eSpeak's audio: the weights {talker.name} do not use text"
        )
    else:
        remark = "the lips follow the text, with the timing of eSpeak's audio"
    return track._replace(remarks=(remark, *track.remarks))


def track_from_durations(
    cues: Sequence[Cue], language: str, text_talker: TextTalker, portrait: np.ndarray
) -> SpeechTrack:
    """Time a text or subtitles by the durations that the model predicts, without audio.

    Args:
        cues: Texts with their times.
        language: Language of the text, by eSpeak's name.
        text_talker: Predicts the durations.
        portrait: Face crop of the person who speaks, u8 [h w 3].

    Returns:
        The speech; its waveform is silent.

    Raises:
        InputError: The text cannot be spoken.
    """
    track = synthesize_cues(cues, silent_voice(text_talker, portrait, language))
    remark = "the lips follow the text, with phoneme durations predicted by the model"
    return track._replace(remarks=(remark, *track.remarks))


def espeak_voice(voice: str | None, language: str) -> Voice:
    """Make a voice of eSpeak.

    Args:
        voice: Variant of the voice, such as "f3". None: the voice of the language.
        language: Language, by eSpeak's name.

    Returns:
        The voice.

    Raises:
        InputError: There is no such variant.
    """
    variants = espeak.list_variants()
    if voice is not None and voice not in variants:
        raise InputError(
            f"eSpeak has no voice {voice!r} ({SILENT_VOICE}: a video without audio); "
            f"{suggest(voice, variants, 'avjax.text.espeak.list_variants()')}"
        )
    name = language if voice is None else f"{language}+{voice}"

    def speak(text: str, speedup: float) -> tuple[np.ndarray, Intervals]:
        rate = round(DEFAULT_WORDS_PER_MINUTE * speedup)
        utterance = synthesize(text, name, rate)
        return utterance.wave, utterance.phones

    return speak


def silent_voice(text_talker: TextTalker, portrait: np.ndarray, language: str) -> Voice:
    """Make a voice without audio, timed by the durations that the model predicts.

    Args:
        text_talker: Predicts the durations.
        portrait: Face crop of the person who speaks, u8 [h w 3].
        language: Language, by eSpeak's name.

    Returns:
        The voice; its waveforms are silent.
    """

    def speak(text: str, speedup: float) -> tuple[np.ndarray, Intervals]:
        tier = text_talker.predict_tier(phonemize(text, language), portrait)
        edges = (tier.edges / speedup).tolist()
        phones = tuple(
            Interval(PHONEMES[number], start, end)
            for number, (start, end) in zip(
                tier.ids, itertools.pairwise(edges), strict=True
            )
            if number != PAUSE
        )
        return np.zeros(round(edges[-1] * SAMPLE_RATE), np.float32), phones

    return speak


def phonemize(text: str, language: str) -> np.ndarray:
    """Convert a text to phonemes, with pauses at both ends and where eSpeak pauses.

    Args:
        text: The text.
        language: Language of the text, by eSpeak's name.

    Returns:
        Indices into `avjax.text.phonemes.PHONEMES`, i32 [l].

    Raises:
        InputError: eSpeak cannot speak the text.
    """
    utterance = synthesize(text, language)
    ids = SpeechTrack(utterance.wave, utterance.phones).phoneme_tier().ids
    missing = [int(ids[end] != PAUSE) for end in (0, -1)]
    return np.pad(ids, missing, constant_values=PAUSE)


def synthesize_cues(cues: Sequence[Cue], voice: Voice) -> SpeechTrack:
    """Speak subtitles, each at its time.

    A subtitle that would overlap the next is sped up. If that is not enough, it is
    spoken to its end and the next starts late.

    Args:
        cues: Subtitles in the order of time.
        voice: Speaks them.

    Returns:
        The speech. The waveform lasts at least until the end of the last subtitle.
    """
    waves, phones, num_sped_up, delay, speech_end = [], [], 0, 0.0, 0.0
    overruns = []  # seconds by which the speech ends after its subtitle
    for cue, following in itertools.zip_longest(cues, cues[1:]):
        start = max(cue.start, speech_end)
        delay = max(delay, start - cue.start)
        wave, cue_phones = voice(cue.text, 1.0)
        available = np.inf if following is None else max(following.start - start, 1e-3)
        if cue_phones[-1].end > available:
            num_sped_up += 1
            speedup = min(cue_phones[-1].end / available, MAX_SPEEDUP)
            wave, cue_phones = voice(cue.text, speedup)
        waves.append((round(start * SAMPLE_RATE), wave))
        phones += [
            Interval(phone.label, start + phone.start, start + phone.end)
            for phone in cue_phones
        ]
        speech_end = phones[-1].end
        if cue.end > cue.start:  # a text has no times
            overruns.append(speech_end - cue.end)
    ends = [first + len(wave) for first, wave in waves]
    mix = np.zeros(max(round(cues[-1].end * SAMPLE_RATE), *ends), np.float32)
    for first, wave in waves:
        mix[first : first + len(wave)] += wave
    remarks = _timing_remarks(overruns, num_sped_up, delay)
    return SpeechTrack(np.clip(mix, -1, 1), tuple(phones), remarks)


def _timing_remarks(
    overruns: Sequence[float], num_sped_up: int, delay: float
) -> tuple[str, ...]:
    """Describe how subtitles kept their times; nothing for a text."""
    if not overruns:
        return ()
    times = "their times" if len(overruns) > 1 else "its time"
    verb = "were" if len(overruns) > 1 else "was"
    remark = f"{format_count(len(overruns), 'subtitle')} {verb} spoken at {times}"
    remark += f", {num_sped_up} of them sped up" * bool(num_sped_up)
    remark += f", some late, by {delay:.1f} s at most" * (delay > MIN_DELAY)
    num_over = sum(overrun > MIN_DELAY for overrun in overruns)
    if num_over:
        remark += (
            f"; in {num_over} of {len(overruns)} the speech ends late, by "
            f"{max(overruns):.1f} s at most: shorten the text or lengthen the time"
        )
    return (remark,)
