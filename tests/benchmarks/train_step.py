"""Compare training steps of avjax with those of the same systems in PyTorch.

    python tests/benchmarks/train_step.py --peer-python PATH [SYSTEM ...]
        [--clips N] [--rounds N] [--cores N] [--json PATH]

A step is everything between two batches: forward and backward pass of all losses, and
the optimizer, at full size in float32. Both programs have the same networks with random
weights, and the same batch; they take steps in turns, each with all cores. PATH is a
Python with torch and numpy; `tests/helpers/train_step_peer.py` has its side.

    wav2lip         the generator of 96 pixels and the frozen sync expert, 8 clips of
                    five frames, Adam
    synctalkface    generator of 128 pixels with memory, and discriminator, 2 clips of
                    five frames, two optimizers with Adam
    bridging        the reader of 500 words, 2 clips of 29 frames, SGD with momentum

The step of avjax is that of `avjax train`: compiled for one device, with batch
renormalisation. "Ratio" is the median of the ratios of the rounds.
"""

import dataclasses
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from avjax.losses.weights import SyncTalkFaceLossWeights
from avjax.models.bridging import BridgingConfig
from avjax.models.synctalkface import WAV2LIP
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.compiled import CompiledExperiment, build
from avjax.train.experiment import Experiment
from avjax.train.experiments.synctalkface import paper_optimizers
from avjax.train.optimizers import Adam, Optimizer, Sgd
from avjax.train.parallel.sharding import make_mesh
from avjax.train.step import TrainState
from avjax.train.task import Objective, Task
from avjax.train.tasks.bridging import BridgingTask
from avjax.train.tasks.synctalkface import SyncTalkFaceTask

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "helpers"))
from peer_process import PeerProcess, Times, use_cores  # noqa: E402

PEER = pathlib.Path(__file__).parents[1] / "helpers" / "train_step_peer.py"
SYNC_WEIGHT = 0.03  # of Wav2Lip; the rest is that of the pixels
BATCHES = {"wav2lip": 8, "synctalkface": 2, "bridging": 2}  # clips
WORDS, WORD_FRAMES = 500, 29


@dataclasses.dataclass(frozen=True)
class Wav2LipTask(SyncTalkFaceTask):
    """Train Wav2Lip without discriminator, with the published weights of losses."""

    model: Any = WAV2LIP
    losses: Any = SyncTalkFaceLossWeights(
        pixels=1 - SYNC_WEIGHT, audio_visual=SYNC_WEIGHT, adversarial=0.0
    )

    def objectives(self) -> tuple[Objective, ...]:
        """List the generator alone. See `Task.objectives`."""
        return super().objectives()[:1]


def make_system(name: str) -> tuple[Task, dict[str, Optimizer]]:
    """Make a task and its optimizers."""
    if name == "wav2lip":
        return Wav2LipTask(), {"generator": Adam(learning_rate=1e-4)}
    if name == "synctalkface":
        return SyncTalkFaceTask(), paper_optimizers()
    words = tuple(f"w{number:03}" for number in range(WORDS))
    model = BridgingConfig("words", words, reference_compat=True)
    sgd = Sgd(learning_rate=0.05, momentum=0.9, nesterov=True, weight_decay=1e-5)
    return BridgingTask(model), {"reader": sgd}


def make_batch(name: str, clips: int) -> dict[str, Any]:
    """Make a random batch."""
    random = np.random.default_rng(0)

    def pixels(*shape: int) -> np.ndarray:
        return random.integers(0, 256, (clips, *shape), np.uint8)

    def mels(*shape: int) -> np.ndarray:
        return random.normal(size=(clips, *shape)).astype(np.float32)

    weight = np.ones(clips, np.float32)
    if name == "bridging":
        return {
            "lips": pixels(WORD_FRAMES, 112, 112, 1),
            "mel": mels(4 * WORD_FRAMES, 80),
            "frame_mask": np.ones((clips, WORD_FRAMES), np.float32),
            "labels": random.integers(0, WORDS, (clips, 1), np.int32),
            "weight": weight,
        }
    size = 96 if name == "wav2lip" else 128
    return {
        "frames": pixels(9, size, size, 3),
        "reference": pixels(5, size, size, 3),
        "mels": mels(5, 16, 80),
        "mel": mels(16, 80),
        "weight": weight,
    }


def compile_system(name: str, batch: dict[str, Any]) -> CompiledExperiment:
    """Compile the step of a system as `avjax train` does."""
    task, optim = make_system(name)
    loader: Any = None  # batches are given
    experiment = Experiment(task, loader, optim, steps=1000)
    return build(experiment, make_mesh((1, 1)), batch)


def random_state(compiled: CompiledExperiment) -> TrainState:
    """Make a state with random kernels; to compile `init` would take minutes."""
    random = np.random.default_rng(0)

    def weights(shape: jax.ShapeDtypeStruct) -> np.ndarray:
        if len(shape.shape) < 2:
            return np.ones(shape.shape, shape.dtype)
        scale = np.prod(shape.shape[:-1]) ** -0.5
        return random.normal(0, scale, shape.shape).astype(shape.dtype)

    zeros = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), compiled.shapes)
    state = zeros._replace(
        params=jax.tree.map(weights, compiled.shapes.params),
        stats=jax.tree.map(np.ones_like, zeros.stats),
    )
    return jax.device_put(state, jax.tree.map(lambda x: x.sharding, compiled.shapes))


def make_step(name: str, batch: dict[str, Any]) -> Callable[[], float]:
    """Make a function that takes a step of avjax and returns the loss."""
    compiled = compile_system(name, batch)
    state = random_state(compiled)
    objective = compiled.task.objectives()[0].name

    def step() -> float:
        nonlocal state
        state, logs = compiled.step(state, batch, compiled.key)
        return float(jax.block_until_ready((state, logs))[1][f"{objective}/loss"])

    return step


def measure(step: Callable[[], float]) -> Times:
    """Take a step of avjax."""
    start = time.perf_counter(), time.process_time()
    step()
    return Times(time.perf_counter() - start[0], time.process_time() - start[1])


def compare(name: str, clips: int, python: pathlib.Path, rounds: int) -> list[float]:
    """Take steps in turns.

    Returns:
        Seconds of avjax and of PyTorch, their ratio, and the same of CPU seconds: all
        medians.
    """
    batch = make_batch(name, clips)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(pathlib.Path(folder) / "batch.npz", **batch)
        peer = PeerProcess(python, PEER, name, folder)
        step = make_step(name, batch)
        step()  # compiles
        peer.step()
        pairs = [(measure(step), peer.step()) for _ in range(rounds)]
        peer.stop()
    ours, theirs = (np.array(times) for times in zip(*pairs, strict=True))
    columns = [[x, y, x / y] for x, y in zip(ours.T, theirs.T, strict=True)]
    return [float(np.median(values)) for group in columns for values in group]


def main() -> None:
    """Compare the systems."""
    parser = make_parser(__doc__)
    parser.add_argument("systems", metavar="SYSTEM", nargs="*", default=list(BATCHES))
    parser.add_argument("--peer-python", type=pathlib.Path, required=True)
    parser.add_argument("--cores", type=int, help="of both programs; default: all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clips", type=int, help="of a batch, instead of the above")
    options = parser.parse_args()
    use_cores(options.cores)
    columns = "system", "clips", "avjax, s", "PyTorch, s", "ratio"
    columns += "avjax, CPU s", "PyTorch, CPU s", "CPU ratio"
    table = ResultTable("Training steps: avjax and PyTorch", *columns)
    for name in options.systems:
        clips = options.clips or BATCHES[name]
        times = compare(name, clips, options.peer_python, options.rounds)
        table.add(name, clips, *times)
    table.write(options.json, data="random inputs and weights")


if __name__ == "__main__":
    main()
