"""The times of the words and phonemes of a text in a recording."""

from typing import Any, NamedTuple

from avjax.pipelines.formatting import describe_scope
from avjax.text.intervals import Intervals

GOOD_FIT = 1.0  # nll_gap below which the text fits, of a speaker that weights know
MISMATCH_THRESHOLD = 3.3  # nll_gap above which it does not; matching ones: 0.1 to 3.0


class Alignment(NamedTuple):
    """The times of the phonemes and words of a text in a recording.

    Attributes:
        phones: Phonemes in IPA, in order.
        words: Words, in order.
        nll_gap: Mean difference, in nats a mel frame, between the log-likelihood of
            the most likely phoneme and that of the text. Below `GOOD_FIT` the
            text fits the recording, above `MISMATCH_THRESHOLD` it does not; between
            them it is wrong, or the weights do not know the voice.
        weights: Name or folder of the weights; empty if it is not known.
    """

    phones: Intervals
    words: Intervals
    nll_gap: float = 0.0
    weights: str = ""

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts.

        Returns:
            {"words": [{"word", "start", "end"}], "phones": [{"phone", "start", "end"}],
            "nll_gap", "weights", "scope" (whom the weights know, or None)}; times are
            in seconds.
        """
        tiers = {"word": self.words, "phone": self.phones}
        content = {
            f"{name}s": [
                {name: label, "start": round(start, 4), "end": round(end, 4)}
                for label, start, end in intervals
            ]
            for name, intervals in tiers.items()
        }
        fit = {"nll_gap": round(self.nll_gap, 3), "weights": self.weights}
        scope = "".join(describe_scope(self.weights)) or None
        return {**content, **fit, "scope": scope}

    def __str__(self) -> str:
        """Format as one line for each word, then how well the text fits, and scope."""
        lines = []
        for label, start, end in self.words:
            inside = (p.label for p in self.phones if start <= p.start < end)
            lines += [f"{start:7.2f} - {end:6.2f} s  {label}  [{' '.join(inside)}]"]
        lines += [self._describe_fit(), *describe_scope(self.weights)]
        return "\n".join(lines)

    def _describe_fit(self) -> str:
        """Say how well the text fits the recording."""
        verdict = "unclear, the text is wrong or the weights do not know the voice"
        if self.nll_gap < GOOD_FIT:
            verdict = "good"
        elif self.nll_gap > MISMATCH_THRESHOLD:
            verdict = "bad"
        return (
            f"fit of the text: {verdict}; {self.nll_gap:.2f} nats per mel frame "
            f"(good: below {GOOD_FIT:g}, bad: above {MISMATCH_THRESHOLD:g})"
        )
