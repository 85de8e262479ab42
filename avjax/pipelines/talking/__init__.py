"""The parts of `avjax.talk` and `avjax.live`: talkers, speech and compositing."""

from avjax.pipelines.talking.audio_talkers import (
    ContextTalker,
    Talker,
    WindowTalker,
    load_talker,
    make_talker,
)
from avjax.pipelines.talking.compositor import CompositedFrame, Compositor
from avjax.pipelines.talking.loading import LoadedTalker, load_any_talker
from avjax.pipelines.talking.speech_source import SpeechTrack
from avjax.pipelines.talking.streaming_encoder import StreamingEncoder
from avjax.pipelines.talking.talking_video import TalkingVideo
from avjax.pipelines.talking.text_talker import TextTalker, load_text_talker

__all__ = [
    "CompositedFrame",
    "Compositor",
    "ContextTalker",
    "LoadedTalker",
    "SpeechTrack",
    "StreamingEncoder",
    "Talker",
    "TalkingVideo",
    "TextTalker",
    "WindowTalker",
    "load_any_talker",
    "load_talker",
    "load_text_talker",
    "make_talker",
]
