"""How far CALS must hear, and what its masks and its visual term are worth.

    python -m avjax.train.ablations.context FACES TALKER OUT SEED [ARM...]
    python -m avjax.train.ablations.context OUT [ARM]

FACES is puppet or grid, whose corpus, judges and widths are those of experiments.cals.
TALKER is weights of wav2lip or synctalkface of that width.  All arms of a seed begin
with its ears, which then learn to tell units without context, and with its face, which
learns to draw true units.  For each arm units are then learnt from the sound, and the
face goes on with these.  Arms are

    0, 1, ... 15        W, frames of context to either side; half of all phones hidden
    unmasked            W = 15, and nothing is hidden
    long, long_unmasked four times as many steps of units; half hidden, nothing
    slim                W = 5, by one layer: hardly more parameters than Wav2Lip's
    off, l1, contrast   the face of 15 goes on, judged; d_vv is none, plain, a contrast
    slim_contrast       that of slim goes on

and by default all.  Each leaves weights in OUT/ARM-SEED, which bench_readable takes,
and figures of held-out clips beside them; an arm that is there is not run again.  With
OUT alone, means and deviations over seeds are told; with an ARM, those of how much the
others' figures are above its own of the same seed.
"""

import collections
import dataclasses
import functools
import pathlib
import sys
from collections.abc import Iterator, Mapping

import jax
import numpy as np

import avjax  # noqa: F401  before the tests' folder of that name can be found
from avjax.data import loader as pipeline
from avjax.data.examples.talking_eval import TalkClip
from avjax.losses.sync import unit_error
from avjax.metrics.base import Mean
from avjax.metrics.lip_motion import distance_by_class
from avjax.metrics.talking_face import judge_besides, landmarks, true_lips
from avjax.models.cals import CalsConfig
from avjax.models.synctalkface import from_pixels
from avjax.text.phonemes import CLASSES
from avjax.train.ablations.known_units import Clips, Face, Units, asked, watched
from avjax.train.ablations.variants import (
    become,
    begun,
    cells,
    fast,
    keep,
    kept,
    once,
    over_all,
    part,
    part_of,
)
from avjax.train.experiments import EXPERIMENTS
from avjax.train.optimizers import make_optimizer
from avjax.train.step import TrainState, make_state, make_step


@dataclasses.dataclass(frozen=True)
class Arm:
    """What is learnt of the sound; or, after another arm, that it goes on, judged."""

    window: int = 15  # W
    layers: int = 4
    masked: float = 0.5  # of all phones
    steps: int = 250  # of units
    after: str = ""
    visual: float = 0.0  # the weight of d_vv
    contrast: bool = True


WINDOWS = 0, 1, 3, 5, 7, 10, 13, 15
ARMS = {
    **{str(window): Arm(window) for window in WINDOWS},
    "unmasked": Arm(masked=0.0),
    "long": Arm(steps=1000),
    "long_unmasked": Arm(masked=0.0, steps=1000),
    "slim": Arm(5, layers=1),
    "off": Arm(after="15"),
    # Whose slope is a thirtieth of the contrast's.
    "l1": Arm(after="15", visual=9e-2, contrast=False),
    "contrast": Arm(after="15", visual=3e-3),
    "slim_contrast": Arm(5, layers=1, after="slim", visual=3e-3),
}
JUDGES, ORGANS = ("expert", "landmarks"), ("audio_to_lip", "lip_to_face")
EARS, DRAWN, TOLD, JUDGED = 300, 300, 80, 100  # steps
JUDGED_RATE = 1e-3  # a third of the recipe's, whose units learn as well
TESTED = "test[:40]"
JUDGED_BY = (
    "psnr",
    "ssim",
    "lmd",
    "lse_d_expert",
    "lse_c_expert",
    "jerk",
    "bilabials_shut",
)
TOLD_OF = "unit_error", *JUDGED_BY, "lmd_bilabial", "lmd_back", "lmd_neutral"


def train(task, optim, steps: int, seed: int, known: Mapping, data: Iterator):
    """A task from known variables on: {part or part/organ: variables} -> state."""
    optimizers = {name: make_optimizer(each, steps) for name, each in optim.items()}
    key = jax.random.key(seed)
    state = begun(make_state(task, optimizers, key, None), known)
    step = fast(make_step(task, optimizers))
    for _ in range(steps):
        state, logs = step(state, next(data), key)
    print({name: round(float(x), 5) for name, x in logs.items()}, flush=True)
    return state


class Bench:
    """One seed: its clips, ears and face, and its arms."""

    def __init__(self, faces: str, talker: str, out: str, seed: int):
        self.talker, self.seed, self.out = talker, seed, pathlib.Path(out)
        self.hearing, self.drawing, self.judging = (
            EXPERIMENTS[f"cals_{stage}{faces}"]() for stage in ("units_", "face_", "")
        )
        recipe = self.drawing
        self.face = become(Face, recipe.task)
        self.judges = {name: part(recipe.start[name]) for name in JUDGES}
        watch = fast(functools.partial(watched, self.face, self.judges["expert"]))
        self.root, splits = recipe.train.root, (recipe.train.split, TESTED)
        self.clips, self.held = (Clips(self.root, split, watch) for split in splits)

    def run(self, arm: str) -> None:
        keep(self.place(arm), functools.partial(self.learnt, ARMS[arm]), self.measure)

    def place(self, arm: str) -> pathlib.Path:
        return self.out / f"{arm}-{self.seed}"

    def ears(self) -> Mapping:
        """Those of the talker, which have learnt what units need without context."""
        known = {"audio_to_lip/audio": part(self.talker, "face", "audio")}
        state = self.units(self.model(Arm(0)), 0.5, EARS, known)
        learnt = part_of(state, "audio_to_lip")
        return {kind: tree["audio"] for kind, tree in learnt.items()}

    def drawn(self) -> Mapping:
        """Lip-to-Face, told true units."""
        known = {
            f"lip_to_face/{organ}": part(self.talker, "face", organ)
            for organ in ("identity", "decoder")
        }
        true = self.clips.arrays["units"]
        state = self.draw(self.face, self.drawing.optim, DRAWN, known, true)
        return part_of(state, "lip_to_face")

    def units(self, model: CalsConfig, masked: float, steps: int, known: Mapping):
        """The state of an Audio-to-Lip that has learnt what the true units are."""
        recipe = self.hearing
        task = Units(model, masked, expert_width=recipe.task.expert_width)
        data = self.clips.stretches(np.random.default_rng(self.seed))
        return train(task, recipe.optim, steps, self.seed, known, data)

    def draw(self, task: Face, optim, steps: int, known: Mapping, told: np.ndarray):
        """The state of a face that has learnt to draw what it is told."""
        data = self.clips.moments(np.random.default_rng(self.seed), told)
        return train(task, optim, steps, self.seed, known | self.judges, data)

    def model(self, arm: Arm) -> CalsConfig:
        given = {"window": arm.window, "layers": arm.layers}
        return dataclasses.replace(self.face.model, **given)

    def learnt(self, arm: Arm) -> tuple[Face, TrainState]:
        """The task and state of a face that is told what an Audio-to-Lip hears."""
        task = dataclasses.replace(self.face, model=self.model(arm))
        return self.judged(arm, task) if arm.after else self.heard(arm, task)

    def heard(self, arm: Arm, task: Face) -> tuple[Face, TrainState]:
        ears = once(self.place("ears"), self.ears)
        drawn = once(self.place("drawn"), self.drawn)
        known = {"audio_to_lip/audio": ears}
        hearing = part_of(
            self.units(task.model, arm.masked, arm.steps, known), "audio_to_lip"
        )
        known = {"audio_to_lip": hearing, "lip_to_face": drawn}
        told = self.clips.told(asked(task, hearing))
        return task, self.draw(task, self.drawing.optim, TOLD, known, told)

    def judged(self, arm: Arm, task: Face) -> tuple[Face, TrainState]:
        self.run(arm.after)
        known = {name: part(self.place(arm.after), name) for name in ORGANS}
        recipe = self.judging
        losses = dataclasses.replace(recipe.task.losses, visual_visual=arm.visual)
        task = dataclasses.replace(task, losses=losses, contrast=arm.contrast)
        face = dataclasses.replace(recipe.optim["face"], rate=JUDGED_RATE)
        optim = recipe.optim | {"face": face}
        told = self.clips.told(asked(task, known["audio_to_lip"]))
        return task, self.draw(task, optim, JUDGED, known, told)

    def measure(self, task: Face, state: TrainState) -> dict[str, float]:
        """Of held-out clips, said by their own sound."""
        loader = pipeline.Loader(self.root, TESTED, TalkClip(), batch=4)
        given = fast(functools.partial(figures, task))
        hearing = part_of(state, "audio_to_lip")
        told, held = self.held.told(asked(task, hearing)), self.held.arrays
        error = Mean.of(unit_error(told, held["units"]), held["exists"])
        clips = pipeline.one_pass(loader)
        seen = (given(state.params, state.stats, batch) for batch in clips)
        return over_all(seen) | {"unit_error": error.compute()}


def figures(task: Face, params, stats, batch) -> dict:
    judges = task.jury.judges(params, stats)
    made = task.perform(params, stats, batch)
    lips = true_lips(judges, from_pixels(batch["faces"], False), batch["landmarks"])
    found = landmarks(judges, made)
    given = found, lips, batch, tuple(CLASSES)
    return judge_besides(judges, made, batch) | distance_by_class(*given)


def tell(out: str, *beside: str) -> None:
    """A row for each arm: means and deviations over seeds."""
    rows = collections.defaultdict(dict)
    for arm, seed, found in kept(out):
        rows[arm][seed] = np.array([found[name] for name in TOLD_OF])
    for arm in beside:
        own = rows.pop(arm)
        rows = {
            other: {seed: row - own[seed] for seed, row in them.items() if seed in own}
            for other, them in rows.items()
        }
    print(" | ".join(("arm", "seeds", *TOLD_OF)))
    for arm in ARMS:
        if values := [*rows.get(arm, {}).values()]:
            print(" | ".join((arm, f"{len(values)}", *cells(values))))


def main(*given: str) -> None:
    if len(given) <= 2:
        return tell(*given)
    *where, seed = given[:4]
    bench = Bench(*where, int(seed))
    for arm in given[4:] or ARMS:
        bench.run(arm)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3, *range(5, 30)):
        sys.exit(__doc__)
    main(*sys.argv[1:])
