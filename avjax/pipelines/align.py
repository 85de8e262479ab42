"""When each sound of a text is said in a recording: forced alignment.

The aligner tells how likely each sound is in each column, 80 a second; the likeliest
way through the text's chain of sounds (Viterbi) tells where each begins and ends.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from avjax import weights
from avjax.audio.mel import COLUMNS_PER_SECOND, RATE, standard_mel
from avjax.compilation import cpu_options
from avjax.errors import InputError
from avjax.losses.sequence import LOST, at_first, ways
from avjax.models.aligner import BANDS, Aligner, AlignerConfig, margin
from avjax.text.alignment_graph import Chain, Spoken, allowed_at, chain_of
from avjax.text.espeak_events import Spans
from avjax.text.phonemes import SOUNDS
from avjax.text.tts import LANGUAGE, pronounce, tokens_of
from avjax.typing import Array

PREFIX = "aligner"
WINDOWS = 100, 200, 400, 800  # columns that the network answers for at once
MOST = 2**27  # columns times places that are searched at once
REACH = 0.0  # seconds by which sounds may leave a word of known time


class Alignment(NamedTuple):
    """phones in IPA, and words, with their times in seconds.

    doubt  by how much, in nats a column, what is said seems less likely than whatever
           is likeliest there: the more, the less does the text fit the sound
    """

    phones: Spans
    words: Spans
    doubt: float = 0.0


@dataclasses.dataclass(frozen=True)
class Listener:
    """A trained aligner.  variables is as Flax wants it."""

    config: AlignerConfig
    variables: Any

    def hear(self, wave: np.ndarray) -> np.ndarray:
        """log-probabilities of the sounds: wave f32 [n] at 16 kHz -> f32 [f v].

        A long recording is heard in windows, each of which sees what is around it.
        """
        mel, around = standard_mel(wave), margin(self.config)
        size = next((size for size in WINDOWS if size >= len(mel)), WINDOWS[-1])
        count = -(-len(mel) // size)
        rest = count * size - len(mel)
        padded = np.pad(mel, ((around, rest + around), (0, 0)))
        exists = np.pad(np.ones(len(mel), np.float32), (around, rest + around))
        heard = []
        for start in range(0, len(mel), size):
            window = slice(start, start + size + 2 * around)
            given = padded[None, window], exists[None, window]
            told = listen(self.config)(self.variables, *given)
            heard.append(np.asarray(told[0, around : around + size]))
        return np.concatenate(heard)[: len(mel)]

    def align(self, wave: np.ndarray, words: Sequence[Spoken]) -> Alignment:
        """When words are said in a recording: wave f32 [n] at 16 kHz.

        A word of known time is searched there.  InputError where the words do not fit.
        """
        chain = chain_of(words)
        if len(chain.sounds) == 1:
            return Alignment((), ())
        log_probs = self.hear(wave)
        if len(log_probs) * len(chain.sounds) > MOST:
            told = f"{len(words)} words in {len(wave) / RATE:.0f} s of sound"
            raise InputError(f"{told} are too many to be aligned at once")
        allowed = allowed_at(chain, words, len(log_probs), REACH)
        likely = np.where(allowed, log_probs[:, chain.sounds], LOST)
        places, score = way_through(likely, chain.word < 0)
        if score < LOST / 2:
            told = f"{len(words)} words cannot be said in {len(wave) / RATE:.1f} s"
            raise InputError(f"{told} of sound, or not when they are told to be")
        said = chain.word[places] >= 0
        lost = log_probs.max(axis=1) - likely[np.arange(len(places)), places]
        doubt = float(lost[said].mean()) if said.any() else 0.0
        return spans_of_way(places, chain, words)._replace(doubt=doubt)

    def align_text(
        self, wave: np.ndarray, text: str, language: str = LANGUAGE
    ) -> Alignment:
        """The same of a text, whose words espeak tells the phones of."""
        tokens = tokens_of(text, language)
        return self.align(wave, [Spoken(*token) for token in tokens if token.phones])


@dataclasses.dataclass(frozen=True)
class PhoneTimes:
    """The phones of a clip whose words are known: plain data, for other processes.

    Called with a wave f32 [n] at 16 kHz and words (word, start, end) in seconds, or
    UNKNOWN.  Each word's phones are those that it has alone.
    """

    weights: str = "grid-s1"
    language: str = "en-gb"

    def __call__(self, wave: np.ndarray, words: Spans) -> Spans:
        spoken = [
            Spoken(word, pronounce(word, self.language), start, end)
            for word, start, end in words
        ]
        return open_aligner(self.weights).align(wave, spoken).phones


@functools.cache
def open_aligner(name: str = "puppet") -> Listener:
    """A bundled aligner by its name, or that of a folder."""
    config, parts = weights.open_parts(name, PREFIX, AlignerConfig, blank)
    if config.sounds != SOUNDS:
        raise InputError(f"the aligner {name} tells other sounds than these apart")
    return Listener(config, parts["aligner"])


def blank(config: AlignerConfig) -> Any:
    """The part of an aligner that has learnt nothing, with its variables."""
    sound = jnp.zeros((1, 1, BANDS)), jnp.ones((1, 1))
    return {"aligner": Aligner(config).init(jax.random.key(0), *sound)}


@functools.cache
def listen(config: AlignerConfig):
    """(variables, mel [b f k], exists [b f]) -> log-probabilities [b f v], compiled."""
    return jax.jit(Aligner(config).apply, compiler_options=cpu_options())


def way_through(likely: np.ndarray, optional: np.ndarray) -> tuple[np.ndarray, float]:
    """The place of each column, and how likely that is: likely [f l], optional [l].

    Sizes are rounded up to powers of two, so that as few programs are compiled.
    """
    columns, places = likely.shape
    more = [2 ** int(np.ceil(np.log2(max(n, 32)))) - n for n in likely.shape]
    given = (
        np.pad(likely.astype(np.float32), ((0, more[0]), (0, more[1]))),
        np.arange(columns + more[0]) < columns,
        np.pad(optional, (0, more[1])),
    )
    found, score = _way(*given, places)
    return np.asarray(found)[:columns], float(score)


@jax.jit
def _way(likely: Array, exists: Array, optional: Array, length: Array):
    return best_way(likely, exists, optional, length)


def best_way(
    likely: Array, exists: Array, optional: Array, length: Array
) -> tuple[Array, Array]:
    """The likeliest way through a chain (Viterbi), as of losses.sequence.chain_error.

    likely [f l], exists [f], optional [l], length i32 [] -> the place of each column,
    i32 [f], those that do not exist of the last one; the logarithm of all, LOST where
    there is no way.
    """

    def forth(before: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        row, here = now
        come = ways(before, optional)
        steps = jnp.where(here > 0, jnp.argmax(come, axis=0), 0)
        after = jnp.where(here > 0, jnp.max(come, axis=0) + row, before)
        return after, steps  # of 32 bits: jaxlib 0.10 misreads 8 of them on a CPU

    def back(place: Array, steps: Array) -> tuple[Array, Array]:
        return place - steps[place], place

    last, steps = jax.lax.scan(forth, at_first(optional), (likely, exists))
    place = length - 1 - (last[length - 2] > last[length - 1])
    _, places = jax.lax.scan(back, place, steps, reverse=True)
    return places, jnp.max(last[length - 2 + jnp.arange(2)])


def edges(places: Array, length: int) -> tuple[Array, Array]:
    """Places of columns i32 [f] -> each place's first column and the one after, [l].

    Both are f of a place that no column is of.
    """
    here = places[:, None] == jnp.arange(length)[None]
    columns = len(places)
    first = jnp.min(jnp.where(here, jnp.arange(columns)[:, None], columns), axis=0)
    return first, jnp.minimum(first + jnp.sum(here, axis=0), columns)


def seconds_of(column: Array) -> Array:
    """When a column begins: half a column before its centre."""
    return (column - 0.5) / COLUMNS_PER_SECOND


def spans_of_way(
    places: np.ndarray, chain: Chain, words: Sequence[Spoken]
) -> Alignment:
    """The times of phones and words, of which none leaves its word's known time."""
    numbers = np.arange(len(chain.sounds))
    begins = seconds_of(np.searchsorted(places, numbers, "left"))
    ends = seconds_of(np.searchsorted(places, numbers, "right"))
    phones, spans = [], []
    for number, (word, said, start, end) in enumerate(words):
        own = chain.word == number
        if not own.any():
            continue
        limits = np.nan_to_num(start, nan=0.0), np.nan_to_num(end, nan=np.inf)
        times = np.clip(np.stack([begins, ends]), *limits)
        inside = [own & (chain.phone == at) for at in range(len(said))]
        phones += [
            (phone, float(times[0, here].min()), float(times[1, here].max()))
            for phone, here in zip(said, inside, strict=True)
            if here.any()
        ]
        spans.append((word, float(times[0, own].min()), float(times[1, own].max())))
    return Alignment(tuple(phones), tuple(spans))
