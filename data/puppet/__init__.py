"""The procedural corpus: faces that speak, with every truth known.

One seed makes one corpus: every clip is a pure function of its seed, index and size.
Processes and the order of calls change no byte.  Between kinds of processor the last
bit of an exponential may differ, and with it, rarely, a pixel by one step.
"""

from avjax.data.puppet.articulation import REACH_FRAMES, REACH_SECONDS, articulate
from avjax.data.puppet.clip import (
    FPS,
    KINDS,
    MAX_FRAMES,
    MIN_FRAMES,
    SPEAKERS,
    TEST_SPEAKERS,
    Clip,
    Plan,
    make_clip,
    plan_clip,
)
from avjax.data.puppet.identity import Face, Puppet, Voice, make_puppet
from avjax.data.puppet.portrait import film, portrait
from avjax.data.puppet.pose import Pose, pose, still
from avjax.data.puppet.renderer import render
from avjax.data.puppet.sentences import (
    GRID,
    HOMOPHENES,
    WORDS,
    free_sentence,
    grid_sentence,
    sentence_split,
    single_word,
)
from avjax.data.puppet.visemes import BILABIALS, TRACKS
from avjax.data.puppet.voice import Speech, speak
