"""Training: tasks, experiments, the sharded loop and its checkpoints.

The names below are imported when they are first used, so that `import avjax.train`
stays cheap.
"""

import importlib
from typing import TYPE_CHECKING, Any

if __name__ != "avjax.train":
    raise ImportError("run `pip install -e .` once, then `import avjax.train`")

if TYPE_CHECKING:
    from avjax.train.compiled import CompiledExperiment, build
    from avjax.train.evaluation import evaluate
    from avjax.train.experiment import Experiment
    from avjax.train.loop import fit
    from avjax.train.optimizers import Adam, Muon, OptimizerConfig, Sgd
    from avjax.train.parallel.sharding import make_mesh, state_shardings, to_global
    from avjax.train.registry import register_experiment
    from avjax.train.task import LossAux, Objective, ReleasedWeights, Task
    from avjax.train.tasks.parts import SinglePartTask, split_variables

_MODULES = {
    "Adam": "optimizers",
    "CompiledExperiment": "compiled",
    "Experiment": "experiment",
    "LossAux": "task",
    "Muon": "optimizers",
    "Objective": "task",
    "OptimizerConfig": "optimizers",
    "ReleasedWeights": "task",
    "Sgd": "optimizers",
    "SinglePartTask": "tasks.parts",
    "Task": "task",
    "build": "compiled",
    "evaluate": "evaluation",
    "fit": "loop",
    "make_mesh": "parallel.sharding",
    "register_experiment": "registry",
    "split_variables": "tasks.parts",
    "state_shardings": "parallel.sharding",
    "to_global": "parallel.sharding",
}

__all__ = [
    "Adam",
    "CompiledExperiment",
    "Experiment",
    "LossAux",
    "Muon",
    "Objective",
    "OptimizerConfig",
    "ReleasedWeights",
    "Sgd",
    "SinglePartTask",
    "Task",
    "build",
    "evaluate",
    "fit",
    "make_mesh",
    "register_experiment",
    "split_variables",
    "state_shardings",
    "to_global",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'avjax.train' has no attribute {name!r}")
    module = importlib.import_module(f"avjax.train.{_MODULES[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
