"""A puppet speaks: espeak's samples at 16 kHz, with the times of phones and words."""

import dataclasses
import re

import numpy as np

from avjax.data.puppet import espeak
from avjax.data.puppet.identity import Puppet
from avjax.errors import InputError

RATE = 16000
VOICELESS_STOPS = ("p", "t", "k")

_CLOSURE = 0.08  # seconds: no stop is held longer
_SILENT = 0.003

Spans = tuple[tuple[str, float, float], ...]  # (symbol, start, end) in seconds


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
    samples = np.frombuffer(answer["samples"], "<i2").astype(np.float64) / 32768
    rate = answer["rate_hz"]
    phones = _phone_spans(answer["phones"], samples, rate)
    if not phones:
        raise InputError(f"there is nothing to say in the text {text!r}")
    return Speech(
        wave=to_sixteen_bits(_resample(samples, rate)),
        phones=phones,
        words=_word_spans(text, answer["words"], rate, phones),
    )


def to_sixteen_bits(wave: np.ndarray) -> np.ndarray:
    """wave [n] -> f32 [n] rounded to 16-bit steps, so that storing it loses nothing."""
    steps = np.clip(np.round(wave * 32768), -32768, 32767)
    return (steps / 32768).astype(np.float32) + np.float32(0)  # no minus zero


def _resample(wave: np.ndarray, rate: int) -> np.ndarray:
    """wave [n] at rate -> [n'] at 16 kHz, by cutting its spectrum at 7.8 kHz."""
    block = 441 if rate == 22050 else rate
    ours = block * RATE // rate
    blocks = len(wave) // block + 2
    spectrum = np.fft.rfft(wave, blocks * block)
    hertz = np.arange(len(spectrum)) * rate / (blocks * block)
    spectrum *= np.clip((8000 - hertz) / 200, 0, 1)
    padded = np.zeros(blocks * ours // 2 + 1, complex)
    shared = min(len(padded), len(spectrum))
    padded[:shared] = spectrum[:shared]
    longer = np.fft.irfft(padded, blocks * ours) * (RATE / rate)
    return longer[: len(wave) * RATE // rate]


def _phone_spans(events, samples: np.ndarray, rate: int) -> Spans:
    """Events (symbol, sample) -> spans, stress marks removed, pauses left out.

    espeak's event for a voiceless stop is its burst; the silence before it, when the
    mouth is shut, is made part of the stop.
    """
    symbols = [symbol.strip("ˈˌ") for symbol, _ in events]
    starts = [sample for _, sample in events]
    for place, symbol in enumerate(symbols):
        if symbol[:1] in VOICELESS_STOPS and symbol:
            before = starts[place - 1] if place else 0
            first = max(starts[place] - int(_CLOSURE * rate), before + int(0.02 * rate))
            starts[place] -= _silent_end(samples[max(first, 0) : starts[place]])
    times = [round(start / rate, 4) for start in [*starts, len(samples)]]
    spans = zip(symbols, times[:-1], times[1:], strict=True)
    return tuple(span for span in spans if span[0] and span[2] > span[1])


def _silent_end(samples: np.ndarray) -> int:
    """How many samples at the end of a stretch [n] are silent."""
    loud = np.flatnonzero(np.abs(samples) > _SILENT)
    return len(samples) - 1 - int(loud[-1]) if len(loud) else len(samples)


def _word_spans(text: str, events, rate: int, phones: Spans) -> Spans:
    """Words with the times of their phones.

    espeak speaks "in the" or "at a" under one event: such words share its phones in
    proportion to their letters.
    """
    words = [(m.start(), m.group().lower()) for m in re.finditer(r"[\w']+", text)]
    places = [first for first, *_ in events] + [len(text)]
    starts = [sample / rate for *_, sample in events] + [np.inf]
    spans = []
    for event in range(len(events)):
        here, after = places[event : event + 2]
        group = [word for place, word in words if here <= place < after]
        begin, end = starts[event : event + 2]
        inside = [p for p in phones if begin <= (p[1] + p[2]) / 2 < end]
        spans += _share(group, inside)
    return tuple(spans)


def _share(words: list[str], phones: list) -> list:
    """Words, and the phones they are made of together -> a span for each word."""
    edges = np.cumsum([0] + [len(word) for word in words])
    edges = np.round(edges * len(phones) / max(edges[-1], 1)).astype(int)
    return [
        (word, phones[first][1], phones[last - 1][2])
        for word, first, last in zip(words, edges, edges[1:], strict=False)
        if last > first
    ]
