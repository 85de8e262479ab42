"""A toy system: a maker that should make y from x, a critic of it, a frozen expert."""

import dataclasses

import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.metrics.base import Mean
from avjax.train.experiment import Experiment
from avjax.train.optimizers import Adam
from avjax.train.task import Objective, Published, Report

EXAMPLES, SIZE = 60, 8


class Corrupt(grain.transforms.RandomMap):
    """A little noise, so that the place in the data includes random draws."""

    def random_map(self, example, rng):
        x = example["x"] + 0.01 * rng.standard_normal(SIZE).astype(np.float32)
        return {**example, "x": x}


@dataclasses.dataclass(frozen=True)
class ToyLoader:
    batch: int = 8
    seed: int = 0

    def _examples(self):
        rng = np.random.default_rng(7)
        x = rng.standard_normal((EXAMPLES, SIZE)).astype(np.float32)
        y = (np.roll(x, 1, 1) * 0.5 + 1).astype(np.float32)
        one = np.float32(1)
        return [{"x": a, "y": b, "weight": one} for a, b in zip(x, y, strict=True)]

    def batches(self, host=0, hosts=1):
        data = grain.MapDataset.source(self._examples()).seed(self.seed).shuffle()
        data = data[host::hosts].repeat().random_map(Corrupt())
        data = data.batch(self.batch // hosts)
        return iter(data.to_iter_dataset(grain.ReadOptions(1, 2)))

    def one_pass(self, host=0, hosts=1):
        examples = self._examples()
        padding = {**examples[0], "weight": np.float32(0)}
        examples += [padding] * (-len(examples) % self.batch)
        data = grain.MapDataset.source(examples)[host::hosts]
        return iter(data.batch(self.batch // hosts))


@dataclasses.dataclass(frozen=True)
class ToyTask:
    """maker and critic are moved, expert is not; maker keeps a running mean."""

    width: int = 512  # 8 x 512 numbers: large enough to be divided over devices
    noise: float = 0.01

    def init(self, key, batch):
        size = batch["x"].shape[-1]
        into, out = (
            0.3 * jax.random.normal(k, (size, self.width)) for k in self._two(key)
        )
        params = {
            "maker": {"into": into, "out": out.T * 0.1, "bias": jnp.zeros(size)},
            "critic": {"weight": jnp.ones(size)},
            "expert": {"gain": jnp.full((1, size), 2.0)},
        }
        return params, {"maker": {"mean": jnp.zeros(size)}, "critic": {}, "expert": {}}

    def _two(self, key):
        return jax.random.split(key)

    def make(self, params, x):
        maker = params["maker"]
        hidden = jnp.tanh(x @ maker["into"])
        made = hidden @ maker["out"] + maker["bias"][None]
        return made * params["expert"]["gain"]

    def objectives(self):
        return (
            Objective("maker", ("maker",), self.make_loss),
            Objective("critic", ("critic",), self.critic_loss),
        )

    def make_loss(self, params, stats, batch, key):
        noise = self.noise * jax.random.normal(key, batch["x"].shape)
        made = self.make(params, batch["x"] + noise)
        judged = made @ params["critic"]["weight"]
        error = jnp.mean((made - batch["y"]) ** 2)
        mean = 0.9 * stats["maker"]["mean"] + 0.1 * made.mean(0)
        report = Report({"error": error}, {"maker": {"mean": mean}}, {"made": made})
        return error + 1e-4 * jnp.mean(judged), report

    def critic_loss(self, params, stats, batch, key):
        real = batch["y"] @ params["critic"]["weight"]
        fake = batch["made"] @ params["critic"]["weight"]
        return jnp.mean((real - 1) ** 2 + fake**2), Report({"fake": fake.mean()})

    def measure(self, params, stats, batch):
        error = jnp.mean((self.make(params, batch["x"]) - batch["y"]) ** 2, axis=-1)
        return {"error": Mean(jnp.sum(error * batch["weight"]), batch["weight"].sum())}

    def picture(self, params, stats, batch):
        shown = jnp.clip(self.make(params, batch["x"]) * 60, 0, 255).astype(jnp.uint8)
        return {"made": jnp.tile(shown[:4, None, :, None], (1, 16, 2, 3))}

    def published(self, params, stats):
        maker = {"maker": params["maker"]}, {"maker": stats["maker"]}
        return Published("toy", *maker, ToyLoader())


def make_experiment(**changes) -> Experiment:
    config = Experiment(
        task=ToyTask(),
        train=ToyLoader(),
        evals={"test": ToyLoader()},
        optim={"maker": Adam(1e-2, clip=1.0), "critic": Adam(1e-3)},
        steps=12,
        log_every=4,
        evaluate_every=6,
        save_every=2,
        doc="A toy.",
    )
    return dataclasses.replace(config, **changes)


@pytest.fixture
def experiment() -> Experiment:
    return make_experiment()


def long_experiment() -> Experiment:
    """Steps that tell and keep everything, for a run that is killed."""
    return make_experiment(steps=100, log_every=1, save_every=3, evaluate_every=40)


@pytest.fixture(name="long_experiment")
def _long_experiment() -> Experiment:
    return long_experiment()


@pytest.fixture
def reading():
    """Two clips with the keys of both windows of data.reading; one has six frames."""
    random = np.random.default_rng(2)
    exists = np.arange(8)[None] < np.array([[8], [6]])
    symbols = np.zeros((2, 64), np.int32)
    symbols[:, :3] = [[1, 2, 2], [3, 1, 0]]
    allowed = random.integers(0, 2, (2, 8, 5))
    allowed[..., 0] = 1
    return {
        "allowed": jnp.asarray(allowed, jnp.uint8),
        "lips": jnp.asarray(random.integers(0, 256, (2, 8, 16, 16, 1)), jnp.uint8),
        "mel": jnp.asarray(random.normal(size=(2, 32, 80)), jnp.float32),
        "voice": jnp.asarray(random.uniform(-1, 1, (2, 32, 80)), jnp.float32),
        "wave": jnp.asarray(random.uniform(-0.5, 0.5, (2, 5120)), jnp.float32),
        "mask": jnp.asarray(exists, jnp.float32),
        "symbols": jnp.asarray(symbols),
        "spoken": jnp.asarray(np.arange(64) < np.array([[3], [2]]), jnp.float32),
        "weight": jnp.ones(2),
    }


@pytest.fixture
def context():
    """Two examples with the keys of both windows of data.context: 11 frames are heard,
    and two on either side seen besides; one clip begins with the first target.
    """
    random, side = np.random.default_rng(3), 32

    def pictures(frames):
        shape = 2, frames, side, side, 3
        return jnp.asarray(random.integers(0, 256, shape), jnp.uint8)

    exists = np.arange(11)[None] >= np.array([[0], [3]])
    there = np.arange(5)[None] >= np.array([[0], [2]])
    return {
        "window": pictures(9),
        "faces": pictures(15),
        "reference": pictures(5),
        "mels": jnp.asarray(random.normal(size=(2, 11, 16, 80)), jnp.float32),
        "mel": jnp.asarray(random.normal(size=(2, 16, 80)), jnp.float32),
        "exists": jnp.asarray(exists, jnp.float32),
        "there": jnp.asarray(there, jnp.float32),
        "weight": jnp.ones(2),
    }
