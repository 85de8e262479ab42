"""The search that a lip reader uses with a grammar."""

import numpy as np

from avjax.faces.mouth_video import MouthVideo
from avjax.models.bridging import BridgingConfig
from avjax.pipelines.lipread import LipReader
from avjax.text.grammar import load_grammar
from avjax.text.tokenizer import CHARACTERS, to_ids

SENTENCE = "bin blue at f three soon"
CONFIG = BridgingConfig(task="sentences", symbols=CHARACTERS)


def noisy_log_probs() -> np.ndarray:
    """Outputs from which a beam of 16 reads another sentence than a wide one."""
    rng = np.random.default_rng(2)
    path = [number for i in to_ids(SENTENCE) for number in (i, i, 0, 0)]
    probs = rng.dirichlet(np.full(len(CHARACTERS), 0.2), len(path)) * 0.88
    probs[range(len(path)), path] += 0.12
    return np.log(probs + 1e-9).astype(np.float32)


def read(beam: int | None) -> str:
    log_probs = noisy_log_probs()
    frames = len(log_probs) // CONFIG.outputs_per_frame
    video = MouthVideo("clip.mp4", np.ones((frames, 4), np.float32))
    grammar = load_grammar("grid", CHARACTERS, repeat=True)
    words = LipReader(CONFIG, {}, beam, grammar, "it").decode_sentences(
        log_probs, video
    )
    return " ".join(word.word for word in words)


def test_default_is_as_good_as_a_wide_beam_and_better_than_a_narrow_one():
    assert read(None) == read(1000) == SENTENCE
    assert read(16) != SENTENCE
