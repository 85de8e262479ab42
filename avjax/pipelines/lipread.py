"""Lip reading: a silent clip -> what is said in it, and when."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from avjax.algorithms import ctc as decode
from avjax.algorithms.ctc import Word
from avjax.compilation import cpu_options
from avjax.errors import InputError
from avjax.media import mouth_video as clips
from avjax.media.mouth_video import Lips, Path, open_lips
from avjax.models.bridging import Bridging, BridgingConfig, from_grey
from avjax.nn.resnet import BANDS, SOUND_STEPS
from avjax.pipelines.talk_report import spans
from avjax.text import grammar
from avjax.text import tokenizer as text
from avjax.typing import Array, Params
from avjax.weights import open_part

PREFIX = "bridging"  # a bare name such as `puppet` is one of its sets of weights
BEAM = 16  # beginnings that are held, where a grammar is given and no number
SILENT = -30.0  # log-probability of what cannot be read where no face is
LONGEST = 20  # seconds that are searched at once

Box = tuple[float, float, float, float]


class Reading(NamedTuple):
    """What was read in a clip.  missed: frames, of 25 a second, that showed no face."""

    clip: str
    text: str
    words: list[Word]
    missed: list[int]

    def plain(self) -> dict:
        """What JSON can say: {clip, text, words: [{word, start, end, confidence}]}."""
        words = [word._asdict() for word in self.words]
        return {"clip": self.clip, "text": self.text, "words": words}

    def __str__(self) -> str:
        lines = [f"{self.clip}: {self.text or '(nothing was read)'}"]
        for word in self.words:
            times = f"{word.start:7.2f} - {word.end:6.2f} s"
            lines += [f"{times}  {word.confidence:4.0%}  {word.word}"]
        if self.missed:
            missed = f"{len(self.missed)} frames of 25 a second showed no face"
            lines += [f"{missed}: {', '.join(spans(self.missed))}"]
        return "\n".join(lines)


def lipread(
    clip: Path,
    *,
    weights: str = "grid-s1",
    beam: int | None = None,
    rules: Path | None = None,
    box: Box | None = None,
    face_index: int = 0,
) -> Reading:
    """Reads the lips of one clip.  Options as those of open_reader and Reader.read.

    Raises InputError, one clear sentence, for what cannot be used.
    """
    return open_reader(weights, beam, rules).read(clip, box, face_index)


def open_reader(
    weights: str = "grid-s1", beam: int | None = None, rules: Path | None = None
) -> "Reader":
    """What reads clip after clip.

    weights  a bundled name, or a folder of weights
    beam     beginnings that the search holds; 1 takes each symbol by itself, which is
             the rule unless there is a grammar
    rules    a grammar: a bundled name (grid), or a file, as text.grammar says
    """
    config, variables = load(weights)
    if beam is not None and beam < 1:
        raise InputError(f"a beam of {beam} holds nothing")
    if config.task == "words" and (rules or beam):
        raise InputError(
            f"the weights {weights} read single words: they take no beam or grammar"
        )
    known = grammar.load(rules, config.symbols, again=True) if rules else None
    return Reader(config, variables, beam or (BEAM if known else 1), known)


@dataclasses.dataclass(frozen=True)
class Reader:
    """Weights, and how what they answer is searched for words."""

    config: BridgingConfig
    variables: Params
    beam: int
    rules: grammar.Grammar | None

    def read(
        self,
        clip: Path,
        box: Box | None = None,
        face_index: int = 0,
        shown: bool = False,
    ) -> Reading:
        """Reads one clip; InputError if it cannot be used.

        box         x, y, width, height of the face in pixels, where it is known
        face_index  which face, the largest being 0
        shown       whether whoever waits sees how far it is
        """
        lips = open_lips(clip, box, face_index, shown)
        lips = dataclasses.replace(lips, wide=self.config.published)
        ask = functools.partial(program(self.config), self.variables)
        answers = clips.answers(lips, self.config.size, ask, shown)
        find = self.one_word if self.config.task == "words" else self.sentences
        words = find(answers, lips)
        said = " ".join(word.word for word in words)
        missed = np.flatnonzero(~lips.seen).tolist()
        return Reading(os.fspath(clip), said, words, missed)

    def one_word(self, logits: np.ndarray, lips: Lips) -> list[Word]:
        """The word of a whole clip, by the mean of its frames' logits [t v]."""
        mean = np.mean(logits[lips.seen], axis=0)
        chances = np.exp(mean - np.max(mean))
        best = int(np.argmax(chances))
        sure = float(chances[best] / np.sum(chances))
        return [Word(self.config.symbols[best], 0.0, len(lips) / clips.FPS, sure)]

    def sentences(self, log_probs: np.ndarray, lips: Lips) -> list[Word]:
        """The words of log-probabilities [r*t v]; each piece obeys the grammar."""
        fps, symbols = clips.FPS * self.config.steps, self.config.symbols
        gap = symbols.index(text.SPACE) if text.SPACE in symbols else text.BLANK
        log_probs = without_faces(log_probs, np.repeat(lips.seen, self.config.steps))
        words = []
        for piece in pieces(log_probs, LONGEST * fps, gap):
            here = trimmed(log_probs[piece], gap)
            ids = decode.greedy(here)
            if not len(ids):
                continue  # a grammar would find a sentence even in silence
            if self.beam > 1 or self.rules:
                ids = decode.beam_search(here, self.beam, self.rules)
            words += decode.words(here, ids, symbols, fps, piece.start / fps)
        return words


def without_faces(log_probs: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The same, but nothing is said where no face is.  [t v], seen bool [t]."""
    nothing = np.full_like(log_probs[0], SILENT)
    nothing[text.BLANK] = 0
    return np.where(seen[:, None], log_probs, nothing)


def trimmed(log_probs: np.ndarray, gap: int) -> np.ndarray:
    """The same, its gaps before the first symbol and behind the last made blanks.

    [t v] -> [t v].  To a grammar a gap would be the beginning of another sentence.
    """
    likeliest = np.argmax(log_probs, axis=-1)
    said = np.flatnonzero((likeliest != text.BLANK) & (likeliest != gap))
    outside = np.ones(len(log_probs), bool)
    if len(said):
        outside[said[0] : said[-1] + 1] = False
    made = log_probs.copy()
    if gap != text.BLANK:
        made[outside, text.BLANK] = np.logaddexp(*made[outside][:, [text.BLANK, gap]].T)
        made[outside, gap] = SILENT
    return made


def pieces(log_probs: np.ndarray, longest: int, gap: int) -> Iterator[slice]:
    """[t v] -> stretches of `longest` frames at most, so that a search stays small.

    Each ends in the longest pause of its second half, if there is one between words.

    gap  the number of the symbol between words, or the blank's
    """
    likeliest, start = np.argmax(log_probs, axis=-1), 0
    while len(likeliest) - start > longest:
        half = start + longest // 2
        here = likeliest[half : start + longest]
        steps = np.diff(np.pad((here == text.BLANK) | (here == gap), 1).astype(int))
        runs = zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True)
        pauses = [((here[i:j] == gap).any(), j - i, i + j) for i, j in runs]
        cut = half + int(max(pauses)[2]) // 2 if pauses else start + longest
        yield slice(start, cut)
        start = cut
    yield slice(start, len(likeliest))


@functools.cache
def program(config: BridgingConfig) -> Callable[..., Array]:
    """The compiled function of one window.

    logits of single words, log-probabilities of symbols, or log-mel of speech.
    """
    network = Bridging(config)

    def answer(variables, pictures: Array, exists: Array) -> Array:
        given = from_grey(pictures), exists
        answers = network.apply(variables, *given, method="read")
        return jax.nn.log_softmax(answers) if config.task == "sentences" else answers

    return jax.jit(answer, compiler_options=cpu_options())


def load(name: str) -> tuple[BridgingConfig, Params]:
    """Weights of a reader, by a bundled name or by folder."""
    config, variables = open_part(name, PREFIX, BridgingConfig, blank)
    if config.task == "speech":
        raise InputError(f"the weights {name} give lips their voice, and read nothing")
    return config, variables


def blank(config: BridgingConfig) -> Params:
    """Variables of a network that has learnt nothing."""
    side, frames = config.size, 5
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(0)}
    given = (1, frames, side, side, 1), (1, SOUND_STEPS * frames, BANDS), (1, frames)
    return Bridging(config).init(keys, *map(jnp.zeros, given))
