"""Compare the adaptation of a denoiser to an image with the published loop in PyTorch.

    python tests/benchmarks/adaptation.py --peer-python PATH
        [--size N] [--rounds N] [--cores N] [--json PATH]

An image of N x N pixels (default 1024) is adapted to and restored, by the network at
full size with random weights. The published loop (`tests/helpers/denoiser_peer.py`,
five steps, the result is that of four) takes the whole image in each step. avjax adapts
to 16 patches of 64 pixels, and then restores the image once, tile by tile:

    published task   the same task and number of steps, with the weights of the loop,
                     converted
    neighbours       the default task of training, five steps
    sure             the task of denoiser-polyu, five steps
    denoiser-polyu   these weights, whose network is smaller
    denoiser-photos  the default weights, whose network is smaller

The programs run in turns; each row gives medians. "Ratio" is the median of the ratios
to the published loop of the same round.
"""

import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Literal

import jax
import numpy as np

from avjax.algorithms.adaptation_plan import GAIN_PLAN, AdaptationPlan, init_inner_lrs
from avjax.media.photo_io import Photo
from avjax.models.denoiser import DenoiserConfig, init_variables
from avjax.pipelines.denoise import load_denoiser
from avjax.pipelines.denoising.denoiser import Denoiser
from avjax.train.ablations.results import ResultTable, make_parser

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "helpers"))
from peer_process import PeerProcess, Times, use_cores  # noqa: E402

PEER = pathlib.Path(__file__).parents[1] / "helpers" / "denoiser_peer.py"


def untrained(auxiliary: Literal["neighbours", "sure"]) -> Denoiser:
    """Make a denoiser of full size with random weights."""
    config = DenoiserConfig(auxiliary=auxiliary)
    plan = GAIN_PLAN if auxiliary == "sure" else AdaptationPlan()
    variables = init_variables(config, jax.random.key(0))
    params = {part: tree["params"] for part, tree in variables.items()}
    lrs = init_inner_lrs(config, plan, params["restorer"])
    return Denoiser(config, params, lrs, plan, strength=1.0)


def measure(denoiser: Denoiser, image: np.ndarray) -> Times:
    """Denoise an image once."""
    start = time.perf_counter(), time.process_time()
    denoiser.denoise(Photo(image), "the image")
    return Times(time.perf_counter() - start[0], time.process_time() - start[1])


def compare(
    programs: dict[str, Callable[[], Times]], rounds: int, size: int, table: ResultTable
) -> None:
    """Run programs in turns, and add their rows; the first is the published loop."""
    for run in programs.values():
        run()  # compiles
    times = np.array([[run() for run in programs.values()] for _ in range(rounds)])
    megapixels = size**2 / 1e6
    for number, name in enumerate(programs):
        medians = np.median(times[:, number], axis=0) / megapixels
        ratios = np.median(times[:, number] / times[:, 0], axis=0)
        table.add(
            name,
            *(float(x) for x in (medians[0], ratios[0])),
            *map(float, (medians[1], ratios[1])),
        )


def main() -> None:
    """Compare the adaptations."""
    parser = make_parser(__doc__)
    parser.add_argument("--peer-python", type=pathlib.Path, required=True)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--cores", type=int, help="of both programs; default: all")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    use_cores(options.cores)
    columns = "program", "seconds per megapixel", "ratio"
    columns += "CPU seconds per megapixel", "CPU ratio"
    table = ResultTable("Adaptation of the denoiser: avjax and PyTorch", *columns)
    shape = options.size, options.size, 3
    image = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        np.save(folder / "image.npy", image)
        checkpoint, weights = folder / "denoiser.pth", folder / "weights"
        peer = PeerProcess(options.peer_python, PEER, checkpoint, folder / "image.npy")
        command = [sys.executable, "-m", "avjax", "convert", checkpoint, weights]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        denoisers = {
            "avjax, published task": load_denoiser(weights),
            "avjax, neighbours": untrained("neighbours"),
            "avjax, sure": untrained("sure"),
            "avjax, denoiser-polyu": load_denoiser("denoiser-polyu"),
            "avjax, denoiser-photos": load_denoiser("denoiser-photos"),
        }
        programs: dict[str, Callable[[], Times]] = {"PyTorch": peer.step}
        for name, denoiser in denoisers.items():
            programs[name] = lambda denoiser=denoiser: measure(denoiser, image)
        compare(programs, options.rounds, options.size, table)
        peer.stop()
    table.write(options.json, data=f"random image, {options.size} pixels square")


if __name__ == "__main__":
    main()
