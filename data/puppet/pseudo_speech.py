"""Synthetic speech of pseudo-words in many languages and voices, without faces.

Few videos show mouths, and they have few speakers, languages and microphones. What a
sound does to the mouth can be learned from speech alone, because the phones of
synthetic speech are known, and with them the articulation
(`avjax.data.puppet.articulation`). Pseudo-words have the letters of a script and the
form of words, but no meaning, so that no lexicon is learned.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, SupportsIndex

import numpy as np

from avjax.audio.loudness import speech_gain
from avjax.constants import SAMPLE_RATE, SAMPLES_PER_FRAME
from avjax.data.examples.base import Record
from avjax.data.puppet.articulation import articulate
from avjax.data.schema import to_float, to_int16
from avjax.text import espeak
from avjax.text.espeak_events import parse_events
from avjax.text.intervals import Interval
from avjax.text.phonemes import intervals_to_columns

RATES, PITCHES, MELODIES = (120, 220), (15, 85), (20, 80)  # upper limits excluded
WORDS, SYLLABLES = (3, 9), (1, 4)  # in a clip, in a word; upper limits excluded
CODA_PROB, COMMA_PROB = 0.3, 0.12  # a consonant at the end of a syllable; a pause
MAX_SILENCE_SECONDS = 0.4  # at the start, and at the end
MIN_SECONDS = 1.0
SKIPPED_VOICES = "whisper"  # first letters of variants that are not speech as usual


class Script(NamedTuple):
    """Letters of a script, and languages that are written in it.

    Attributes:
        share: Probability of the script.
        languages: eSpeak languages; one that is repeated is more frequent.
        consonants: Starts of a syllable; those of visible phones are repeated.
        vowels: Ends of a syllable.
        has_coda: Whether a syllable may end with a consonant.
    """

    share: float
    languages: Sequence[str]
    consonants: Sequence[str]
    vowels: Sequence[str]
    has_coda: bool


def _split(text: str) -> tuple[str, ...]:
    """Split letters, or languages, at spaces; _ becomes an empty string."""
    return tuple(part.replace("_", "") for part in text.split())


SCRIPTS = (
    Script(
        0.55,
        _split(
            "en-us en-us en-us en-gb en-gb en-gb-x-rp de es it fr pt nl pl tr id sw sv "
            "fi hu ro cs"
        ),
        _split(
            "b c d f g h j k l m n p r s t v w y z sh th ch st tr pl br sp b f m p w"
        ),
        _split("a a e e i i o o u u ee oo ou ai ea oa"),
        has_coda=True,
    ),
    Script(
        0.15,
        _split("ar ar ar fa ur"),
        _split("ا ب ت ث ج ح خ د ذ ر ز س ش ص ض ط ع غ ف ق ك ل م ن ه و ي ب ف م و ا"),
        _split("\u064e \u064f \u0650"),  # vowel signs a, u, i
        has_coda=True,
    ),
    Script(
        0.12,
        ("bn",),
        _split("ক খ গ ঘ চ ছ জ ঝ ট ঠ ড ঢ ত থ দ ধ ন প ফ ব ভ ম য র ল শ স হ ম ব প"),
        _split("া া ি ী ু ে ো _"),
        has_coda=False,
    ),
    Script(
        0.08,
        _split("hi ne mr"),
        _split("क ख ग च छ ज ट ठ ड त थ द ध न प फ ब भ म य र ल व श स ह म ब प"),
        _split("ा ा ि ी ु े ो _"),
        has_coda=False,
    ),
    Script(
        0.06,
        _split("ru bg uk"),
        _split("б в г д ж з к л м н п р с т ф х ц ч ш б м п в ф"),
        _split("а е и о у ы э ю я"),
        has_coda=True,
    ),
    Script(
        0.04,
        ("el",),
        _split("β γ δ ζ θ κ λ μ ν π ρ σ τ φ χ ψ μ π β φ"),
        _split("α α ε ι ο ου η ω"),
        has_coda=True,
    ),
)


@dataclasses.dataclass(frozen=True)
class PseudoSpeechSource:
    """Records of pseudo-speech, made when they are read; random access.

    A record has `wave` (i16 [n], 16 kHz), its `gain`, `phones` with their times, and
    `articulation` (f32 [t a], at 25 fps), as `avjax.data.schema` describes them. It
    depends on the seed and its number alone.

    Attributes:
        count: Number of records.
        seed: Seed of all records.
    """

    count: int
    seed: int = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: SupportsIndex) -> Record:
        rng = np.random.default_rng([self.seed, int(index), 11])
        while (record := synthesize_clip(rng)) is None:
            pass
        return record


def synthesize_clip(rng: np.random.Generator) -> Record | None:
    """Synthesise one clip.

    Args:
        rng: Random generator.

    Returns:
        A record, or None if eSpeak made less than a second of speech.
    """
    script = SCRIPTS[rng.choice(len(SCRIPTS), p=[script.share for script in SCRIPTS])]
    variants = [x for x in espeak.list_variants() if not x.startswith(SKIPPED_VOICES)]
    text = sample_text(script, rng)
    answer = espeak.synthesize(
        text=text,
        voice=f"{rng.choice(script.languages)}+{rng.choice(variants)}",
        rate=int(rng.integers(*RATES)),
        pitch=int(rng.integers(*PITCHES)),
        range=int(rng.integers(*MELODIES)),
        seed=int(rng.integers(2**31)),
    )
    speech = parse_events(text, answer)
    if len(speech.wave) < MIN_SECONDS * SAMPLE_RATE or not speech.phones:
        return None
    silences = rng.uniform(0, MAX_SILENCE_SECONDS, 2) * SAMPLE_RATE
    before, after = silences.astype(int)
    wave = np.pad(speech.wave, (before, after))
    samples = to_int16(wave, len(wave))
    phones = tuple(
        Interval(label, start + before / SAMPLE_RATE, end + before / SAMPLE_RATE)
        for label, start, end in speech.phones
    )
    return {
        "wave": samples,
        "gain": speech_gain(to_float(samples)),
        "phones": intervals_to_columns(phones),
        "articulation": articulate(phones, len(wave) // SAMPLES_PER_FRAME),
    }


def sample_text(script: Script, rng: np.random.Generator) -> str:
    """Sample pseudo-words of a script.

    Args:
        script: The script.
        rng: Random generator.

    Returns:
        The words, some with a comma.
    """
    words = []
    for _ in range(rng.integers(*WORDS)):
        word = ""
        for _ in range(rng.integers(*SYLLABLES)):
            word += _pick(script.consonants, rng) + _pick(script.vowels, rng)
            if script.has_coda and rng.random() < CODA_PROB:
                word += _pick(script.consonants, rng)
        words.append(word + "," * (rng.random() < COMMA_PROB))
    return " ".join(words)


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    """Choose one of some letters."""
    return choices[int(rng.integers(len(choices)))]
