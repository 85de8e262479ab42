"""Networks that judge whether lips and sound keep time, ready to listen and to watch.

Two are known: our own expert, of which small ones are bundled, and the network of the
published figures, whose weights a person may have converted.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from avjax.audio import loudness as speech
from avjax.audio import mel as audio
from avjax.audio import mfcc as cepstrum
from avjax.compilation import cpu_options
from avjax.errors import InputError
from avjax.media.mouth_video import FPS
from avjax.models.sync_expert import SyncConfig, SyncExpert
from avjax.models.syncnet_v2 import SyncNet, SyncNetConfig
from avjax.typing import Array, Params
from avjax.weights import open_part, system_at, system_of

PREFIX = "sync"  # a bare name such as `puppet` is one of its sets of weights
PUBLISHED = system_of(SyncNetConfig)  # the system whose LSE-D and LSE-C are published
SEEN = 5  # frames that one code is of
ASIDE, BELOW = 0.2, 0.4  # of a box's side: what the published crop shows around it


class Kind(NamedTuple):
    """What is peculiar to the judges of one system.

    config   the class of their configs
    network  config -> module
    listen   wave f32 [n] at 16 kHz -> columns f32 [f k]
    sound    shape of the columns that one code is of
    means    what they are, in words
    rate     columns a second
    around   the box of a face [4] -> what is to be seen of it [4]
    white    what the network takes white for
    mute     beyond the ends of a clip there is sound, and its code is zero
    sure     LSE-C below which no offset is to be believed
    """

    config: type
    network: Callable[[Any], nn.Module]
    listen: Callable[[np.ndarray], np.ndarray]
    sound: tuple[int, int]
    means: str
    rate: int
    around: Callable[[np.ndarray], np.ndarray]
    white: float
    mute: bool
    sure: float


def published_crop(box: np.ndarray) -> np.ndarray:
    """The square around a face that the published program cuts out.  [4] -> [4]

    It is 1.4 times as wide as the face that was found, and begins at the same height.
    """
    x0, y0, x1, y1 = box
    side = x1 - x0
    left, right = x0 - ASIDE * side, x1 + ASIDE * side
    return np.array([left, y0, right, y1 + BELOW * side], np.float32)


EXPERT_KIND = Kind(
    config=SyncConfig,
    network=lambda config: SyncExpert(**dataclasses.asdict(config)),
    listen=lambda wave: audio.log_mel(speech.prepare(wave)),
    sound=(audio.WINDOW, audio.MELS),
    means="0.2 s of log-mel, from the first frame on",
    rate=audio.COLUMNS_PER_SECOND,
    around=lambda box: box,
    white=1.0,
    mute=False,
    sure=0.5,  # between clips it learnt from and the same with swapped sounds
)
PUBLISHED_KIND = Kind(
    config=SyncNetConfig,
    network=SyncNet,
    listen=cepstrum.mfcc,
    sound=(cepstrum.WINDOW, cepstrum.NUMBERS),
    means="0.2 s of MFCC, from the first frame on",
    rate=cepstrum.COLUMNS_PER_FRAME * FPS,
    around=published_crop,
    white=255.0,
    mute=True,
    sure=3.0,  # what collectors of clips ask for, as those of LatentSync do
)
KINDS = {system_of(SyncConfig): EXPERT_KIND, PUBLISHED: PUBLISHED_KIND}


@dataclasses.dataclass(frozen=True)
class Judge:
    """Weights, and how they are asked.

    name    of the weights, as they were given
    system  what they are of
    """

    name: str
    system: str
    config: Any
    variables: Params

    @property
    def kind(self) -> Kind:
        return KINDS[self.system]

    def hear(self, columns: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Codes of the sound that begins with each frame: [f k], int [t] -> [t d]."""
        starts = frames * self.kind.rate // FPS
        at = starts[:, None] + np.arange(self.kind.sound[0])
        windows = columns[np.clip(at, 0, len(columns) - 1)]
        return np.asarray(program(self.config, "hear")(self.variables, windows))

    def watch(self, faces: np.ndarray) -> np.ndarray:
        """Codes of every five frames on end: u8 [t h w 3] -> [t-4 d]."""
        five = np.arange(len(faces) - SEEN + 1)[:, None] + np.arange(SEEN)
        return np.asarray(program(self.config, "watch")(self.variables, faces[five]))


@functools.cache
def program(config: Any, sense: str) -> Callable[..., Array]:
    """The compiled function of one sense, hear or watch: [b ...] -> codes [b d]."""
    kind = KINDS[system_of(type(config))]
    network = kind.network(config)

    def hear(variables, windows: Array) -> Array:
        return network.apply(variables, windows, method="hear")

    def watch(variables, faces: Array) -> Array:
        given = faces.astype(jnp.float32) * (kind.white / 255)
        return network.apply(variables, given, method="watch")

    asked = {"hear": hear, "watch": watch}[sense]
    return jax.jit(asked, compiler_options=cpu_options())


def open_judge(name: str) -> Judge:
    """A judge by a bundled name, or by a folder of weights of either system."""
    system = system_at(name, PREFIX)
    if system not in KINDS:
        known = " or ".join(KINDS)
        raise InputError(f"the weights {name} are of {system}, not of {known}")
    found = open_part(name, PREFIX, KINDS[system].config, blank)
    return Judge(str(name), system, *found)


def blank(config: Any) -> Params:
    """Variables of a judge that has learnt nothing."""
    kind = KINDS[system_of(type(config))]
    shapes = (1, *kind.sound), (1, SEEN, config.size, config.size, 3)
    given = map(jnp.zeros, shapes)
    return kind.network(config).init(jax.random.key(0), *given, False)
