"""Every run that has a name."""

from collections.abc import Callable

from avjax.train.experiment import Experiment
from avjax.train.experiments.aligner import aligner_grid, aligner_puppet
from avjax.train.experiments.bridging import (
    bridging_grid,
    bridging_lrw,
    bridging_puppet,
    bridging_speech_grid,
    bridging_speech_puppet,
    bridging_words_puppet,
)
from avjax.train.experiments.cals import (
    cals_face_grid,
    cals_face_puppet,
    cals_grid,
    cals_hdtf,
    cals_lrs2,
    cals_lrw,
    cals_puppet,
    cals_units_grid,
    cals_units_hdtf,
    cals_units_lrs2,
    cals_units_lrw,
    cals_units_puppet,
)
from avjax.train.experiments.denoiser import (
    denoiser_div2k,
    denoiser_polyu,
    denoiser_polyu_plain,
    denoiser_sidd,
    denoiser_synthetic,
    denoiser_white,
)
from avjax.train.experiments.lip_landmarks import landmarks_puppet
from avjax.train.experiments.sync_expert import sync_grid, sync_lrs2, sync_puppet
from avjax.train.experiments.synctalkface import (
    synctalkface_grid,
    synctalkface_lrs2,
    synctalkface_lrw,
    synctalkface_puppet,
    wav2lip_grid,
    wav2lip_puppet,
    wav2lip_trunk_grid,
    wav2lip_trunk_puppet,
)
from avjax.train.experiments.taem import (
    taem_cals_puppet,
    taem_synctalkface_grid,
    taem_synctalkface_puppet,
    taem_wav2lip_lrs2,
    taem_wav2lip_puppet,
)

EXPERIMENTS: dict[str, Callable[[], Experiment]] = {
    make.__name__: make
    for make in (
        landmarks_puppet,
        aligner_puppet,
        aligner_grid,
        sync_puppet,
        sync_grid,
        sync_lrs2,
        wav2lip_trunk_puppet,
        wav2lip_puppet,
        synctalkface_puppet,
        wav2lip_trunk_grid,
        wav2lip_grid,
        synctalkface_grid,
        synctalkface_lrs2,
        synctalkface_lrw,
        cals_units_puppet,
        cals_face_puppet,
        cals_puppet,
        cals_units_grid,
        cals_face_grid,
        cals_grid,
        cals_units_lrs2,
        cals_lrs2,
        cals_units_lrw,
        cals_lrw,
        cals_units_hdtf,
        cals_hdtf,
        taem_wav2lip_puppet,
        taem_synctalkface_puppet,
        taem_cals_puppet,
        taem_synctalkface_grid,
        taem_wav2lip_lrs2,
        bridging_puppet,
        bridging_words_puppet,
        bridging_grid,
        bridging_lrw,
        bridging_speech_puppet,
        bridging_speech_grid,
        denoiser_synthetic,
        denoiser_polyu_plain,
        denoiser_polyu,
        denoiser_white,
        denoiser_div2k,
        denoiser_sidd,
    )
}
