"""Lip reading of sentences: error rates by input, times of words, use of the memory.

    python -m avjax.train.ablations.lips READER CORPUS [VOICE]

READER is weights of a lip reader of sentences, VOICE of a lip-to-speech network. CORPUS
has the times of words; the clips of its split `val` are measured:

    word error rates  without and with GRID's grammar: from the lips alone; with the
                      real audio; with the mean audio, which has no information; and
                      with the audio that VOICE generates from the same lips
    times of words    errors of start and end of the words that are read correctly with
                      the grammar, and the fraction within 80 ms
    memory            slots that are the best match of no frame: for audio, for lips
"""

from collections.abc import Mapping, Sequence

import jax
import numpy as np

from avjax.algorithms import ctc
from avjax.algorithms.ctc_alignment import to_timed_words
from avjax.audio.speech_mel import encoder_mel
from avjax.constants import FPS, SAMPLES_PER_FRAME
from avjax.data.examples.base import Example, Record
from avjax.data.examples.lipreading import LipreadClip
from avjax.data.split_source import open_split
from avjax.metrics.error_rate import word_edit_counts
from avjax.models.bridging import Bridging, BridgingTrainOutputs
from avjax.nn.apply import apply_network
from avjax.nn.pixels import normalize_mouth
from avjax.pipelines import lipread, speak
from avjax.text.grammar import load_grammar
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.typing import Array

TOLERANCE_SECONDS = 0.080
BEAM = 16


class LipsStudy:
    """Measurements of one lip reader, summed over clips.

    Attributes:
        errors: Errors and words without and with the grammar by input, [2 2].
        time_errors: Errors of start and end of words, in seconds.
        used_slots: Slots that are the best match of a frame, by the address's input.
    """

    def __init__(self, reader: str, corpus: str, voice: str | None):
        """Load the networks and open the corpus.

        Args:
            reader: Weights of the lip reader.
            corpus: Folder of the corpus.
            voice: Weights of a lip-to-speech network. None: none.
        """
        self.config, self.variables = lipread.load_network(reader)
        self.grammar = load_grammar("grid", self.config.symbols)
        self.records = open_split(corpus, "val")
        num_frames = max(len(record["mouth"]) for record in self.records)
        self.transform = LipreadClip(num_frames, self.config.size, self.config.symbols)
        self.forward = jax.jit(self._forward)
        self.voice = speak.load_network(voice) if voice else None
        self.errors: dict[str, np.ndarray] = {}
        self.time_errors: list[tuple[float, float]] = []
        self.used_slots: dict[str, set[int]] = {"audio": set(), "lips": set()}

    def _forward(
        self, lips: Array, mel: Array, frame_mask: Array
    ) -> BridgingTrainOutputs:
        """Run both paths of the network."""
        return apply_network(
            Bridging(self.config),
            self.variables,
            normalize_mouth(lips),
            mel,
            frame_mask,
            method="forward_train",
        )

    def run(self) -> None:
        """Measure all clips."""
        for record in self.records:
            example = self.transform.at(record, 0, 1)
            mel = example["mel"]
            mels = {"real": mel, "mean": np.zeros_like(mel)}
            if self.voice:
                mels["generated"] = self.generate_mel(
                    example["lips"], example["frame_mask"]
                )
            for audio, mel in mels.items():
                self.measure(record, example, audio, mel)

    def measure(
        self, record: Record, example: Example, audio: str, mel: np.ndarray
    ) -> None:
        """Measure a clip with one kind of audio; with the real one also lips alone."""
        frame_mask = example["frame_mask"]
        outputs = self.forward(example["lips"][None], mel[None], frame_mask[None])
        self.count_errors(f"{audio} audio", outputs.audio_output, record, frame_mask)
        if audio != "real":
            return
        log_probs = self.count_errors(
            "lips alone", outputs.recalled_output, record, frame_mask
        )
        self.time_errors += self.compare_times(log_probs, record["words"])
        addresses = {"audio": outputs.audio_address, "lips": outputs.visual_address}
        for name, address in addresses.items():
            best = np.argmax(address[0], -1)[frame_mask > 0]
            self.used_slots[name] |= set(best.tolist())

    def generate_mel(self, lips: np.ndarray, frame_mask: np.ndarray) -> np.ndarray:
        """Generate the audio of lips [t h w 1], as the reader takes it, [f k]."""
        assert self.voice is not None
        config, variables = self.voice
        output = lipread.jit_read(config)(variables, lips[None], frame_mask[None])[0]
        num_frames = int(np.sum(frame_mask))
        mel = np.asarray(output)[: num_frames * len(output) // len(frame_mask)]
        wave = speak.vocode(mel, speak.GRIFFIN_LIM)
        encoded = encoder_mel(wave[: num_frames * SAMPLES_PER_FRAME])
        return np.pad(encoded, ((0, len(output) - len(encoded)), (0, 0)), "edge")

    def count_errors(
        self, row: str, output: Array, record: Record, frame_mask: np.ndarray
    ) -> np.ndarray:
        """Add the errors of a clip to a row; return its log-probabilities."""
        steps = int(np.sum(frame_mask)) * self.config.outputs_per_frame
        log_probs = np.asarray(jax.nn.log_softmax(output[0]))[:steps]
        greedy = ctc.greedy(log_probs)
        searched = ctc.beam_search(log_probs, BEAM, self.grammar)
        counts = [
            word_edit_counts(record["text"], self.to_text(ids))
            for ids in (greedy, searched)
        ]
        self.errors[row] = self.errors.get(row, np.zeros((2, 2), int)) + counts
        return log_probs

    def to_text(self, ids: np.ndarray) -> str:
        """Convert numbers of symbols to text."""
        return "".join(self.config.symbols[number] for number in ids)

    def compare_times(
        self, log_probs: np.ndarray, words: Mapping[str, Sequence]
    ) -> list[tuple[float, float]]:
        """Compute the errors of start and end of the words that are read correctly."""
        ids = ctc.beam_search(log_probs, BEAM, self.grammar)
        rate = FPS * self.config.outputs_per_frame
        pred = to_timed_words(log_probs, ids, self.config.symbols, rate)
        target = zip(words["word"], words["start"], words["end"], strict=True)
        return [
            (timed.start - start, timed.end - end)
            for timed, (word, start, end) in zip(pred, target, strict=False)
            if timed.word == word
        ]

    def tabulate(self) -> ResultTable:
        """Print the measurements."""
        table = ResultTable("Lip reading of sentences", "measurement", "value")
        for row, counts in sorted(self.errors.items()):
            greedy, searched = 100 * counts[:, 0] / counts[:, 1]
            table.add(f"word error rate, {row}, %", greedy)
            table.add(f"word error rate, {row}, with grammar, %", searched)
        times = np.abs(self.time_errors).reshape(-1, 2).T
        for side, errors in zip(("start", "end"), times, strict=True):
            percent_within = 100 * np.mean(errors <= TOLERANCE_SECONDS)
            table.add(f"mean error of the {side} of words, ms", 1e3 * np.mean(errors))
            table.add(
                f"median error of the {side} of words, ms", 1e3 * np.median(errors)
            )
            table.add(f"{side} of words within 80 ms, %", percent_within)
        for name, used in self.used_slots.items():
            unused = self.config.num_slots - len(used)
            row = f"unused slots of {self.config.num_slots}, by {name}"
            table.add(row, unused)
        return table


def main() -> None:
    """Measure a lip reader, and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("reader", metavar="READER")
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("voice", metavar="VOICE", nargs="?")
    options = parser.parse_args()
    study = LipsStudy(options.reader, options.corpus, options.voice)
    study.run()
    data = f"{len(study.records)} validation clips of {options.corpus}"
    study.tabulate().write(options.json, data=data)


if __name__ == "__main__":
    main()
