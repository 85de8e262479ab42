"""Examples of training and evaluation, one module for each task."""

from avjax.data.examples.alignment import AlignmentClip
from avjax.data.examples.augmentation import Augmentation
from avjax.data.examples.base import Example, ExampleTransform, Record
from avjax.data.examples.cals import CalsTrainExample, CalsUnitExample
from avjax.data.examples.image_pairs import ImagePairCrop
from avjax.data.examples.lip_codes import LipCodeExample
from avjax.data.examples.lip_editing import LipEditClip, LipEditExample
from avjax.data.examples.lipreading import LipreadClip, LipToSpeechClip
from avjax.data.examples.talking import SyncExample, TalkTrainExample
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.examples.text_to_lip import TextEvalClip, TextToLipExample

__all__ = [
    "AlignmentClip",
    "Augmentation",
    "CalsTrainExample",
    "CalsUnitExample",
    "Example",
    "ExampleTransform",
    "ImagePairCrop",
    "LipCodeExample",
    "LipEditClip",
    "LipEditExample",
    "LipToSpeechClip",
    "LipreadClip",
    "Record",
    "SyncExample",
    "TalkEvalClip",
    "TalkTrainExample",
    "TextEvalClip",
    "TextToLipExample",
]
