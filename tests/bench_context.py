"""How far CALS must hear, and what its masks and its visual term are worth.

    python -P tests/bench_context.py CORPUS EXPERT LANDMARKS TALKER OUT SEED [ARM...]
    python -P tests/bench_context.py OUT

CORPUS holds puppets; EXPERT, LANDMARKS and TALKER (wav2lip) are weights for faces of
its size.  All arms of a seed begin with the same ears, which have learnt to tell units
without context, and with the same face, which has learnt to draw true units.  For each
arm units are then learnt from the sound, and the face goes on with these.  Arms are

    0, 1, ... 15        W, frames of context to either side; half of all phones hidden
    unmasked            W = 15, and nothing is hidden
    slim                W = 5, by one layer: hardly more parameters than Wav2Lip's
    off, l1, contrast   the face of 15 goes on, judged; d_vv is none, plain, a contrast
    slim_contrast       that of slim goes on

and by default all.  Each leaves weights in OUT/ARM-SEED, which bench_readable takes,
and figures of held-out clips beside them; an arm that is there is not run again.  With
OUT alone, means and deviations over seeds are told.
"""

import collections
import dataclasses
import functools
import json
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from avjax.data import pipeline
from avjax.data.context import UnitWindow
from avjax.data.transforms import TARGETS
from avjax.data.whole import TalkClip
from avjax.features.phones import CLASSES
from avjax.inference import weights
from avjax.losses.sync import unit_error
from avjax.metrics.base import Mean
from avjax.metrics.mouth import distance_by_class
from avjax.metrics.talk import judge_besides, landmarks, true_lips
from avjax.models.cals import CalsConfig
from avjax.models.synctalkface import from_pixels
from avjax.nn.conv import cpu_options
from avjax.train.experiments import cals as recipes
from avjax.train.optim import make_optimizer
from avjax.train.program import at, graft, part_for
from avjax.train.step import TrainState, make_state, make_step
from avjax.train.tasks.cals import CalsTask
from avjax.train.tasks.units import CalsUnitsTask, true_units

WINDOWS = 0, 1, 3, 5, 7, 10, 13, 15
HEARS = {str(window): {"window": window} for window in WINDOWS}
HEARS["unmasked"] = {"window": 15, "masked": 0.0}
HEARS["slim"] = {"window": 5, "layers": 1}
# What it goes on from, the weight of d_vv, whether that is a contrast.
VISUAL = {
    "off": ("15", 0.0, True),
    "l1": ("15", 9e-2, False),  # whose slope is a thirtieth of the contrast's
    "contrast": ("15", 3e-3, True),
    "slim_contrast": ("slim", 3e-3, True),
}
ARMS = *HEARS, *VISUAL
HEARD_WITH = "mels", "exists", "units"
LONGEST, STRETCH, NEAR = 90, 35, 5  # frames of a clip, of a stretch, around targets
BATCH = 8
EARS, DRAWN, HEARD, TOLD, JUDGED = 300, 300, 250, 80, 100  # steps
TESTED = "test[:40]"
JUDGED_BY = "psnr", "lmd", "lse_d_expert", "lse_c_expert", "jerk", "bilabials_shut"
TOLD_OF = "unit_error", *JUDGED_BY, "lmd_bilabial", "lmd_back", "lmd_neutral"
fast = functools.partial(jax.jit, compiler_options=cpu_options())


@dataclasses.dataclass(frozen=True)
class Units(CalsUnitsTask):
    """The true units come along: the expert looks at every frame once for all arms."""

    def truth(self, params, stats, batch):
        return batch["units"]


@dataclasses.dataclass(frozen=True)
class Face(CalsTask):
    """What the face is told comes along, true or heard."""

    def listen(self, params, stats, batch, key):
        return batch["units"], {}


class Clips:
    """Clips of one length, in memory."""

    def __init__(self, corpus: str, split: str, watch: Callable):
        window, found = UnitWindow(LONGEST), collections.defaultdict(list)
        for record in pipeline.source(corpus, split):
            clip = window.at(record, 0, 1)
            for name in ("faces", "mels", "exists"):
                found[name].append(clip[name])
            found["units"].append(np.asarray(watch(clip["faces"])))
        self.arrays = {name: np.stack(parts) for name, parts in found.items()}
        self.lengths = self.arrays["exists"].sum(axis=1).astype(int)

    def stretches(self, rng: np.random.Generator) -> Iterator[Mapping]:
        """Batches as of a UnitWindow, with units [b t d]."""
        while True:
            clips = rng.integers(len(self.lengths), size=BATCH)
            last = np.maximum(self.lengths[clips] - STRETCH, 0)
            shown = rng.integers(last + 1)[:, None] + np.arange(STRETCH)
            at = clips[:, None], shown
            given = {name: self.arrays[name][at] for name in HEARD_WITH}
            yield {**given, "weight": np.ones(BATCH, np.float32)}

    def moments(self, rng: np.random.Generator, told: np.ndarray) -> Iterator[Mapping]:
        """Batches as of a ContextWindow, with told [clips t d] in place of sounds."""
        while True:
            clips = rng.integers(len(self.lengths), size=BATCH)
            length, row = self.lengths[clips][:, None], clips[:, None]
            target, other = (
                rng.integers(self.lengths[clips] - TARGETS + 1)[:, None] for _ in "ab"
            )
            five = np.arange(TARGETS)
            begins = target + np.arange(-NEAR, NEAR + 1)
            around = target + np.arange(-NEAR, NEAR + TARGETS)
            faces = self.arrays["faces"]  # which begin two frames before the clip
            yield {
                "window": faces[row, np.clip(around, 0, length - 1) + 2],
                "reference": faces[row, other + five + 2],
                "units": told[row, target + five],
                # A mel begins 40 ms before its frame; the expert's begins with it.
                "mel": self.arrays["mels"][clips, target[:, 0] + 1],
                "there": ((begins >= 0) & (begins + TARGETS <= length)).astype("f4"),
                "weight": np.ones(BATCH, np.float32),
            }

    def told(self, ask: Callable) -> np.ndarray:
        """What an Audio-to-Lip tells of all clips: [clips t d]."""
        given = self.arrays["mels"], self.arrays["exists"]
        starts = range(0, len(self.lengths), BATCH)
        return np.concatenate([ask(*(x[i : i + BATCH] for x in given)) for i in starts])


def train(task, optim, steps: int, seed: int, known: Mapping, data: Iterator):
    """A task from known variables on: {part or part/organ: variables} -> state."""
    optimizers = {name: make_optimizer(each, steps) for name, each in optim.items()}
    key = jax.random.key(seed)
    state = make_state(task, optimizers, key, None)
    state = state._replace(**begun(state, known))
    step = fast(make_step(task, optimizers))
    for _ in range(steps):
        state, logs = step(state, next(data), key)
    print({name: round(float(x), 5) for name, x in logs.items()}, flush=True)
    return state


def begun(state: TrainState, known: Mapping[str, Mapping]) -> dict[str, Mapping]:
    """params and stats of a state, known parts of them replaced."""
    params, stats = state.params, state.stats
    for path, variables in known.items():
        params = graft(params, path.split("/"), variables["params"])
        if "batch_stats" in variables:
            stats = graft(stats, path.split("/"), variables["batch_stats"])
    return {"params": params, "stats": stats}


def part(source, *path: str) -> dict[str, Mapping]:
    """The variables of a part of some weights, of their only one, or of its organ."""
    found = weights.load(source)
    path = part_for("".join(path[:1]), found.params, source), *path[1:]
    trees = {"params": at(found.params, path), "batch_stats": at(found.stats, path)}
    return jax.tree.map(jnp.asarray, {kind: x for kind, x in trees.items() if x})


class Bench:
    """One seed: its clips, ears and face, and its arms."""

    def __init__(self, corpus, expert, finder, talker, out, seed: int):
        self.corpus, self.talker, self.seed = corpus, talker, seed
        self.out = pathlib.Path(out)
        self.judges = {"expert": part(expert), "landmarks": part(finder)}
        size = pipeline.source(corpus, "test")[0]["face"][0].shape[0]
        recipe = recipes.cals_face_puppet().task
        fields = {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe)}
        fields["model"] = dataclasses.replace(recipe.model, size=size)
        self.face = Face(**fields)
        watch = fast(functools.partial(watched, self.face, self.judges["expert"]))
        self.clips, self.held = (Clips(corpus, s, watch) for s in ("train", TESTED))

    def run(self, arm: str) -> None:
        folder = self.out / f"{arm}-{self.seed}"
        file = folder.with_suffix(".json")
        if file.is_file():
            return
        if arm in VISUAL:
            task, state = self.judged(*VISUAL[arm])
        else:
            task, state = self.heard(**HEARS[arm])
        given = task.published(*jax.device_get((state.params, state.stats)))
        about = {"system": given.system, "card": "An arm of tests/bench_context.py.\n"}
        weights.save(folder, given.params, given.stats, given.config, **about)
        found = self.measure(task, state)
        file.write_text(json.dumps(found))
        print(arm, self.seed, found, flush=True)

    @functools.cached_property
    def ears(self) -> Mapping:
        """Those of the talker, which have learnt what units need without context."""
        known = {"audio_to_lip/audio": part(self.talker, "face", "audio")}
        learnt = part_of(self.units(self.model(0), 0.5, EARS, known), "audio_to_lip")
        return {kind: tree["audio"] for kind, tree in learnt.items()}

    @functools.cached_property
    def drawn(self) -> Mapping:
        """Lip-to-Face, told true units."""
        known = {
            f"lip_to_face/{organ}": part(self.talker, "face", organ)
            for organ in ("identity", "decoder")
        }
        optim, true = recipes.cals_face_puppet().optim, self.clips.arrays["units"]
        return part_of(self.draw(self.face, optim, DRAWN, known, true), "lip_to_face")

    def units(self, model: CalsConfig, masked: float, steps: int, known: Mapping):
        """The state of an Audio-to-Lip that has learnt what the true units are."""
        recipe = recipes.cals_units_puppet()
        task = Units(model, masked, expert_width=recipe.task.expert_width)
        data = self.clips.stretches(np.random.default_rng(self.seed))
        return train(task, recipe.optim, steps, self.seed, known, data)

    def draw(self, task: Face, optim, steps: int, known: Mapping, told: np.ndarray):
        """The state of a face that has learnt to draw what it is told."""
        data = self.clips.moments(np.random.default_rng(self.seed), told)
        return train(task, optim, steps, self.seed, known | self.judges, data)

    def model(self, window: int, layers: int = 4) -> CalsConfig:
        return dataclasses.replace(self.face.model, window=window, layers=layers)

    def heard(self, window: int, layers: int = 4, masked: float = 0.5):
        """The task and state of a face that is told what an Audio-to-Lip hears."""
        model, known = self.model(window, layers), {"audio_to_lip/audio": self.ears}
        learnt = self.units(model, masked, HEARD, known)
        hearing = part_of(learnt, "audio_to_lip")
        task = dataclasses.replace(self.face, model=model)
        told = self.clips.told(asked(task, hearing))
        known = {"lip_to_face": self.drawn, "audio_to_lip": hearing}
        optim = recipes.cals_face_puppet().optim
        return task, self.draw(task, optim, TOLD, known, told)

    def judged(self, begun: str, weight: float, contrast: bool):
        """The same of one that goes on, judged."""
        self.run(begun)
        folder = self.out / f"{begun}-{self.seed}"
        known = {name: part(folder, name) for name in ("audio_to_lip", "lip_to_face")}
        recipe, how = recipes.cals_puppet(), HEARS[begun]
        losses = dataclasses.replace(recipe.task.losses, visual_visual=weight)
        model = self.model(how["window"], how.get("layers", 4))
        task = dataclasses.replace(
            self.face, model=model, losses=losses, contrast=contrast
        )
        told = self.clips.told(asked(task, known["audio_to_lip"]))
        return task, self.draw(task, recipe.optim, JUDGED, known, told)

    def measure(self, task: Face, state: TrainState) -> dict[str, float]:
        """Of held-out clips, said by their own sound."""
        loader = pipeline.Loader(self.corpus, TESTED, TalkClip(), batch=4)
        given, totals = fast(functools.partial(figures, task)), {}
        for batch in pipeline.one_pass(loader):
            for name, mean in given(state.params, state.stats, batch).items():
                totals[name] = mean.merge(totals[name]) if name in totals else mean
        hearing = part_of(state, "audio_to_lip")
        told, held = self.held.told(asked(task, hearing)), self.held.arrays
        error = Mean.of(unit_error(told, held["units"]), held["exists"])
        totals["unit_error"] = error
        return {name: mean.compute() for name, mean in totals.items()}


def part_of(state: TrainState, name: str) -> dict[str, Mapping]:
    """The variables of one part."""
    return {"params": state.params[name], "batch_stats": state.stats[name]}


def watched(task: Face, expert: Mapping, faces):
    """The true units of one clip: u8 [t+4 h w c] -> [t d]."""
    return true_units(task.jury.expert, expert, from_pixels(faces[None], False))[0]


def asked(task: Face, hearing: Mapping) -> Callable:
    """(mels, exists) -> units, heard as far ahead as may be."""

    def ask(mels, exists):
        ahead = np.full(len(mels), task.model.window, np.int32)
        return task.hearing.apply(hearing, mels, exists, ahead)

    return fast(ask)


def figures(task: Face, params, stats, batch) -> dict:
    judges = task.jury.judges(params, stats)
    made = task.perform(params, stats, batch)
    lips = true_lips(judges, from_pixels(batch["faces"], False), batch["landmarks"])
    found = landmarks(judges, made)
    given = found, lips, batch, tuple(CLASSES)
    return judge_besides(judges, made, batch) | distance_by_class(*given)


def tell(out: str) -> None:
    """A row for each arm: means and deviations over seeds."""
    arms = collections.defaultdict(list)
    for file in pathlib.Path(out).glob("*.json"):
        arms[file.stem.rpartition("-")[0]].append(json.loads(file.read_text()))
    print(" | ".join(("arm", "seeds", *TOLD_OF)))
    for arm in ARMS:
        values = [[found[name] for name in TOLD_OF] for found in arms[arm]]
        if values:
            pairs = zip(np.mean(values, axis=0), np.std(values, axis=0), strict=True)
            cells = [f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in pairs]
            print(" | ".join((arm, f"{len(values)}", *cells)))


def main(*given: str) -> None:
    if len(given) == 1:
        return tell(*given)
    *folders, seed = given[:6]
    bench = Bench(*folders, int(seed))
    for arm in given[6:] or ARMS:
        bench.run(arm)


if __name__ == "__main__":
    if len(sys.argv) not in (2, *range(7, 30)):
        sys.exit(__doc__)
    main(*sys.argv[1:])
