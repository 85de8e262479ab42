"""The speed of a run: steps, examples, floating point operations, waiting for data."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from avjax.train.compiled import CompiledExperiment

# Dense products in bfloat16 per second and device, by the makers' data sheets. Keys are
# the beginnings of `device_kind`; the first that fits counts.
PEAK_FLOPS = {
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA H100": 989e12,
    "NVIDIA H200": 989e12,
    "NVIDIA A100": 312e12,
    "NVIDIA L40S": 362e12,
    "NVIDIA L4": 121e12,
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v5": 459e12,
    "TPU v6 lite": 918e12,
}


def peak_flops(device_kind: str) -> float | None:
    """Look up the peak rate of a device.

    Args:
        device_kind: Name of the device, as JAX gives it.

    Returns:
        Floating point operations per second, or None for an unknown device.
    """
    rates = (x for name, x in PEAK_FLOPS.items() if device_kind.startswith(name))
    return next(rates, None)


def step_flops(program: CompiledExperiment, batch: Mapping[str, Any]) -> float | None:
    """Count the floating point operations of a training step on all devices.

    The step is traced and lowered for it, but not compiled. With `remat`, operations
    that are done twice count twice.

    Args:
        program: The compiled experiment.
        batch: A global batch, or its shapes.

    Returns:
        The number, or None if the platform does not tell.
    """
    lowered: Any = program.step
    lowered = lowered.lower(program.shapes, batch, program.key)
    costs = lowered.cost_analysis() or {}
    return costs.get("flops")


@dataclasses.dataclass
class SpeedMeter:
    """Measures the time between two log entries.

    Attributes:
        program: The compiled experiment; None: operations are not counted.
    """

    program: CompiledExperiment | None = None

    def __post_init__(self):
        """Start measuring."""
        self._flops: dict[tuple, float | None] = {}  # by the shapes of a batch
        devices = self.program.mesh.devices.flat if self.program else []
        rates = [peak_flops(device.device_kind) for device in devices]
        self._peak = sum(rate or 0.0 for rate in rates) if all(rates) else 0.0
        self.restart()

    def restart(self) -> None:
        """Forget what was measured, and start again."""
        self._steps = self._examples = 0
        self._operations: float | None = 0.0
        self._waited, self._since = 0.0, time.perf_counter()

    def wait(self, seconds: float) -> None:
        """Count time spent waiting for data.

        Args:
            seconds: Duration.
        """
        self._waited += seconds

    def count(self, batch: Mapping[str, Any]) -> None:
        """Count one finished step.

        Args:
            batch: Its global batch.
        """
        self._steps += 1
        self._examples += len(next(iter(batch.values()), ()))
        if self.program is None or not self._peak:
            return
        shapes = tuple(array.shape for array in batch.values())
        if shapes not in self._flops:
            self._flops[shapes] = step_flops(self.program, batch)
        operations = self._flops[shapes]
        if operations is None or self._operations is None:
            self._operations = None
        else:
            self._operations += operations

    def read(self) -> dict[str, float]:
        """Return the speed since the last call, and start measuring again.

        Returns:
            Steps and examples per second, the fraction of time spent waiting for data,
            and `mfu`, the operations as a fraction of the peak rate of all devices,
            where that is known.
        """
        seconds = max(time.perf_counter() - self._since, 1e-9)
        speed = {
            "steps_per_second": self._steps / seconds,
            "examples_per_second": self._examples / seconds,
            "wait_fraction": self._waited / seconds,
        }
        if self._peak and self._operations:
            speed["mfu"] = self._operations / seconds / self._peak
        self.restart()
        return speed
