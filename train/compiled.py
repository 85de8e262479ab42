"""The compiled functions of an experiment, and where their arrays live."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from avjax import weights
from avjax.compilation import cpu_options
from avjax.errors import InputError
from avjax.train import sharding
from avjax.train.experiment import Experiment
from avjax.train.optimizers import make_optimizer
from avjax.train.step import Logs, TrainState, make_state, make_step
from avjax.typing import Batch, Key, Params


@dataclasses.dataclass(frozen=True)
class Program:
    """An experiment, compiled for a mesh.

    key       what every step's randomness is folded from
    shapes    the state as ShapeDtypeStructs that say where each array lives
    init      () -> state before the first step
    step      (state, batch, key) -> (state, logs); the given state is used up
    measure   (params, stats, batch) -> {name: Mean}, and the task's answer or {}
    picture   (params, stats, batch) -> {name: u8 [t h w c]}, or None
    score     what an answer, in numpy, is worth -> {name: Mean}, or None
    """

    mesh: Mesh
    key: Key
    shapes: TrainState
    init: Callable[[], TrainState]
    step: Callable[[TrainState, Batch, Key], tuple[TrainState, Logs]]
    measure: Callable[[Params, Params, Batch], tuple[Mapping[str, Any], ...]]
    picture: Callable[[Params, Params, Batch], Mapping[str, Any]] | None
    score: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None


def build(experiment: Experiment, mesh: Mesh, example: Mapping[str, Any]) -> Program:
    """The functions of an experiment, for batches like the example.

    Of the example only shapes count.
    """
    task = experiment.task
    optimizers = {
        name: make_optimizer(config, experiment.steps)
        for name, config in experiment.optim.items()
    }
    init_key, step_key = jax.random.split(jax.random.key(experiment.seed))
    spec = {
        name: (array.shape, array.dtype)
        for name, array in sharding.numeric(example).items()
    }

    def init() -> TrainState:
        batch = {name: jnp.zeros(*shape) for name, shape in spec.items()}
        return make_state(task, optimizers, init_key, batch)

    shapes = jax.eval_shape(init)
    places = sharding.place(mesh, shapes)
    whole, divided = sharding.everywhere(mesh), sharding.by_example(mesh)
    reads = (places.params, places.stats, divided)
    compiled = {"compiler_options": cpu_options()}

    answer, picture = (getattr(task, name, None) for name in ("answer", "picture"))

    def measure(*given) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """In one program, in which the network that both need runs once."""
        return task.measure(*given), answer(*given) if answer else {}

    def reader(function: Callable) -> Callable:
        """What reads a state and a batch."""
        shardings = {"in_shardings": reads, "out_shardings": whole}
        return jax.jit(function, **shardings, **compiled)

    return Program(
        mesh=mesh,
        key=step_key,
        shapes=jax.tree.map(located, shapes, places),
        init=jax.jit(init, out_shardings=places),
        step=jax.jit(
            make_step(task, optimizers, experiment.accumulate),
            donate_argnums=0,
            in_shardings=(places, divided, whole),
            out_shardings=(places, whole),
            **compiled,
        ),
        measure=reader(measure),
        picture=picture and reader(picture),
        score=getattr(task, "score", None),
    )


def located(shape: jax.ShapeDtypeStruct, place: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=place)


def first_state(program: Program, start: Mapping[str, str]) -> TrainState:
    """The state before the first step; what `start` names begins as given.

    It names parts, or modules in a part by their path: "face/audio".
    """
    for name in start:
        check_name(name.split("/"), program.shapes.params)
    found = {source: weights.load(source) for source in start.values()}
    state = program.init()
    params, stats = state.params, state.stats
    for name, source in start.items():
        ours, loaded = name.split("/"), found[source]
        theirs = [part_for(ours[0], loaded.params, source), *ours[1:]]
        what = f"the weights {source} do not fit '{name}'"
        given = put(at(loaded.params, theirs), at(program.shapes.params, ours), what)
        params = graft(params, ours, given)
        if wanted := at(program.shapes.stats, ours):  # a file holds no empty tree
            stats = graft(stats, ours, put(at(loaded.stats, theirs), wanted, what))
    return state._replace(params=params, stats=stats)


def check_name(path: Sequence[str], params: Params) -> None:
    """InputError unless there is something to begin at this path."""
    for index, key in enumerate(path):
        held = at(params, path[:index])
        if not isinstance(held, Mapping) or key not in held:
            there = ", ".join(held) if isinstance(held, Mapping) else "no more"
            where = f"in '{'/'.join(path[:index])}' is" if index else "the parts are"
            raise InputError(f"start names '{'/'.join(path)}'; {where} {there}")


def at(tree: Any, path: Sequence[str]) -> Any:
    """What a tree holds at a path; {} where it holds nothing."""
    for key in path:
        tree = tree.get(key, {})
    return tree


def graft(tree: Mapping, path: Sequence[str], branch: Any) -> Any:
    """The tree with another branch at a path."""
    if not path:
        return branch
    return {**tree, path[0]: graft(tree[path[0]], path[1:], branch)}


def part_for(part: str, loaded: Params, source: str) -> str:
    """The name of a part in a file; a file of one part serves a part of any name."""
    if part in loaded:
        return part
    if len(loaded) != 1:
        held = ", ".join(loaded)
        raise InputError(f"the weights {source} hold no '{part}', but {held}")
    return next(iter(loaded))


def put(tree: Any, wanted: Any, what: str) -> Any:
    """Loaded arrays in the places where the program wants them."""
    have, want = weights.shapes_of(tree), weights.shapes_of(wanted)
    if wrong := sorted(have.items() ^ want.items()):
        path, shape = wrong[0]
        side = "lack" if path not in have else "hold"
        raise InputError(f"{what}: they {side} {path} {shape}")

    def one(path: Any, place: jax.ShapeDtypeStruct) -> jax.Array:
        array = flat[jax.tree_util.keystr(path)]
        return jax.device_put(np.asarray(array, place.dtype), place.sharding)

    paths = jax.tree_util.tree_leaves_with_path(tree)
    flat = {jax.tree_util.keystr(path): array for path, array in paths}
    return jax.tree_util.tree_map_with_path(one, wanted)
