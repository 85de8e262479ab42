"""The systems that avjax knows, by their ids.

A system registers itself in its own file, by a decorator on its `init_variables`:

    @register_system(MyConfig)
    def init_variables(config, key): ...

A talker (a model that animates a face) uses `register_talker` of `models/talker.py`.
Nothing else in the library has to change.  In Python, importing your
own package is enough.  For the command line, name its module as an entry point:

    [project.entry-points."avjax.systems"]
    my_talker = "my_package.my_talker"
"""

import dataclasses
import functools
import importlib.metadata
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import jax

from avjax import program_store, weights
from avjax.config import from_json
from avjax.errors import UNKNOWN_SYSTEM, InputError, suggest, wrong_system
from avjax.typing import Key, Params, PathLike

ENTRY_POINTS = "avjax.systems"  # the entry point group of packages that add systems

InitVariables = Callable[[Any, Key], dict[str, Params]]
Init = TypeVar("Init", bound=InitVariables)


@dataclasses.dataclass(frozen=True)
class System:
    """A registered system.

    Attributes:
        name: The system id; the class variable `system` of the config class.
        config_class: The class of its configs.
        init_variables: (config, key) -> {part: variables} of an untrained network.
        optional_parts: Parts that weights of this system may lack.
    """

    name: str
    config_class: type
    init_variables: InitVariables
    optional_parts: tuple[str, ...] = ()

    def variable_shapes(self, config: Any) -> dict[str, Params]:
        """Return the variables of `init_variables` as shapes.

        Args:
            config: An instance of the config class.

        Returns:
            {part: tree of `jax.ShapeDtypeStruct`}.
        """
        return _variable_shapes(self.init_variables, config)

    def parts(self, config: Any) -> tuple[str, ...]:
        """Return the names of the parts.

        Args:
            config: An instance of the config class.

        Returns:
            The names, in the order of `init_variables`.
        """
        return tuple(self.variable_shapes(config))


_SYSTEMS: dict[str, System] = {}


def register_system(
    config_class: type, *, optional_parts: Iterable[str] = ()
) -> Callable[[Init], Init]:
    """Register a system; decorates its function `init_variables`.

    Args:
        config_class: A frozen dataclass with a class variable `system`, the id.
        optional_parts: Parts that weights may lack.

    Returns:
        A decorator that returns the function unchanged.
    """

    def register(init_variables: Init) -> Init:
        name = config_class.system  # type: ignore[attr-defined]  # a class variable
        add_system(System(name, config_class, init_variables, tuple(optional_parts)))
        return init_variables

    return register


def add_system(system: System) -> None:
    """Add a system to the registry.

    Running a definition again, as in a notebook, replaces the earlier one.

    Args:
        system: The system to add.

    Raises:
        ValueError: The id already belongs to another config class.
    """
    known = _SYSTEMS.get(system.name)
    if known and not _is_same_definition(known.config_class, system.config_class):
        raise ValueError(
            f"the system id {system.name!r} already belongs to "
            f"{_full_name(known.config_class)}"
        )
    _SYSTEMS[system.name] = system


def get_system(name: str) -> System:
    """Return the system of an id.

    Args:
        name: The system id.

    Returns:
        The registered system.

    Raises:
        InputError: There is no such system.
    """
    if name not in _SYSTEMS:
        load_entry_points()
    if name not in _SYSTEMS:
        names = suggest(name, sorted(_SYSTEMS))
        raise InputError(f"there is no system {name!r}; {names}; {UNKNOWN_SYSTEM}")
    return _SYSTEMS[name]


def list_systems() -> list[str]:
    """Return the ids of all systems, sorted."""
    load_entry_points()
    return sorted(_SYSTEMS)


def load_system(name: PathLike, *systems: str) -> tuple[Any, dict[str, Params]]:
    """Load the config and the variables of weights.

    Args:
        name: The name of bundled weights, or a folder.
        *systems: Accepted system ids; without any, every system is accepted.

    Returns:
        The config, and {part: variables} as Flax uses them: {"params": ...} and, where
        there are running statistics, "batch_stats".

    Raises:
        InputError: There are no such weights, they belong to another system, or their
            arrays do not fit their config.
    """
    loaded = weights.load(name)
    check_system(name, loaded.system, systems)
    system = get_system(loaded.system)
    config = from_json(system.config_class, loaded.config)
    collections = {"params": loaded.params, "batch_stats": loaded.stats}
    variables: dict[str, Params] = {
        part: {key: parts[part] for key, parts in collections.items() if part in parts}
        for part in loaded.params
    }
    if not _fits(system, config, variables):
        raise InputError(f"the weights {name} do not fit their config")
    return config, variables


def _fits(system: System, config: Any, variables: dict[str, Params]) -> bool:
    """Tell whether variables fit a config; known answers are in the program store."""
    shapes = weights.array_shapes(variables)
    entry = f"shapes {_full_name(system.config_class)} {config} {shapes}"
    if program_store.read(entry) is not None:
        return True
    expected = {
        part: part_shapes
        for part, part_shapes in system.variable_shapes(config).items()
        if part in variables or part not in system.optional_parts
    }
    if shapes != weights.array_shapes(expected):
        return False
    program_store.write(entry, b"")
    return True


def check_system(name: PathLike, system: str, accepted: Iterable[str]) -> None:
    """Check that weights belong to an accepted system.

    Args:
        name: The weights, for the message.
        system: Their system id.
        accepted: Accepted ids; if empty, all are accepted.

    Raises:
        InputError: The weights belong to another system; the message names bundled
            weights that can be used instead, and the command that takes these.
    """
    if not accepted or system in accepted:
        return
    names = weights.list_weights()
    fitting = [x for x in names if weights.weights_system(x) in accepted]
    is_known = system in list_systems()
    raise InputError(wrong_system(name, system, accepted, fitting, is_known))


@functools.cache
def _variable_shapes(init_variables: InitVariables, config: Any) -> dict[str, Params]:
    """Compute the shapes of `init_variables`, without computing any array."""
    return jax.eval_shape(lambda: init_variables(config, jax.random.key(0)))


@functools.cache
def load_entry_points() -> None:
    """Import the modules that installed packages name as entry points."""
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        program_store.disable()  # it does not know the source of other packages
        entry_point.load()


def _is_same_definition(first: type, second: type) -> bool:
    """Tell whether two classes come from the same definition, which ran twice."""
    modules = {first.__module__, second.__module__}
    return first.__qualname__ == second.__qualname__ and (
        len(modules) == 1 or "__main__" in modules
    )


def _full_name(cls: type) -> str:
    """Return the module and the name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"
