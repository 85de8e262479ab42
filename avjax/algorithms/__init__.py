"""Algorithms around the networks: decoding, alignment, adaptation, vocoding, tiling."""

from avjax.algorithms.adaptation_plan import AdaptationPlan
from avjax.algorithms.ctc import beam_search, greedy
from avjax.algorithms.ctc_alignment import FrameSpan, align, to_timed_words
from avjax.algorithms.ctc_exact import exact_search, search_grammar
from avjax.algorithms.denoiser_adaptation import (
    adapt_denoiser,
    adapt_denoiser_with_early_stopping,
    inner_loss,
)
from avjax.algorithms.griffin_lim import GriffinLim, Vocoder
from avjax.algorithms.meta_sgd import (
    Adaptation,
    AdaptationResult,
    SelectedAdaptation,
    adapt,
    adapt_with_early_stopping,
    constant_lrs,
)
from avjax.algorithms.viterbi import viterbi, viterbi_blocks, viterbi_padded

__all__ = [
    "Adaptation",
    "AdaptationPlan",
    "AdaptationResult",
    "FrameSpan",
    "GriffinLim",
    "SelectedAdaptation",
    "Vocoder",
    "adapt",
    "adapt_denoiser",
    "adapt_denoiser_with_early_stopping",
    "adapt_with_early_stopping",
    "align",
    "beam_search",
    "constant_lrs",
    "exact_search",
    "greedy",
    "inner_loss",
    "search_grammar",
    "to_timed_words",
    "viterbi",
    "viterbi_blocks",
    "viterbi_padded",
]
