"""How intelligible is speech if the phonemes and their times are known?

    python -m avjax.train.ablations.lipreading.speech_from_phones CORPUS
        [--clips N...] [--steps N] [--json PATH]

CORPUS is of `avjax data build grid`, with phonemes. The input of a convolutional
network is the true phoneme of every 10 ms of a clip. From the first N clips of the
split `train`, it learns to predict the log-mel spectrogram. The speech that it
generates for the split `val` is measured. Lips show less than that, so a model of
lip-to-speech can hardly reach more with N clips.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from avjax.algorithms.griffin_lim import GriffinLim
from avjax.audio.speech_mel import SPEECH_MELS_PER_FRAME, SPEECH_MELS_PER_SECOND
from avjax.constants import SAMPLES_PER_FRAME
from avjax.data.examples.lip_inputs import voice_mel
from avjax.data.schema import to_float
from avjax.data.split_source import open_split
from avjax.metrics.base import Mean
from avjax.nn.apply import apply_network
from avjax.nn.temporal import MelHead, MsTcn
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.tasks.bridging_scores import SPEECH, score_clips, score_speech
from avjax.typing import Array, Params

NUM_CLIPS = 47, 94, 188
INPUT_DIM, WIDTH, DROPOUT = 64, 0.25, 0.3
BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 8, 2e-3, 0.01
METRICS = "mel_l1", "stoi", "estoi"
COLUMNS = "training clips", "mel L1 after Griffin-Lim", "STOI", "ESTOI"


class SpokenClips(NamedTuple):
    """Phonemes and speech of n clips of equal length.

    Attributes:
        phones: Phone of each mel frame, one-hot; the last one is a pause, [n f d].
        mels: Log-mel spectrograms, `vocoder_mel`, [n f k].
        waves: Recordings at 16 kHz, [n 160f].
    """

    phones: np.ndarray
    mels: np.ndarray
    waves: np.ndarray


class PhonesToMel(nn.Module):
    """Temporal convolutions from phonemes to log-mel.  [b f d] -> [b f k]."""

    @nn.compact
    def __call__(self, phones: Array, train: bool) -> Array:
        """Predict standardised log-mel spectrograms."""
        codes = MsTcn(WIDTH, DROPOUT, name="body")(
            nn.Dense(INPUT_DIM)(phones), jnp.ones(phones.shape[:2]), train
        )
        return MelHead(codes.shape[-1], name="head")(codes, train)


def load_clips(corpus: str, split: str, names: dict[str, int]) -> SpokenClips:
    """Load the clips of a split.

    Args:
        corpus: Folder of the corpus.
        split: The split.
        names: `{phone: number}`; others become pauses.

    Returns:
        The clips, of the length of the shortest one.
    """
    records = list(open_split(corpus, split))
    frames = min(len(record["mouth"]) for record in records)
    count = SPEECH_MELS_PER_FRAME * frames
    phones = np.zeros((len(records), count), np.int64) + len(names)
    for row, record in zip(phones, records, strict=True):
        times = np.stack([record["phones"][key] for key in ("start", "end")])
        spans = np.rint(SPEECH_MELS_PER_SECOND * times).astype(int)
        for name, first, last in zip(record["phones"]["phone"], *spans, strict=True):
            row[first:last] = names.get(name, len(names))
    mels = [voice_mel(record, 0, frames) for record in records]
    samples = SAMPLES_PER_FRAME * frames
    waves = [to_float(record["wave"][:samples]) for record in records]
    one_hot = np.eye(len(names) + 1, dtype=np.float32)[phones]
    return SpokenClips(one_hot, np.stack(mels), np.stack(waves))


def train(clips: SpokenClips, steps: int) -> tuple[Params, np.ndarray, np.ndarray]:
    """Train the network.

    Args:
        clips: The clips.
        steps: Number of steps.

    Returns:
        Variables of the network; mean and standard deviation of each mel band, [k].
    """
    mean, std = clips.mels.mean((0, 1)), clips.mels.std((0, 1))
    targets = jnp.asarray((clips.mels - mean) / std)
    phones = jnp.asarray(clips.phones)
    schedule = optax.warmup_cosine_decay_schedule(0, LEARNING_RATE, steps // 10, steps)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=WEIGHT_DECAY)
    )
    variables: Any = PhonesToMel().init(jax.random.key(0), phones[:1], False)
    state = optimizer.init(variables["params"])

    @jax.jit
    def step(variables: Params, state: Any, key: Array) -> tuple[Params, Any]:
        sample, dropout = jax.random.split(key)
        rows = jax.random.choice(sample, len(phones), (BATCH_SIZE,), replace=False)

        def loss(params: Params) -> tuple[Array, Params]:
            mode = {"mutable": ["batch_stats"], "rngs": {"dropout": dropout}}
            pred, changed = apply_network(
                PhonesToMel(),
                {**variables, "params": params},
                phones[rows],
                True,
                **mode,
            )
            return jnp.mean(jnp.abs(pred - targets[rows])), changed

        grads, changed = jax.grad(loss, has_aux=True)(variables["params"])
        updates, state = optimizer.update(grads, state, variables["params"])
        params = optax.apply_updates(variables["params"], updates)
        return {"params": params, **changed}, state

    for key in jax.random.split(jax.random.key(1), steps):
        variables, state = step(variables, state, key)
    return variables, mean, std


def measure(clips: SpokenClips, mels: np.ndarray) -> list[float]:
    """Measure speech.

    Args:
        clips: The true speech.
        mels: Predicted log-mel spectrograms, [n f k].

    Returns:
        Means of METRICS over the clips; NaN if the package of a metric is missing.
    """
    waves = np.asarray(jax.jit(GriffinLim())(jnp.asarray(mels)))
    count, frames = len(mels), mels.shape[1] // SPEECH_MELS_PER_FRAME
    predictions = {
        SPEECH: waves,
        "wave": clips.waves,
        "frame_mask": np.ones((count, frames)),
        "weight": np.ones(count),
    }
    means = score_clips(predictions, score_speech)
    return [means.get(name, Mean.empty()).compute() for name in METRICS]


def main() -> None:
    """Train networks on more and more clips, and print what they reach."""
    parser = make_parser(__doc__)
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--clips", metavar="N", nargs="+", type=int, default=NUM_CLIPS)
    parser.add_argument("--steps", metavar="N", type=int, default=800)
    options = parser.parse_args()
    records = open_split(options.corpus, "train")
    phones = sorted({name for record in records for name in record["phones"]["phone"]})
    names = {phone: number for number, phone in enumerate(phones)}
    heard = load_clips(options.corpus, "train", names)
    val = load_clips(options.corpus, "val", names)
    predict = jax.jit(lambda params, x: apply_network(PhonesToMel(), params, x, False))
    table = ResultTable("Speech from true phonemes", *COLUMNS)
    for count in options.clips:
        params, mean, std = train(
            SpokenClips(*(x[:count] for x in heard)), options.steps
        )
        mels = np.asarray(predict(params, val.phones)) * std + mean
        table.add(count, *measure(val, mels))
    table.write(options.json, data=f"{len(val.phones)} clips of the split val")


if __name__ == "__main__":
    main()
