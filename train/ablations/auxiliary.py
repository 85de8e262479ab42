"""Which self-supervised task has a gradient like that of the true error.

    python -m avjax.train.ablations.auxiliary CLEAN PAIRS [SEED [TASK...]]

CLEAN holds colour pictures, PAIRS photos with clean ones (NAME_real, NAME_mean). A
small network is trained to denoise all pictures of CLEAN but 20, and then for a few
steps also on one task. On new pictures and new noise, one crop at a time, the gradient
of the task over the first head is compared with that of the true error: their cosine,
mean and standard deviation over crops, and the ratio of their lengths. The last columns
are the gains in dB of five steps of Adam by the task alone, at two learning rates.

The published task reconstructs the noisy image from the clean image and its residual.
The noisy image is their difference whatever they are, so it may have little to learn.
"""

import functools
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import cv2
import jax
import jax.numpy as jnp
import numpy as np

from avjax.algorithms.meta_sgd import Adaptation, adapt, split_by_name
from avjax.compilation import cpu_options
from avjax.data.corruptions import CameraNoise, GaussianNoise, MixedNoise
from avjax.metrics.image import psnr
from avjax.models.denoiser import MaskNet
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.ablations.studies.auxiliary_tasks import (
    CONFIG,
    TASKS,
    BodyFeatures,
    Loss,
    SelfSupervisedTask,
    init_params,
    published_with_mask,
    true_error,
)
from avjax.train.ablations.studies.auxiliary_training import (
    HEADS,
    Pairs,
    joint_loss,
    make_pairs,
    meta_loss,
    random_crop,
    train,
)
from avjax.typing import Array, Key, Params, PathLike

NUM_TEST_PICTURES = 20
NUM_CROPS = 10  # of each test
DENOISING_STEPS, JOINT_STEPS, META_STEPS = 400, 50, 40
TEST_NOISE = {
    "mix": MixedNoise(),
    "phone": CameraNoise("sidd"),
    "white 60": GaussianNoise((60.0, 60.0)),
}
ADAM_RATES = 1e-4, 4e-4


def flatten_first_head(heads: Params) -> Array:
    """Concatenate the parameters of the first head to a vector."""
    return jnp.concatenate([x.ravel() for x in jax.tree.leaves(heads["primary"])])


def compare_gradients(task: SelfSupervisedTask, params: Params, pairs: Pairs) -> Array:
    """Compare the gradient of a task with that of the true error, crop by crop.

    Args:
        task: The task.
        params: Parameters of the network.
        pairs: The crops.

    Returns:
        Cosine, ratio of lengths, and gains in dB at `ADAM_RATES`, [crops 2 + rates].
    """
    plan = Adaptation(steps=5, optimizer="adam", second_order=False)

    def compare_crop(crop: tuple[Array, Array, Key]) -> Array:
        noisy, clean, key = crop
        noisy, clean = noisy[None], clean[None]
        heads, _ = split_by_name(params, HEADS)
        loss: Loss = task(params, noisy, key)
        error = true_error(params, noisy, clean)
        ours, target = (flatten_first_head(jax.grad(f)(heads)) for f in (loss, error))
        lengths = jnp.linalg.norm(ours), jnp.linalg.norm(target)
        cosine = ours @ target / (lengths[0] * lengths[1] + 1e-12)
        body = BodyFeatures(params, noisy)

        def quality(heads: Params) -> Array:
            return psnr(jnp.clip(body.restore(heads).clean, 0, 1), clean)[0]

        def gain(rate: Array) -> Array:
            rates = jax.tree.map(lambda _: rate, heads)
            return quality(adapt(loss, heads, rates, plan).params) - quality(heads)

        gains = jax.lax.map(gain, jnp.array(ADAM_RATES))
        return jnp.array([cosine, lengths[0] / lengths[1], *gains])

    keys = jax.random.split(jax.random.key(5), NUM_CROPS)
    return jax.lax.map(compare_crop, (*pairs, keys))


def add_task(
    table: ResultTable,
    name: str,
    task: SelfSupervisedTask,
    params: Params,
    tests: dict[str, Pairs],
) -> None:
    """Add the rows of a task, one for each test."""
    compiled = jax.jit(
        functools.partial(compare_gradients, task), compiler_options=cpu_options()
    )
    for noise, pairs in tests.items():
        values = np.asarray(compiled(params, pairs))
        mean, std = values.mean(0), values.std(0)
        cosine = f"{mean[0]:+.3f} ± {std[0]:.3f}"
        gains = [f"{x:+.2f} ± {y:.2f}" for x, y in zip(mean[2:], std[2:], strict=True)]
        table.add(name, noise, cosine, f"{mean[1]:.2f}", *gains)


def read_image(path: PathLike) -> np.ndarray:
    """Read an image, f32 [h w c=3] in [0, 1]."""
    image: Any = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    return image.astype(np.float32) / 255


def make_tests(
    pictures: Sequence[np.ndarray], pairs: str, rng: np.random.Generator
) -> dict[str, Pairs]:
    """Make crops with each test noise, and crops of photos with real noise."""
    tests = {
        name: make_pairs(pictures, (noise,), NUM_CROPS, rng)
        for name, noise in TEST_NOISE.items()
    }
    files = sorted(pathlib.Path(pairs).glob("*_real.*"))
    files = [files[i] for i in rng.choice(len(files), NUM_CROPS, replace=False)]
    crops = []
    for file in files:
        clean = read_image(str(file).replace("_real", "_mean"))
        both = np.concatenate([read_image(file), clean], axis=-1)
        crops.append(random_crop(both, rng))
    noisy, clean = np.split(np.stack(crops), 2, axis=-1)
    return {**tests, "real": (jnp.asarray(noisy), jnp.asarray(clean))}


def print_denoising(params: Params, tests: dict[str, Pairs]) -> None:
    """Print the PSNR of the test crops before and after denoising."""

    def denoise(noisy: Array) -> Array:
        return jnp.clip(BodyFeatures(params, noisy).restore(params).clean, 0, 1)

    compiled = jax.jit(denoise, compiler_options=cpu_options())
    for noise, (noisy, clean) in tests.items():
        images = noisy, compiled(noisy)
        before, after = (float(psnr(image, clean).mean()) for image in images)
        print(f"{noise:10} {before:.2f} dB, denoised {after:.2f} dB")


def run_study(clean: str, pairs: str, seed: int, tasks: Sequence[str]) -> ResultTable:
    """Train the network with each task, and compare the gradients.

    Args:
        clean: Folder of colour pictures.
        pairs: Folder of photos with clean ones.
        seed: The seed.
        tasks: Names of the tasks.

    Returns:
        The table.
    """
    rng, start = np.random.default_rng(seed + 1), time.perf_counter()
    files = sorted(pathlib.Path(clean).iterdir())
    order = np.random.default_rng(0).permutation(len(files))
    pictures = [read_image(files[i]) for i in order]
    known = pictures[NUM_TEST_PICTURES:]
    tests = make_tests(pictures[:NUM_TEST_PICTURES], pairs, rng)
    params = init_params(jax.random.key(seed))
    plain = train(joint_loss(None), params, known, DENOISING_STEPS, 2e-3, seed)
    print_denoising(plain, tests)
    gains = [f"gain at {rate:g}, dB" for rate in ADAM_RATES]
    columns = ("task", "noise", "cosine", "ratio of lengths", *gains)
    table = ResultTable("Gradients of self-supervised tasks", *columns)
    for name in tasks:
        task = TASKS[name]
        joint = train(joint_loss(task), plain, known, JOINT_STEPS, 5e-4, seed + 2)
        add_task(table, name, task, joint, tests)
        if name == "published":
            variables: Any = MaskNet(CONFIG).init(
                jax.random.key(seed), tests["real"][0]
            )
            initial = joint, variables["params"]
            restorer, mask_net = train(
                meta_loss, initial, known, META_STEPS, 5e-4, seed + 3
            )
            add_task(
                table,
                "published, after meta-training",
                lambda p, noisy, _, m=mask_net: published_with_mask(m, p, noisy),
                restorer,
                tests,
            )
        print(f"{time.perf_counter() - start:.0f} s", flush=True)
    return table


def main() -> None:
    """Compare the tasks, and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("clean", metavar="CLEAN")
    parser.add_argument("pairs", metavar="PAIRS")
    parser.add_argument("seed", metavar="SEED", nargs="?", type=int, default=0)
    parser.add_argument("tasks", metavar="TASK", nargs="*", default=[])
    options = parser.parse_args()
    if unknown := [name for name in options.tasks if name not in TASKS]:
        known = ", ".join(TASKS)
        parser.error(f"there is no task {', '.join(unknown)}; they are: {known}")
    tasks = options.tasks or list(TASKS)
    table = run_study(options.clean, options.pairs, options.seed, tasks)
    table.write(
        options.json,
        data=f"{NUM_CROPS} crops of each noise; mean ± standard deviation over crops",
        seeds=str(options.seed),
    )


if __name__ == "__main__":
    main()
