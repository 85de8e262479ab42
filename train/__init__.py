"""Training: tasks, experiments, the sharded loop and its checkpoints.

The names below are imported when they are first used, so that `import avjax.train`
stays cheap.
"""

import importlib
from typing import TYPE_CHECKING, Any

if __name__ != "avjax.train":
    raise ImportError("run `pip install -e .` once, then `import avjax.train`")

if TYPE_CHECKING:
    from avjax.train.evaluation import evaluate
    from avjax.train.experiment import Experiment
    from avjax.train.loop import fit
    from avjax.train.registry import register_experiment
    from avjax.train.task import LossAux, Objective, ReleasedWeights, Task

_MODULES = {
    "Experiment": "experiment",
    "LossAux": "task",
    "Objective": "task",
    "ReleasedWeights": "task",
    "Task": "task",
    "evaluate": "evaluation",
    "fit": "loop",
    "register_experiment": "registry",
}

__all__ = [
    "Experiment",
    "LossAux",
    "Objective",
    "ReleasedWeights",
    "Task",
    "evaluate",
    "fit",
    "register_experiment",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'avjax.train' has no attribute {name!r}")
    module = importlib.import_module(f"avjax.train.{_MODULES[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
