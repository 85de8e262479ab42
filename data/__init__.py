"""Corpora and batches of examples, in numpy. Nothing here imports jax.

`avjax.data.builders` builds corpora, `avjax.data.loader` reads them, and
`avjax.data.examples` turns their records into examples. The names below are imported
when they are first used, so that `import avjax.data` stays cheap.
"""

from typing import TYPE_CHECKING

from avjax.lazy_names import lazy_names

if __name__ != "avjax.data":
    raise ImportError("install avjax with `pip install -e .`, then import avjax.data")

if TYPE_CHECKING:
    from avjax.data import puppet
    from avjax.data.builders.corpus import build_corpus
    from avjax.data.builders.puppet import PuppetSource
    from avjax.data.builders.source import CorpusSource
    from avjax.data.examples.alignment import AlignmentClip
    from avjax.data.examples.cals import CalsTrainExample, CalsUnitExample
    from avjax.data.examples.image_pairs import ImagePairCrop
    from avjax.data.examples.lip_codes import LipCodeExample
    from avjax.data.examples.lip_editing import LipEditExample
    from avjax.data.examples.lipreading import LipreadClip, LipToSpeechClip
    from avjax.data.examples.talking import (
        LandmarkExample,
        SyncExample,
        TalkTrainExample,
    )
    from avjax.data.examples.talking_eval import TalkEvalClip
    from avjax.data.examples.text_to_lip import TextToLipExample
    from avjax.data.loader import Loader
    from avjax.data.reel import Reel
    from avjax.data.schema import make_record

__all__ = [
    "AlignmentClip",
    "CalsTrainExample",
    "CalsUnitExample",
    "CorpusSource",
    "ImagePairCrop",
    "LandmarkExample",
    "LipCodeExample",
    "LipEditExample",
    "LipToSpeechClip",
    "LipreadClip",
    "Loader",
    "PuppetSource",
    "Reel",
    "SyncExample",
    "TalkEvalClip",
    "TalkTrainExample",
    "TextToLipExample",
    "build_corpus",
    "make_record",
    "puppet",
]

__getattr__, __dir__ = lazy_names(__name__)
