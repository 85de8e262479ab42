"""Speech of a puppet: eSpeak's audio at 16 kHz, with the times of phones and words."""

import dataclasses

import numpy as np

from avjax.audio.resampling import quantize_16_bit
from avjax.data.puppet.identity import Puppet
from avjax.errors import InputError
from avjax.text import espeak
from avjax.text.espeak_events import parse_events, word_intervals
from avjax.text.intervals import Intervals


@dataclasses.dataclass(frozen=True)
class PuppetSpeech:
    """Speech of a puppet.

    Attributes:
        wave: Waveform at 16 kHz, f32 [n], rounded to 16-bit steps.
        phones: Phones in IPA with their times.
        words: Words with their times.
    """

    wave: np.ndarray
    phones: Intervals
    words: Intervals


def speak(puppet: Puppet, text: str, seed: int = 0) -> PuppetSpeech:
    """Synthesise a text in the voice of a puppet.

    Args:
        puppet: The puppet.
        text: The text.
        seed: Seed of small variations: up to 4 % in rate, and a little in pitch.

    Returns:
        Waveform, phones and words.

    Raises:
        InputError: The text has nothing to pronounce.
    """
    voice = puppet.voice
    rate_change, pitch_change = np.random.default_rng([seed, 5]).random(2) - 0.5
    answer = espeak.synthesize(
        text=text,
        voice=voice.name,
        rate=round(voice.rate * (1.0 + 0.08 * rate_change)),
        pitch=round(voice.pitch + 5 * pitch_change),
        range=voice.melody,
        seed=seed,
    )
    result = parse_events(text.lower(), answer)
    if not result.phones:
        raise InputError(f"there is nothing to say in the text {text!r}")
    words = word_intervals(result.words, result.phones_by_word)
    return PuppetSpeech(quantize_16_bit(result.wave), result.phones, words)
