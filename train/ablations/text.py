"""What text tells a frozen talker, beside what it hears, and what parts of TAEM do.

    python -m avjax.train.ablations.text RECIPE TALKER CORPUS SPLIT READER OUT SEED [ARM...]
    python -m avjax.train.ablations.text OUT

RECIPE is one of experiments.taem, of whose corpus TALKER hears every clip once; all
arms learn from that.  Measured are clips of a SPLIT of CORPUS, which READER reads: what
is said of them at the true times of their sounds.  Arms are

    taem                         as the recipe has it
    nobody                       without a speaker
    encoder, predictor, refiner  who speaks is told to that organ alone
    unrefined                    without the refine module
    otherwise                    errors of latents absolute where they were squared, or
                                 the other way round

and by default all.  Each leaves weights in OUT/ARM-SEED and figures beside them; an arm
that is there is not run again.  Beside the text stand that with the portrait of another
clip (wrong), the means of sounds (table), the sound itself (audio) and espeak's, who
says the text at the same times (cascade); the first of `taem` has them drawn too.  With
OUT alone, means and deviations over seeds are told.
"""

import collections
import dataclasses
import functools
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

import avjax  # noqa: F401  before the tests' folder of that name can be found
from avjax.data import loader as pipeline
from avjax.data.examples.cals import mels_of
from avjax.data.examples.text_to_lip import TextClip
from avjax.metrics.base import Mean
from avjax.metrics.landmarks import gap, landmark_distance
from avjax.metrics.lip_motion import distance_by_class
from avjax.metrics.talking_face import judge_besides, landmarks, true_lips
from avjax.models.synctalkface import from_pixels, to_pixels
from avjax.pipelines.text_talker import OURS, start_text
from avjax.text.phonemes import CLASSES
from avjax.train.ablations.readable import Reader, mouths_of
from avjax.train.ablations.variants import (
    become,
    cells,
    fast,
    keep,
    kept,
    over_all,
    part,
)
from avjax.train.experiments import EXPERIMENTS
from avjax.train.optimizers import make_optimizer
from avjax.train.step import TrainState, make_step
from avjax.train.tasks.taem import TaemTask, with_other_portrait
from avjax.train.tasks.talking_common import parts_of

STEPS = 600
BATCH = 4  # clips that are measured at once
ORGANS = "encoder", "predictor", "refiner"
SPEAKERS = {"nobody": (), **{organ: (organ,) for organ in ORGANS}}
ARMS = "taem", *SPEAKERS, "unrefined", "otherwise"
BESIDE = "wrong", "table", "audio", "cascade"
TOLD = "cosine", "r2", "psnr", "lmd", "lse_d_expert", "lse_c_expert", "read", "jerk"
TOLD += "lmd_bilabial", "lmd_pause", "gap_pause"
LENGTHS = "duration_ms", "mean_duration_ms", "length_error", "mean_length_error"


@dataclasses.dataclass(frozen=True)
class Told(TaemTask):
    """What the talker hears comes along in place of the sound."""

    def hear(self, params, stats, mels, exists):
        return mels


class Bench:
    """One talker and one seed: what it heard, and its arms."""

    def __init__(self, recipe, talker, corpus, split, reader, out, seed: int):
        self.recipe, self.seed = EXPERIMENTS[recipe](), seed
        self.out = pathlib.Path(out)
        self.task = task = become(Told, self.recipe.task)
        start = self.recipe.start
        self.known = {name: part(start[name], name) for name in ("expert", "landmarks")}
        self.known |= {name: part(talker, name) for name in task.space.parts}
        self.judged = fast(functools.partial(judged, self.task))
        self.listen = fast(functools.partial(task.space.hear, self.known))
        self.held = Held(pipeline.source(corpus, split), self.listen)
        self.reader = Reader(reader, self.held.frames)
        self.clips = pipeline.source(self.recipe.train.root, self.recipe.train.split)

    @functools.cached_property
    def heard(self) -> list[np.ndarray]:
        """What the talker hears of each clip that is learnt from, [t d]."""
        longest = max(len(record["face"]) for record in self.clips)
        return [whole(self.listen, record, longest) for record in self.clips]

    def run(self, arm: str) -> None:
        learn = functools.partial(self.learnt, arm)
        measure = functools.partial(self.measure, arm)
        keep(self.out / f"{arm}-{self.seed}", learn, measure)

    def learnt(self, arm: str) -> tuple[Told, TrainState]:
        task = dataclasses.replace(self.task, model=self.model(arm))
        if arm == "otherwise":
            task = dataclasses.replace(task, squared=not task.squared)
        optimizer = make_optimizer(self.recipe.optim["text"], STEPS)
        key = jax.random.key(self.seed)
        text = start_text(task.text, key)
        params, stats = parts_of({OURS: text, **self.known})
        stats["means"] = task.no_means()
        opt = {"text": optimizer.init({OURS: params[OURS]})}
        state = TrainState(jnp.zeros((), jnp.int32), params, stats, opt)
        step, data = fast(make_step(task, {"text": optimizer})), self.stretches()
        for _ in range(STEPS):
            state, logs = step(state, next(data), key)
        print({name: round(float(x), 4) for name, x in logs.items()}, flush=True)
        return task, state

    def model(self, arm: str):
        model = self.task.model
        if arm in SPEAKERS:
            return dataclasses.replace(model, speaker=SPEAKERS[arm])
        return dataclasses.replace(model, refiner=0) if arm == "unrefined" else model

    def stretches(self) -> Iterator[Mapping]:
        """Batches as of the recipe's window, with what was heard as mels [b t d]."""
        rng = np.random.default_rng(self.seed)
        window = dataclasses.replace(self.recipe.train.window, border=0)
        records = list(self.clips)
        while True:
            examples = []
            for number in rng.integers(len(records), size=self.recipe.train.batch):
                first, away = window.draw(records[number], rng)
                latents = self.heard[number][first : first + window.frames]
                missing = window.frames - len(latents)
                latents = np.pad(latents, ((0, missing), (0, 0)), "edge")
                told = window.unheard(records[number], first, away)
                examples.append({**told, "mels": latents})
            yield stacked(examples)

    def measure(self, arm: str, task: Told, state: TrainState) -> dict[str, float]:
        """{row/figure: value} of the text, and for `taem` of what it stands beside."""
        batches, read = [], collections.defaultdict(lambda: np.zeros(2))
        rows, alike, lengths = self.rows(arm), fast(task.alike), fast(task.durations)
        tell, look_up = fast(task.tell), fast(task.looked_up)
        params, stats = state.params, state.stats
        scale = {"params": params[OURS], "batch_stats": stats[OURS]}
        for records, batch in self.held.batches():
            told = {
                "text": tell(params, stats, batch),
                "wrong": tell(params, stats, with_other_portrait(batch)),
                "table": look_up(stats["means"], batch),
                "audio": batch["mels"],
                "cascade": batch["retold"],
            }
            found = dict(lengths(params, stats, batch))
            weight = batch["mask"] * batch["weight"][:, None]
            for row, latents in told.items():
                figures = dict(alike(scale, latents, batch["mels"], weight))
                if row in rows:
                    more, frames = self.judged(*parts_of(self.known), latents, batch)
                    figures |= more
                    if arm == "taem":
                        read[row] += self.errors(records, np.asarray(frames))
                found |= {f"{row}/{name}": x for name, x in figures.items()}
            batches.append(found)
        words = {f"{row}/read": 1 - wrong / all_ for row, (wrong, all_) in read.items()}
        return over_all(batches) | words

    def rows(self, arm: str) -> tuple[str, ...]:
        """Those that are drawn, of which there is no need twice but of the text."""
        once = arm == "taem" and not list(self.out.glob("taem-*.json"))
        return ("text", *BESIDE) if once else ("text",)

    def errors(self, records: Sequence[Mapping], frames: np.ndarray) -> np.ndarray:
        """(errors, words) of the reader."""
        return sum(
            self.reader.errors(mouths_of(made[: len(record["face"])]), record["text"])
            for record, made in zip(records, frames, strict=False)
        )


class Held:
    """Whole clips to measure on, and what the talker hears of them."""

    def __init__(self, records: Sequence[Mapping], listen: Callable):
        self.records = list(records)
        self.frames = max(len(record["face"]) for record in self.records)
        self.examples = [self.example(record, listen) for record in self.records]

    def example(self, record: Mapping, listen: Callable) -> dict:
        example = TextClip(self.frames).at(record, 0, 1)
        for name in ("mels", "retold"):
            mels, exists = example[name], example["mask"]
            example[name] = np.asarray(listen(mels[None], exists[None]))[0]
        return example

    def batches(self) -> Iterator[tuple[Sequence[Mapping], Mapping]]:
        for first in range(0, len(self.records), BATCH):
            part = slice(first, first + BATCH)
            yield self.records[part], stacked(self.examples[part])


def whole(listen: Callable, record: Mapping, frames: int) -> np.ndarray:
    """What is heard of a clip, [t d]; frames, of the longest."""
    length = len(record["face"])
    mels = mels_of(record, np.arange(frames))
    exists = (np.arange(frames) < length).astype(np.float32)
    return np.asarray(listen(mels[None], exists[None]))[0, :length]


def stacked(examples: Sequence[Mapping]) -> dict[str, np.ndarray]:
    return jax.tree.map(lambda *parts: np.stack(parts), *examples)


def judged(task: Told, params, stats, latents, batch):
    """Figures of what the talker draws, and its frames u8 [b t h w c]."""
    frames = task.draw(params, stats, latents, batch)
    judges = task.jury.judges(params, stats)
    lips = true_lips(judges, from_pixels(batch["faces"], False), batch["landmarks"])
    found = landmarks(judges, frames)
    figures = judge_besides(judges, frames, batch)
    figures |= distance_by_class(found, lips, batch, tuple(CLASSES))
    silent = batch["weight"][:, None] * batch["mask"] * (batch["sounds"] == 0)
    figures["lmd_pause"] = Mean.of(landmark_distance(found, lips), silent)
    figures["gap_pause"] = Mean.of(gap(found) - gap(lips), silent)
    return figures, to_pixels(frames, False)


def tell(out: str) -> None:
    """A row for each arm: means and deviations over the seeds that know of it."""
    rows = collections.defaultdict(list)
    for arm, _, found in kept(out):
        rows[f"{arm}, lengths"].append([found[name] for name in LENGTHS])
        for row in ("text", *(BESIDE if arm == "taem" else ())):
            values = [found.get(f"{row}/{name}", np.nan) for name in TOLD]
            rows[f"{arm}, {row}"].append(values)
    print("of lengths: " + " | ".join(LENGTHS))
    print(" | ".join(("row", "seeds", *TOLD)))
    for row, values in rows.items():
        print(" | ".join((row, f"{len(values)}", *cells(values))))


def main(*given: str) -> None:
    if len(given) == 1:
        return tell(*given)
    *folders, seed = given[:7]
    bench = Bench(*folders, int(seed))
    for arm in given[7:] or ARMS:
        bench.run(arm)


if __name__ == "__main__":
    if len(sys.argv) not in (2, *range(8, 30)):
        sys.exit(__doc__)
    main(*sys.argv[1:])
