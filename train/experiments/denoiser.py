"""Recipes of the denoiser: taught to clean, then taught to be adapted.

Corpora     avjax data build pictures --raw PICTURES --held test --out corpora/pictures
            avjax data build pictures --raw DIV2K --held valid --out corpora/div2k
            avjax data build pairs --raw POLYU --held Canon80D Sony --out corpora/polyu
                --side 128
            avjax data build pairs --raw SIDD_Small --out corpora/sidd
            avjax data build sidd-blocks --raw SIDD --out corpora/sidd-blocks
"""

import dataclasses

from avjax.algorithms.denoiser_adaptation import PUBLISHED_TEST, PUBLISHED_TRAINING
from avjax.data.corruptions import Camera, Gaussian, Mix, Noise
from avjax.data.examples.image_pairs import PairCrop
from avjax.data.loader import Loader
from avjax.models.denoiser import PUBLISHED, DenoiserConfig
from avjax.train.experiment import Experiment
from avjax.train.optimizers import Adam, Muon, Optimizer
from avjax.train.tasks.denoiser import DenoiserTask

AS_PUBLISHED = {"model": PUBLISHED, "learns_rates": False}
AS_PUBLISHED |= {"plan": PUBLISHED_TRAINING, "test": PUBLISHED_TEST}
SMALL = DenoiserConfig(base=8, more=8, mask_base=4)
SQUARE = 48  # pixels: what such a network adapts to quickly


def denoiser_synthetic() -> Experiment:
    """The first stage on clean pictures, noise of cameras and the published mix."""
    root, noise = "corpora/pictures", (Camera("dnd", (60, 95)), Camera("sidd"), Mix())
    rate = Adam(rate=1e-3, warmup=50, schedule="cosine", clip=1.0)
    return small(
        DenoiserTask(SMALL),
        Loader(root, "train", PairCrop(SQUARE, noise), batch=8, workers=1),
        {"restore": rate, "mask": rate},
        1500,
        "The denoiser's first stage, trained on made noise.",
    )


def denoiser_polyu_plain() -> Experiment:
    """The first stage on photographs of PolyU, which learns to clean alone."""
    doc = "The denoiser, trained on PolyU (not for commerce)."
    return plain("corpora/polyu", (), doc)


def denoiser_polyu() -> Experiment:
    """The second stage on photographs of PolyU; run denoiser_polyu_plain first.

    To compare, truth and auxiliary task learnt at once, and nothing through steps:
    task.stage=clean 'optim={"restore": R, "mask": R}', R being
    {"rate": 1e-3, "warmup": 50, "schedule": "cosine", "clip": 1.0}.
    """
    window = PairCrop(SQUARE, ())
    recipe = small(
        DenoiserTask(SMALL, stage="adapt"),
        Loader("corpora/polyu", "train", window, batch=4, workers=1),
        {"adapt": Adam(rate=1e-3, warmup=50, schedule="cosine", clip=1.0)},
        600,
        "The denoiser, trained on PolyU (not for commerce) through its own steps.",
    )
    return dataclasses.replace(recipe, start=after("denoiser_polyu_plain"))


def denoiser_white() -> Experiment:
    """The first stage on white noise alone, as tables of Set12 and CBSD68 have it."""
    noise = (Gaussian((0.0, 55.0)),)
    return plain("corpora/pictures", noise, "The denoiser, trained on white noise.")


def denoiser_div2k() -> Experiment:
    """The paper's first stage: DIV2K and the published mix.  Never run here.

    There epochs of the restorer and of the mask take turns, here steps do.  Its 150
    epochs of twice 50 steps are 7500 of both.
    """
    root, window = "corpora/div2k", PairCrop(128, (Mix(published=True),))
    return Experiment(
        task=DenoiserTask(**AS_PUBLISHED),
        train=Loader(root, "train", window, batch=16, workers=8),
        evals={"valid": Loader(root, "test", window, batch=4, workers=2)},
        optim={"restore": Adam(rate=1e-3), "mask": Adam(rate=1e-3)},
        steps=7500,
        doc="The denoiser's first stage as published, trained on DIV2K.",
    )


def denoiser_sidd() -> Experiment:
    """The paper's second stage on SIDD-Small; run denoiser_div2k first.

    Never run here.  There PolyU is trained on too, and the best weights are chosen on
    pictures that were trained on; here they are the last.  No figure of the paper is
    known.
    """
    window = PairCrop(128, ())
    blocks = Loader("corpora/sidd-blocks", "test", PairCrop(256, ()), 4, windows=32)
    return Experiment(
        task=DenoiserTask(stage="adapt", **AS_PUBLISHED),
        train=Loader("corpora/sidd", "train", window, batch=2, workers=8),
        evals={"blocks": blocks},
        optim={"adapt": Adam(rate=5e-5)},
        steps=19_500,
        start=after("denoiser_div2k"),
        evaluate_every=6500,
        doc="The denoiser as published, trained on SIDD-Small after DIV2K.",
    )


def after(name: str) -> dict[str, str]:
    """What a second stage takes from the first."""
    return {part: f"runs/{name}/weights" for part in ("restorer", "masker")}


def plain(root: str, noise: tuple[Noise, ...], doc: str) -> Experiment:
    """Truth alone."""
    learns = Muon(rate=1e-2, warmup=30, schedule="cosine", clip=1.0)
    window = PairCrop(SQUARE, noise)
    loader = Loader(root, "train", window, batch=16, workers=1)
    task = DenoiserTask(SMALL, stage="plain")
    return small(task, loader, {"restore": learns}, 1000, doc)


def small(
    task: DenoiserTask,
    train: Loader,
    optim: dict[str, Optimizer],
    steps: int,
    doc: str,
) -> Experiment:
    """What one core trains in five to ten minutes."""
    window = dataclasses.replace(train.window, size=128)
    test = Loader(train.root, "test", window, batch=4, windows=2)
    return Experiment(
        task=task,
        train=train,
        evals={"test": test},
        optim=optim,
        steps=steps,
        log_every=50,
        evaluate_every=500,
        save_every=250,
        doc=doc,
    )
