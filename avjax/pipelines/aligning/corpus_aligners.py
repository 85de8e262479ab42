"""Forced alignment for corpora: phonemes of known words, and times of a transcript."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from avjax.errors import InputError
from avjax.pipelines.align import load_aligner
from avjax.text.alignment_graph import AlignmentWord
from avjax.text.intervals import Interval, Intervals
from avjax.text.tts import pronounce_word
from avjax.typing import PathLike

# `Alignment.nll_gap` of three or six joined clips of British speakers whom
# aligner-grid-s1 has not seen: right transcripts 0.7 to 1.3, and 0.9 to 1.7 as American
# English; transcripts of other clips of the speaker, 1.6 and more.
MAX_TRANSCRIPT_GAP = 1.6


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


@dataclasses.dataclass(frozen=True)
class TranscriptAligner:
    """A picklable function that finds the times of the words of a transcript.

    Attributes:
        weights: Bundled name, or folder, of weights of an aligner.
    """

    weights: PathLike = "aligner-grid-s1"

    def __call__(self, wave: np.ndarray, text: str, language: str) -> Intervals:
        """Align the words of a transcript.

        Args:
            wave: Waveform f32 [n] at 16 kHz.
            text: All that is said.
            language: Language of the text, as an eSpeak code.

        Returns:
            The words with their times.

        Raises:
            InputError: The text does not fit the recording.
        """
        aligned = load_aligner(self.weights).align_text(wave, text, language)
        if aligned.nll_gap > MAX_TRANSCRIPT_GAP:
            raise InputError(
                "it does not fit the sound, or the aligner does not know the voice: "
                f"{aligned.nll_gap:.1f} nats per mel frame, and at most "
                f"{MAX_TRANSCRIPT_GAP} are accepted"
            )
        return aligned.words
