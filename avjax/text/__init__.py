"""Text: pronunciation, text-to-speech, phonemes, grammars and subtitles."""

from avjax.text.alignment_graph import (
    AlignmentGraph,
    AlignmentWord,
    build_alignment_graph,
)
from avjax.text.grammar import Grammar, list_grammars, load_grammar
from avjax.text.intervals import Interval, Intervals, PhonemeTier, TimedWord
from avjax.text.phonemes import PHONEME_CLASSES, PHONEMES, to_phoneme_ids
from avjax.text.subtitles import Cue, read_subtitles, to_srt
from avjax.text.tokenizer import CHARACTERS, to_ids, to_text
from avjax.text.tts import (
    PronouncedWord,
    Utterance,
    pronounce_text,
    pronounce_word,
    synthesize,
)

__all__ = [
    "CHARACTERS",
    "PHONEMES",
    "PHONEME_CLASSES",
    "AlignmentGraph",
    "AlignmentWord",
    "Cue",
    "Grammar",
    "Interval",
    "Intervals",
    "PhonemeTier",
    "PronouncedWord",
    "TimedWord",
    "Utterance",
    "build_alignment_graph",
    "list_grammars",
    "load_grammar",
    "pronounce_text",
    "pronounce_word",
    "read_subtitles",
    "synthesize",
    "to_ids",
    "to_phoneme_ids",
    "to_srt",
    "to_text",
]
