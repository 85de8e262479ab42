"""Talking faces from sound: the generator, its critic, and the frozen sync expert."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange, repeat

from avjax.data.transforms import CONTEXT, TARGETS
from avjax.losses.adversarial import passed_as_real, seen_as_fake
from avjax.losses.base import masked_mean
from avjax.losses.memory import address_divergence, storage_error
from avjax.losses.reconstruction import pixel_error
from avjax.losses.sync import lip_distance, synchrony_error
from avjax.metrics.base import Mean
from avjax.metrics.memory import share_within, slots_in_use
from avjax.metrics.talk import Judges, judge, judge_timing, with_other_sound
from avjax.models.synctalkface import (
    LossWeights,
    Rehearsed,
    SyncTalkFace,
    SyncTalkFaceConfig,
    codes_of_generated,
    face_input,
    from_pixels,
    to_pixels,
    to_unit,
)
from avjax.nn.face import Discriminator
from avjax.nn.landmarks import LipLandmarks
from avjax.nn.sync import SyncExpert
from avjax.train.task import Objective, Published, Report
from avjax.typing import Array, Batch, Key, Params

SILENCE = -3.9  # log-mel of digital silence is -4
PICTURED = 4  # clips that the journal shows, one below the other


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
        face_keys = {"params": keys["face"], "dropout": keys["face"]}
        variables = {
            "face": self.face.init(face_keys, mels, face_input(clip, clip), window),
            "critic": self.critic.init(keys["critic"], clip[0]),
            "expert": self.expert.init(keys["expert"], mels[0, :1], clip, False),
            "landmarks": self.landmarks.init(keys["landmarks"], clip[0], False),
        }
        params = {part: tree["params"] for part, tree in variables.items()}
        stats = {
            part: tree["batch_stats"]
            for part, tree in variables.items()
            if "batch_stats" in tree
        }
        return params, stats

    @property
    def face(self) -> SyncTalkFace:
        return SyncTalkFace(self.model)

    @property
    def critic(self) -> Discriminator:
        return Discriminator(self.model.size, self.critic_width, self.model.dtype)

    @property
    def expert(self) -> SyncExpert:
        return SyncExpert(self.model.size, self.expert_width)

    @property
    def landmarks(self) -> LipLandmarks:
        return LipLandmarks(self.model.size, self.landmark_width)

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
        terms = {
            "pixels": self.pixel_loss(frames, inputs),
            "audio_visual": self.sync_loss(params, stats, frames, inputs),
            "critic": self.critic_opinion(params, frames, inputs.weight),
        }
        if made is not None:
            terms["visual_visual"] = self.lip_loss(variables, made, frames, inputs)
            terms["memory"] = memory_loss(made, inputs.weight)
        total = sum(getattr(self.losses, name) * term for name, term in terms.items())
        shows = {"made": rearrange(frames, "p b t h w c -> b p t h w c")}
        habits = {} if made is None else memory_habits(made)
        return total, Report(terms | habits, {"face": changed}, shows)

    def pixel_loss(self, frames: Array, inputs: Inputs) -> Array:
        """synctalkface (7), over pixels in [0, 1]."""
        error = pixel_error(frames, inputs.targets[None])
        scale = 0.5 if self.model.signed else 1.0
        return scale * sum_over_paths(error, inputs.weight)

    def sync_loss(
        self, params: Params, stats: Params, frames: Array, inputs: Inputs
    ) -> Array:
        """synctalkface (8): the frozen expert on each path's clips."""
        if not self.losses.audio_visual:
            return jnp.zeros(())
        variables = {"params": params["expert"], "batch_stats": stats["expert"]}
        clips = to_unit(rearrange(frames, "p b ... -> (p b) ..."), self.model.signed)
        mel = repeat(inputs.mel, "b f k -> (p b) f k", p=len(frames))
        heard, seen = self.expert.apply(variables, mel, clips, False)
        error = synchrony_error(heard, seen, jnp.ones(len(seen)), self.doubt)
        return sum_over_paths(
            by_path(error, frames), inputs.weight * spoken(inputs.mel)
        )

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
        return sum_over_paths(by_path(error, frames), inputs.weight)

    def critic_opinion(self, params: Params, frames: Array, weight: Array) -> Array:
        """synctalkface (10), the generator's side."""
        if not self.losses.critic:
            return jnp.zeros(())
        logits = self.criticise(params, frames)
        return sum_over_paths(passed_as_real(logits), weight)

    def criticise(self, params: Params, frames: Array) -> Array:
        """The critic's logits, frame by frame: [... t h w c] -> [... t]."""
        logits = self.critic.apply({"params": params["critic"]}, in_one_row(frames))
        return logits.reshape(frames.shape[:-3])

    def critic_loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """synctalkface (10), the critic's side: real frames, and those just made."""
        inputs = self.inputs(batch)
        made = rearrange(batch["made"], "b p ... -> p b ...")
        real = self.criticise(params, inputs.targets)
        fake = self.criticise(params, made)
        on_real = masked_mean(passed_as_real(real), inputs.weight)
        on_fake = sum_over_paths(seen_as_fake(fake), inputs.weight)
        right = (jnp.mean(real > 0) + jnp.mean(fake < 0)) / 2
        return on_real + on_fake, Report({"right": right})

    def measure(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """What metrics.talk tells of whole clips, by their own sound and another's."""
        expert = self.expert.bind(of(params, stats, "expert"))
        finder = self.landmarks.bind(of(params, stats, "landmarks"))
        judges = Judges(expert.watch, expert.hear, finder)
        other = with_other_sound(batch)
        own = judge(judges, self.perform(params, stats, batch), batch)
        return own | judge_timing(judges, self.perform(params, stats, other), other)

    def picture(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Array]:
        """The truth on the left, what the face says on the right."""
        made = self.perform(params, stats, batch)
        made = to_pixels(made, signed=False)
        both = jnp.concatenate([batch["faces"], made], axis=3)[:PICTURED]
        return {"talk": rearrange(both, "b t h w c -> t (b h) w c")}

    def perform(self, params: Params, stats: Params, batch: Batch) -> Array:
        """Whole clips, said again: [b t h w c] in [0, 1]."""
        signed = self.model.signed
        targets = from_pixels(batch["faces"], signed)
        reference = from_pixels(batch["reference"], signed)
        reference = jnp.broadcast_to(reference[:, None], targets.shape)
        given = batch["mels"], face_input(targets, reference)
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


def spoken(mel: Array) -> Array:
    """1 where half of a window or more is no digital silence.  [b f k] -> [b].

    The expert was never asked about silence: what it thinks of it would be obeyed.
    """
    sounds = jnp.max(mel, axis=-1) > SILENCE
    return (jnp.mean(sounds, axis=-1) >= 0.5).astype(jnp.float32)


def sum_over_paths(values: Array, weight: Array) -> Array:
    """[p b ...], weight [b] -> the masked means of the paths, added."""
    return sum(masked_mean(path, weight) for path in values)


def by_path(values: Array, frames: Array) -> Array:
    return rearrange(values, "(p b) -> p b", p=len(frames))


def in_one_row(frames: Array) -> Array:
    return frames.reshape(-1, *frames.shape[-3:])


def of(params: Params, stats: Params, part: str) -> Mapping:
    """The variables of one part, as Linen takes them."""
    if part not in stats:
        return {"params": params[part]}
    return {"params": params[part], "batch_stats": stats[part]}
