"""Training: tasks, experiments, the sharded loop and its checkpoints.

The names below are imported when they are first used, so that `import avjax.train`
stays cheap.
"""

from typing import TYPE_CHECKING

from avjax.lazy_names import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__)
