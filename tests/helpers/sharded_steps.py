"""Measure the training step of a small talking face on eight devices.

It is a program of its own, since the number of devices of a process cannot be changed.
It writes `{mesh: StepCost}` as a pickle to standard output.
"""

import dataclasses
import pickle
import sys

from batch_shapes import encoded, training_shapes
from fake_networks import fake_faces
from step_cost import measure_step

from avjax.config import override
from avjax.train.experiments import EXPERIMENTS
from avjax.train.optimizers import Adam, Muon

BATCH = 88  # 11 on each device, a number that no other axis has
MESHES = ((8, 1), (1, 8))


def main() -> None:
    """Write the costs."""
    experiment = dataclasses.replace(
        override(EXPERIMENTS["synctalkface_puppet"](), ["task.model.size=32"]),
        optim={"generator": Adam(max_grad_norm=1.0), "discriminator": Muon()},
    )
    shapes = training_shapes(encoded(experiment.train), BATCH, 32)
    with fake_faces():
        costs = {mesh: measure_step(experiment, mesh, shapes) for mesh in MESHES}
    pickle.dump(costs, sys.stdout.buffer)


if __name__ == "__main__":
    main()
