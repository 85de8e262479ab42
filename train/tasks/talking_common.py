"""What tasks of talking faces share: who judges a face, and what the journal shows.

Frames [p b t h w c] are what a face has made by p paths, in the range of its model.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Self

import jax.numpy as jnp
from einops import rearrange, repeat

from avjax.data.examples.talking import TARGETS
from avjax.losses.adversarial import passed_as_real, seen_as_fake
from avjax.losses.base import masked_mean
from avjax.losses.reconstruction import pixel_error
from avjax.losses.sync import synchrony_error
from avjax.metrics.base import Mean
from avjax.metrics.talking_face import Judges, judge, judge_timing, with_other_sound
from avjax.models.lip_landmarks import LipLandmarks
from avjax.models.sync_expert import SyncExpert
from avjax.models.synctalkface import face_input, from_pixels, to_pixels, to_unit
from avjax.nn.wav2lip import Discriminator
from avjax.text.phonemes import CLASSES
from avjax.train.task import Report
from avjax.typing import Array, Batch, Key, Params

SILENCE = -3.9  # log-mel of digital silence is -4
PICTURED = 4  # clips that the journal shows, one below the other


@dataclasses.dataclass(frozen=True)
class Jury:
    """Parts beside a face: `critic` learns to see through it; `expert` judges sync and
    `landmarks` finds lips, both frozen by silence.
    """

    size: int  # sides of a face crop
    signed: bool  # whether pixels of the model lie in [-1, 1]
    dtype: str  # of the critic
    expert_width: float
    landmark_width: float
    critic_width: float = 1.0
    doubt: float = 1e-7  # below it, no verdict of the expert weighs any more
    squared: bool = False  # whether pixels err by their squared difference

    @classmethod
    def of(cls, task: Any) -> Self:
        """The one that a task asks for, by these fields of it and of its model."""
        return cls(
            task.model.size,
            task.model.signed,
            task.model.dtype,
            task.expert_width,
            task.landmark_width,
            task.critic_width,
            task.doubt,
            task.squared,
        )

    def init(self, keys: Mapping[str, Key]) -> dict[str, Mapping]:
        """The variables of the parts that keys are given for."""
        clip = jnp.zeros((1, TARGETS, self.size, self.size, 3))
        given = {
            "critic": (self.critic, clip[0]),
            "expert": (self.expert, jnp.zeros((1, 16, 80)), clip, False),
            "landmarks": (self.landmarks, clip[0], False),
        }
        return {
            part: given[part][0].init(key, *given[part][1:])
            for part, key in keys.items()
        }

    @property
    def critic(self) -> Discriminator:
        return Discriminator(self.size, self.critic_width, self.dtype)

    @property
    def expert(self) -> SyncExpert:
        return SyncExpert(self.size, self.expert_width)

    @property
    def landmarks(self) -> LipLandmarks:
        return LipLandmarks(self.size, self.landmark_width)

    def pixel_loss(self, frames: Array, targets: Array, weight: Array) -> Array:
        """synctalkface (7), cals (6), over pixels in [0, 1]."""
        frames, target = (to_unit(x, self.signed) for x in (frames, targets[None]))
        return sum_over_paths(pixel_error(frames, target, self.squared), weight)

    def watch(self, params: Params, stats: Params, frames: Array) -> Array:
        """The expert's codes of clips of five frames: [... t=5 h w c] -> [... d]."""
        clips = to_unit(frames.reshape(-1, *frames.shape[-4:]), self.signed)
        seen = self.expert.apply(of(params, stats, "expert"), clips, method="watch")
        return seen.reshape(*frames.shape[:-4], -1)

    def sync_loss(
        self, params: Params, stats: Params, seen: Array, mel: Array, weight: Array
    ) -> Array:
        """synctalkface (8), cals (7): the frozen expert on what it saw, [p b d].

        mel [b f k] begins with the clip, weight [b].
        """
        expert = of(params, stats, "expert")
        heard = self.expert.apply(expert, mel, method="hear")
        heard = repeat(heard, "b d -> p b d", p=len(seen))
        match = jnp.ones(seen.shape[:2])
        error = synchrony_error(heard, seen, match, self.doubt)
        return sum_over_paths(error, weight * spoken(mel))

    def critic_opinion(self, params: Params, frames: Array, weight: Array) -> Array:
        """synctalkface (10), cals (9), the generator's side."""
        return sum_over_paths(passed_as_real(self.criticise(params, frames)), weight)

    def criticise(self, params: Params, frames: Array) -> Array:
        """The critic's logits, frame by frame: [... t h w c] -> [... t]."""
        in_one_row = frames.reshape(-1, *frames.shape[-3:])
        logits = self.critic.apply({"params": params["critic"]}, in_one_row)
        return logits.reshape(frames.shape[:-3])

    def critic_loss(
        self, params: Params, targets: Array, made: Array, weight: Array
    ) -> tuple[Array, Report]:
        """synctalkface (10), cals (9), the critic's side: real frames, and those made.

        targets [b t h w c], made [b p t h w c].
        """
        made = rearrange(made, "b p ... -> p b ...")
        real = self.criticise(params, targets)
        fake = self.criticise(params, made)
        on_real = masked_mean(passed_as_real(real), weight)
        on_fake = sum_over_paths(seen_as_fake(fake), weight)
        right = (jnp.mean(real > 0) + jnp.mean(fake < 0)) / 2
        return on_real + on_fake, Report({"right": right})

    def measure(
        self, params: Params, stats: Params, perform: Callable, batch: Batch
    ) -> Mapping[str, Mean]:
        """What metrics.talk tells of whole clips, by their own sound and another's.

        perform  batch -> frames [b t h w c] in [0, 1]
        """
        judges = self.judges(params, stats)
        other = with_other_sound(batch)
        own = judge(judges, perform(batch), batch, tuple(CLASSES))
        return own | judge_timing(judges, perform(other), other)

    def judges(self, params: Params, stats: Params) -> Judges:
        """The networks to measure by."""
        expert = self.expert.bind(of(params, stats, "expert"))
        finder = self.landmarks.bind(of(params, stats, "landmarks"))
        return Judges(expert.watch, expert.hear, finder)


def parts_of(variables: Mapping[str, Mapping]) -> tuple[Params, Params]:
    """{part: variables} -> params and stats, {part: tree} each."""
    params = {part: tree["params"] for part, tree in variables.items()}
    known = {part: tree.get("batch_stats") for part, tree in variables.items()}
    return params, {part: tree for part, tree in known.items() if tree is not None}


def of(params: Params, stats: Params, part: str) -> Mapping:
    """The variables of one part, as Linen takes them."""
    if part not in stats:
        return {"params": params[part]}
    return {"params": params[part], "batch_stats": stats[part]}


def faces_of(batch: Batch, signed: bool) -> Array:
    """Whole clips of data.whole.TalkClip as a face is shown them: [b t h w c=6]."""
    targets = from_pixels(batch["faces"], signed)
    reference = from_pixels(batch["reference"], signed)
    reference = jnp.broadcast_to(reference[:, None], targets.shape)
    return face_input(targets, reference)


def pictured(made: Array, batch: Batch) -> Mapping[str, Array]:
    """The truth on the left, what the face says on the right.  [b t h w c] in [0, 1]"""
    made = to_pixels(made, signed=False)
    both = jnp.concatenate([batch["faces"], made], axis=3)[:PICTURED]
    return {"talk": rearrange(both, "b t h w c -> t (b h) w c")}


def spoken(mel: Array) -> Array:
    """1 where half of a window or more is no digital silence.  [b f k] -> [b].

    The expert was never asked about silence: what it thinks of it would be obeyed.
    """
    sounds = jnp.max(mel, axis=-1) > SILENCE
    return (jnp.mean(sounds, axis=-1) >= 0.5).astype(jnp.float32)


def sum_over_paths(values: Array, weight: Array) -> Array:
    """[p b ...], weight [b] -> the masked means of the paths, added."""
    return sum(masked_mean(path, weight) for path in values)
