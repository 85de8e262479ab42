"""Units of lip motion from sound in context: the masked learning of CALS.

A unit is what the frozen sync expert sees in the five frames around a frame.
"""

import dataclasses
import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from einops import einsum, rearrange

from avjax.data.examples.talking import TARGETS
from avjax.losses.base import masked_mean
from avjax.losses.sync import unit_error
from avjax.metrics.base import Mean
from avjax.models.cals import AudioToLip, CalsConfig, draw_ahead, draw_spans
from avjax.models.sync_expert import SyncExpert
from avjax.models.synctalkface import from_pixels
from avjax.train.task import Objective, Published, Report
from avjax.train.tasks.talking_common import of, parts_of
from avjax.typing import Array, Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class CalsUnitsTask:
    """Masked learning.  Parts: `audio_to_lip` learns what `expert` sees, which is
    frozen.  Takes batches of data.context.UnitWindow.
    """

    model: CalsConfig = CalsConfig()
    masked: float = 0.5  # share of the phones that are hidden; 0: none
    span: int = 5  # frames that are hidden on end
    shortened: float = 0.5  # share of the clips that are heard less far in advance
    expert_width: float = 1.0

    def objectives(self) -> tuple[Objective, ...]:
        return (Objective("units", ("audio_to_lip",), self.loss),)

    @property
    def hearing(self) -> AudioToLip:
        return AudioToLip(self.model)

    @property
    def expert(self) -> SyncExpert:
        return SyncExpert(self.model.size, self.expert_width)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        side, (ours, theirs) = self.model.size, jax.random.split(key)
        clip = jnp.zeros((1, TARGETS, side, side, 3))
        hearing = start_hearing(self.hearing, ours)
        expert = self.expert.init(theirs, jnp.zeros((1, 16, 80)), clip, False)
        return parts_of({"audio_to_lip": hearing, "expert": expert})

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """cals (4): one less the cosine to the true unit, hidden frames like others."""
        for_spans, for_ahead, dropout = jax.random.split(key, 3)
        exists = batch["exists"]
        hidden = draw_spans(for_spans, exists.shape, self.masked, self.span)
        ahead = draw_ahead(for_ahead, len(exists), self.model.window, self.shortened)
        units, changed = self.hearing.apply(
            of(params, stats, "audio_to_lip"),
            *(batch["mels"], exists, ahead, hidden),
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": dropout},
        )
        error = unit_error(units, self.truth(params, stats, batch))
        weight = exists * batch["weight"][:, None]
        logs = {
            "hidden": masked_mean(error, weight * hidden),
            "heard": masked_mean(error, weight * ~hidden),
        }
        changed = {"audio_to_lip": changed["batch_stats"]}
        return masked_mean(error, weight), Report(logs, changed)

    def truth(self, params: Params, stats: Params, batch: Batch) -> Array:
        """The units of the frames of a batch, [b t d]."""
        expert = of(params, stats, "expert")
        return true_units(self.expert, expert, from_pixels(batch["faces"], False))

    def measure(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """How well units are told by the sound.

        error           one less the cosine to the true unit
        hidden_error    the same of phones that were hidden, half of all
        shuffled_error  the same to the true unit of another clip: knowing nothing
        found           share of the frames whose unit, among the true ones of the clip,
                        is nearest to that of the frame or a neighbour
        """
        exists = batch["exists"]
        weight = exists * batch["weight"][:, None]
        ahead = jnp.full(len(exists), self.model.window)
        given = batch["mels"], exists, ahead
        ask = functools.partial(
            self.hearing.apply, of(params, stats, "audio_to_lip"), *given
        )
        hidden = draw_spans(jax.random.key(0), exists.shape, 0.5, self.span)
        units, truth = ask(), self.truth(params, stats, batch)
        alike = einsum(units, truth, "b t d, b s d -> b t s")
        best = jnp.argmax(jnp.where(exists[:, None] > 0, alike, -1), axis=-1)
        near = jnp.abs(best - jnp.arange(best.shape[1])[None]) <= 1
        other, both = (jnp.roll(x, 1, axis=0) for x in (truth, weight))
        return {
            "error": Mean.of(unit_error(units, truth), weight),
            "hidden_error": Mean.of(unit_error(ask(hidden), truth), weight * hidden),
            "shuffled_error": Mean.of(unit_error(units, other), weight * both),
            "found": Mean.of(near, weight),
        }

    def published(self, params: Params, stats: Params) -> Published:
        """Audio-to-Lip alone: a beginning for CalsTask, and no talker."""
        only = ("audio_to_lip",)
        return Published("cals_units", *chosen(params, stats, only), self.model)


def true_units(expert: SyncExpert, variables: Mapping, frames: Array) -> Array:
    """What lips do in five frames on end, wherever these begin.

    frames [b t+4 h w c] in [0, 1] -> [b t d], of length one, taken as given.
    """
    count = frames.shape[1] - TARGETS + 1
    clips = jnp.stack([frames[:, i : i + count] for i in range(TARGETS)], axis=2)
    clips = rearrange(clips, "b t five h w c -> (b t) five h w c")
    codes = expert.apply(variables, clips, method="watch")
    return jax.lax.stop_gradient(rearrange(codes, "(b t) d -> b t d", t=count))


def start_hearing(hearing: AudioToLip, key: Key) -> Mapping:
    """Variables of an Audio-to-Lip that has learnt nothing."""
    sound = jnp.zeros((1, 1, 16, 80)), jnp.ones((1, 1)), jnp.zeros(1, jnp.int32)
    return hearing.init(key, *sound)


def chosen(params: Params, stats: Params, parts: tuple[str, ...]):
    """Some parts of both."""
    return tuple({part: tree[part] for part in parts} for tree in (params, stats))
