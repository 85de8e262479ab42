"""Find the phonemes of the clips of a corpus whose words are known."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from avjax.pipelines.align import load_aligner
from avjax.text.alignment_graph import AlignmentWord
from avjax.text.intervals import Interval, Intervals
from avjax.text.tts import pronounce_word
from avjax.typing import PathLike


@dataclasses.dataclass(frozen=True)
class PhoneAligner:
    """A picklable function that aligns the phonemes of a clip whose words are known.

    Each word has the phonemes of its pronunciation in isolation.

    Attributes:
        weights: Bundled name, or folder, of weights of an aligner.
        language: Language of the words, as an eSpeak code.
    """

    weights: PathLike = "aligner-grid-s1"
    language: str = "en-gb"

    def __call__(self, wave: np.ndarray, words: Sequence[Interval]) -> Intervals:
        """Align the phonemes of words.

        Args:
            wave: Waveform f32 [n] at 16 kHz.
            words: Words with their times in seconds; `UNKNOWN` where not known.

        Returns:
            The phonemes with their times.
        """
        timed_words = [
            AlignmentWord(word, pronounce_word(word, self.language), start, end)
            for word, start, end in words
        ]
        return load_aligner(self.weights).align(wave, timed_words).phones
