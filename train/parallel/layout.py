"""Where the arrays of a training step live while it computes.

Between steps, parameters and optimizer states are divided over the axis `fsdp`. A step
gathers the parameters before it uses them, so that every device computes its part of
the batch with whole networks, and divides the gradients again. The compiler derives
all other placements from these.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import optax
from jax.sharding import Mesh

from avjax.train.parallel import sharding
from avjax.typing import Array


@dataclasses.dataclass(frozen=True)
class Layout:
    """Constraints on the arrays of a step.

    Attributes:
        mesh: The devices. None: one device, on which nothing is constrained.
    """

    mesh: Mesh | None = None

    def gather(self, tree: Any) -> Any:
        """Put whole arrays on every device.

        Args:
            tree: A tree of arrays, such as parameters.

        Returns:
            The same arrays.
        """
        if self.mesh is None:
            return tree
        return jax.lax.with_sharding_constraint(tree, sharding.replicated(self.mesh))

    def divide(self, tree: Any) -> Any:
        """Divide arrays as those of a state are.

        Args:
            tree: Gradients or states, in any placement. They are computed whole, so
                that their placement does not change how activations are divided.

        Returns:
            The same arrays.
        """
        if self.mesh is None:
            return tree
        whole = self.gather(tree)
        shardings = sharding.state_shardings(self.mesh, whole)
        return jax.lax.with_sharding_constraint(whole, shardings)

    def divide_batch(self, batch: Mapping[str, Array]) -> dict[str, Array]:
        """Divide every array of a batch by its examples.

        Args:
            batch: Arrays [b ...].

        Returns:
            The same arrays.
        """
        if self.mesh is None:
            return dict(batch)
        by_example = sharding.batch_sharded(self.mesh)
        return jax.lax.with_sharding_constraint(dict(batch), by_example)

    def gather_for(
        self, optimizer: optax.GradientTransformation
    ) -> optax.GradientTransformation:
        """Let an optimizer see whole arrays, for instance as matrices.

        Args:
            optimizer: An optimizer whose updates depend on whole arrays.

        Returns:
            The optimizer; its state is divided between steps.
        """

        def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
            updates, state = self.gather((updates, state))
            updates, state = optimizer.update(updates, state, params)
            return self.gather(updates), self.divide(state)

        return optax.GradientTransformation(optimizer.init, update)
