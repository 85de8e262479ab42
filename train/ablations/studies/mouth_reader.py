"""Lip reading of mouth crops, also of those of generated faces."""

import numpy as np

from avjax.algorithms import ctc
from avjax.faces.crop import crop_mouth
from avjax.faces.mouth_crop import center_crop_mouths
from avjax.metrics.error_rate import word_edit_counts
from avjax.pipelines import lipread
from avjax.text.grammar import load_grammar
from avjax.typing import PathLike

BEAM = 16


class MouthReader:
    """A lip reader of mouth crops, compiled for clips of one length."""

    def __init__(self, weights: PathLike, max_frames: int):
        """Load the lip reader.

        Args:
            weights: Bundled name, or folder, of weights of a lip reader.
            max_frames: Length of the longest clip.
        """
        self.config, self.variables = lipread.load_network(weights)
        self.max_frames = max_frames
        words = self.config.task == "words"
        self.grammar = None if words else load_grammar("grid", self.config.symbols)

    def count_errors(self, mouths: np.ndarray, text: str) -> np.ndarray:
        """Read a clip and compare it with its text.

        Args:
            mouths: Mouth crops, u8 [t 96 96 1].
            text: The words that are spoken.

        Returns:
            Numbers of errors and of words, [2].
        """
        count = len(mouths)
        images = center_crop_mouths(mouths, self.config.size)
        padding = ((0, self.max_frames - count), *((0, 0),) * 3)
        images = np.pad(images, padding, "edge")
        frame_mask = (np.arange(self.max_frames) < count).astype(np.float32)
        network = lipread.jit_read(self.config)
        output = network(self.variables, images[None], frame_mask[None])
        output = np.asarray(output)[0][: count * self.config.outputs_per_frame]
        return np.array(word_edit_counts(text, self.decode(output)))

    def decode(self, output: np.ndarray) -> str:
        """Decode the outputs of a clip to words."""
        symbols = self.config.symbols
        if self.config.task == "words":
            return symbols[int(np.argmax(np.mean(output, axis=0)))]
        ids = ctc.beam_search(output, BEAM, self.grammar)
        return "".join(symbols[number] for number in ids)


def crop_mouths(faces: np.ndarray) -> np.ndarray:
    """Crop the mouths of face crops, u8 [t s s 3] -> [t 96 96 1]."""
    box = np.array([0, 0, *faces.shape[1:3]], np.float32)
    return np.stack([crop_mouth(frame, box) for frame in faces])
