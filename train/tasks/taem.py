"""TAEM: from text to what a frozen talker would hear, and from there to its frames."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from einops import einsum, reduce

from avjax.losses.base import masked_mean
from avjax.losses.reconstruction import duration_error, latent_error
from avjax.metrics.base import Mean
from avjax.metrics.talking_face import judge, judge_besides
from avjax.models.synctalkface import to_unit
from avjax.models.taem import LossWeights, Taem, TaemConfig, heard_by
from avjax.models.talker import SoundLatents, UnitLatents, latents_of, start_talker
from avjax.nn.duration import durations_of, laid_out
from avjax.nn.memory import unit
from avjax.pipelines.text_talker import OURS, start_text
from avjax.text.phonemes import CLASSES, PAUSE
from avjax.train.task import Objective, Published, Report
from avjax.train.tasks.talking_common import Jury, faces_of, of, parts_of, pictured
from avjax.typing import Array, Batch, Key, Params

MS = 1000


@dataclasses.dataclass(frozen=True)
class TaemTask:
    """Parts: `text_to_audio` learns what the talker hears; the talker's own, `expert`
    and `landmarks` are frozen by silence.  Takes batches of data.text.TextWindow.

    Besides, the means of each sound are kept: what a table of them would tell.
    """

    model: TaemConfig = TaemConfig()
    losses: LossWeights = LossWeights()
    squared: bool = False  # errors of latents
    expert_width: float = 1.0
    landmark_width: float = 1.0

    def objectives(self) -> tuple[Objective, ...]:
        return (Objective("text", (OURS,), self.loss),)

    @property
    def text(self) -> Taem:
        return Taem(self.model)

    @property
    def space(self) -> SoundLatents | UnitLatents:
        return latents_of(self.model.talker)

    @property
    def jury(self) -> Jury:
        talker = self.model.talker
        look = talker.size, talker.signed, talker.dtype
        return Jury(*look, self.expert_width, self.landmark_width)

    def init(self, key: Key, batch: Batch) -> tuple[Params, Params]:
        parts = (OURS, "talker", "expert", "landmarks")
        keys = dict(zip(parts, jax.random.split(key, len(parts)), strict=True))
        params, stats = parts_of(
            {
                OURS: start_text(self.text, keys.pop(OURS)),
                **start_talker(self.model.talker, keys.pop("talker")),
                **self.jury.init(keys),
            }
        )
        return params, {**stats, "means": self.no_means()}

    def no_means(self) -> Params:
        """Those of sounds of which none was heard."""
        sounds = jnp.zeros(self.model.sounds)
        latents = jnp.zeros((self.model.sounds, self.model.talker.latent))
        counts = {"frames": sounds, "seconds": sounds, "sounds": sounds}
        return {"latents": latents, **counts}

    def loss(
        self, params: Params, stats: Params, batch: Batch, key: Key
    ) -> tuple[Array, Report]:
        """taem (7) + taem (8)"""
        counts = batch["counts"] * batch["weight"][:, None]
        heard = self.hear(params, stats, batch["mels"], batch["exists"])
        given = batch["said"], batch["edges"], batch["portrait"]
        (told, goal), changed = self.text.apply(
            of(params, stats, OURS),
            *(*given, heard, counts),
            method="rehearse",
            mutable=["batch_stats"],
            rngs={"dropout": key},
        )
        truth = durations_of(batch["edges"], self.model.rate)
        exists = (batch["said"] > 0) * batch["weight"][:, None]
        missed = latent_error(told.latents, goal, self.squared)
        terms = {
            "latents": masked_mean(missed, counts),
            "durations": masked_mean(duration_error(told.durations, truth), exists),
        }
        total = sum(getattr(self.losses, name) * term for name, term in terms.items())
        means = with_more(stats["means"], self.shares(batch), heard, batch, counts)
        return total, Report(terms, {OURS: changed["batch_stats"], "means": means})

    def hear(self, params: Params, stats: Params, mels: Array, exists: Array) -> Array:
        """What the frozen talker hears, [b t d]."""
        talker = self.talker(params, stats)
        return jax.lax.stop_gradient(self.space.hear(talker, mels, exists))

    def draw(self, params: Params, stats: Params, latents: Array, batch: Batch):
        """What it draws from that: [b t h w c] in [0, 1]."""
        signed = self.model.talker.signed
        given = latents, faces_of(batch, signed)
        return to_unit(self.space.draw(self.talker(params, stats), *given), signed)

    def talker(self, params: Params, stats: Params) -> Mapping[str, Params]:
        """Its variables, by its parts."""
        return {part: of(params, stats, part) for part in self.space.parts}

    def shares(self, batch: Batch) -> Array:
        """Which sounds are said in a frame, as shares of it.  [b t s]"""
        frames, rate = batch["mels"].shape[1], self.model.rate
        which = jax.nn.one_hot(batch["said"], self.model.sounds)
        steps = laid_out(which, batch["edges"], frames, rate).codes
        return reduce(steps, "b (t r) s -> b t s", "mean", t=frames)

    def measure(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Mean]:
        """What the text tells at given durations, and the face says of it.

        cosine, r2     of told and heard latents, frame by frame; wrong_ with the
                       portrait of another clip, table_ by the means of sounds alone,
                       cascade_ as heard of espeak, who says the text at these times;
                       r2 is the share that is told of all deviation from the mean of
                       the training clips, channels alike
        duration_ms    mean error of a sound's length as predicted, pauses apart;
                       mean_duration_ms by the means of sounds
        length_error   of all sounds of a clip together, as a share of their length;
                       mean_length_error by the means
        What metrics.talk tells of whole clips: without a prefix of the text's frames,
        audio_ of those by the sound, table_ by the means of sounds, cascade_ by espeak.
        """
        heard = self.hear(params, stats, batch["mels"], batch["mask"])
        told = {
            "": self.tell(params, stats, batch),
            "wrong_": self.tell(params, stats, with_other_portrait(batch)),
            "table_": self.looked_up(stats["means"], batch),
            "cascade_": self.hear(params, stats, batch["retold"], batch["mask"]),
        }
        weight = batch["mask"] * batch["weight"][:, None]
        figures = self.durations(params, stats, batch)
        scale = of(params, stats, OURS)
        for prefix, latents in told.items():
            found = self.alike(scale, latents, heard, weight)
            figures |= {prefix + name: value for name, value in found.items()}
        judges = self.jury.judges(params, stats)
        frames = self.draw(params, stats, told[""], batch)
        figures |= judge(judges, frames, batch, tuple(CLASSES))
        rows = {"audio_": heard} | {name: told[name] for name in ("table_", "cascade_")}
        for prefix, latents in rows.items():
            frames = self.draw(params, stats, latents, batch)
            found = judge_besides(judges, frames, batch)
            figures |= {prefix + name: value for name, value in found.items()}
        return figures

    def tell(self, params: Params, stats: Params, batch: Batch) -> Array:
        """Latents by text at given edges, [b t d]."""
        given = batch["said"], batch["edges"], batch["portrait"]
        frames, variables = batch["mels"].shape[1], of(params, stats, OURS)
        return self.text.apply(variables, *given, frames, method="hear")

    def looked_up(self, means: Params, batch: Batch) -> Array:
        """Latents by the means of sounds, [b t d]."""
        latents = einsum(self.shares(batch), means["latents"], "b t s, s d -> b t d")
        return heard_by(self.model.talker, latents)

    def alike(
        self, variables: Mapping, told: Array, heard: Array, weight: Array
    ) -> dict[str, Mean]:
        """How near what is told is to what is heard, [b t d] each."""
        cosine = jnp.sum(unit(told) * unit(heard), axis=-1)
        told, heard = (
            self.text.apply(variables, x, method="of_scale") for x in (told, heard)
        )
        missed = Mean.of(jnp.sum(jnp.square(told - heard), axis=-1), weight).total
        all_of_it = Mean.of(jnp.sum(jnp.square(heard), axis=-1), weight).total
        r2 = Mean(all_of_it - missed, all_of_it)
        return {"cosine": Mean.of(cosine, weight), "r2": r2}

    def durations(self, params: Params, stats: Params, batch: Batch) -> dict[str, Mean]:
        """How long sounds are told to last, against the truth."""
        variables, said = of(params, stats, OURS), batch["said"]
        predicted = self.text.apply(variables, said, batch["portrait"], method="times")
        truth, means = jnp.diff(batch["edges"], axis=1), stats["means"]["seconds"]
        exists = (said > PAUSE) * batch["weight"][:, None]
        length = jnp.sum(truth * exists, axis=1)
        figures = {}
        rows = {"": jnp.diff(predicted, axis=1), "mean_": means[said]}
        for prefix, seconds in rows.items():
            off = jnp.abs(jnp.sum((seconds - truth) * exists, axis=1))
            share = off / jnp.maximum(length, 1e-3)
            figures |= {
                f"{prefix}duration_ms": Mean.of(MS * jnp.abs(seconds - truth), exists),
                f"{prefix}length_error": Mean.of(share, batch["weight"]),
            }
        return figures

    def picture(
        self, params: Params, stats: Params, batch: Batch
    ) -> Mapping[str, Array]:
        """The truth on the left, what the face says of the text on the right."""
        latents = self.tell(params, stats, batch)
        return pictured(self.draw(params, stats, latents, batch), batch)

    def published(self, params: Params, stats: Params) -> Published:
        """The text's part and the talker's: latents are of use to that one alone."""
        parts = (OURS, *self.space.parts)
        given = ({part: tree[part] for part in parts} for tree in (params, stats))
        return Published("taem", *given, self.model)


def with_more(
    means: Params, shares: Array, heard: Array, batch: Batch, counts: Array
) -> Params:
    """Means of sounds that have seen another batch.

    shares [b t s], heard [b t d], counts [b t].
    """
    shares = shares * counts[..., None]
    sums = einsum(shares, heard, "b t s, b t d -> s d")
    latents, frames = grown(
        means["latents"], means["frames"], sums, jnp.sum(shares, axis=(0, 1))
    )
    which = jax.nn.one_hot(batch["said"], len(frames))
    which = which * batch["weight"][:, None, None]
    length = einsum(jnp.diff(batch["edges"], axis=1), which, "b l, b l s -> s")
    seconds, sounds = grown(
        means["seconds"], means["sounds"], length, jnp.sum(which, axis=(0, 1))
    )
    return {"latents": latents, "frames": frames, "seconds": seconds, "sounds": sounds}


def grown(mean: Array, count: Array, total: Array, more: Array) -> tuple[Array, Array]:
    """A mean [s ...] over count [s], with a total over `more` besides; both anew."""
    after = count + more
    wide = (-1,) + (1,) * (mean.ndim - 1)
    rest = total - more.reshape(wide) * mean
    return mean + rest / jnp.maximum(after, 1e-6).reshape(wide), after


def with_other_portrait(batch: Batch) -> Batch:
    """Each clip with the portrait of the next."""
    return {**batch, "portrait": jnp.roll(batch["portrait"], 1, axis=0)}
