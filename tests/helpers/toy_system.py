"""A toy system: a generator that maps x to y, a discriminator, a frozen expert."""

import dataclasses

import flax.linen as nn
import grain
import jax
import jax.numpy as jnp
import numpy as np
from train_processes import wait_for_disk

from avjax.data.read_ahead import close_at_exit, local_batches, read_ahead
from avjax.metrics.base import Mean
from avjax.train.experiment import Experiment
from avjax.train.optimizers import Adam, Muon, Optimizer, Sgd
from avjax.train.task import LossAux, Objective, ReleasedWeights, Task

EXAMPLES, SIZE = 60, 8


class Corrupt(grain.transforms.RandomMap):
    """Adds noise, so that the position in the data includes random numbers."""

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
        weight = np.float32(1)
        return [{"x": a, "y": b, "weight": weight} for a, b in zip(x, y, strict=True)]

    def train_batches(self, process_index=0, process_count=1, start=0):
        data = grain.MapDataset.source(self._examples()).seed(self.seed).shuffle()
        size = self.batch // process_count
        data = data.repeat().random_map(Corrupt())
        data = local_batches(data, size, process_index, process_count)[start:]
        return iter(data.to_iter_dataset(grain.ReadOptions(1, 2)))

    def eval_batches(self, process_index=0, process_count=1):
        examples = self._examples()
        padding = {**examples[0], "weight": np.float32(0)}
        examples += [padding] * (-len(examples) % self.batch)
        data = grain.MapDataset.source(examples)
        size = self.batch // process_count
        return iter(local_batches(data, size, process_index, process_count))


@dataclasses.dataclass(frozen=True)
class ToyTask(Task):
    """Trains a generator with a running mean, and a discriminator."""

    width: int = 512  # 8 x 512 numbers: large enough to be divided over devices
    noise: float = 0.01

    def init(self, key, batch):
        size = batch["x"].shape[-1]
        into, out = (
            0.3 * jax.random.normal(k, (size, self.width))
            for k in jax.random.split(key)
        )
        params = {
            "generator": {"into": into, "out": out.T * 0.1, "bias": jnp.zeros(size)},
            "discriminator": {"weight": jnp.ones(size)},
            "expert": {"gain": jnp.full((1, size), 2.0)},
        }
        return params, {
            "generator": {"mean": jnp.zeros(size)},
            "discriminator": {},
            "expert": {},
        }

    def generate(self, params, x):
        generator = params["generator"]
        hidden = jnp.tanh(x @ generator["into"])
        output = hidden @ generator["out"] + generator["bias"][None]
        return output * params["expert"]["gain"]

    def objectives(self):
        return (
            Objective("generator", ("generator",), self.generator_loss),
            Objective("discriminator", ("discriminator",), self.discriminator_loss),
        )

    def generator_loss(self, params, stats, batch, key):
        noise = self.noise * jax.random.normal(key, batch["x"].shape)
        output = self.generate(params, batch["x"] + noise)
        score = output @ params["discriminator"]["weight"]
        error = jnp.mean((output - batch["y"]) ** 2)
        mean = 0.9 * stats["generator"]["mean"] + 0.1 * output.mean(0)
        aux = LossAux(
            logs={"error": error},
            stats={"generator": {"mean": mean}},
            extra_batch={"generated": output},
        )
        return error + 1e-4 * jnp.mean(score), aux

    def discriminator_loss(self, params, stats, batch, key):
        real = batch["y"] @ params["discriminator"]["weight"]
        fake = batch["generated"] @ params["discriminator"]["weight"]
        return jnp.mean((real - 1) ** 2 + fake**2), LossAux({"fake": fake.mean()})

    def evaluate(self, params, stats, batch):
        error = jnp.mean((self.generate(params, batch["x"]) - batch["y"]) ** 2, axis=-1)
        return {"error": Mean(jnp.sum(error * batch["weight"]), batch["weight"].sum())}

    def visualize(self, params, stats, batch):
        pixels = jnp.clip(self.generate(params, batch["x"]) * 60, 0, 255).astype(
            jnp.uint8
        )
        return {"output": jnp.tile(pixels[:4, None, :, None], (1, 16, 2, 3))}

    def export(self, params, stats):
        return ReleasedWeights(
            system="toy",
            params={"generator": params["generator"]},
            stats={"generator": stats["generator"]},
            config=ToyLoader(),
        )


def make_experiment(**changes) -> Experiment:
    config = Experiment(
        task=ToyTask(),
        train=ToyLoader(),
        evals={"test": ToyLoader()},
        optim={"generator": Adam(1e-2, max_grad_norm=1.0), "discriminator": Adam(1e-3)},
        steps=12,
        log_every=4,
        evaluate_every=6,
        save_every=2,
        description="A toy.",
    )
    return dataclasses.replace(config, **changes)


def long_experiment() -> Experiment:
    """Make an experiment that logs every step, for a run that is killed."""
    return make_experiment(steps=100, log_every=1, save_every=3, evaluate_every=40)


@dataclasses.dataclass(frozen=True)
class WorkerLoader(ToyLoader):
    """Reads in worker processes, as slowly as real data."""

    def train_batches(self, process_index=0, process_count=1, start=0):
        data = grain.MapDataset.source(self._examples()).seed(self.seed).shuffle()
        data = data.repeat().map(wait_for_disk).batch(self.batch)[start:]
        return close_at_exit(iter(read_ahead(data, num_workers=2)))


def interrupted_experiment() -> Experiment:
    """Make an experiment with worker processes, for a run that is stopped."""
    return make_experiment(
        train=WorkerLoader(), steps=60, log_every=1, save_every=50, evaluate_every=50
    )


def sgd_experiment() -> Experiment:
    """Make an experiment whose rounding errors stay small, for runs to compare."""
    optim = {"generator": Sgd(1e-2, momentum=0.9), "discriminator": Sgd(1e-3)}
    return make_experiment(
        task=ToyTask(noise=0.0), optim=optim, steps=20, evals={}, log_every=1
    )


def noisy_experiment(optimizer: Optimizer) -> Experiment:
    """Make the toy, whose random noise depends on the order of the examples."""
    optim = {"generator": optimizer, "discriminator": Adam(1e-3)}
    return make_experiment(optim=optim, steps=20, evals={}, log_every=1)


class NormalizedNetwork(nn.Module):
    """Layers with BatchNorm, which cancels the biases before it."""

    @nn.compact
    def __call__(self, x, train):
        for _ in range(3):
            x = nn.relu(nn.BatchNorm(use_running_average=not train)(nn.Dense(64)(x)))
        return nn.Dense(SIZE)(x)


@dataclasses.dataclass(frozen=True)
class NormalizedTask(Task):
    """Trains a network with BatchNorm."""

    noise: float = 0.0

    def init(self, key, batch):
        variables = NormalizedNetwork().init(key, batch["x"], True)
        return {"net": variables["params"]}, {"net": variables["batch_stats"]}

    def objectives(self):
        return (Objective("net", ("net",), self.loss),)

    def loss(self, params, stats, batch, key):
        noise = self.noise * jax.random.normal(key, batch["x"].shape)
        output, new = NormalizedNetwork().apply(
            {"params": params["net"], "batch_stats": stats["net"]},
            batch["x"] + noise,
            True,
            mutable=["batch_stats"],
        )
        aux = LossAux({}, stats={"net": new["batch_stats"]})
        return jnp.mean((output - batch["y"]) ** 2), aux

    def evaluate(self, params, stats, batch):
        variables = {"params": params["net"], "batch_stats": stats["net"]}
        output = NormalizedNetwork().apply(variables, batch["x"], False)
        error = jnp.mean((output - batch["y"]) ** 2, axis=-1)
        return {"error": Mean(jnp.sum(error * batch["weight"]), batch["weight"].sum())}


def normalized_experiment(optimizer: Optimizer) -> Experiment:
    """Make an experiment with BatchNorm."""
    return Experiment(NormalizedTask(), ToyLoader(), {"net": optimizer}, steps=20)


TOYS = {
    "toy": make_experiment,
    "long": long_experiment,
    "interrupted": interrupted_experiment,
    "sgd": sgd_experiment,
    "adam": lambda: noisy_experiment(Adam(1e-2)),
    "sgd_norm": lambda: normalized_experiment(Sgd(1e-2)),
    "adam_norm": lambda: normalized_experiment(Adam(1e-2)),
    "muon_norm": lambda: normalized_experiment(Muon(1e-2)),
    "muon": lambda: noisy_experiment(Muon(1e-2)),
}
