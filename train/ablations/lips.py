"""What a reader of lips is worth beyond the errors that its training tells.

    python -m avjax.train.ablations.lips READER CORPUS [VOICE]

READER and VOICE are weights of sentences and of speech (a bundled name or a folder);
CORPUS holds the clips of its split `test`, with known times of words.  Told are

    errors   of words, letter by letter and by GRID's grammar: from the lips alone; with
             the real sound; with the mean sound, which tells nothing; and, where there
             is a VOICE, with the sound that it gives to the same lips
    times    of the words that were read rightly by the grammar: how far start and end
             lie from the truth, and the share of them within 80 ms
    memory   slots that no frame points at most: by sound, and by lips
"""

import sys

import jax
import numpy as np

from avjax.algorithms import ctc as decode
from avjax.audio.speech_mel import heard_mel
from avjax.data import loader as pipeline
from avjax.data.examples.lipreading import ReadClip
from avjax.data.schema import SAMPLES_PER_FRAME
from avjax.metrics.error_rate import word_errors
from avjax.models.bridging import Bridging, from_grey
from avjax.pipelines import lipread, speak
from avjax.text import grammar

NEAR = 0.080  # seconds
BEAM = 16


class Bench:
    def __init__(self, reader: str, corpus: str, voice: str | None):
        self.config, self.variables = lipread.load(reader)
        self.rules = grammar.load("grid", self.config.symbols)
        self.records = pipeline.source(corpus, "test")
        frames = max(len(record["mouth"]) for record in self.records)
        self.window = ReadClip(frames, self.config.size, self.config.symbols)
        network = Bridging(self.config)
        self.rehearse = jax.jit(
            lambda lips, mel, exists: network.apply(
                self.variables, from_grey(lips), mel, exists, method="rehearse"
            )
        )
        self.voice = voice and speak.load(voice)

    def made_sound(self, lips: np.ndarray, exists: np.ndarray) -> np.ndarray:
        """What VOICE gives to lips [t h w 1], as a reader hears it [f k]."""
        config, variables = self.voice
        answer = lipread.program(config)(variables, lips[None], exists[None])[0]
        frames = int(np.sum(exists))
        mel = np.asarray(answer)[: frames * len(answer) // len(exists)]
        wave = speak.voiced(mel, speak.GRIFFIN_LIM)
        heard = heard_mel(wave[: frames * SAMPLES_PER_FRAME])
        return np.pad(heard, ((0, len(answer) - len(heard)), (0, 0)), "edge")

    def errors(self, logits: np.ndarray, text: str) -> np.ndarray:
        """[letter by letter, by the grammar], each (errors, words)."""
        ways = decode.greedy(logits), decode.beam_search(logits, BEAM, self.rules)
        said = (self.spell(ids) for ids in ways)
        return np.array([word_errors(text, one) for one in said])

    def spell(self, ids: np.ndarray) -> str:
        return "".join(self.config.symbols[number] for number in ids)

    def times(self, logits: np.ndarray, words: dict) -> list[tuple[float, float]]:
        """How far start and end of each word that was read rightly are off."""
        ids = decode.beam_search(logits, BEAM, self.rules)
        fps = 25 * self.config.steps
        read = decode.words(logits, ids, self.config.symbols, fps)
        truth = zip(words["word"], words["start"], words["end"], strict=True)
        return [
            (one.start - start, one.end - end)
            for one, (word, start, end) in zip(read, truth, strict=False)
            if one.word == word
        ]

    def run(self) -> None:
        errors, times, slots = {}, [], {"sound": set(), "lips": set()}
        for record in self.records:
            clip = self.window.at(record, 0, 1)
            sounds = {"real": clip["mel"], "mean": np.zeros_like(clip["mel"])}
            if self.voice:
                sounds["made"] = self.made_sound(clip["lips"], clip["mask"])
            steps = int(np.sum(clip["mask"])) * self.config.steps
            for sound, mel in sounds.items():
                given = clip["lips"][None], mel[None], clip["mask"][None]
                made = self.rehearse(*given)
                found = {f"with the {sound} sound": made.heard_answer}
                if sound == "real":
                    found["from the lips alone"] = made.recalled_answer
                    frames = clip["mask"] > 0
                    for side in slots:
                        address = getattr(made, f"by_{side}")[0]
                        slots[side] |= set(np.argmax(address, -1)[frames].tolist())
                for name, answer in found.items():
                    logits = np.asarray(jax.nn.log_softmax(answer[0]))[:steps]
                    here = self.errors(logits, record["text"])
                    errors[name] = errors.get(name, 0) + here
                    if name == "from the lips alone":
                        times += self.times(logits, record["words"])
        self.tell(errors, np.abs(times), slots)

    def tell(self, errors: dict, times: np.ndarray, slots: dict) -> None:
        for name, counts in sorted(errors.items()):
            greedy, ruled = 100 * counts[:, 0] / counts[:, 1]
            print(f"{name}: word error {greedy:.1f} %, by the grammar {ruled:.1f} %")
        for side, off in zip(("start", "end"), times.T, strict=True):
            mean, median = 1e3 * np.mean(off), 1e3 * np.median(off)
            near = f"{100 * np.mean(off <= NEAR):.0f} % within {1e3 * NEAR:.0f} ms"
            print(f"{side}: {mean:.0f} ms off, median {median:.0f}, {near}")
        for side, used in slots.items():
            dead = self.config.slots - len(used)
            print(f"by {side}: {dead} of {self.config.slots} slots are never the best")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    Bench(*sys.argv[1:3], sys.argv[3] if len(sys.argv) == 4 else None).run()
