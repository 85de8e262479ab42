"""Experiments of the default weights of `denoise`, free for commercial use.

Command of the corpus:
    avjax data build pictures --raw PHOTOS --held rocket --val Picture_0B hubble
        --side 192 --out corpora/photos
"""

import dataclasses

from avjax.algorithms.adaptation_plan import LEVEL_PLAN
from avjax.data.corruptions import CameraNoise, GaussianNoise
from avjax.data.examples.image_pairs import ImagePairCrop
from avjax.data.loader import Loader
from avjax.models.denoiser import DenoiserConfig
from avjax.train.experiment import Experiment
from avjax.train.experiments.denoiser import SMALL_MUON, small_denoiser, small_plain
from avjax.train.optimizers import Adam
from avjax.train.registry import experiment
from avjax.train.tasks.denoiser import DenoiserTask

PHOTOS = "The denoiser, trained on photos with synthetic noise."
SMOOTHING = (0.0, 0.5), (1.0, 3.0)  # pixels, of luma and of chroma
PHOTO_BLUR = 0.0, 1.2  # pixels
LEVEL = DenoiserConfig(auxiliary="level", base_channels=32, channel_step=16)
PHOTO_NOISE = (
    CameraNoise("dnd", (95, 100), *SMOOTHING),
    CameraNoise("dnd", None, *SMOOTHING),
    CameraNoise("dnd", (70, 95), *SMOOTHING),
    CameraNoise("sidd", (80, 100), *SMOOTHING),
    CameraNoise("dnd"),
    GaussianNoise((0.0, 50.0)),
)


@experiment
def denoiser_photos_plain() -> Experiment:
    """Train the denoiser on photos with synthetic noise, whose level is an input.

    The noise is that of cameras, smoothed by their own denoising and compressed, that
    of a sensor alone, and white noise. Data: corpora/photos. Time: 0.8 hours on two
    cores.
    """
    plain = small_plain("corpora/photos", PHOTO_NOISE, PHOTOS, LEVEL)
    transform = ImagePairCrop(96, PHOTO_NOISE, clean_blur=PHOTO_BLUR, color_prob=0.5)
    train = Loader("corpora/photos", "train", transform, batch_size=8, num_workers=1)
    optimizer = dataclasses.replace(SMALL_MUON, learning_rate=2e-3)
    return dataclasses.replace(
        plain, train=train, optim={"restore": optimizer}, steps=6000
    )


@experiment
def denoiser_photos() -> Experiment:
    """Fit how the denoiser estimates the level; run denoiser_photos_plain first.

    Data: corpora/photos. Time: 2 minutes on two cores. The released weights,
    trained in parts, have 39.4 dB on photos of a camera of PolyU (noisy: 37.3 dB).
    """
    return small_denoiser(
        DenoiserTask(LEVEL, stage="adapt", plan=LEVEL_PLAN, test_plan=LEVEL_PLAN),
        "corpora/photos",
        PHOTO_NOISE,
        {"levels": Adam(learning_rate=5e-2, schedule="cosine")},
        batch_size=8,
        crop_size=192,
        steps=200,
        description=PHOTOS,
        init_from={"restorer": "runs/denoiser_photos_plain/weights"},
    )
