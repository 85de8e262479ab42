"""Lip reading: transcribe the speech of a person in a silent video."""

import dataclasses
import functools
import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from avjax.algorithms import ctc
from avjax.algorithms.ctc_alignment import to_timed_words
from avjax.algorithms.ctc_exact import search_grammar
from avjax.algorithms.ctc_segments import (
    blank_missing_faces,
    split_at_pauses,
    trim_spaces,
)
from avjax.compilation import cached_jit
from avjax.config.arguments import checked_arguments
from avjax.constants import FPS
from avjax.errors import InputError
from avjax.faces.mouth_video import MouthVideo, open_mouth_video, run_windows
from avjax.models.bridging import Bridging, BridgingConfig
from avjax.nn.pixels import normalize_mouth
from avjax.pipelines.lip_networks import load_lip_network
from avjax.pipelines.transcript import Transcript
from avjax.text.grammar import Grammar, load_grammar
from avjax.text.intervals import TimedWord
from avjax.text.tokenizer import BLANK, SPACE
from avjax.typing import Array, Params, PathLike
from avjax.weights import full_name

WEIGHTS_PREFIX = "bridging"  # names of bundled weights start with it
MAX_SEARCH_SECONDS = 20  # longest part of a video that is searched at once
# Mean confidence of the words below which most words are wrong: it separates the
# speakers of GRID that `bridging-grid-s1` knows and does not know, see
# docs/results/lipreading.md. A grammar forces words upon the lips, so it lowers it.
MIN_CONFIDENCE, MIN_CONFIDENCE_WITH_GRAMMAR = 0.8, 0.65


@checked_arguments
def lipread(
    clip: PathLike | np.ndarray,
    *,
    weights: PathLike = "bridging-grid-s1",
    beam: int | None = None,
    grammar: PathLike | None = None,
    box: tuple[float, float, float, float] | None = None,
    face_index: int = 0,
    progress: bool = False,
) -> Transcript:
    """Transcribe the speech in a video from the lips alone.

    Args:
        clip: A video file, or frames u8 [t h w 3] at 25 frames a second.
        weights: Bundled name, or folder, of weights of a lip reader.
        beam: Beam width of the search. 1 takes the most likely symbol of each frame.
            None: with a grammar, the most likely sentence is found, or searched with a
            beam width of 16 if the grammar is too large; without one, 1.
        grammar: The allowed sentences: a bundled grammar ("grid"), or a grammar file
            as described in `avjax.text.grammar`. None: any text.
        box: x, y, width and height of the face in pixels. None: found by face
            detection.
        face_index: Number of the face; 0 is the most important.
        progress: True to show a progress bar.

    Returns:
        The text and its words, with times and confidence.

    Raises:
        InputError: The video, the weights or the grammar cannot be used.
    """
    reader = load_lip_reader(weights, beam, grammar)
    return reader.read(clip, box, face_index, progress)


@checked_arguments
def load_lip_reader(
    weights: PathLike = "bridging-grid-s1",
    beam: int | None = None,
    grammar: PathLike | None = None,
) -> "LipReader":
    """Load a lip reader, to use it for several videos.

    Args:
        weights: Bundled name, or folder, of weights of a lip reader.
        beam: Beam width of the search; see `lipread`.
        grammar: The allowed sentences; see `lipread`.

    Returns:
        The lip reader.

    Raises:
        InputError: The weights or the grammar cannot be used.
    """
    config, variables = load_network(weights)
    if beam is not None and beam < 1:
        raise InputError(f"a beam width of {beam} is too small: use 1 or more")
    if config.task == "words" and (grammar or beam):
        raise InputError(
            f"the weights {weights} recognise single words: they cannot be used with "
            "a beam width or a grammar"
        )
    loaded = load_grammar(grammar, config.symbols, repeat=True) if grammar else None
    return LipReader(config, variables, beam, loaded, str(weights))


@dataclasses.dataclass(frozen=True)
class LipReader:
    """A lip-reading network with its search.

    Attributes:
        config: Config of the network.
        variables: Variables of the network.
        beam: Beam width of the search; see `lipread`.
        grammar: The allowed sentences; None: any text.
        name: Name or folder of the weights.
    """

    config: BridgingConfig
    variables: Params
    beam: int | None
    grammar: Grammar | None
    name: str

    def read(
        self,
        clip: PathLike | np.ndarray,
        box: tuple[float, float, float, float] | None = None,
        face_index: int = 0,
        progress: bool = False,
    ) -> Transcript:
        """Transcribe one video.

        Args:
            clip: A video file, or frames u8 [t h w 3] at 25 frames a second.
            box: x, y, width and height of the face in pixels. None: found by face
                detection.
            face_index: Number of the face; 0 is the most important.
            progress: True to show a progress bar.

        Returns:
            The text and its words.

        Raises:
            InputError: The video cannot be read, or shows no such face.
        """
        video = open_mouth_video(clip, box, face_index, progress)
        video = dataclasses.replace(video, lower_face=self.config.reference_compat)
        network = functools.partial(jit_read(self.config), self.variables)
        output = run_windows(video, self.config.size, network, progress)
        if self.config.task == "words":
            words = self.classify_word(output, video)
        else:
            words = self.decode_sentences(output, video)
        return Transcript(
            clip="array" if isinstance(clip, np.ndarray) else os.fspath(clip),
            text=" ".join(word.word for word in words),
            words=words,
            missed_frames=np.flatnonzero(~video.face_found).tolist(),
            num_frames=len(video),
            weights=self.name,
            box_given=box is not None,
            min_confidence=self.min_confidence,
        )

    @property
    def min_confidence(self) -> float:
        """Mean confidence below which sentences are unreliable; 0 for single words."""
        if self.config.task == "words":
            return 0.0
        return MIN_CONFIDENCE_WITH_GRAMMAR if self.grammar else MIN_CONFIDENCE

    def classify_word(self, logits: np.ndarray, video: MouthVideo) -> list[TimedWord]:
        """Find the word of a whole video, from the mean logits of its frames.

        Args:
            logits: Logits of the words in each frame, f32 [t v].
            video: The video; frames without a face are ignored.

        Returns:
            A list of one word.
        """
        mean = np.mean(logits[video.face_found], axis=0)
        probs = np.exp(mean - np.max(mean))
        best = int(np.argmax(probs))
        confidence = float(probs[best] / np.sum(probs))
        return [TimedWord(self.config.symbols[best], 0.0, len(video) / FPS, confidence)]

    def decode_sentences(
        self, log_probs: np.ndarray, video: MouthVideo
    ) -> list[TimedWord]:
        """Find the most likely words of a video, part by part.

        Args:
            log_probs: Log-probabilities of the symbols, f32 [r*t v], r outputs for
                each frame.
            video: The video. Frames without a face have no symbols.

        Returns:
            The words. Those of each part obey the grammar.
        """
        rate, symbols = FPS * self.config.outputs_per_frame, self.config.symbols
        space = symbols.index(SPACE) if SPACE in symbols else BLANK
        face_found = np.repeat(video.face_found, self.config.outputs_per_frame)
        log_probs = blank_missing_faces(log_probs, face_found)
        words = []
        for part in split_at_pauses(log_probs, MAX_SEARCH_SECONDS * rate, space):
            part_log_probs = trim_spaces(log_probs[part], space)
            ids = ctc.greedy(part_log_probs)
            if not len(ids):
                continue  # a grammar would find a sentence in silence
            if self.grammar and self.beam is None:
                ids = search_grammar(part_log_probs, self.grammar)
            elif self.grammar or (self.beam or 1) > 1:
                ids = ctc.beam_search(part_log_probs, self.beam or 1, self.grammar)
            words += to_timed_words(
                part_log_probs, ids, symbols, rate, part.start / rate
            )
        return words


@cached_jit
def jit_read(config: BridgingConfig) -> Callable[..., Array]:
    """Compile the network.

    Args:
        config: The config of the lip reader or lip-to-speech network.

    Returns:
        (variables, mouths u8 [b t h w c=1], frame_mask f32 [b t]) -> logits of words
        [b t v], log-probabilities of symbols [b r*t v], or log-mel [b 4t k=80].
    """
    network = Bridging(config)

    def read(variables: Params, mouths: Array, frame_mask: Array) -> Array:
        mouths = normalize_mouth(mouths)
        output: Any = network.apply(variables, mouths, frame_mask, method="predict")
        return jax.nn.log_softmax(output) if config.task == "sentences" else output

    return read


def load_network(weights: PathLike) -> tuple[BridgingConfig, Params]:
    """Load the weights of a lip reader.

    Args:
        weights: Bundled name, or folder, of weights of a lip reader.

    Returns:
        Config and variables of the network.

    Raises:
        InputError: The weights are missing or damaged, or belong to another system.
    """
    return load_lip_network(full_name(weights, WEIGHTS_PREFIX), speech=False)
