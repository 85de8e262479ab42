"""Lips that recall their sound: reading words or sentences, and speech from lips."""

import collections
import dataclasses
import functools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from einops import repeat

from avjax.algorithms import ctc as decode
from avjax.algorithms.griffin_lim import GriffinLim
from avjax.audio.speech_mel import prepare_voice, voice_mel
from avjax.data.schema import SAMPLES_PER_FRAME
from avjax.losses.base import masked_mean
from avjax.losses.memory import address_divergence, storage_error
from avjax.losses.reconstruction import mel_error
from avjax.losses.sequence import transcript_error, word_error
from avjax.metrics import speech
from avjax.metrics.base import Mean
from avjax.metrics.error_rate import symbol_errors, word_errors
from avjax.metrics.memory import bridge_figures
from avjax.models.bridging import (
    Bridging,
    BridgingConfig,
    LossWeights,
    Rehearsed,
    from_grey,
    word_logits,
)
from avjax.nn.resnet import BANDS, SOUND_STEPS
from avjax.text import grammar
from avjax.text import tokenizer as text
from avjax.train.task import Objective, Published, Report
from avjax.typing import Array, Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class BridgingTask:
    """One part, `bridge`, which one objective moves.

    Takes batches of data.reading: ReadClip to read, VoiceClip to speak.  Without slots
    nothing is heard, and only the lips are learnt from.
    """

    model: BridgingConfig = BridgingConfig()
    losses: LossWeights = LossWeights()
    grammar: str = ""  # by which sentences are read in evaluations too
    beam: int = 16  # of that reading
    mirrored: bool = False  # words are measured by the mean with the mirrored clip

    @property
    def bridge(self) -> Bridging:
        return Bridging(self.model)

    def objectives(self) -> tuple[Objective, ...]:
        return (Objective("bridge", ("bridge",), self.loss),)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        side, frames = self.model.size, 5
        given = (1, frames, side, side, 1), (1, SOUND_STEPS * frames, BANDS)
        keys = {"params": key, "dropout": key}
        clip = *map(jnp.zeros, given), jnp.ones((1, frames))
        variables = self.bridge.init(keys, *clip)
        return {"bridge": variables["params"]}, {"bridge": variables["batch_stats"]}

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """bridging (8): the weighted total."""
        variables = {"params": params["bridge"], "batch_stats": stats["bridge"]}
        how = {"train": True, "mutable": ["batch_stats"], "rngs": {"dropout": key}}
        lips, exists = from_grey(batch["lips"]), batch["mask"]
        if self.model.slots:
            given = lips, batch["mel"], exists
            made, changed = self.bridge.apply(
                variables, *given, method="rehearse", **how
            )
            errors = self.errors(made, batch)
        else:
            given = lips, exists
            answer, changed = self.bridge.apply(variables, *given, method="read", **how)
            errors = {"recalled": self.task_error(answer, batch)}
        means = {
            name: masked_mean(value, self.weight(value, batch))
            for name, value in errors.items()
        }
        total = sum(getattr(self.losses, name) * mean for name, mean in means.items())
        return total, Report(means, {"bridge": changed["batch_stats"]})

    def errors(self, made: Rehearsed, batch: Batch) -> dict[str, Array]:
        """The losses, per clip [b] or frame [b t], named as in LossWeights."""
        return {
            "recalled": self.task_error(made.recalled_answer, batch),
            "heard": self.task_error(made.heard_answer, batch),
            "save": storage_error(made.stored, made.heard),
            "bridge": address_divergence(made.by_lips, made.by_sound),
        }

    def task_error(self, answer: Array, batch: Batch) -> Array:
        """How wrong an answer is: of reading per clip [b], of speaking per column."""
        exists = batch["mask"]
        if self.model.task == "speech":
            return mel_error(answer, batch["voice"])
        if self.model.task == "words":
            return word_error(word_logits(answer, exists), batch["symbols"][:, 0])
        spoken, each = batch["spoken"], self.model.steps
        steps = repeat(exists, "b t -> b (t r)", r=each)
        allowed = repeat(batch["allowed"], "b t v -> b (t r) v", r=each)
        error = transcript_error(answer, steps, batch["symbols"], spoken, allowed)
        return error / jnp.maximum(jnp.sum(spoken, axis=1), 1)  # nats a symbol

    def weight(self, value: Array, batch: Batch) -> Array:
        """The weight of values per clip [b], per frame [b t] or per column [b f]."""
        if value.ndim == 1:
            return batch["weight"]
        each = value.shape[1] // batch["mask"].shape[1]
        exists = repeat(batch["mask"], "b t -> b (t r)", r=each)
        return exists * batch["weight"][:, None]

    def answers(
        self, params: Params, stats: Params, batch: Batch
    ) -> tuple[dict[str, Array], Rehearsed | None]:
        """{prefix: answer}: "" from the lips alone, "heard_" with the real sound.

        And what the memory did, if there is one.
        """
        variables = {"params": params["bridge"], "batch_stats": stats["bridge"]}
        lips, exists = from_grey(batch["lips"]), batch["mask"]
        if not self.model.slots:
            answer = self.bridge.apply(variables, lips, exists, method="read")
            return {"": answer}, None
        given = lips, batch["mel"], exists
        made = self.bridge.apply(variables, *given, method="rehearse")
        return {"": made.recalled_answer, "heard_": made.heard_answer}, made

    def measure(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """loss and, of words, accuracy; heard_ with the real sound; and the bridge."""
        answers, made = self.answers(params, stats, batch)
        if self.mirrored:
            turned = {**batch, "lips": batch["lips"][:, :, :, ::-1]}
            others, _ = self.answers(params, stats, turned)
            answers = {name: (x + others[name]) / 2 for name, x in answers.items()}
        means = {}
        for prefix, answer in answers.items():
            error = self.task_error(answer, batch)
            means[f"{prefix}loss"] = Mean.of(error, self.weight(error, batch))
            if self.model.task == "words":
                read = jnp.argmax(word_logits(answer, batch["mask"]), axis=-1)
                right = (read == batch["symbols"][:, 0]).astype(jnp.float32)
                means[f"{prefix}accuracy"] = Mean.of(right, batch["weight"])
        if made is None:
            return means
        exists = batch["mask"] * batch["weight"][:, None]
        addresses = made.by_lips, made.by_sound
        codes = made.recalled, made.heard
        return means | bridge_figures(*addresses, *codes, exists)

    @property
    def answer(self) -> Callable | None:
        """What score wants to know: read off the device; nothing of single words."""
        kinds = {"sentences": self.read, "speech": self.speak}
        return kinds.get(self.model.task)

    def read(self, params: Params, stats: Params, batch: Batch) -> Mapping[str, Array]:
        """log-probabilities [b t v] of every path, and what was said."""
        answers, _ = self.answers(params, stats, batch)
        found = {f"{at}read": jax.nn.log_softmax(x) for at, x in answers.items()}
        keys = "mask", "symbols", "spoken", "weight"
        return found | {key: batch[key] for key in keys}

    def speak(self, params: Params, stats: Params, batch: Batch) -> Mapping[str, Array]:
        """Waves [b n] of every path, of the true mel, and of a mel that never moves."""
        answers, _ = self.answers(params, stats, batch)
        truth = batch["voice"]
        exists = self.weight(truth, batch)[..., None]
        mean = jnp.sum(truth * exists, (0, 1)) / jnp.maximum(jnp.sum(exists), 1)
        rows = {
            **answers,
            "oracle_": truth,
            "mean_": jnp.broadcast_to(mean, truth.shape),
        }
        voices = {f"{at}said": GriffinLim()(mel) for at, mel in rows.items()}
        return voices | {key: batch[key] for key in ("wave", "mask", "weight")}

    def score(self, answers: Mapping[str, np.ndarray]) -> Mapping[str, Mean]:
        """Errors of what was read, or the quality of what was said, on the host."""
        judge = self.score_reading if self.model.task == "sentences" else score_speech
        figures = collections.defaultdict(list)
        for example in range(len(answers["weight"])):
            if answers["weight"][example] > 0:
                one = {name: array[example] for name, array in answers.items()}
                for name, pair in judge(one).items():
                    figures[name].append(pair)
        sums = {name: np.sum(pairs, axis=0) for name, pairs in figures.items()}
        return {name: Mean(*pair) for name, pair in sums.items()}

    def score_reading(self, one: Mapping[str, np.ndarray]) -> dict[str, tuple]:
        """{wer, symbol_error, wer_grammar: (errors, how many there were)}."""
        symbols = self.model.symbols
        truth = one["symbols"][one["spoken"] > 0]
        frames = int(np.sum(one["mask"])) * self.model.steps
        found = {}
        for name in ("read", "heard_read"):
            if name not in one:
                continue
            seen, prefix = one[name][:frames], name.removesuffix("read")
            read = decode.greedy(seen)
            found[f"{prefix}symbol_error"] = symbol_errors(truth, read)
            said = text.to_text(truth, symbols)
            found[f"{prefix}wer"] = word_errors(said, text.to_text(read, symbols))
            if self.grammar:
                rules = rules_of(self.grammar, symbols)
                best = decode.beam_search(seen, self.beam, rules)
                errors = word_errors(said, text.to_text(best, symbols))
                found[f"{prefix}wer_grammar"] = errors
        return found

    def published(self, params: Params, stats: Params) -> Published:
        return Published("bridging", params, stats, self.model)


@functools.cache
def rules_of(name: str, symbols: tuple[str, ...]) -> grammar.Grammar:
    """A grammar, read once; what it finds out while it searches, it keeps."""
    return grammar.load(name, symbols)


def mel_l1(said: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute difference of the voice_mels of two waves [n], in their unit."""
    if not np.any(truth):
        return np.nan
    return speech.mel_distance(*(voice_mel(prepare_voice(x)) for x in (said, truth)))


def score_speech(one: Mapping[str, np.ndarray]) -> dict[str, tuple]:
    """{measure of every wave: (value, 1)}, as far as the packages are there."""
    samples = int(np.sum(one["mask"])) * SAMPLES_PER_FRAME
    measures = speech.available() | {"mel_l1": mel_l1}
    found = {}
    for name in (name for name in one if name.endswith("said")):
        for measure, judge in measures.items():
            value = judge(one[name][:samples], one["wave"][:samples])
            if np.isfinite(value):
                found[name.removesuffix("said") + measure] = value, 1.0
    return found
