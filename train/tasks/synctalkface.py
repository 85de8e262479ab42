"""Talking faces from sound: the generator, its critic, and the frozen sync expert."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange, repeat

from avjax.data.examples.talking import CONTEXT, TARGETS
from avjax.losses.base import masked_mean
from avjax.losses.memory import address_divergence, storage_error
from avjax.losses.sync import lip_distance
from avjax.metrics.base import Mean
from avjax.metrics.memory import share_within, slots_in_use
from avjax.models.synctalkface import (
    LossWeights,
    Rehearsed,
    SyncTalkFace,
    SyncTalkFaceConfig,
    codes_of_generated,
    face_input,
    from_pixels,
    to_unit,
)
from avjax.train.task import Objective, Published, Report
from avjax.train.tasks.talking_common import (
    Jury,
    faces_of,
    of,
    parts_of,
    pictured,
    sum_over_paths,
)
from avjax.typing import Array, Batch, Key, Params


class Inputs(NamedTuple):
    """A training batch as the networks want it; pixels in the range of the model."""

    mels: Array  # [b t f k]
    mel: Array  # [b f k]
    faces: Array  # [b t h w c=6]
    window: Array  # [b t+4 h w c]
    targets: Array  # [b t h w c]
    weight: Array  # [b]


@dataclasses.dataclass(frozen=True)
class SyncTalkFaceTask:
    """Parts: `face` learns to speak, `critic` to see through it; `expert` judges sync
    and `landmarks` finds lips, both frozen by silence.

    Without slots it is Wav2Lip: one path, no losses of lips and memory.
    """

    model: SyncTalkFaceConfig = SyncTalkFaceConfig()
    losses: LossWeights = LossWeights()
    squared: bool = False  # L_recon of squared differences: lips learn to move sooner
    doubt: float = 1e-7  # below it, no verdict of the expert weighs any more
    expert_width: float = 1.0
    critic_width: float = 1.0
    landmark_width: float = 1.0

    def objectives(self) -> tuple[Objective, ...]:
        """The face first: the critic then judges the frames that it has just made."""
        return (
            Objective("face", ("face",), self.face_loss),
            Objective("critic", ("critic",), self.critic_loss),
        )

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        side = self.model.size
        clip = jnp.zeros((1, TARGETS, side, side, 3))
        mels = jnp.zeros((1, TARGETS, 16, 80))
        window = jnp.zeros((1, TARGETS + 2 * CONTEXT, side, side, 3))
        parts = ("face", "critic", "expert", "landmarks")
        keys = dict(zip(parts, jax.random.split(key, len(parts)), strict=True))
        key = keys.pop("face")
        given = mels, face_input(clip, clip), window
        face = self.face.init({"params": key, "dropout": key}, *given)
        return parts_of({"face": face, **self.jury.init(keys)})

    @property
    def face(self) -> SyncTalkFace:
        return SyncTalkFace(self.model)

    @property
    def jury(self) -> Jury:
        return Jury.of(self)

    def inputs(self, batch: Batch) -> Inputs:
        """A training batch, its pixels in the range of the model."""
        signed = self.model.signed
        window = from_pixels(batch["window"], signed)
        targets = window[:, CONTEXT:-CONTEXT]
        faces = face_input(targets, from_pixels(batch["reference"], signed))
        shapes = batch["mels"], batch["mel"], faces, window, targets, batch["weight"]
        return Inputs(*shapes)

    def rehearse(
        self, variables: Mapping, inputs: Inputs, key: Key
    ) -> tuple[Rehearsed | None, Array, Params]:
        """What the face makes in training -> the memory's part, frames, new statistics.

        frames [p b t h w c]: by p = 2 paths with a memory, spoken and taught, else one.
        """
        how = {"train": True, "mutable": ["batch_stats"], "rngs": {"dropout": key}}
        if not self.model.slots:
            given = inputs.mels, inputs.faces
            spoken, changed = self.face.apply(variables, *given, method="speak", **how)
            return None, spoken.frames[None], changed["batch_stats"]
        given = inputs.mels, inputs.faces, inputs.window
        made, changed = self.face.apply(variables, *given, method="rehearse", **how)
        return made, jnp.stack([made.spoken, made.taught]), changed["batch_stats"]

    def face_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """synctalkface (11): the weighted total, and the frames for the critic."""
        inputs = self.inputs(batch)
        variables = {"params": params["face"], "batch_stats": stats["face"]}
        made, frames, changed = self.rehearse(variables, inputs, key)
        targets, weight = inputs.targets, inputs.weight
        terms = {
            "pixels": self.jury.pixel_loss(frames, targets, weight),
            "audio_visual": self.sync_loss(params, stats, frames, inputs),
            "critic": self.critic_opinion(params, frames, weight),
        }
        if made is not None:
            terms["visual_visual"] = self.lip_loss(variables, made, frames, inputs)
            terms["memory"] = memory_loss(made, inputs.weight)
        total = sum(getattr(self.losses, name) * term for name, term in terms.items())
        shows = {"made": rearrange(frames, "p b t h w c -> b p t h w c")}
        habits = {} if made is None else memory_habits(made)
        return total, Report(terms | habits, {"face": changed}, shows)

    def sync_loss(
        self, params: Params, stats: Params, frames: Array, inputs: Inputs
    ) -> Array:
        """synctalkface (8): the frozen expert on each path's clips."""
        if not self.losses.audio_visual:
            return jnp.zeros(())
        seen = self.jury.watch(params, stats, frames)
        return self.jury.sync_loss(params, stats, seen, inputs.mel, inputs.weight)

    def lip_loss(
        self, variables: Mapping, made: Rehearsed, frames: Array, inputs: Inputs
    ) -> Array:
        """synctalkface (9): real lips move the lip encoder, generated ones the face."""
        if not self.losses.visual_visual:
            return jnp.zeros(())
        clips = rearrange(frames, "p b ... -> (p b) ...")
        codes = codes_of_generated(self.face, variables, clips)
        centre = made.lips.shape[1] // 2
        real = repeat(made.lips[:, centre], "b d -> (p b) d", p=len(frames))
        error = lip_distance(codes[:, 0], real)
        error = rearrange(error, "(p b) -> p b", p=len(frames))
        return sum_over_paths(error, inputs.weight)

    def critic_opinion(self, params: Params, frames: Array, weight: Array) -> Array:
        """synctalkface (10), the generator's side."""
        if not self.losses.critic:
            return jnp.zeros(())
        return self.jury.critic_opinion(params, frames, weight)

    def critic_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """synctalkface (10), the critic's side: real frames, and those just made."""
        inputs = self.inputs(batch)
        return self.jury.critic_loss(
            params, inputs.targets, batch["made"], inputs.weight
        )

    def measure(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """What metrics.talk tells of whole clips, by their own sound and another's."""
        perform = functools.partial(self.perform, params, stats)
        return self.jury.measure(params, stats, perform, batch)

    def picture(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Array]:
        """The truth on the left, what the face says on the right."""
        return pictured(self.perform(params, stats, batch), batch)

    def perform(self, params: Params, stats: Params, batch: Batch) -> Array:
        """Whole clips, said again: [b t h w c] in [0, 1]."""
        signed = self.model.signed
        given = batch["mels"], faces_of(batch, signed)
        spoken = self.face.apply(of(params, stats, "face"), *given, method="speak")
        return to_unit(spoken.frames, signed)

    def published(self, params: Params, stats: Params) -> Published:
        """The face alone: nothing else is needed to talk."""
        given = {"face": params["face"]}, {"face": stats["face"]}
        return Published("synctalkface", *given, self.model)


def memory_loss(made: Rehearsed, weight: Array) -> Array:
    """synctalkface (3) + (4), every frame alike."""
    stored = storage_error(made.stored, made.goal)
    aligned = address_divergence(made.by_audio, made.by_lips)
    return masked_mean(stored + aligned, weight)


def memory_habits(made: Rehearsed) -> dict[str, Array]:
    """For the journal: with one slot in use, or lips without motion, memory idles."""
    return {
        "slots_by_audio": slots_in_use(made.by_audio),
        "slots_by_lips": slots_in_use(made.by_lips),
        "motion": share_within(made.lips),
    }
