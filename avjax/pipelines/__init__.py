"""One module per command: it loads weights, runs them and returns a result object.

The functions of the commands are exported by `avjax` itself. The names below are for
those who need the loaded networks; they are imported when they are first used.
"""

from typing import TYPE_CHECKING

from avjax.lazy_names import lazy_names

if TYPE_CHECKING:
    from avjax.pipelines.align import load_aligner
    from avjax.pipelines.denoise import load_denoiser
    from avjax.pipelines.denoising.denoiser import Denoiser
    from avjax.pipelines.denoising.result import DenoiseResult
    from avjax.pipelines.lipread import load_lip_reader
    from avjax.pipelines.sync_models import load_sync_model
    from avjax.pipelines.talking.speech_source import phonemize
    from avjax.pipelines.talking.talking_video import TalkingVideo
    from avjax.pipelines.talking.text_talker import TextTalker, load_text_talker

__all__ = [
    "DenoiseResult",
    "Denoiser",
    "TalkingVideo",
    "TextTalker",
    "load_aligner",
    "load_denoiser",
    "load_lip_reader",
    "load_sync_model",
    "load_text_talker",
    "phonemize",
]

__getattr__, __dir__ = lazy_names(__name__)
