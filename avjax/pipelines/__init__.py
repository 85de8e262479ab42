"""One module per command: it loads weights, runs them and returns a result object.

The functions of the commands are exported by `avjax` itself. The names below are for
those who need the loaded networks; they are imported when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

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

_MODULES = {
    "DenoiseResult": "denoising.result",
    "Denoiser": "denoising.denoiser",
    "TalkingVideo": "talking.talking_video",
    "TextTalker": "talking.text_talker",
    "load_aligner": "align",
    "load_denoiser": "denoise",
    "load_lip_reader": "lipread",
    "load_sync_model": "sync_models",
    "load_text_talker": "talking.text_talker",
    "phonemize": "talking.speech_source",
}

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


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'avjax.pipelines' has no attribute {name!r}")
    module = importlib.import_module(f"avjax.pipelines.{_MODULES[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
