"""The puppet corpus: procedurally generated talking faces with complete ground truth.

One seed makes one corpus: every clip is a pure function of its seed, index and size. It
does not depend on the process or on the order of calls. On another type of processor
the last bit of an exponential may differ, which rarely changes a pixel by one level.
"""

from avjax.data.puppet.articulation import REACH_FRAMES, REACH_SECONDS, articulate
from avjax.data.puppet.clip import (
    MAX_FRAMES,
    MIN_FRAMES,
    NUM_HELD_SPEAKERS,
    NUM_SPEAKERS,
    SENTENCE_KINDS,
    ClipPlan,
    PuppetClip,
    make_clip,
    plan_clip,
)
from avjax.data.puppet.identity import Puppet, PuppetFace, PuppetVoice, make_puppet
from avjax.data.puppet.portrait import render_portrait, render_portrait_video
from avjax.data.puppet.pose import Pose, sample_pose, still_pose
from avjax.data.puppet.renderer import render_face
from avjax.data.puppet.sentences import (
    GRID_SLOTS,
    HOMOPHENES,
    WORDS,
    is_held_out,
    sample_free_sentence,
    sample_grid_sentence,
    sample_word,
)
from avjax.data.puppet.visemes import BILABIALS, TRACKS
from avjax.data.puppet.voice import PuppetSpeech, speak

__all__ = [
    "BILABIALS",
    "GRID_SLOTS",
    "HOMOPHENES",
    "MAX_FRAMES",
    "MIN_FRAMES",
    "NUM_SPEAKERS",
    "NUM_HELD_SPEAKERS",
    "REACH_FRAMES",
    "REACH_SECONDS",
    "SENTENCE_KINDS",
    "TRACKS",
    "WORDS",
    "ClipPlan",
    "Pose",
    "Puppet",
    "PuppetClip",
    "PuppetFace",
    "PuppetSpeech",
    "PuppetVoice",
    "articulate",
    "make_clip",
    "make_puppet",
    "plan_clip",
    "render_face",
    "render_portrait",
    "render_portrait_video",
    "sample_free_sentence",
    "sample_grid_sentence",
    "sample_pose",
    "sample_word",
    "is_held_out",
    "speak",
    "still_pose",
]
