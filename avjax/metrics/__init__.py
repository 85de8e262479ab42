"""Metrics: numbers that evaluations report.

A metric is a function of a batch and of the outputs of a model. It returns
{name: Mean}; means of several batches are merged, then computed. `avjax.metrics.speech`
and `avjax.metrics.error_rate` are computed in numpy, on the host.

Names are loaded on first use, because the units of metrics need no JAX.
"""

from typing import TYPE_CHECKING

from avjax.lazy_names import lazy_names

if TYPE_CHECKING:
    from avjax.metrics.base import Mean
    from avjax.metrics.error_rate import symbol_edit_counts, word_edit_counts
    from avjax.metrics.image import psnr, ssim
    from avjax.metrics.landmarks import landmark_distance, lip_gap
    from avjax.metrics.lip_motion import lip_motion_metrics, lmd_by_class
    from avjax.metrics.memory import (
        bridging_metrics,
        effective_slots,
        within_clip_variance,
    )
    from avjax.metrics.restoration import ssim2d, ssim3d
    from avjax.metrics.speech import estoi, mel_distance, pesq_narrow, pesq_wide, stoi
    from avjax.metrics.sync import (
        OffsetDistances,
        SyncScore,
        clip_sync_score,
        sync_score,
    )
    from avjax.metrics.talking_face import (
        EvaluationNetworks,
        swapped_audio_metrics,
        talking_metrics,
        talking_metrics_no_baselines,
    )

__all__ = [
    "EvaluationNetworks",
    "Mean",
    "OffsetDistances",
    "SyncScore",
    "bridging_metrics",
    "clip_sync_score",
    "effective_slots",
    "estoi",
    "landmark_distance",
    "lip_gap",
    "lip_motion_metrics",
    "lmd_by_class",
    "mel_distance",
    "pesq_narrow",
    "pesq_wide",
    "psnr",
    "ssim",
    "ssim2d",
    "ssim3d",
    "stoi",
    "swapped_audio_metrics",
    "symbol_edit_counts",
    "sync_score",
    "talking_metrics",
    "talking_metrics_no_baselines",
    "within_clip_variance",
    "word_edit_counts",
]

__getattr__, __dir__ = lazy_names(__name__)
