"""A puppet speaks: espeak's samples at 16 kHz, with the times of phones and words."""

import dataclasses

import numpy as np

from avjax.data.puppet.identity import Puppet
from avjax.errors import InputError
from avjax.text import espeak
from avjax.text import espeak_events as events
from avjax.text.espeak_events import Spans


@dataclasses.dataclass(frozen=True)
class Speech:
    """wave f32 [n] at 16 kHz, on the grid of 16-bit samples; phones in IPA; words."""

    wave: np.ndarray
    phones: Spans
    words: Spans


def speak(puppet: Puppet, text: str, seed: int = 0) -> Speech:
    """What the puppet's voice makes of a text.

    Nobody says a thing twice alike: seed moves the rate by at most 4 percent and the
    pitch a little.
    """
    voice = puppet.voice
    haste, lift = np.random.default_rng([seed, 5]).random(2) - 0.5
    answer = espeak.say(
        text=text,
        voice=voice.name,
        rate=round(voice.rate * (1.0 + 0.08 * haste)),
        pitch=round(voice.pitch + 5 * lift),
        range=voice.melody,
        seed=seed,
    )
    said = events.heard(text.lower(), answer)
    if not said.phones:
        raise InputError(f"there is nothing to say in the text {text!r}")
    words = events.word_spans(said.places, said.by_word)
    return Speech(events.to_sixteen_bits(said.wave), said.phones, words)
