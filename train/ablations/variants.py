"""Arms of a comparison: each is run once, and told with its deviation over seeds."""

import collections
import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from avjax import weights
from avjax.compilation import cpu_options
from avjax.metrics.base import Mean
from avjax.train.compiled import at, graft, part_for
from avjax.train.step import TrainState

fast = functools.partial(jax.jit, compiler_options=cpu_options())


def keep(folder: pathlib.Path, learn: Callable, measure: Callable) -> None:
    """Weights in a folder and figures in the JSON beside it, if they are not there.

    learn    () -> (task, state)
    measure  (task, state) -> {name: figure}
    """
    file = folder.with_name(f"{folder.name}.json")
    if file.is_file():
        return
    task, state = learn()
    given = task.published(*jax.device_get((state.params, state.stats)))
    about = {"system": given.system, "card": "An arm of a comparison in tests.\n"}
    weights.save(folder, given.params, given.stats, given.config, **about)
    found = measure(task, state)
    file.write_text(json.dumps(found))
    print(folder.name, found, flush=True)


def kept(out: str) -> Iterator[tuple[str, str, dict[str, float]]]:
    """(arm, seed, {name: figure}) of all that were run."""
    for file in sorted(pathlib.Path(out).glob("*.json")):
        arm, _, seed = file.stem.rpartition("-")
        yield arm, seed, json.loads(file.read_text())


def cells(values: Sequence[Sequence[float]]) -> list[str]:
    """Means and deviations over seeds, of those that know of a figure."""
    pairs = zip(np.nanmean(values, axis=0), np.nanstd(values, axis=0), strict=True)
    return [f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in pairs]


def over_all(batches: Iterable[Mapping[str, Mean]]) -> dict[str, float]:
    """{figure: mean} of what each batch tells."""
    totals = collections.defaultdict(Mean.empty)
    for found in batches:
        for name, mean in found.items():
            totals[name] = totals[name].merge(mean)
    return {name: mean.compute() for name, mean in totals.items()}


def become(kind: Callable, task):
    """The same task, but of another kind."""
    return kind(**{f.name: getattr(task, f.name) for f in dataclasses.fields(task)})


def part(source: str | pathlib.Path, *path: str) -> dict[str, Mapping]:
    """The variables of a part of some weights, of their only one, or of its organ."""
    found = weights.load(source)
    path = part_for("".join(path[:1]), found.params, source), *path[1:]
    trees = {"params": at(found.params, path), "batch_stats": at(found.stats, path)}
    return jax.tree.map(jnp.asarray, {kind: x for kind, x in trees.items() if x})


def once(folder: pathlib.Path, learn: Callable) -> dict[str, Mapping]:
    """The variables that an organ has learnt, which are kept in a folder."""
    if not folder.is_dir():
        found = jax.device_get(learn())
        trees = ({"organ": found[kind]} for kind in ("params", "batch_stats"))
        about = {"system": "organ", "card": "What arms of a seed begin with.\n"}
        weights.save(folder, *trees, {}, **about)
    return part(folder)


def part_of(state: TrainState, name: str) -> dict[str, Mapping]:
    """The variables of one part of what has learnt."""
    return {"params": state.params[name], "batch_stats": state.stats[name]}


def begun(state: TrainState, known: Mapping[str, Mapping]) -> TrainState:
    """A state of whose parts, or their organs, some are known: {path: variables}."""
    params, stats = state.params, state.stats
    for name, variables in known.items():
        params = graft(params, name.split("/"), variables["params"])
        if "batch_stats" in variables:
            stats = graft(stats, name.split("/"), variables["batch_stats"])
    return state._replace(params=params, stats=stats)
