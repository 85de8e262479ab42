"""Experiments of the denoiser: first to denoise, then to denoise after adaptation.

Commands of the corpora:
    avjax data build pictures --raw PICTURES --held test --out corpora/pictures
    avjax data build pictures --raw DIV2K --val valid --out corpora/div2k
    avjax data build pairs --raw POLYU --held Canon80D Sony --val Canon600D
        --side 256 --out corpora/polyu
    avjax data build pairs --raw SIDD_Small --out corpora/sidd
    avjax data build sidd-blocks --raw SIDD --out corpora/sidd-blocks
"""

import dataclasses
from collections.abc import Mapping

from avjax.algorithms.adaptation_plan import (
    GAIN_PLAN,
    REFERENCE_TEST,
    REFERENCE_TRAINING,
)
from avjax.data.corruptions import (
    CameraNoise,
    Corruption,
    GaussianNoise,
    MixedNoise,
)
from avjax.data.examples.image_pairs import ImagePairCrop
from avjax.data.loader import Loader
from avjax.models.denoiser import REFERENCE_CONFIG, DenoiserConfig
from avjax.train.experiment import Experiment
from avjax.train.optimizers import Adam, Muon, Optimizer
from avjax.train.registry import experiment
from avjax.train.tasks.denoiser import DenoiserTask

SMALL = DenoiserConfig(base_channels=8, channel_step=8, mask_channels=4)
SURE = dataclasses.replace(SMALL, auxiliary="sure")
CROP_SIZE = 48  # pixels, of training
TEST_CROP_SIZE = 128  # pixels, of evaluations
SMALL_ADAM = Adam(learning_rate=1e-3, warmup=50, schedule="cosine", max_grad_norm=1.0)

SMALL_MUON = Muon(learning_rate=1e-2, warmup=30, schedule="cosine", max_grad_norm=1.0)


@experiment
def denoiser_synthetic() -> Experiment:
    """Train the denoiser's first stage on clean images with synthetic noise.

    The noise is that of cameras and the published mixture. Data: corpora/pictures.
    Time: 5 to 10 minutes on one core.
    """
    noise = (CameraNoise("dnd", (60, 95)), CameraNoise("sidd"), MixedNoise())
    return small_denoiser(
        DenoiserTask(SMALL),
        "corpora/pictures",
        noise,
        {"restore": SMALL_ADAM, "mask": SMALL_ADAM},
        batch_size=8,
        steps=1500,
        description="The denoiser's first stage, trained on synthetic noise.",
    )


@experiment
def denoiser_polyu_plain() -> Experiment:
    """Train the denoiser's first stage on PolyU, before it learns to adapt.

    The loss compares with the clean image of each pair; there is no auxiliary task.
    Data: corpora/polyu (non-commercial). Time: 5 to 10 minutes on one core.
    """
    description = "The denoiser, trained on PolyU (not for commerce)."
    return small_plain("corpora/polyu", (), description, SURE)


@experiment
def denoiser_polyu() -> Experiment:
    """Train the denoiser's second stage on PolyU; run denoiser_polyu_plain first.

    Then `python -m avjax.train.ablations.noise gains` fits the model of the noise.

    Data: corpora/polyu (non-commercial). Time: 5 to 10 minutes on one core. For
    comparison without the inner loop: task.stage=plain
    'optim={"restore": {"learning_rate": 1e-3, "warmup": 50, "schedule": "cosine",
    "max_grad_norm": 1.0}}'.
    """
    return small_denoiser(
        DenoiserTask(SURE, stage="adapt", plan=GAIN_PLAN, test_plan=GAIN_PLAN),
        "corpora/polyu",
        (),
        {"adapt": SMALL_ADAM},
        batch_size=4,
        crop_size=128,
        steps=200,
        description="The denoiser, trained on PolyU (not for commerce) through the "
        "steps of its adaptation.",
        init_from={"restorer": "runs/denoiser_polyu_plain/weights"},
    )


@experiment
def denoiser_white() -> Experiment:
    """Train the denoiser's first stage on white noise, as for Set12 and CBSD68.

    Data: corpora/pictures. Time: 2.4 minutes on one core.
    """
    noise = (GaussianNoise((0.0, 55.0)),)
    description = "The denoiser, trained on white noise."
    return small_plain("corpora/pictures", noise, description)


@experiment
def denoiser_div2k() -> Experiment:
    """Train the denoiser's first stage on DIV2K, at the size of the paper.

    Data: corpora/div2k. Not run yet. The paper alternates epochs of the restorer and
    of the mask; here every step updates both. Its 150 epochs of twice 50 steps are 7500
    steps.
    """
    root = "corpora/div2k"
    transform = ImagePairCrop(128, (MixedNoise(reference_compat=True),))
    return Experiment(
        task=reference_task("clean"),
        train=Loader(root, "train", transform, batch_size=16, num_workers=8),
        evals={"val": Loader(root, "val", transform, batch_size=4, num_workers=2)},
        optim={"restore": Adam(learning_rate=1e-3), "mask": Adam(learning_rate=1e-3)},
        steps=7500,
        dtype="bfloat16",
        min_batch_per_device=2,
        description="The denoiser's first stage as published, trained on DIV2K.",
    )


@experiment
def denoiser_sidd() -> Experiment:
    """Train the denoiser's second stage on SIDD-Small; run denoiser_div2k first.

    Data: corpora/sidd, corpora/sidd-blocks. Not run yet; the paper's score is not
    known. The paper also trains on PolyU and selects the best weights on training
    images; here the last weights are released.
    """
    transform = ImagePairCrop(128, ())
    blocks = Loader(
        "corpora/sidd-blocks",
        "val",
        ImagePairCrop(256, ()),
        batch_size=4,
        examples_per_clip=32,
    )
    return Experiment(
        task=reference_task("adapt"),
        train=Loader("corpora/sidd", "train", transform, batch_size=2, num_workers=8),
        evals={"val": blocks},
        optim={"adapt": Adam(learning_rate=5e-5)},
        steps=19_500,
        dtype="bfloat16",
        min_batch_per_device=1,
        init_from=first_stage_weights("denoiser_div2k"),
        evaluate_every=6500,
        description="The denoiser as published, trained on SIDD-Small after DIV2K.",
    )


def reference_task(stage: str) -> DenoiserTask:
    """Make the task of the authors' code.

    Args:
        stage: "clean" or "adapt".

    Returns:
        The task.
    """
    return DenoiserTask(
        REFERENCE_CONFIG,
        stage="adapt" if stage == "adapt" else "clean",
        plan=REFERENCE_TRAINING,
        test_plan=REFERENCE_TEST,
        learn_inner_lrs=False,
    )


def first_stage_weights(name: str) -> dict[str, str]:
    """Name the weights that a second stage starts from.

    Args:
        name: Name of the experiment of the first stage.

    Returns:
        `{part: folder}`.
    """
    return {part: f"runs/{name}/weights" for part in ("restorer", "mask_net")}


def small_plain(
    root: str,
    corruptions: tuple[Corruption, ...],
    description: str,
    model: DenoiserConfig = SMALL,
) -> Experiment:
    """Train a small restorer by its error against clean images, with no other task.

    Args:
        root: Folder of the corpus.
        corruptions: Noise that is added to the images; empty: the corpus has it.
        description: First line of the model card.
        model: Config of the denoiser.

    Returns:
        The experiment.
    """
    return small_denoiser(
        DenoiserTask(model, stage="plain"),
        root,
        corruptions,
        {"restore": SMALL_MUON},
        batch_size=16,
        steps=1000,
        description=description,
    )


def small_denoiser(
    task: DenoiserTask,
    root: str,
    corruptions: tuple[Corruption, ...],
    optim: Mapping[str, Optimizer],
    *,
    batch_size: int,
    steps: int,
    description: str,
    crop_size: int = CROP_SIZE,
    init_from: Mapping[str, str] | None = None,
) -> Experiment:
    """Make an experiment that takes five to ten minutes on one core.

    Args:
        task: The task.
        root: Folder of the corpus.
        corruptions: Noise that is added to the images; empty: the corpus has it.
        optim: `{objective: optimizer}`.
        batch_size: Examples in a training batch.
        steps: Number of steps.
        description: First line of the model card.
        crop_size: Side in pixels of the crops that are trained on.
        init_from: Weights to start from.

    Returns:
        The experiment.
    """
    transform = ImagePairCrop(crop_size, corruptions)
    val = Loader(
        root,
        "val",
        ImagePairCrop(max(crop_size, TEST_CROP_SIZE), corruptions),
        batch_size=4,
        examples_per_clip=2,
    )
    return Experiment(
        task=task,
        train=Loader(root, "train", transform, batch_size=batch_size, num_workers=1),
        evals={"val": val},
        optim=optim,
        steps=steps,
        init_from=init_from or {},
        log_every=50,
        evaluate_every=500,
        save_every=250,
        description=description,
    )
