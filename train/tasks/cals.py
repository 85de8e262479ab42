"""CALS: a face that is driven by units of lip motion, told from sound in context."""

import dataclasses
import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from avjax.data.examples.talking import TARGETS
from avjax.errors import InputError
from avjax.losses.base import masked_mean
from avjax.losses.sync import lip_confusion, lip_distance
from avjax.metrics.base import Mean
from avjax.metrics.memory import share_within
from avjax.models.cals import (
    AudioToLip,
    CalsConfig,
    LipToFace,
    LossWeights,
    draw_ahead,
)
from avjax.models.synctalkface import face_input, from_pixels, to_unit
from avjax.train.task import Objective, Published, Report
from avjax.train.tasks.cals_units import chosen, start_hearing, true_units
from avjax.train.tasks.talking_common import Jury, faces_of, of, parts_of, pictured
from avjax.typing import Array, Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class CalsTask:
    """Parts: `lip_to_face` draws what `audio_to_lip` tells; `critic`, `expert` and
    `landmarks` as in tasks.talking.  Takes batches of data.context.ContextWindow.
    """

    model: CalsConfig = CalsConfig()
    losses: LossWeights = LossWeights()
    contrast: bool = True  # d_vv tells moments of a clip apart; else plain L1
    temperature: float = 0.07  # of that contrast
    frozen: bool = False  # whether units stay what masked learning has made them
    shortened: float = 0.5  # share of the clips that are heard less far in advance
    lookahead: int = 15  # frames heard in advance when it is judged, W at most
    squared: bool = False  # L_recon of squared differences: lips learn to move sooner
    doubt: float = 1e-7  # below it, no verdict of the expert weighs any more
    expert_width: float = 1.0
    critic_width: float = 1.0
    landmark_width: float = 1.0

    def objectives(self) -> tuple[Objective, ...]:
        """The face first: the critic then judges the frames that it has just made.

        A critic whose word does not count learns nothing.
        """
        learns = ("lip_to_face",) if self.frozen else ("audio_to_lip", "lip_to_face")
        face = Objective("face", learns, self.face_loss)
        critic = Objective("critic", ("critic",), self.critic_loss)
        return (face, critic) if self.losses.critic else (face,)

    @property
    def hearing(self) -> AudioToLip:
        return AudioToLip(self.model)

    @property
    def face(self) -> LipToFace:
        return LipToFace(self.model)

    @property
    def jury(self) -> Jury:
        return Jury.of(self)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        parts = ("audio_to_lip", "lip_to_face", "critic", "expert", "landmarks")
        keys = dict(zip(parts, jax.random.split(key, len(parts)), strict=True))
        side = self.model.size
        given = jnp.zeros((1, 1, self.model.units)), jnp.zeros((1, 1, side, side, 6))
        ours = {
            "audio_to_lip": start_hearing(self.hearing, keys.pop("audio_to_lip")),
            "lip_to_face": self.face.init(keys.pop("lip_to_face"), *given),
        }
        return parts_of(ours | self.jury.init(keys))

    def face_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """cals (10): the weighted total, and the frames for the critic."""
        targets, weight = self.targets(batch), batch["weight"]
        reference = from_pixels(batch["reference"], self.model.signed)
        units, changed = self.listen(params, stats, batch, key)
        now = len(units[0]) // 2 - TARGETS // 2
        units = units[:, now : now + TARGETS]
        frames, drawn = self.face.apply(
            of(params, stats, "lip_to_face"),
            *(units, face_input(targets, reference)),
            train=True,
            mutable=["batch_stats"],
        )
        made, terms, losses = frames[None], {}, self.losses
        terms["pixels"] = self.jury.pixel_loss(made, targets, weight)
        if losses.audio_visual or losses.visual_visual:
            seen = self.jury.watch(params, stats, made)
        if losses.audio_visual:
            given = seen, batch["mel"], weight
            terms["audio_visual"] = self.jury.sync_loss(params, stats, *given)
        if losses.visual_visual:
            terms["visual_visual"] = self.lip_loss(params, stats, seen[0], batch)
        if losses.critic:
            terms["critic"] = self.jury.critic_opinion(params, made, weight)
        total = sum(getattr(losses, name) * term for name, term in terms.items())
        logs = terms | {"motion": share_within(units)}
        changed = {**changed, "lip_to_face": drawn["batch_stats"]}
        return total, Report(logs, changed, {"made": frames[:, None]})

    def listen(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Params]:
        """Units of all frames that are heard, [b t d], and new statistics."""
        window, frames = self.model.window, batch["mels"].shape[1]
        if frames < TARGETS + 2 * window:
            reach = (frames - TARGETS) // 2
            raise InputError(
                f"task.model.window is {window} frames, and train.window.reach {reach}"
            )
        for_ahead, dropout = jax.random.split(key)
        ahead = draw_ahead(for_ahead, len(batch["mels"]), window, self.shortened)
        given = batch["mels"], batch["exists"], ahead
        hearing = of(params, stats, "audio_to_lip")
        if self.frozen:
            return self.hearing.apply(hearing, *given), {}
        units, changed = self.hearing.apply(
            hearing,
            *given,
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": dropout},
        )
        return units, {"audio_to_lip": changed["batch_stats"]}

    def targets(self, batch: Batch) -> Array:
        """The middle five frames of a window, in the range of the model."""
        near = batch["window"].shape[1] // 2 - TARGETS // 2
        return from_pixels(batch["window"][:, near : near + TARGETS], self.model.signed)

    def lip_loss(
        self, params: Params, stats: Params, seen: Array, batch: Batch
    ) -> Array:
        """cals (8): generated lips, seen [b d], against the real ones of the clip."""
        expert, near = of(params, stats, "expert"), batch["there"].shape[1] // 2
        window = from_pixels(batch["window"], signed=False)
        real = true_units(self.jury.expert, expert, window)
        if self.contrast:
            given = seen, real, near, batch["there"], self.temperature
            error = lip_confusion(*given)
        else:
            error = lip_distance(seen, real[:, near])
        return masked_mean(error, batch["weight"] * batch["there"][:, near])

    def critic_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """cals (9), the critic's side: real frames, and those just made."""
        given = self.targets(batch), batch["made"], batch["weight"]
        return self.jury.critic_loss(params, *given)

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
        ahead = jnp.full(len(batch["mels"]), self.lookahead)
        given = batch["mels"], batch["mask"], ahead
        units = self.hearing.apply(of(params, stats, "audio_to_lip"), *given)
        faces = faces_of(batch, self.model.signed)
        frames = self.face.apply(of(params, stats, "lip_to_face"), units, faces)
        return to_unit(frames, self.model.signed)

    def published(self, params: Params, stats: Params) -> Published:
        """What is needed to talk."""
        both = ("audio_to_lip", "lip_to_face")
        return Published("cals", *chosen(params, stats, both), self.model)
